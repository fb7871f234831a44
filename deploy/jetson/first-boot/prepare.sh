# Prepares a root file system for a first boot without screen and keyboard. Sourced by flash.sh and flash-emmc.sh.
# shellcheck shell=bash
#
# It does not use NVIDIA's l4t_create_default_user.sh, which takes the password on its command line, where every process
# can read it. Here there is no password: the user logs in with a key.

declare -A first_boot=() # by option: user, ssh-key, hostname, wifi, wifi-password-file
first_boot_files=$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")
wifi_psk=''

die() { # MESSAGE: what is wrong before anything was changed
	echo "error: $*" >&2
	exit 2
}

first_boot_usage() { # the options that both scripts have
	cat <<'END'
  --user NAME              who may log in: by key only, with sudo
  --ssh-key FILE           that user's public key, such as ~/.ssh/id_ed25519.pub
  --hostname NAME          the board's name (nanoyolo)
  --wifi SSID              the WPA2 network to join; its password is asked for
  --wifi-password-file F   take the password from the first line of F
With --user NVIDIA's assistant is skipped, and with it the licence it shows: by that you accept it.
END
}

as_root() { # SCRIPT ARGUMENT ...
	command -v sudo >/dev/null || die "this needs root, and sudo is missing; become root: su -"
	echo "this needs root: asking sudo" >&2
	exec sudo -- "$BASH" "$@"
}

