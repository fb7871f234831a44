#!/bin/bash
# What push.sh runs on the board: `push` or `rollback`, as root, or `plan`, as any user.
# It is one process, so that it holds one lock throughout, and a lost connection does no harm: before the switch of
# versions it ends this script; after it the script finishes by itself.
#
# For `push`, standard input is the file of settings, if there is one, a line "SHA-256 size path" per file, "end", an empty line, then a tar of the files asked for.
# Standard output is the files asked for, one a line, an empty line, and at the end the result.
#
# push.sh sends it as one text, with the parts that it sources in their places: nothing is left on the board.
set -euo pipefail

ROOT=/opt/nanoyolo
VERSIONS=$ROOT/versions
PYTHON=$ROOT/venv/bin/python
SERVICE=nanoyolo.service
DEFAULT_MODEL=weights/yolov3-tiny.onnx
MODEL=$DEFAULT_MODEL  # or that of the settings
CHECK=deploy/jetson/on-board/check_settings.py
SETTINGS=/etc/nanoyolo/nanoyolo.env
CONFIG=/etc/nanoyolo/nanoyolo.toml
START_LIMIT=300         # seconds for READY=1, in case systemd hangs; the unit has its own limit
WATCH=5                 # seconds that a started service must run
LOCK_PATIENCE=10        # seconds; a push whose connection was lost takes a moment to notice
SPARE=$((20 << 20))     # bytes to leave free on the disk
DECIDED=no              # yes from the switch on: then nothing stops this script

HERE=$(dirname "${BASH_SOURCE[0]-.}")
# shellcheck source=SCRIPTDIR/push/versions.sh
. "$HERE/push/versions.sh"
# shellcheck source=SCRIPTDIR/push/receiving.sh
. "$HERE/push/receiving.sh"
# shellcheck source=SCRIPTDIR/push/trying.sh
. "$HERE/push/trying.sh"
# shellcheck source=SCRIPTDIR/push/config.sh
. "$HERE/push/config.sh"
# shellcheck source=SCRIPTDIR/push/switching.sh
. "$HERE/push/switching.sh"
# shellcheck source=SCRIPTDIR/push/viewing.sh
. "$HERE/push/viewing.sh"

say() {
    # With no reader left, it stops, unless it has started something that it must finish.
    echo "$*" >&2 2>/dev/null || [ "$DECIDED" = yes ] || exit 1
}

die() {
    say "error: $*"
    exit 1
}

decide() {  # yes|no: whether to finish even if the connection is lost
    DECIDED=$1
    if [ "$1" = yes ]; then trap '' HUP INT TERM; else trap - HUP INT TERM; fi
}

lock() {
    if ! [ -d "$VERSIONS" ] || ! [ -x "$PYTHON" ] || ! id nanoyolo >/dev/null 2>&1 ||
        [ "$(systemctl show -p LoadState "$SERVICE" 2>/dev/null)" != LoadState=loaded ]; then
        die "$BOARD is not provisioned; type: deploy/jetson/provision.sh $BOARD"
    fi
    exec 9>/run/nanoyolo.lock  # provision-board.sh holds the same
    flock -w "$LOCK_PATIENCE" 9 || die "another push, or provision.sh, is active on $BOARD; wait until it ends, then type this again"
}

open_work() {
    WORK=$ROOT/.push  # the lock is ours
    rm -rf "$WORK"
    mkdir "$WORK"
    trap 'rm -rf "$WORK"' EXIT
}

push() {  # REVISION
    local line manifest old
    lock
    open_work
    receive_config
    manifest=$WORK/manifest
    while IFS= read -r line && [ -n "$line" ]; do
        printf '%s\n' "$line"
    done >"$manifest"
    # Its last line says that there is no more.
    grep -qx end "$manifest" || die "the list of files arrived incomplete; type the same again"
    sed -i '/^end$/d' "$manifest"
    finish_interrupted
    old=$(current)
    choose_name "$1" "$manifest"
    if is_whole "$NAME" "$manifest"; then
        say "$NAME is already on the board"
        echo
        cat >/dev/null
    else
        receive "$manifest"
    fi
    check_config
    choose_sizes
    make_engines
    self_test
    switch push
    prune
    result "$old"
}

rollback() {
    local old
    lock
    open_work
    finish_interrupted
    old=$(current)
    NAME=$(before "$old")
    [ -n "$NAME" ] || die "nothing ran on $BOARD before ${old:-the first push}; push another version: push.sh --revision REV $BOARD"
    check_hashes "$VERSIONS/$NAME" "$VERSIONS/$NAME/.manifest" ||
        die "$NAME, the version before, is damaged; $old still runs; push it again: push.sh --revision $NAME $BOARD"
    switch rollback
    result "$old"
}

result() {  # OLD
    tell_live_view
    echo "$BOARD runs $NAME; before it ran ${1:-nothing}" || true
}

plan() {  # REVISION
    local now there=no
    [ -d "$VERSIONS" ] || die "$BOARD is not provisioned; type: deploy/jetson/provision.sh $BOARD"
    now=$(current)
    if [ -e "$VERSIONS/$1/.manifest" ]; then there=yes; fi
    echo "on $BOARD: runs ${now:-nothing}, before it $(before "$now" | sed 's/^$/nothing/'); $1 is there: $there"
    echo "versions: $(ran | tr '\n' ' '); free: $(df --output=avail -BM "$VERSIONS" | tail -n 1 | tr -d ' ')B"
}

main() {  # push|rollback|plan BOARD REVISION KEEP ENGINE CONFIG_SIZE [SIZE...]
    umask 022
    export LC_ALL=C PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
    trap '' PIPE
    cd /
    local command=$1 revision=$3
    BOARD=$2 KEEP=$4 ENGINE=$5 CONFIG_SIZE=$6 BACKEND=auto REASON='' NAME='' CONFIG_SIZES=''
    shift 6
    SIZES=("$@")
    "$command" "$revision"
}

main "$@"
