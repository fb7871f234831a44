#!/usr/bin/env bash
# Flashes a module with eMMC by NVIDIA's flash.sh, after checks that flash.sh lacks, or buries in 200 lines of output.
set -euo pipefail
export LC_ALL=C

script=$(readlink -f "${BASH_SOURCE[0]}")
here=$(dirname "$script")
# shellcheck source=deploy/jetson/first-boot/prepare.sh
. "$here/first-boot/prepare.sh"

usage() {
	cat <<'END'
usage: flash-emmc.sh LINUX_FOR_TEGRA [options]

Flashes a Jetson Nano module with eMMC that is in recovery mode (FC REC connected to GND while it is powered on, its
micro-USB socket connected to this machine). LINUX_FOR_TEGRA is NVIDIA's folder, after unpacking the sample root file
system into its rootfs and running apply_binaries.sh. Everything on the module is lost.

  --board NAME             NVIDIA's name of the board (default: jetson-nano-devkit-emmc)
  --dry-run                check everything, change nothing
END
	first_boot_usage
	cat <<'END'

examples
  flash-emmc.sh ~/Linux_for_Tegra --dry-run
  flash-emmc.sh ~/Linux_for_Tegra --user ada --ssh-key ~/.ssh/id_ed25519.pub --hostname nano1

exit codes: 0 flashed; 1 NVIDIA's flash.sh failed; 2 refused, nothing was changed
END
}

check_folder() { # LINUX_FOR_TEGRA BOARD
	local release=https://developer.nvidia.com/embedded/linux-tegra-r3271
	[ -d "$1" ] || die "$1: no such folder; get NVIDIA's driver package and unpack it: $release"
	{ [ -f "$1/flash.sh" ] && [ -f "$1/apply_binaries.sh" ]; } || die "$1 is not Linux_for_Tegra: it has no flash.sh; see $release"
	[ -f "$1/$2.conf" ] || die "$1 has no $2.conf, so it is not for this board; the boards it is for: ls $1/*.conf"
	{ [ -f "$1/rootfs/etc/passwd" ] && [ -x "$1/rootfs/bin/bash" ]; } ||
		die "the sample root file system is not unpacked; type: sudo tar xpf SAMPLE_ROOTFS.tbz2 -C $1/rootfs"
	# Unpacked without sudo, all files belong to you, and on the board no program can become root.
	{ [ "$(stat -Lc %u "$1/rootfs/etc/passwd")" = 0 ] && [ -u "$1/rootfs/usr/bin/sudo" ]; } ||
		die "rootfs was unpacked without root's rights; empty it, and type: sudo tar xpf SAMPLE_ROOTFS.tbz2 -C $1/rootfs"
	[ -f "$1/rootfs/etc/nv_tegra_release" ] || die "NVIDIA's drivers are not in rootfs; type: cd $1 && sudo ./apply_binaries.sh"
}

# Name the connected device: often it is another Jetson, or a Nano that has booted.
check_recovery() {
	local ids count
	command -v lsusb >/dev/null || die "lsusb is missing; on Debian and Ubuntu: sudo apt install usbutils"
	ids=$(lsusb | grep -o '0955:[0-9a-f]*' || true)
	count=$(grep -cx '0955:7f21' <<<"$ids" || true)
	[ "$count" -le 1 ] || die "$count Nanos are in recovery mode; connect one at a time"
	[ "$count" = 0 ] || return 0
	case $ids in
	'') die "no Nano in recovery mode: power off, join FC REC to GND, connect the micro-USB cable, power on; then: lsusb -d 0955:7f21" ;;
	*:7020*) die "the board has booted (0955:7020), and is not in recovery mode; power off, join FC REC to GND, power on" ;;
	*:7721*) die "0955:7721 is a Jetson TX1 in recovery mode, not a Nano (0955:7f21)" ;;
	*:7c18*) die "0955:7c18 is a Jetson TX2 in recovery mode, not a Nano (0955:7f21)" ;;
	*:7e19*) die "0955:7e19 is a Jetson Xavier NX in recovery mode, not a Nano (0955:7f21)" ;;
	*:7019*) die "0955:7019 is a Jetson AGX Xavier in recovery mode, not a Nano (0955:7f21)" ;;
	*) die "${ids//$'\n'/, } is not a Nano in recovery mode (0955:7f21)" ;;
	esac
}

arguments=("$@")
folder='' board=jetson-nano-devkit-emmc dry=''
while [ $# -gt 0 ]; do
	case $1 in
	-h | --help)
		usage
		exit 0
		;;
	--dry-run) dry=yes ;;
	--board)
		[ $# -ge 2 ] || die "$1 needs a value; see $0 --help"
		board=$2
		shift
		;;
	--user | --ssh-key | --hostname | --wifi | --wifi-password-file)
		[ $# -ge 2 ] || die "$1 needs a value; see $0 --help"
		first_boot[${1#--}]=$2
		shift
		;;
	-*) die "unknown option $1; see $0 --help" ;;
	*)
		[ -z "$folder" ] || die "one folder is enough; see $0 --help"
		folder=$1
		;;
	esac
	shift
done
[ -n "$folder" ] || die "the folder Linux_for_Tegra is needed; see $0 --help"
[ -n "$dry" ] || [ "$(id -u)" = 0 ] || as_root "$script" "${arguments[@]}"

check_folder "$folder" "$board"
check_first_boot
[ -z "${first_boot[user]:-}" ] || check_name_is_free "$folder/rootfs" "${first_boot[user]}"
check_recovery

if [ -n "$dry" ]; then
	echo "all checks passed; without --dry-run, this would happen:"
	[ -z "${first_boot[user]:-}" ] || echo "  prepare the first boot of ${first_boot[user]} in $folder/rootfs"
	echo "  cd $folder && sudo ./flash.sh $board mmcblk0p1"
	exit 0
fi
if [ -n "${first_boot[user]:-}" ]; then
	write_first_boot "$folder/rootfs"
fi
echo "flashing takes about ten minutes: do not touch the cable or the power"
(cd "$folder" && ./flash.sh "$board" mmcblk0p1) || {
	echo "error: NVIDIA's flash.sh failed; see its messages above. Power off, join FC REC to GND, power on, and try again" >&2
	exit 1
}
echo "done: take the jumper off FC REC, and power the board off and on"
if [ -n "${first_boot[user]:-}" ]; then
	first_boot_hint
fi
