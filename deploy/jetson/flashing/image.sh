# The image: its format, size, checksum and content. Sourced by flash.sh.
# shellcheck shell=bash
# shellcheck disable=SC2154  # the variables of flash.sh

need() { # TOOL PACKAGE
	command -v "$1" >/dev/null || die "$1 is missing; on Debian and Ubuntu: sudo apt install $2"
}

# By content, not by name: browsers rename, and an error page saved under the image's name is common.
kind_of() { # FILE
	case $(head -c 6 "$1" | od -An -tx1 | tr -d ' \n') in
	504b0304*) echo zip ;;
	fd377a585a00) echo xz ;;
	1f8b*) echo gz ;;
	*) echo raw ;;
	esac
}

check_image() { # FILE; sets image_kind, zip_member, image_size (empty: known at the end only)
	local broken="$1 is broken or incomplete; download it again"
	image_kind='' zip_member='' image_size=''
	[ -e "$1" ] || die "$1: no such file"
	[ -f "$1" ] || die "$1 is not an image file"
	image_kind=$(kind_of "$1")
	case $image_kind in
	zip)
		need unzip unzip
		find_member "$1" "$broken"
		image_size=$(unzip -qql "$1" "$zip_member" | awk '{print $1; exit}')
		;;
	xz)
		need xz xz-utils
		image_size=$(xz --robot --list "$1" 2>/dev/null | awk '$1 == "totals" {print $5}') || die "$broken"
		;;
	gz) need gzip gzip ;; # the size at its end is modulo 4 GiB, and of the last part only: worth nothing
	raw) image_size=$(stat -Lc %s "$1") ;;
	esac
	[ "$image_kind" = gz ] || [ "${image_size:-0}" -gt 0 ] || die "$broken"
	case $(unpack "$1" 2>/dev/null | head -c 512 | tail -c 2 | od -An -tx1 || true) in
	' 55 aa') ;;
	*) die "$1 does not start with a partition table, so it is not an SD card image, or it is damaged; download it again" ;;
	esac
}

find_member() { # FILE MESSAGE; sets zip_member, with what unzip takes for wildcards escaped
	local names images
	names=$(unzip -Z1 "$1" 2>/dev/null) || die "$2"
	# macOS puts a small file of the same name beside each one.
	mapfile -t images < <(grep -i '\.img$' <<<"$names" | grep -v -e '^__MACOSX/' -e '\(^\|/\)\._')
	[ ${#images[@]} = 1 ] || die "$1 has ${#images[@]} .img files inside, and must have one; unpack it: unzip $(printf %q "$1")"
	# shellcheck disable=SC2001  # before bash 5.2 there is no & in a substitution
	zip_member=$(sed 's/[][*?\\]/\\&/g' <<<"${images[0]}")
}

unpack() { # FILE: the image's bytes
	case $image_kind in
	zip) unzip -p -P '' "$1" "$zip_member" ;; # an encrypted one fails, and does not ask
	xz) xz --decompress --stdout "$1" ;;
	gz) gzip --decompress --stdout "$1" ;;
	raw) cat "$1" ;;
	esac
}

find_checksum() { # FILE; sets checksum_kind and checksum, unless an option did
	local listed=$1.sha256
	case $checksum_kind in
	none)
		echo "the image's checksum is not checked (--no-checksum): a damaged download will not be noticed"
		return
		;;
	sha256) [[ $checksum =~ ^[0-9a-f]{64}$ ]] || die "--sha256 takes 64 hexadecimal digits" ;;
	md5) [[ $checksum =~ ^[0-9a-f]{32}$ ]] || die "--md5 takes 32 hexadecimal digits" ;;
	'')
		[ -f "$listed" ] || die "the checksum of $1 is not known; type --sha256 HEX or --md5 HEX as published, or --no-checksum"
		checksum_kind=sha256
		checksum=$(awk -v name="$(basename "$1")" 'NF == 1 || $NF == name || $NF == "*" name {print tolower($1); exit}' "$listed")
		[[ $checksum =~ ^[0-9a-f]{64}$ ]] || die "$listed has no SHA-256 of $(basename "$1")"
		;;
	esac
}

check_checksum() { # FILE
	local have
	[ "$checksum_kind" != none ] || return 0
	run_job hash_file "$1" || die "$1 cannot be read completely: $(last_error)"
	have=$(cut -d' ' -f1 <"$work/checksum")
	[ "$have" = "$checksum" ] || die "the $checksum_kind of $1 is $have and should be $checksum; download it again"
}

hash_file() { # FILE
	{
		dd if="$1" bs=4M status=progress 2>&3 | "${checksum_kind}sum" >"$work/checksum"
	} 3>&1 | progress "checksum" "$(stat -Lc %s "$1")"
}
