#!/bin/bash
# Run by provision.sh on the board, as root: checks everything, changes what needs a change, and reports it.
# A step may be killed, or the power lost: its result gets its final name when it is complete, so the next run continues.
set -euEo pipefail

HERE=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
FILES=$(dirname "$HERE")  # what was sent: constraints.txt, service/, and perhaps wheel/
NANOYOLO=/opt/nanoyolo

# shellcheck source=SCRIPTDIR/report.sh
. "$HERE/report.sh"
# shellcheck source=SCRIPTDIR/board.sh
. "$HERE/board.sh"
# shellcheck source=SCRIPTDIR/swap.sh
. "$HERE/swap.sh"
# shellcheck source=SCRIPTDIR/packages.sh
. "$HERE/packages.sh"
# shellcheck source=SCRIPTDIR/environment.sh
. "$HERE/environment.sh"
# shellcheck source=SCRIPTDIR/power.sh
. "$HERE/power.sh"
# shellcheck source=SCRIPTDIR/service.sh
. "$HERE/service.sh"

parse() {
    DRY_RUN=no ANY_BOARD=no WHEEL='' WHEEL_SHA256=''
    while [ $# -gt 0 ]; do
        case $1 in
            --dry-run) DRY_RUN=yes ;;
            --any-board) ANY_BOARD=yes ;;
            --onnxruntime-gpu) WHEEL=$2; shift ;;
            --onnxruntime-gpu-sha256) WHEEL_SHA256=$2; shift ;;
            *) die "unknown option $1" ;;
        esac
        shift
    done
}

only_one() {
    exec 9>/run/nanoyolo.lock  # push-board.sh holds the same
    flock -n 9 || die "another run, or push.sh, is active on this board; wait until it ends"
}

main() {
    umask 022
    export LC_ALL=C DEBIAN_FRONTEND=noninteractive  # English for messages that are parsed; no questions
    export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
    exec </dev/null
    parse "$@"
    [ "$(id -u)" = 0 ] || die "this needs root; run: sudo bash $0"
    if [ "$DRY_RUN" = no ]; then
        only_one
        open_log /var/log/nanoyolo-provision.log
        trap 'rm -rf "$NANOYOLO/venv.new" "$SWAPFILE.new"' EXIT  # incomplete, they only fill the disk
    fi
    check_board
    check_room
    make_swap
    install_packages
    check_opencv
    make_user
    make_folders
    make_environment
    set_power
    install_settings
    install_units
    limit_journal
    start_service
    summary
}

main "$@"
