#!/usr/bin/env bash
# Installs a version of nanoyolo on a board, tests it there, and only then lets the service run it; or rolls back. This
# script has the arguments, the files and the connection; on-board/push-board.sh does the work on the board.
set -euo pipefail

HERE=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=SCRIPTDIR/connection.sh
. "$HERE/connection.sh"
BOARD_SCRIPT=$HERE/on-board/push-board.sh
PROJECT=$(cd "$HERE/../.." && pwd)
LAUNCHER=deploy/jetson/service/run-detect  # started by the systemd unit
MODELS=(weights/yolov3-tiny.onnx weights/yolov3-tiny.json)  # created on this machine, not committed

usage() {
    cat <<'END'
usage: push.sh [options] user@host

You can stop it at any point and run it again. The installed version keeps running until the new one has passed its
self-test on the board, and returns if the service does not start with the new one.

  --revision REV      git revision to install (default: HEAD); uncommitted changes are left out
  --rollback          return to the previous version
  --size WxH          build an engine for this input size and test it; may be repeated (default: the sizes of the running
                      version, else the one for the service's settings and a 640x480 camera: 416x320)
  --model NAME        also send this model of weights/, for settings that name it; may be repeated (yolov3-tiny is always sent)
  --config FILE.toml  install this file as /etc/nanoyolo/nanoyolo.toml, the cameras of the service, if the version accepts it
                      there; the file before returns if the service does not start with it
  --no-engine         run on ONNX Runtime, without TensorRT
  --keep N            keep the last N versions, 2 or more (default: 3)
  --dry-run           print what is installed and what would be done
  --ssh-config FILE   for ssh, instead of ~/.ssh/config
  --help

If sudo on the board needs a password, you are asked once, unless $NANOYOLO_SUDO_PASSWORD holds it.

examples:
  deploy/jetson/push.sh nano@192.168.1.20
  deploy/jetson/push.sh --revision v1.2 --size 160x128 ssh://nano@192.168.1.20:2222
  deploy/jetson/push.sh --config cameras.toml nano@192.168.1.20
  deploy/jetson/push.sh --rollback nano@192.168.1.20
END
}

say() {
    echo "$*" >&2
}

refuse() {
    say "error: $1"
    exit "${2:-1}"
}

parse() {
    BOARD='' REVISION='' ROLLBACK=no SIZES=() ENGINE=yes KEEP=3 DRY_RUN=no SSH_CONFIG='' CONFIG='' CONFIG_SIZE=0
    while [ $# -gt 0 ]; do
        case $1 in
            --help | -h) usage; exit 0 ;;
            --rollback) ROLLBACK=yes ;;
            --no-engine) ENGINE=no ;;
            --dry-run) DRY_RUN=yes ;;
            --revision | --size | --keep | --ssh-config | --config | --model)
                [ $# -gt 1 ] || refuse "$1 needs a value; see: push.sh --help" 2
                take "$1" "$2"
                shift ;;
            -*) refuse "unknown option $1; see: push.sh --help" 2 ;;
            *)
                [ -z "$BOARD" ] || refuse "one board at a time, not $BOARD and $1; for several see deploy/jetson/ansible" 2
                BOARD=$1 ;;
        esac
        shift
    done
    [ -n "$BOARD" ] || refuse "which board? type: push.sh user@host" 2
    case $BOARD in *[[:space:][:cntrl:]]*) refuse "$BOARD: a board's name has no spaces; type: push.sh user@host" 2 ;; esac
    [ "$ROLLBACK" = no ] || [ -z "$REVISION" ] || refuse "--rollback returns to the previous version; for another one, use --revision alone" 2
    [ "$ROLLBACK" = no ] || [ -z "$CONFIG" ] || refuse "--rollback keeps the board's settings; push without it to install $CONFIG" 2
}

