#!/usr/bin/env bash
# Brings a stock Jetson to the state in which nanoyolo can be pushed to it and runs as a service.
#   deploy/jetson/provision.sh user@host    over SSH, from here
#   deploy/jetson/provision.sh              on the board itself
# Here: arguments and the connection. What is done, and in which order: on-board/provision-board.sh.
set -euo pipefail

HERE=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=SCRIPTDIR/connection.sh
. "$HERE/connection.sh"

usage() {
    cat <<'END'
usage: provision.sh [options] [user@host]

Without user@host, the board is this machine. You can stop it at any point and run it again: it changes only what needs
a change, and reports each one.

  --dry-run                       print the changes without making them
  --any-board                     accept a board that is not a Jetson with JetPack 4.6, 5 or 6
  --onnxruntime-gpu WHEEL         install this wheel file instead of the package index's ONNX Runtime for the CPU
  --onnxruntime-gpu-sha256 HEX    its checksum, required with --onnxruntime-gpu
  --ssh-config FILE               for ssh, instead of ~/.ssh/config
  --help

If sudo on the board needs a password, you are asked once, unless $NANOYOLO_SUDO_PASSWORD holds it.

examples:
  deploy/jetson/provision.sh --dry-run nano@192.168.1.20
  deploy/jetson/provision.sh nano@192.168.1.20
  deploy/jetson/provision.sh ssh://nano@192.168.1.20:2222
END
}

refuse() {
    echo "error: $1" >&2
    exit "${2:-1}"
}

parse() {
    BOARD='' WHEEL='' WHEEL_SHA256='' SSH_CONFIG='' BOARD_OPTIONS=()
    while [ $# -gt 0 ]; do
        case $1 in
            --help | -h) usage; exit 0 ;;
            --dry-run | --any-board) BOARD_OPTIONS+=("$1") ;;
            --onnxruntime-gpu | --onnxruntime-gpu-sha256 | --ssh-config)
                [ $# -gt 1 ] || refuse "$1 needs a value; see: provision.sh --help" 2
                case $1 in
                    --onnxruntime-gpu) WHEEL=$2 ;;
                    --onnxruntime-gpu-sha256) WHEEL_SHA256=$2 ;;
                    --ssh-config) SSH_CONFIG=$2 ;;
                esac
                shift ;;
            -*) refuse "unknown option $1; see: provision.sh --help" 2 ;;
            '' | *[[:space:][:cntrl:]]*) refuse "\"$1\" is not a board's name; type: provision.sh user@host, or nothing for this machine" 2 ;;
            *)
                [ -z "$BOARD" ] || refuse "one board at a time, not $BOARD and $1" 2
                BOARD=$1 ;;
        esac
        shift
    done
}

check_wheel() {
    [ -n "$WHEEL" ] || [ -z "$WHEEL_SHA256" ] || refuse "--onnxruntime-gpu-sha256 goes with --onnxruntime-gpu WHEEL" 2
    [ -n "$WHEEL" ] || return 0
    [ -f "$WHEEL" ] || refuse "$WHEEL: there is no such file; --onnxruntime-gpu expects a downloaded wheel" 2
    case $WHEEL in *.whl) ;; *) refuse "$WHEEL: not a wheel; its name should end in .whl" 2 ;; esac
    local found
    found=$(sha256sum -- "$WHEEL" | cut -d' ' -f1)
    # NVIDIA publishes no checksum: you vouch for the file that you downloaded, and the board gets exactly that one.
    [ -n "$WHEEL_SHA256" ] || refuse "--onnxruntime-gpu needs --onnxruntime-gpu-sha256; this file's is $found" 2
    [ "$found" = "$WHEEL_SHA256" ] || refuse "$WHEEL: its SHA-256 is $found, not $WHEEL_SHA256; download it again" 2
}

board_command() {  # FOLDER: the command line to run there, quoted for a shell
    local words=(bash "$1/on-board/provision-board.sh" ${BOARD_OPTIONS[@]+"${BOARD_OPTIONS[@]}"})
    # On the board a copy of the wheel lies in the folder; its name tells pip what is in it.
    [ -z "$WHEEL" ] || words+=(--onnxruntime-gpu "$1/wheel/$(basename "$WHEEL")" --onnxruntime-gpu-sha256 "$WHEEL_SHA256")
    printf '%q ' "${words[@]}"
}

pack() {  # FOLDER: everything the board needs
    mkdir -p "$1"
    cp -R "$HERE/on-board" "$HERE/service" "$HERE/constraints.txt" "$1/"
    if [ -n "$WHEEL" ]; then
        mkdir "$1/wheel"
        cp -- "$WHEEL" "$1/wheel/"
    fi
}

provision_here() {
    pack "$TEMPORARY/nanoyolo"
    local command
    command=$(board_command "$TEMPORARY/nanoyolo")
    if [ "$(id -u)" = 0 ]; then
        eval "$command"
    elif sudo -n true 2>/dev/null; then
        eval "sudo -n $command"
    elif has_terminal; then
        eval "sudo $command"
    else
        refuse "this needs root, and sudo asks for a password; run it in a terminal"
    fi
}

provision_there() {
    local folder status=0
    connect
    get_rights
    pack "$TEMPORARY/nanoyolo"
    # shellcheck disable=SC2016  # for the board's shell
    folder=$(tar -C "$TEMPORARY/nanoyolo" -cf - . |
        on_board 'd=$(mktemp -d /tmp/nanoyolo-provision.XXXXXX) && tar --no-same-owner -C "$d" -xf - && echo "$d"' 2>/dev/null) ||
        refuse "the files could not be copied to /tmp on $BOARD; is there room? type: ssh $BOARD df -h /tmp"
    printf '%s\n' "$PASSWORD" | on_board "$SUDO$(board_command "$folder")" || status=$?
    [ "$status" != 255 ] || refuse "the connection to $BOARD was lost; run this again; it continues where it stopped"
    on_board "rm -rf $(printf %q "$folder")" </dev/null || true
    return "$status"
}

parse "$@"
check_wheel
make_temporary
if [ -z "$BOARD" ]; then provision_here; else provision_there; fi; exit  # even if this file changes meanwhile
