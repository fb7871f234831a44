#!/usr/bin/env bash
# Writes an image to an SD card, reads it back, and prepares a first boot without screen and keyboard.
# Its parts: flashing/image.sh (the image), flashing/device.sh (the card), flashing/write.sh (writing and verifying),
# first-boot/prepare.sh (the first boot).
set -euo pipefail
export LC_ALL=C

script=$(readlink -f "${BASH_SOURCE[0]}")
here=$(dirname "$script")
# shellcheck source=deploy/jetson/first-boot/prepare.sh
. "$here/first-boot/prepare.sh"
# shellcheck source=deploy/jetson/flashing/image.sh
. "$here/flashing/image.sh"
# shellcheck source=deploy/jetson/flashing/device.sh
. "$here/flashing/device.sh"
# shellcheck source=deploy/jetson/flashing/write.sh
. "$here/flashing/write.sh"

usage() {
	cat <<'END'
usage: flash.sh IMAGE DEVICE [options]

Writes an image to an SD card, verifies it, and can prepare it for a first boot without screen and keyboard.
IMAGE is a .img, or a .zip, .xz or .gz of one; it is never unpacked to disk. DEVICE is the whole card, not a partition:
lsblk lists them. Everything on the card is lost.

the image
  --sha256 HEX, --md5 HEX  checksum of IMAGE (default: read it from IMAGE.sha256)
  --no-checksum            write an image whose checksum is unknown
  --yes NAME               do not ask; NAME must be the device's name, such as sdb

the first boot
END
	first_boot_usage
	cat <<'END'

examples
  flash.sh jetson-nano-jp461-sd-card-image.zip /dev/sdb --md5 762653fb8798924d3b015acddcd03a53
  flash.sh IMAGE.zip /dev/sdb --user ada --ssh-key ~/.ssh/id_ed25519.pub --hostname nano1 --wifi Home
  flash.sh backup.img.xz /dev/mmcblk0 --no-checksum --yes mmcblk0

exit codes: 0 written and verified; 1 failed, write the card again; 2 refused, nothing was written;
129, 130, 143 interrupted by SIGHUP, SIGINT, SIGTERM
END
}

again=$(printf '%q ' "$0" "$@") # the command to repeat
again=${again% }
arguments=("$@")
checksum_kind='' checksum='' assume=''
positional=()
while [ $# -gt 0 ]; do
	case $1 in
	-h | --help)
		usage
		exit 0
		;;
	--no-checksum) checksum_kind=none ;;
	--sha256 | --md5 | --yes)
		[ $# -ge 2 ] || die "$1 needs a value; see $0 --help"
		if [ "$1" = --yes ]; then assume=$2; else checksum_kind=${1#--} checksum=${2,,}; fi
		shift
		;;
	--user | --ssh-key | --hostname | --wifi | --wifi-password-file)
		[ $# -ge 2 ] || die "$1 needs a value; see $0 --help"
		first_boot[${1#--}]=$2
		shift
		;;
	-*) die "unknown option $1; see $0 --help" ;;
	*) positional+=("$1") ;;
	esac
	shift
done
[ ${#positional[@]} = 2 ] || die "an image and a device are needed; see $0 --help"
image=${positional[0]}

[ "$(id -u)" = 0 ] || as_root "$script" "${arguments[@]}"

check_first_boot
check_image "$image"
device=$(readlink -f "${positional[1]}") || die "${positional[1]}: no such device; lsblk lists them"
check_device "$device"
lock_device "$device"
check_size "$device"
find_checksum "$image"
confirm "$device"

start_work
check_checksum "$image"
write_image "$image" "$device"
verify "$device"
unlock_device

if [ -n "${first_boot[user]:-}" ]; then
	prepare_card "$device"
fi
echo "done: take the card out (eject it first if your desktop has opened it), put it into the Nano, and power it on"
if [ -n "${first_boot[user]:-}" ]; then
	first_boot_hint
fi