take() {  # OPTION VALUE
    case $1 in
        --revision) REVISION=$2 ;;
        --ssh-config) SSH_CONFIG=$2 ;;
        --config)
            [ -f "$2" ] && [ -r "$2" ] || refuse "--config $2: there is no such file, or it cannot be read" 2
            [ -s "$2" ] || refuse "--config $2: the file is empty" 2
            CONFIG=$2 ;;
        --size)
            [[ $2 =~ ^[1-9][0-9]{0,3}x[1-9][0-9]{0,3}$ ]] || refuse "a size should be WIDTHxHEIGHT, as 416x320, is $2" 2
            ((${2%x*} % 32 == 0 && ${2#*x} % 32 == 0)) || refuse "a size should be of multiples of 32, as 416x320, is $2" 2
            SIZES+=("$2") ;;
        --model)
            [[ $2 =~ ^[A-Za-z0-9][A-Za-z0-9._-]*$ ]] || refuse "--model should be a name in weights/, as yolox-nano, is $2" 2
            MODELS+=("weights/$2.onnx" "weights/$2.json") ;;
        --keep)
            [[ $2 =~ ^0*([2-9]|[1-9][0-9]+)$ ]] || refuse "--keep should be 2 or more, the one that runs and the one before, is $2" 2
            KEEP=$((10#$2)) ;;
    esac
}

# --- the version -----------------------------------------------------------------------------------------------------

find_revision() {
    COMMIT=$(git -C "$PROJECT" rev-parse --verify --quiet "${REVISION:-HEAD}^{commit}" 2>/dev/null) ||
        refuse "git has no revision ${REVISION:-HEAD}; list them: git -C $PROJECT log --oneline" 2
    NAME=${COMMIT:0:12}
    git -C "$PROJECT" cat-file -e "$COMMIT:$LAUNCHER" 2>/dev/null ||
        refuse "$NAME is older than the service, and has no $LAUNCHER; push a later revision" 2
    if [ -z "$REVISION" ] && [ -n "$(git -C "$PROJECT" status --porcelain)" ]; then
        say "warning: uncommitted changes are not sent to the board"
    fi
}

make_models() {
    local python=$PROJECT/.venv/bin/python model
    [ -x "$python" ] || python=python3
    for model in "${MODELS[@]}"; do
        [ ! -s "$PROJECT/$model" ] || continue
        case $model in
            weights/yolov3-tiny.*)
                (cd "$PROJECT" && "$python" -m tools.fetch yolov3-tiny && "$python" -m tools.convert) >&2 ||
                    refuse "$model is missing, and could not be created; type: make demo" ;;
            *)
                model=${model#weights/} model=${model%.*}
                refuse "weights/ has no model $model with its card; make it: python -m tools.adopt, tools.convert, or tools.fetch $model" ;;
        esac
    done
}

stage() {  # FOLDER: assembles the version
    local path
    mkdir "$1"
    git -C "$PROJECT" archive "$COMMIT" | tar -C "$1" -xf -
    mkdir -p "$1/weights"
    for path in "${MODELS[@]}"; do ln -sf "$PROJECT/$path" "$1/$path"; done
    [ -z "$(find "$1" -name $'*[\n\\\\]*' -print -quit)" ] || refuse "revision $NAME has a file with a line break or \\ in its name"
}

list_files() {  # FOLDER: "SHA-256 size path" a line
    (
        cd "$1"
        find -L . -type f -printf '%P\n' | LC_ALL=C sort | while IFS= read -r path; do
            echo "$(sha256sum <"$path" | cut -d' ' -f1) $(stat -L -c %s -- "$path") $path"
        done
    )
}

# --- the connection --------------------------------------------------------------------------------------------------

quoted() {  # WORD...: for any shell on the board
    local word
    for word in "$@"; do printf "'%s' " "${word//\'/\'\\\'\'}"; done
}

board_script() {  # the script, with the files that it sources inserted
    local line part
    while IFS= read -r line; do
        # shellcheck disable=SC2016  # the line has this as it stands
        case $line in
            '. "$HERE/'*'"')
                part=${line#*/}
                cat "$HERE/on-board/${part%\"}" ;;
            *) printf '%s\n' "$line" ;;
        esac
    done <"$BOARD_SCRIPT"
}

