# shellcheck shell=bash
# Identifies the board, and checks that it has enough disk and memory.
# Files are read under $FACTS, which is empty except in tests.

FACTS=${FACTS:-}

# Sets MODEL and L4T (32, 35, 36, or 0 for an unknown board), or exits with an error.
check_board() {
    step board
    MODEL=$(model)
    local revision
    read -r L4T revision <<<"$(l4t_release)"
    case $L4T in
        0)
            [ "$ANY_BOARD" = yes ] || die "$MODEL is not a Jetson: /etc/nv_tegra_release is missing or has an unknown format; to continue anyway, add --any-board"
            note "$MODEL is not a Jetson; continuing, for the CPU only" ;;
        32)
            # JetPack 4.5 and older have TensorRT 7, which the backend does not support.
            [ "${revision%%.*}" -ge 6 ] || die "L4T 32.$revision is older than JetPack 4.6 (L4T 32.6); flash a newer one, see deploy/jetson/README.md"
            ok "$MODEL, L4T 32.$revision (JetPack 4.6)" ;;
        35) ok "$MODEL, L4T 35.$revision (JetPack 5)" ;;
        36) ok "$MODEL, L4T 36.$revision (JetPack 6)" ;;
        *)
            [ "$ANY_BOARD" = yes ] || die "L4T $L4T.$revision is not supported; 32.6 and newer, 35 and 36 are (JetPack 4.6, 5, 6); to continue anyway, add --any-board"
            note "L4T $L4T.$revision is not supported; continuing anyway" ;;
    esac
}

model() {
    local file
    for file in "$FACTS/proc/device-tree/model" "$FACTS/sys/firmware/devicetree/base/model"; do
        if [ -r "$file" ]; then
            tr -d '\0' <"$file"
            return
        fi
    done
    echo "this machine"
}

# "32 7.1" from the line "# R32 (release), REVISION: 7.1, GCID: 29818004, BOARD: t210ref, ..."; "0 0" for another line.
l4t_release() {
    local found=''
    [ ! -r "$FACTS/etc/nv_tegra_release" ] ||
        found=$(sed -nE '1s/^# R([0-9]+) \(release\), REVISION: ([0-9]+(\.[0-9]+)*).*/\1 \2/p' "$FACTS/etc/nv_tegra_release")
    echo "${found:-0 0}"
}

memory() { megabytes MemTotal; }

megabytes() {  # FIELD of /proc/meminfo
    local kilobytes
    kilobytes=$(sed -nE "s/^$1: *([0-9]+) kB.*/\1/p" "$FACTS/proc/meminfo")
    echo $((${kilobytes:-0} / 1024))
}

# Check the space for everything at the start, so that the disk does not fill up half-way. What exists needs none.
check_room() {
    step room
    local system=100 environment=0
    if swap_is_missing; then system=$((system + SWAP_MB)); fi
    [ -d "$NANOYOLO/venv" ] || environment=800
    if [ -d "$NANOYOLO" ] && [ "$(stat -c %d "$NANOYOLO")" != "$(stat -c %d /)" ]; then
        require "$NANOYOLO" "$environment"  # on another disk
    else
        system=$((system + environment))
    fi
    require / "$system"
    [ "$(memory)" -ge 900 ] || [ "$ANY_BOARD" = yes ] || die "$(memory) MB of memory is too little; a Nano has 4 GB"
    ok "$(room /) MB of disk, $(memory) MB of memory"
}

require() {  # FOLDER MB
    local left
    left=$(room "$1")
    [ "$left" -ge "$2" ] || die "$left MB left in $1, and $2 are needed; free some space, for example: sudo apt-get clean; or use a larger disk"
}