# Check everything, and ask for the password, before the long part starts.
check_first_boot() {
	local user=${first_boot[user]:-} option
	if [ -z "$user" ]; then
		for option in ssh-key hostname wifi wifi-password-file; do
			[ -z "${first_boot[$option]+given}" ] || die "--$option needs --user NAME"
		done
		return
	fi
	[[ $user =~ ^[a-z_][a-z0-9_-]{0,31}$ ]] ||
		die "\"$user\" is not a user name: lower-case letters, digits, - and _, at most 32, not starting with a digit or -"
	[ "$user" != root ] || die "the user must not be root; choose another name"
	first_boot[hostname]=${first_boot[hostname]-nanoyolo}
	[[ ${first_boot[hostname]} =~ ^[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?$ ]] ||
		die "\"${first_boot[hostname]}\" is not a host name: letters, digits and -, at most 63, not starting or ending with -"
	[ -n "${first_boot[ssh-key]:-}" ] || die "--user needs --ssh-key FILE, since there is no password; create one: ssh-keygen -t ed25519"
	check_key "${first_boot[ssh-key]}"
	if [ -n "${first_boot[wifi]+given}" ]; then
		derive_psk "${first_boot[wifi]}"
	else
		[ -z "${first_boot[wifi-password-file]+given}" ] || die "--wifi-password-file needs --wifi SSID"
	fi
}

check_key() { # FILE
	local line
	[ -f "$1" ] || die "$1: no such key; create one: ssh-keygen -t ed25519"
	! grep -q 'PRIVATE KEY' "$1" || die "$1 is the private key, which never leaves this machine; name $1.pub"
	command -v ssh-keygen >/dev/null || die "ssh-keygen is missing; on Debian and Ubuntu: sudo apt install openssh-client"
	[ -n "$(key_lines "$1")" ] || die "$1 has no key; create one: ssh-keygen -t ed25519"
	while IFS= read -r line; do
		{ [[ $line == ssh-* || $line == ecdsa-* ]] && ssh-keygen -l -f - <<<"$line" >/dev/null 2>&1; } ||
			die "$1 is not a public key that the Nano's OpenSSH 7.6 accepts; create one: ssh-keygen -t ed25519"
	done < <(key_lines "$1")
}

key_lines() { # FILE, which may be from Windows
	tr -d '\r' <"$1" | grep -v -e '^#' -e '^[[:space:]]*$' || true
}

derive_psk() { # SSID; sets wifi_psk
	local file=${first_boot[wifi-password-file]:-}
	local password=''
	command -v python3 >/dev/null || die "python3 is missing; on Debian and Ubuntu: sudo apt install python3"
	{ [ -n "$1" ] && [ ${#1} -le 32 ]; } || die "a Wi-Fi network's name has 1 to 32 bytes; \"$1\" has ${#1}"
	if [ -n "$file" ]; then
		[ -r "$file" ] || die "$file: no such file, or no permission to read it"
		IFS= read -r password <"$file" || true
		password=${password%$'\r'}
	else
		read -rsp "password of the Wi-Fi network $1: " password || true
		echo
	fi
	[[ $password =~ ^[\ -~]{8,63}$ || $password =~ ^[0-9A-Fa-f]{64}$ ]] ||
		die "a WPA2 password has 8 to 63 printable ASCII characters; this one has ${#password}"
	wifi_psk=$(printf '%s' "$password" | python3 -c "$(derivation)" "$1")
}

# WPA2's key derivation. 64 hexadecimal digits already are a derived key.
derivation() {
	cat <<'END'
import hashlib, os, sys
password = sys.stdin.buffer.read()
derived = hashlib.pbkdf2_hmac("sha1", password, os.fsencode(sys.argv[1]), 4096, 32).hex()
print(password.decode().lower() if len(password) == 64 else derived)
END
}

write_first_boot() { # ROOT: the mounted root file system, or Linux_for_Tegra/rootfs
	local root own=/usr/local/lib/nanoyolo
	root=$(realpath "$1")
	{ [ -f "$root/etc/passwd" ] && [ -d "$root/etc/systemd/system" ]; } || die "$root is not a root file system with systemd"
	check_name_is_free "$root" "${first_boot[user]}"
	key_lines "${first_boot[ssh-key]}" | place "$root" 600 "$own/authorized_keys"
	place "$root" 755 "$own/first-boot.sh" <"$first_boot_files/first-boot.sh"
	place "$root" 644 /etc/systemd/system/nanoyolo-first-boot.service <"$first_boot_files/nanoyolo-first-boot.service"
	[ -z "$wifi_psk" ] || connection | place "$root" 600 /etc/NetworkManager/system-connections/nanoyolo-wifi.nmconnection
	skip_oem_config "$root"
	link "$root" ../nanoyolo-first-boot.service /etc/systemd/system/multi-user.target.wants/nanoyolo-first-boot.service
	# Last, as the service does nothing without it: an incomplete set of files does no harm.
	printf 'user=%s\nhostname=%s\n' "${first_boot[user]}" "${first_boot[hostname]}" | place "$root" 600 "$own/settings"
	echo "first boot prepared: user ${first_boot[user]}, host name ${first_boot[hostname]}${wifi_psk:+, Wi-Fi ${first_boot[wifi]}}"
}

check_name_is_free() { # ROOT USER
	local list
	for list in passwd group; do
		! awk -F: -v name="$2" '$1 == name && ($3 < 1000 || $3 > 60000) {found = 1} END {exit !found}' "$1/etc/$list" ||
			die "the system has a $list entry \"$2\" of its own; choose another user name"
	done
}

# The image is not trusted: a link in it must not lead a root process into this machine's own files.
inside() { # ROOT PATH
	local folder
	folder=$(dirname "$1$2")
	[ "$(realpath -m "$folder")" = "$folder" ] || die "$2: a folder of the image is a link, which is not followed"
}

place() { # ROOT MODE PATH, and the content on standard input
	local target=$1$3
	inside "$1" "$3"
	folder_of "$target"
	rm -f "$target"
	(umask 077 && cat >"$target")
	chown 0:0 "$target"
	chmod "$2" "$target"
}

folder_of() { # FILE
	[ -d "$(dirname "$1")" ] || (umask 022 && mkdir -p "$(dirname "$1")")
}

link() { # ROOT TO PATH
	inside "$1" "$3"
	folder_of "$1$3"
	ln -sfn "$2" "$1$3"
}

# NVIDIA's images start nv-oem-config.target, which conflicts with multi-user.target and waits for a screen; without
# this neither SSH nor our service would start. (As in L4T r32's nv_customize_rootfs.sh; not tested on a board.)
skip_oem_config() { # ROOT
	local unit
	case $(readlink "$1/etc/systemd/system/default.target" || true) in
	*nv-oem-config.target) link "$1" /lib/systemd/system/multi-user.target /etc/systemd/system/default.target ;;
	esac
	for unit in nv-oem-config.service nv-oem-config-gui.service nv-oem-config-debconf@.service; do
		[ ! -e "$1/lib/systemd/system/$unit" ] || link "$1" /dev/null "/etc/systemd/system/$unit"
	done
}

# The SSID as bytes, since NetworkManager's files have special rules for spaces, semicolons and others.
connection() {
	cat <<END
[connection]
id=nanoyolo-wifi
uuid=$(cat /proc/sys/kernel/random/uuid)
type=wifi

[wifi]
mode=infrastructure
ssid=$(printf '%s' "${first_boot[wifi]}" | od -An -v -tu1 | tr -s ' \n' ';' | sed 's/^;//; s/;*$/;/')

[wifi-security]
key-mgmt=wpa-psk
psk=$wifi_psk

[ipv4]
method=auto

[ipv6]
method=auto
END
}

first_boot_hint() {
	echo "the first boot takes a minute or two; then type: ssh ${first_boot[user]}@${first_boot[hostname]}.local"
	echo "or, by a USB cable to the board's micro-USB socket: ssh ${first_boot[user]}@192.168.55.1"
}
