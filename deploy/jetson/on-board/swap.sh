# shellcheck shell=bash
# Building an engine takes some 4 GB more than a Nano has. Compressed memory (zram) does not help: it uses the same memory.

SWAP_MB=${SWAP_MB:-4096}
SWAPFILE=/swapfile

make_swap() {
    step swap
    local there
    there=$(disk_swap)
    if ! swap_is_missing; then
        ok "$there MB on disk, beside $(memory) MB of memory"
        # Where there is memory enough, zram does no harm and stays.
        [ "$there" -lt $((SWAP_MB * 9 / 10)) ] || stop_zram
        return
    fi
    is_swap || change "make $SWAPFILE, $SWAP_MB MB" write_swapfile fallocate_swap
    change "use $SWAPFILE" use_swapfile
    remember_swapfile
    stop_zram
}

# Enough is 4 GB of swap on disk, or as much memory as a Nano has together with that.
swap_is_missing() {
    local there
    there=$(disk_swap)
    [ "$there" -lt $((SWAP_MB * 9 / 10)) ] && [ $((there + $(memory))) -lt $((SWAP_MB + 3500)) ]
}

disk_swap() {  # MB
    local device _ size sum=0
    while read -r device _ size _; do
        case $device in Filename | /dev/zram* | /zram*) ;; *) sum=$((sum + size / 1024)) ;; esac
    done <"$FACTS/proc/swaps"
    echo "$sum"
}

is_swap() {
    [ -f "$SWAPFILE" ] && [ "$(dd if="$SWAPFILE" bs=1 skip=4086 count=10 2>/dev/null)" = SWAPSPACE2 ] &&
        [ "$(stat -c %s "$SWAPFILE")" = $((SWAP_MB * 1048576)) ]
}

write_swapfile() {  # HOW
    swapoff "$SWAPFILE" 2>/dev/null || true
    rm -f "$SWAPFILE.new"
    (umask 077 && : >"$SWAPFILE.new")
    "$1" "$SWAPFILE.new"
    mkswap "$SWAPFILE.new"
    sync
    mv -T "$SWAPFILE.new" "$SWAPFILE"
}

fallocate_swap() {
    fallocate -l "${SWAP_MB}M" "$1" || copy_swap "$1"
}

copy_swap() {
    dd if=/dev/zero of="$1" bs=1M count="$SWAP_MB" 2>/dev/null
}

# Some file systems give room with fallocate that the kernel then does not swap to; such a file is written out.
use_swapfile() {
    swapon "$SWAPFILE" && return
    write_swapfile copy_swap
    swapon "$SWAPFILE"
}

remember_swapfile() {
    if grep -q "^${SWAPFILE}[[:space:]]" /etc/fstab; then
        ok "$SWAPFILE is in /etc/fstab"
    else
        change "add $SWAPFILE to /etc/fstab" add_to_fstab
    fi
}

add_to_fstab() {
    cp -p /etc/fstab /etc/fstab.new
    # The last line may lack its end.
    [ -z "$(tail -c 1 /etc/fstab)" ] || echo >>/etc/fstab.new
    echo "$SWAPFILE none swap sw 0 0" >>/etc/fstab.new
    sync /etc/fstab.new
    mv -T /etc/fstab.new /etc/fstab
}

stop_zram() {
    # JetPack 4 and later swap to compressed memory by this unit; at the next start they no longer do.
    [ "$(systemctl is-enabled nvzramconfig.service 2>/dev/null || true)" = enabled ] || return 0
    change "no compressed memory (nvzramconfig) from the next start on" systemctl disable nvzramconfig.service
}
