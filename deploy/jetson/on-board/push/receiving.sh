# shellcheck shell=bash
# What is sent becomes a version of its own: only what is not there yet crosses the network, and every hash is checked.

check_hashes() {  # FOLDER MANIFEST
    (cd "$1" && sed -E 's/^([0-9a-f]{64}) [0-9]+ /\1  /' "$2" | sha256sum --check --quiet --status --strict)
}

is_whole() {  # NAME MANIFEST
    cmp -s "$2" "$VERSIONS/$1/.manifest" && check_hashes "$VERSIONS/$1" "$2" 2>/dev/null
}

# Sets NAME. What runs, or ran before, is never written into: where it is damaged, or has other models, another folder
# is made.
choose_name() {  # REVISION MANIFEST
    local now
    for NAME in "$1" "$1.b" "$1.c"; do
        if is_whole "$NAME" "$2"; then return; fi
    done
    now=$(current)
    for NAME in "$1" "$1.b" "$1.c"; do
        if [ "$NAME" != "$now" ] && [ "$NAME" != "$(before "$now")" ]; then return; fi
    done
}

# Take models over from what is there: from the same folder where it was begun before, or from other versions.
take_over() {  # HASH PATH FOLDER
    local other
    if matches "$1" "$3/$2"; then return; fi
    rm -f "$3/$2"
    for other in "$VERSIONS"/*/ "$VERSIONS"/.*.partial/ "$VERSIONS"/.*.failed/; do
        if matches "$1" "$other$2"; then
            mkdir -p "$(dirname "$3/$2")"
            ln "$other$2" "$3/$2"
            return
        fi
    done
    return 1
}

matches() {  # HASH FILE
    [ -f "$2" ] && [ "$(sha256sum <"$2" | cut -d' ' -f1)" = "$1" ]
}

# A folder for what is sent, which keeps nothing of earlier attempts but weights/.
begin_partial() {  # FOLDER
    local old
    for old in "$VERSIONS/$NAME" "$VERSIONS/.$NAME.failed"; do
        if [ -d "$old" ] && [ -d "$1" ]; then discard "$old"; fi
        if [ -d "$old" ]; then mv -T "$old" "$1"; fi
    done
    mkdir -p "$1"
    find "$1" -mindepth 1 -maxdepth 1 ! -name weights -exec rm -rf {} +
}

receive() {  # MANIFEST
    local partial=$VERSIONS/.$NAME.partial hash size path needed=0 left
    begin_partial "$partial"
    : >"$WORK/needed"
    while read -r hash size path; do
        case $path in weights/*) if take_over "$hash" "$path" "$partial"; then continue; fi ;; esac
        printf '%s\n' "$path" >>"$WORK/needed"
        needed=$((needed + size + 4096))
    done <"$1"
    left=$(($(df --output=avail -B1 "$VERSIONS" | tail -n 1)))
    if [ "$left" -lt $((needed + SPARE)) ]; then
        rm -rf "$partial"
        die "$BOARD has $((left >> 20)) MB free, this version needs $(((needed + SPARE) >> 20)); free some, or push with --keep 2"
    fi
    say "sending $(((needed + 500000) / 1000000)) MB"
    cat "$WORK/needed"
    echo
    if ! tar --no-same-owner -C "$partial" -xzf - 2>"$WORK/errors"; then
        if grep -q 'No space left' "$WORK/errors"; then
            rm -rf "$partial"
            die "the disk of $BOARD became full; free some, or push with --keep 2"
        fi
        die "the files did not arrive whole; type the same again, it goes on where it was"
    fi
    check_hashes "$partial" "$1" || die "files arrived damaged; type the same again; if it stays so, the SD card is worn"
    find "$partial" -type f -exec chmod u=rwX,go=rX {} + && find "$partial" -type d -exec chmod 755 {} +
    # Else Python would compile it at every start, since the service cannot write here. What fails is the self-test's.
    (cd "$partial" && "$PYTHON" -m compileall -q app >/dev/null 2>&1) || true
    chown -R root:root "$partial"
    cp "$1" "$partial/.manifest"
    sync -f "$VERSIONS"
    mv -T "$partial" "$VERSIONS/$NAME"
    sync -f "$VERSIONS"
}
