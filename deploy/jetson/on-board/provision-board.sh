#!/bin/bash
# What provision.sh runs on the board, as root: looks at everything, changes what is not as it should be, says what.
# Each step may be killed, or the power go: what it makes gets its name when it is whole, so the next run goes on.
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
            *) die "there is no option $1" ;;
        esac
        shift
    done
}

only_one() {
    exec 9>/run/nanoyolo.lock  # push-board.sh holds the same
    flock -n 9 || die "another run, or push.sh, is at work on this board; wait for its end"
}

main() {
    umask 022
    export LC_ALL=C DEBIAN_FRONTEND=noninteractive  # messages that are compared are English; nobody answers questions
    export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
    exec </dev/null
    parse "$@"
    [ "$(id -u)" = 0 ] || die "root's rights are needed; run: sudo bash $0"
    if [ "$DRY_RUN" = no ]; then
        only_one
        open_log /var/log/nanoyolo-provision.log
        trap 'rm -rf "$NANOYOLO/venv.new" "$SWAPFILE.new"' EXIT  # half-made, they would only fill the disk
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
