#!/usr/bin/env bash
# Runs on the board at its first boot: user, key, sudo rule, SSH host keys, host name, and the partition of /.
# prepare.sh installs it, with `settings` and `authorized_keys` beside it. Each step can be repeated; the service runs
# at every boot until all have succeeded, and is then removed.
#   journalctl -u nanoyolo-first-boot        what it did
set -euo pipefail

here=$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")
settings=$here/settings
user='' hostname=''

add_user() {
	local group
	if ! id "$user" >/dev/null 2>&1; then
		# '*' matches no password, and unlike '!' it does not make SSH reject the key too.
		useradd --create-home --user-group --shell /bin/bash --password '*' "$user"
		# The board has no clock battery: a password "last changed" in 1970 would have to be changed at login.
		chage --lastday -1 "$user"
	fi
	for group in sudo video audio render input dialout plugdev netdev gpio i2c spi; do
		! getent group "$group" >/dev/null || id -nG "$user" | grep -qwF "$group" || usermod --append --groups "$group" "$user"
	done
}

install_key() {
	local home group line
	home=$(getent passwd "$user" | cut -d: -f6)
	group=$(id -g "$user")
	install -d -o "$user" -g "$group" -m 700 "$home/.ssh"
	[ -f "$home/.ssh/authorized_keys" ] || install -o "$user" -g "$group" -m 600 /dev/null "$home/.ssh/authorized_keys"
	while IFS= read -r line; do
		grep -qxF "$line" "$home/.ssh/authorized_keys" || echo "$line" >>"$home/.ssh/authorized_keys"
	done <"$here/authorized_keys"
}

# There is no password that sudo could ask for. sudo ignores a file with a dot in its name, so the draft has one.
allow_sudo() {
	local rule=/etc/sudoers.d/90-nanoyolo draft=/etc/sudoers.d/90-nanoyolo.draft
	install -o 0 -g 0 -m 440 /dev/null "$draft"
	echo "$user ALL=(ALL) NOPASSWD: ALL" >"$draft"
	if command -v visudo >/dev/null && ! visudo -cqf "$draft"; then
		rm -f "$draft"
		return 1
	fi
	mv -f "$draft" "$rule"
}

make_host_keys() {
	! command -v sshd >/dev/null || ssh-keygen -A
}

name_host() {
	echo "$hostname" >/etc/hostname
	hostname "$hostname"
	touch /etc/hosts
	if grep -q '^127\.0\.1\.1[[:space:]]' /etc/hosts; then
		sed -i "s/^127\.0\.1\.1[[:space:]].*/127.0.1.1\t$hostname/" /etc/hosts
	else
		printf '127.0.1.1\t%s\n' "$hostname" >>/etc/hosts
	fi
}

# The image ends with its last partition. The table is written back without the root partition's size, so that sfdisk
# makes it as large as possible, and without the old end of the disk.
grow_root() {
	local partition disk number before
	partition=$(findmnt -nvro SOURCE / || true)
	disk=$(lsblk -dnro PKNAME "$partition" 2>/dev/null || true)
	number=$(cat "/sys/class/block/$(basename "$partition")/partition" 2>/dev/null || true)
	if [ -z "$disk" ] || [ -z "$number" ]; then
		echo "/ is not on a partition: it keeps its size"
		return
	fi
	before=$(cat "/sys/class/block/$(basename "$partition")/size")
	sfdisk --dump "/dev/$disk" >"$here/partitions.before"
	sed -e '/^last-lba:/d' -e "\|^$partition :|s/size= *[0-9]*, //" "$here/partitions.before" |
		sfdisk --quiet --force --no-reread --no-tell-kernel --wipe never --wipe-partitions never "/dev/$disk"
	partx --update --nr "$number" "/dev/$disk"
	resize2fs "$partition"
	echo "/ had $before sectors, and has $(cat "/sys/class/block/$(basename "$partition")/size")"
}

main() {
	local step failed=''
	if [ ! -f "$settings" ]; then
		echo "nothing to do: the first boot is complete"
		return
	fi
	# A process for each, so that a step stops at its first error, and the next step still runs.
	for step in add_user install_key allow_sudo make_host_keys name_host grow_root; do
		"$BASH" "${BASH_SOURCE[0]}" "$step" || failed+=" $step"
	done
	if [ -n "$failed" ]; then
		echo "failed:$failed; they are retried at the next boot, or type: sudo systemctl restart nanoyolo-first-boot" >&2
		return 1
	fi
	rm -f /etc/systemd/system/multi-user.target.wants/nanoyolo-first-boot.service "$here/authorized_keys"
	mv -f "$settings" "$settings.done"
	sync
	echo "the first boot is complete: $user can log in to $hostname"
}

if [ -f "$settings" ]; then
	# prepare.sh has checked both: they contain no character that is special to a shell or to sed.
	# shellcheck source=/dev/null
	. "$settings"
fi
"${1:-main}"
