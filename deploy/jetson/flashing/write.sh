# Writes the image, reads it back, and reports the card's state if that is interrupted. Sourced by flash.sh.
# shellcheck shell=bash
# shellcheck disable=SC2154  # the variables of flash.sh

work='' job='' mounted='' state=untouched

start_work() {
	work=$(mktemp -d)
	trap end_work EXIT
	trap 'interrupted 129' HUP
	trap 'interrupted 130' INT
	trap 'interrupted 143' TERM
}

end_work() {
	stop_job
	[ -z "$mounted" ] || ! mountpoint -q "$mounted" || umount "$mounted" || true
	rm -rf "$work"
}

# In the background and in its own process group: a signal reaches this script at once, and ends the complete job.
run_job() { # FUNCTION ARGUMENT ...
	local status=0
	set -m
	"$@" &
	job=$!
	set +m
	wait "$job" || status=$?
	job=''
	return "$status"
}

stop_job() {
	[ -n "$job" ] || return 0
	kill -TERM -- "-$job" 2>/dev/null || true
	wait "$job" 2>/dev/null || true
	job=''
}

interrupted() { # CODE
	trap '' HUP INT TERM
	stop_job
	echo >&2
	echo "interrupted: $(outcome)" >&2
	exit "$1"
}

outcome() {
	case $state in
	untouched) echo "nothing was written" ;;
	incomplete) echo "the card is incomplete and must be written again; type: $again" ;;
	written) echo "the image is on the card and verified, but the first boot is not prepared; to start over, type: $again" ;;
	esac
}

spoilt() { # MESSAGE
	echo "error: $1" >&2
	outcome >&2
	exit 1
}

# Directly to the device, bypassing the cache: bytes that are counted are on the card, and the end needs no long flush.
write_image() { # FILE DEVICE
	local unpacked wrote
	state=incomplete
	mkfifo "$work/stream"
	run_job copy "$1" "$2" || true
	read -r unpacked wrote <"$work/statuses" 2>/dev/null || spoilt "writing to $2 failed"
	[ "$wrote" = 0 ] || spoilt "writing to $2 failed: $(reason "$2")"
	[ "$unpacked" = 0 ] || spoilt "$1 is broken: $(tail -n 1 "$work/unpack-errors"); download it again"
	written=$(cat "$work/bytes")
	[ -z "$image_size" ] || [ "$written" = "$image_size" ] ||
		spoilt "$1 says that it has $image_size bytes, and has $written; download it again"
	sync "$2" || spoilt "writing to $2 failed at its end; is the card worn out, or was it pulled out?"
}

copy() { # FILE DEVICE
	sha256sum <"$work/stream" >"$work/written" &
	{
		unpack "$1" 2>"$work/unpack-errors" | tee "$work/stream" |
			dd of="$2" bs=4M iflag=fullblock oflag=direct conv=fsync,notrunc status=progress 2>&3
		echo "${PIPESTATUS[0]} ${PIPESTATUS[2]}" >"$work/statuses"
	} 3>&1 | progress "written" "$image_size"
	wait
}

reason() { # DEVICE
	local error
	error=$(last_error)
	if [ ! -b "$1" ] || [ "$(blockdev --getsize64 "$1" 2>/dev/null || echo 0)" = 0 ]; then
		echo "the card is gone; was it pulled out?"
	elif [[ -z $image_size && $error == *'No space left'* ]]; then
		echo "the card is too small for the image; take a larger one"
	else
		echo "${error:-unknown error}; is the card worn out, or the reader loose?"
	fi
}

verify() { # DEVICE
	blockdev --flushbufs "$1" || true
	run_job read_back "$1" || spoilt "reading back from $1 failed: $(reason "$1")"
	[ "$(cat "$work/read")" = "$(cat "$work/written")" ] ||
		spoilt "what is on $1 is not what was written; the card or the reader is faulty: take another one"
	echo "verified: $written bytes, SHA-256 $(cut -d' ' -f1 <"$work/read")"
}

# Also bypass the cache, which would only return what was to be written. This needs reads of complete sectors.
read_back() { # DEVICE
	local blocks=$(((written + 4194303) / 4194304)) status
	{
		status=0
		dd if="$1" bs=4M count="$blocks" iflag=direct status=progress 2>&3 |
			{ head -c "$written"; cat >/dev/null; } | sha256sum >"$work/read" || status=$?
		echo "$status" >"$work/status"
	} 3>&1 | progress "read back" "$written"
	return "$(cat "$work/status")"
}

# Reads dd's standard error: shows percentage, speed and time left, and keeps the number of bytes and the errors.
progress() { # LABEL TOTAL
	local piece line bytes=0 start=$SECONDS shown=-10
	: >"$work/errors"
	while IFS= read -r -d $'\r' piece || [ -n "$piece" ]; do
		while IFS= read -r line; do
			case $line in
			*' copied, '*)
				bytes=${line%% *}
				if [ -t 2 ] || [ $((SECONDS - shown)) -ge 10 ]; then
					shown=$SECONDS
					show "$1" "$bytes" "$2" $((SECONDS - start))
				fi
				;;
			*' records '* | '') ;;
			*) echo "$line" >>"$work/errors" ;;
			esac
		done <<<"$piece"
	done
	[ ! -t 2 ] || echo >&2
	echo "$bytes" >"$work/bytes"
}

show() { # LABEL BYTES TOTAL SECONDS; on a terminal over the last one
	local end='\n'
	[ ! -t 2 ] || end='\033[K\r'
	awk -v label="$1" -v n="$2" -v total="${3:-0}" -v s="$4" -v end="$end" 'BEGIN {
		if (total && n > total) n = total
		printf "%s: %.1f MB", label, n / 1e6
		if (total) printf " of %.1f, %d %%", total / 1e6, 100 * n / total
		if (s && n) printf ", %.1f MB/s", n / 1e6 / s
		if (s && n && total > n) printf ", %d:%02d left", (total - n) * s / n / 60, (total - n) * s / n % 60
		printf end
	}' >&2
}

last_error() {
	tail -n 1 "$work/errors" 2>/dev/null || true
}

prepare_card() { # DEVICE
	local partition status
	state=written
	partition=$(root_partition "$1") || spoilt "$1 has no ext4 partition that could be prepared"
	mounted=$work/root
	mkdir "$mounted"
	mount -t ext4 "$partition" "$mounted" || spoilt "$partition cannot be mounted"
	# Not `write_first_boot || ...`, in which bash would not stop at an error.
	set +e
	(set -e && write_first_boot "$mounted")
	status=$?
	set -e
	[ "$status" = 0 ] || spoilt "the first boot could not be prepared on $partition"
	umount "$mounted" || spoilt "$partition cannot be unmounted; a program may be using it"
	mounted=''
	blockdev --flushbufs "$1" || true
}

root_partition() { # DEVICE: its largest ext4 partition, once the kernel has seen the new table
	local name size largest=0 found='' try
	for try in 1 2 3 4 5; do
		blockdev --rereadpt "$1" 2>/dev/null || true
		partx --update "$1" 2>/dev/null || true
		! command -v udevadm >/dev/null || udevadm settle --timeout=5 || true
		for name in $(lsblk -nrpo NAME,TYPE "$1" | awk '$2 == "part" {print $1}'); do
			[ "$(blkid -p -s TYPE -o value "$name" 2>/dev/null || true)" = ext4 ] || continue
			size=$(blockdev --getsize64 "$name")
			if [ "$size" -gt "$largest" ]; then largest=$size found=$name; fi
		done
		[ -z "$found" ] || break
		sleep "0.$try"
	done
	[ -n "$found" ] && echo "$found"
}
