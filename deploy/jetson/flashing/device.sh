# The card: rejects every device that is not a card, or is in use. Sourced by flash.sh.
# shellcheck shell=bash
# shellcheck disable=SC2154  # the variables of flash.sh

check_device() { # DEVICE
	local type size
	[ -e "$1" ] || die "$1: no such device; lsblk lists them"
	[ -b "$1" ] || die "$1 is not a device; lsblk lists them"
	! holds_system "$1" || die "$1 is the disk that this system runs from"
	type=$(lsblk -dnro TYPE "$1" 2>/dev/null || true)
	size=$(blockdev --getsize64 "$1" 2>/dev/null || echo 0)
	[ "$size" -gt 0 ] || die "there is no card in $1; put one in, and look at lsblk"
	case $type in
	disk | loop) ;;
	part) die "$1 is a partition; name the whole device: /dev/$(lsblk -dnro PKNAME "$1")" ;;
	*) die "$1 is not a card (${type:-unknown}); lsblk lists them" ;;
	esac
	is_removable "$1" "$type" || die "$1 is built in, not a card; lsblk -o NAME,SIZE,MODEL,HOTPLUG shows which one is the card"
	check_unused "$1"
	[ "$(blockdev --getro "$1")" = 0 ] || die "$1 is write-protected; move the switch at the card's edge"
}

holds_system() { # DEVICE
	local source
	source=$(findmnt -nro SOURCE / | sed 's/\[.*//')
	[ -b "$source" ] && lsblk -nrpso NAME "$source" | grep -qxF "$1"
}

# For the kernel, a card in a built-in reader is not "removable" but hot-pluggable; so is a soldered eMMC.
is_removable() { # DEVICE TYPE
	[ "$2" != loop ] || return 0
	[ "$(cat "/sys/class/block/$(basename "$1")/device/type" 2>/dev/null || true)" != MMC ] || return 1
	lsblk -dnro RM,HOTPLUG "$1" | grep -q 1
}

check_unused() { # DEVICE
	local found name
	found=$(lsblk -nrpo NAME,MOUNTPOINT "$1" | awk 'NF > 1 {print $1, $2; exit}')
	case $found in
	'') ;;
	*'[SWAP]') die "${found% *} is in use as swap; type: sudo swapoff ${found% *}" ;;
	*) die "${found% *} is mounted at ${found#* }; type: sudo umount ${found% *}" ;;
	esac
	found=$(lsblk -nrpo NAME,TYPE "$1" | awk '$2 !~ /^(disk|part|loop)$/ {print $1, "(" $2 ")"; exit}')
	[ -z "$found" ] || die "$1 is in use by $found; stop that first"
	for name in $(lsblk -nrpo NAME "$1"); do
		found=$(blkid -p -s TYPE -o value "$name" 2>/dev/null || true)
		[[ $found != *_member ]] || die "$name is part of a volume ($found); if nothing needs it, type: sudo wipefs -a $name"
	done
	# The kernel knows users of the device that lsblk does not see, such as a container's mounts.
	if command -v python3 >/dev/null; then
		python3 -c 'import os, sys; os.open(sys.argv[1], os.O_RDONLY | os.O_EXCL)' "$1" 2>/dev/null ||
			die "$1 is in use by another program; close it, or plug the card in again"
	fi
}

# udev ignores a locked device, so that no desktop mounts (and changes) it between writing and reading back.
lock_device() { # DEVICE
	exec 9<"$1"
	flock --nonblock 9 || die "$1 is being written by another program"
}

unlock_device() {
	exec 9<&-
}

check_size() { # DEVICE
	local size
	if [ -z "$image_size" ]; then
		echo "the size of an image in a .gz is known only at its end: if the card is too small, writing will fail then"
		return
	fi
	size=$(blockdev --getsize64 "$1")
	[ "$image_size" -le "$size" ] ||
		die "$1 is too small: it has $(in_units "$size"), the image needs $(in_units "$image_size")"
}

confirm() { # DEVICE
	local name typed=$assume
	name=$(basename "$1")
	echo "$1 will be overwritten:"
	lsblk -o NAME,SIZE,TYPE,FSTYPE,LABEL,MODEL "$1"
	[ "$(blockdev --getsize64 "$1")" -le 600000000000 ] || echo "warning: that is large for a card"
	if [ -z "$typed" ]; then
		read -rp "type the device's name ($name) to overwrite it: " typed || true
	fi
	[ "$typed" = "$name" ] || [ "$typed" = "$1" ] || die "\"$typed\" is not \"$name\""
}

in_units() { # BYTES
	awk -v n="$1" 'BEGIN { if (n >= 1e9) printf "%.1f GB", n / 1e9; else printf "%.1f MB", n / 1e6 }'
}