board_command() {  # COMMAND REVISION
    # The script comes first on standard input: nothing is copied to the board, and nothing is left there.
    # shellcheck disable=SC2016  # for the board's shell
    quoted bash -c 'eval "$(head -c "$0")"' "$(wc -c <"$TEMPORARY/script")" \
        "$1" "$BOARD" "$2" "$KEEP" "$ENGINE" "$CONFIG_SIZE" ${SIZES[@]+"${SIZES[@]}"}
}

start_board() {  # COMMAND REVISION: with the pipes TO and FROM, and its process in BOARD_PID
    board_script >"$TEMPORARY/script"
    mkfifo "$TEMPORARY/to" "$TEMPORARY/from"
    "${SSH[@]}" "$BOARD" "$SUDO$(board_command "$1" "$2")" <"$TEMPORARY/to" >"$TEMPORARY/from" &
    BOARD_PID=$!
    exec {TO}>"$TEMPORARY/to" {FROM}<"$TEMPORARY/from"
    # If the board refuses, it stops reading, and has printed the reason.
    ( if [ -n "$PASSWORD" ]; then printf '%s\n' "$PASSWORD"; fi; cat "$TEMPORARY/script" ) 1>&"$TO" 2>/dev/null || true
}

end_board() {
    local status=0
    exec {TO}>&-
    cat <&"$FROM"
    wait "$BOARD_PID" || status=$?
    [ "$status" != 255 ] || refuse "the connection to $BOARD was lost; type the same again; it continues where it stopped"
    return "$status"
}

# --- commands --------------------------------------------------------------------------------------------------------

push() {
    local path
    make_models
    stage "$TEMPORARY/version"
    { list_files "$TEMPORARY/version"; printf 'end\n\n'; } >"$TEMPORARY/files"
    if [ -n "$CONFIG" ]; then
        cp -- "$CONFIG" "$TEMPORARY/config"  # so that its size does not change
        CONFIG_SIZE=$(stat -c %s "$TEMPORARY/config")
    else
        : >"$TEMPORARY/config"
    fi
    connect
    get_rights
    start_board push "$NAME"
    cat "$TEMPORARY/config" "$TEMPORARY/files" 1>&"$TO" 2>/dev/null || true
    while IFS= read -r path <&"$FROM" && [ -n "$path" ]; do
        printf '%s\n' "$path"
    done >"$TEMPORARY/needed"
    if [ -s "$TEMPORARY/needed" ]; then
        # The fastest compression: models hardly shrink.
        tar -C "$TEMPORARY/version" -chf - --verbatim-files-from -T "$TEMPORARY/needed" | gzip -1 1>&"$TO" || true
    fi
    end_board
}

rollback() {
    connect
    get_rights
    start_board rollback -
    end_board
}

show_plan() {
    local model
    connect
    SUDO='' PASSWORD=''
    start_board plan "${NAME:--}"
    end_board
    if [ "$ROLLBACK" = yes ]; then
        echo "would return to the previous version, and restart the service"
        return
    fi
    for model in "${MODELS[@]}"; do [ -s "$PROJECT/$model" ] || echo "would create $model on this machine first"; done
    echo "would send $NAME ($(git -C "$PROJECT" log -1 --format=%s "$COMMIT")), test it, switch to it, restart the service"
    [ -z "$CONFIG" ] || echo "would install $CONFIG as /etc/nanoyolo/nanoyolo.toml, if the version accepts it"
}

parse "$@"
if [ "$ROLLBACK" = no ]; then find_revision; fi
make_temporary
if [ "$DRY_RUN" = yes ]; then show_plan; elif [ "$ROLLBACK" = yes ]; then rollback; else push; fi
