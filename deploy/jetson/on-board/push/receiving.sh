# shellcheck shell=bash
# Receives a version. Only files that the board lacks are sent, and every hash is checked.

check_hashes() {  # FOLDER MANIFEST
    (cd "$1" && sed -E 's/^([0-9a-f]{64}) [0-9]+ /\1  /' "$2" | sha256sum --check --quiet --status --strict)
}

is_whole() {  # NAME MANIFEST
    cmp -s "$2" "$VERSIONS/$1/.manifest" && check_hashes "$VERSIONS/$1" "$2" 2>/dev/null
}

# Sets NAME. A version that runs, or ran before, is never modified: if it is damaged, or has other models, a new folder
# is created.
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

# Reuse models on the board: those of an interrupted transfer, or of other versions.
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

# The folder for the transfer, which keeps only weights/ of earlier attempts.
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
        die "$BOARD has $((left >> 20)) MB free, this version needs $(((needed + SPARE) >> 20)); free some space, or push with --keep 2"
    fi
    say "sending $(((needed + 500000) / 1000000)) MB"
    cat "$WORK/needed"
    echo
    if ! tar --no-same-owner -C "$partial" -xzf - 2>"$WORK/errors"; then
        if grep -q 'No space left' "$WORK/errors"; then
            rm -rf "$partial"
            die "the disk of $BOARD became full; free some space, or push with --keep 2"
        fi
        die "the files arrived incomplete; type the same again; it continues where it stopped"
    fi
    check_hashes "$partial" "$1" || die "files arrived damaged; type the same again; if this happens again, the SD card is worn out"
    find "$partial" -type f -exec chmod u=rwX,go=rX {} + && find "$partial" -type d -exec chmod 755 {} +
    # Otherwise Python would compile it at every start, as the service cannot write here. The self-test reports failures.
    (cd "$partial" && "$PYTHON" -m compileall -q app >/dev/null 2>&1) || true
    chown -R root:root "$partial"
    cp "$1" "$partial/.manifest"
    sync -f "$VERSIONS"
    mv -T "$partial" "$VERSIONS/$NAME"
    sync -f "$VERSIONS"
}
