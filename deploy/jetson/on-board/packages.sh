# shellcheck shell=bash
# Packages of the distribution: apt-packages.txt, and with CUDA's compiler also apt-packages-cuda.txt.

NVCC=/usr/local/cuda/bin/nvcc
APT_PATIENCE=${APT_PATIENCE:-900}  # seconds; a new board updates itself for some minutes after its first start
APT_PAUSE=${APT_PAUSE:-5}

install_packages() {
    step packages
    # After a power cut dpkg refuses everything until this is done.
    if [ -n "$(dpkg --audit 2>/dev/null || true)" ] || [ -n "$(ls -A /var/lib/dpkg/updates)" ]; then
        change "finish what dpkg was interrupted in" patiently dpkg --configure -a
    fi
    local package missing=()
    while read -r package; do
        is_installed "$package" || missing+=("$package")
    done < <(wanted_packages)
    if [ ${#missing[@]} = 0 ]; then
        ok "all are installed"
    else
        change "install ${missing[*]}" apt_install "${missing[@]}"
    fi
}

wanted_packages() {
    local lists=("$HERE/apt-packages.txt")
    [ ! -x "$NVCC" ] || lists+=("$HERE/apt-packages-cuda.txt")
    grep -hv '^#' "${lists[@]}"
}

is_installed() {
    [ "$(dpkg-query -W -f '${Status}' "$1" 2>/dev/null || true)" = "install ok installed" ]
}

apt_install() {
    patiently apt-get update
    patiently apt-get install -y --no-install-recommends -o Dpkg::Options::=--force-confold "$@"
}

# Run a command, and repeat it while another apt or dpkg is running. (Bionic's apt cannot wait by itself.)
patiently() {
    local output end=$((SECONDS + APT_PATIENCE)) told=no
    until output=$("$@" 2>&1); do
        printf '%s\n' "$output"
        case $output in
            *"Could not get lock"* | *"Unable to lock"* | *"Unable to acquire the dpkg"* | *"locked by another process"*) ;;
            *) return 1 ;;
        esac
        [ "$SECONDS" -lt "$end" ] || die "another apt or dpkg is still running after $APT_PATIENCE s; see: ps -e | grep -E 'apt|dpkg'"
        [ "$told" = yes ] || say "waiting  $STEP: another apt or dpkg is running, as after a board's first start"
        told=yes
        sleep "$APT_PAUSE"
    done
    printf '%s\n' "$output"
}
