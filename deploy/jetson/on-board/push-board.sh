#!/bin/bash
# What push.sh runs on the board, as root: `push`, `rollback`, or, as anybody, `plan`.
# One process from beginning to end, so that one lock is held throughout, and a connection that is lost loses nothing:
# before the switch of versions it ends this script, from there on the script goes on to its end alone.
#
# For `push`, standard input is a line "SHA-256 size path" per file, "end", an empty line, then a tar of the files asked for.
# Standard output is the files asked for, one a line, an empty line, and at the end the result.
#
#   versions/NAME            whole: it has .manifest, whose hashes were checked
#   versions/.NAME.partial   being sent; what is whole in it is used by the next push
#   versions/.NAME.failed    did not pass; the last one is kept to be looked at
#   versions/.history        the versions that ran, oldest first
#   versions/.switching      there while a switch is not decided: what for, and the version before
set -euo pipefail

ROOT=${NANOYOLO_ROOT:-/opt/nanoyolo}
VERSIONS=$ROOT/versions
PYTHON=$ROOT/venv/bin/python
SERVICE=nanoyolo.service
MODEL=weights/yolov3-tiny.onnx
SETTINGS=/etc/nanoyolo/nanoyolo.env
START_LIMIT=300         # seconds for READY=1; the unit has its own limit, this one is for a systemd that hangs
WATCH=5                 # seconds for which a started service must not end
LOCK_PATIENCE=10        # seconds; a push whose connection was lost takes a moment to notice
SPARE=$((20 << 20))     # bytes that are to be left on the disk
DECIDED=no              # from the switch on, nothing stops this script

say() {
    # Where nobody is there any more to read it, nothing is begun that need not be ended.
    echo "$*" >&2 2>/dev/null || [ "$DECIDED" = yes ] || exit 1
}

die() {
    say "error: $*"
    exit 1
}

decide() {  # yes|no: whether to go on whatever happens to the connection
    DECIDED=$1
    if [ "$1" = yes ]; then trap '' HUP INT TERM; else trap - HUP INT TERM; fi
}

# --- state -----------------------------------------------------------------------------------------------------------

current() {
    local target
    target=$(readlink "$ROOT/current" 2>/dev/null) || return 0
    echo "${target##*/}"
}

ran() {
    cat "$VERSIONS/.history" 2>/dev/null || true
}

# The newest version that ran before NAME, and is still there; nothing where there is none.
before() {  # NAME
    local line found=
    while IFS= read -r line; do
        if [ "$line" = "$1" ]; then break; fi
        if [ -e "$VERSIONS/$line/.manifest" ]; then found=$line; fi
    done < <(ran)
    echo "$found"
}

write_whole() {  # FILE, from standard input
    cat >"$1.new"
    sync "$1.new"
    mv -T "$1.new" "$1"
}

# NAME ran after OLD. What had been rolled back from OLD counts as oldest.
remember() {  # NAME OLD
    local line seen=no earlier=() later=()
    while IFS= read -r line; do
        if [ "$line" = "$1" ] || [ -z "$line" ]; then continue; fi
        if [ "$seen" = yes ]; then later+=("$line"); else earlier+=("$line"); fi
        if [ "$line" = "$2" ]; then seen=yes; fi
    done < <(ran)
    if [ "$seen" = no ] && [ -n "$2" ] && [ "$2" != "$1" ]; then earlier+=("$2"); fi
    printf '%s\n' "${later[@]}" "${earlier[@]}" "$1" | sed '/^$/d' | write_whole "$VERSIONS/.history"
}

point_to() {  # NAME, or nothing
    if [ -z "$1" ]; then
        rm -f "$ROOT/current"
    else
        ln -sfn "versions/$1" "$ROOT/.current.new"
        mv -T "$ROOT/.current.new" "$ROOT/current"
    fi
    sync -f "$ROOT"
}

lock() {
    if ! [ -d "$VERSIONS" ] || ! [ -x "$PYTHON" ] || ! id nanoyolo >/dev/null 2>&1 ||
        [ "$(systemctl show -p LoadState "$SERVICE" 2>/dev/null)" != LoadState=loaded ]; then
        die "$BOARD is not provisioned; type: deploy/jetson/provision.sh $BOARD"
    fi
    exec 9>"$ROOT/.push.lock"
    flock -w "$LOCK_PATIENCE" 9 || die "another push is at work on $BOARD; wait for its end, then type this again"
}

# What a push that was killed, or a power cut, has left.
mend() {
    local command old='' new
    rm -f "$ROOT/.current.new" "$VERSIONS"/.*.new
    if [ ! -e "$VERSIONS/.switching" ]; then return; fi
    read -r command old <"$VERSIONS/.switching" || true
    new=$(current)
    decide yes
    if [ "$new" != "$old" ] && start_and_watch; then
        say "an earlier $command was cut short; $new, which it was to start, runs and stays"
        if [ "$command" = push ]; then remember "$new" "$old"; fi
    else
        if [ "$new" != "$old" ]; then
            say "an earlier $command was cut short; with $new $REASON, so back to ${old:-nothing}"
            point_to "$old"
            set_aside "$new" || true
        fi
        if [ -n "$old" ]; then start_and_watch || say "with $old $REASON"; fi
    fi
    rm -f "$VERSIONS/.switching"
    decide no
}

# --- receiving -------------------------------------------------------------------------------------------------------

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

# First it is no version any more, then it goes: what is half removed must not look whole.
discard() {  # FOLDER
    rm -f "$1/.manifest"
    rm -rf "$1"
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

# --- trying ----------------------------------------------------------------------------------------------------------

as_user() {  # COMMAND...: as the service's user, in the version's folder
    (cd "$VERSIONS/$NAME" && exec runuser -u nanoyolo -- env HOME=/var/lib/nanoyolo OPENBLAS_CORETYPE=ARMV8 \
        PYTHONDONTWRITEBYTECODE=1 PATH="$PATH:/usr/local/cuda/bin" "$@") 9>&-
}

# Run what takes long, and say that it goes on. Ends it when nobody is there any more.
patiently() {  # TITLE COMMAND...
    local title=$1 began=$SECONDS next=10 pid
    shift
    setsid bash -c "$(declare -f as_user)
        VERSIONS=\$1 NAME=\$2; shift 2; as_user \"\$@\"" - "$VERSIONS" "$NAME" "$@" >&2 </dev/null 9>&- &
    pid=$!
    while kill -0 "$pid" 2>/dev/null; do
        sleep 1
        if [ $((SECONDS - began)) -ge "$next" ]; then
            next=$((next + 15))
            echo "$title: $((SECONDS - began)) s so far" >&2 2>/dev/null || kill -- "-$pid" 2>/dev/null || true
        fi
    done
    wait "$pid"
}

link_engines() {
    local hash sidecar engine
    hash=$(sha256sum <"$VERSIONS/$NAME/$MODEL" | cut -d' ' -f1)
    for sidecar in "$VERSIONS"/*/weights/*.engine.json "$VERSIONS"/.*.failed/weights/*.engine.json; do
        engine=${sidecar%.json}
        if [ -f "$engine" ] && grep -q "$hash" "$sidecar" && [ ! -e "$VERSIONS/$NAME/weights/${sidecar##*/}" ]; then
            ln "$engine" "$sidecar" "$VERSIONS/$NAME/weights/"
        fi
    done
}

make_engines() {
    local size
    if [ "$ENGINE" = no ]; then return; fi
    if ! as_user "$PYTHON" -c 'import tensorrt' 2>/dev/null; then
        say "no TensorRT here: it will run on ONNX Runtime"
        return
    fi
    BACKEND=tensorrt
    link_engines
    for size in "${SIZES[@]}"; do
        if as_user "$PYTHON" deploy/jetson/on-board/engine_fits.py "$MODEL" "$size" >/dev/null 2>&1; then
            say "the engine for $size is there"
            continue
        fi
        say "building the engine for $size; takes minutes, and 4 GB of swap"
        # As the service's user, which must be able to use the GPU. When a version runs, nothing in it is its own.
        chown nanoyolo: "$VERSIONS/$NAME/weights"
        patiently "building for $size" "$PYTHON" -m tools.build_engine "$MODEL" --size "$size" --fp16 ||
            fail "the engine for $size could not be built; the reason is above; without TensorRT: push with --no-engine"
    done
    chown -R root:root "$VERSIONS/$NAME"
}

self_test() {
    local size
    for size in "${SIZES[@]}"; do
        say "self-test at $size"
        patiently "self-test" "$PYTHON" deploy/jetson/self-test/self_test.py "$size" --backend "$BACKEND" ||
            fail "the self-test at $size failed; the reason is above"
    done
}

# The shape for the service's settings, with a camera of 640x480.
size_of_settings() {
    local size
    size=$(sed -nE 's/^NANOYOLO_SIZE="?([1-9][0-9]{1,3})"?[[:space:]]*$/\1/p' "$SETTINGS" 2>/dev/null | tail -n 1) || true
    size=${size:-416}
    if grep -qE '^NANOYOLO_SQUARE="?(yes|true|on|1)"?[[:space:]]*$' "$SETTINGS" 2>/dev/null; then
        echo "${size}x$size"
    else
        echo "${size}x$(((size * 3 / 4 + 31) / 32 * 32))"
    fi
}

choose_sizes() {
    local old size
    if [ ${#SIZES[@]} = 0 ]; then
        old=$(current)
        read -ra SIZES 2>/dev/null <"$VERSIONS/${old:-none}/.sizes" || SIZES=("$(size_of_settings)")
    fi
    for size in "${SIZES[@]}"; do
        as_user "$PYTHON" deploy/jetson/self-test/self_test.py "$size" --known || fail "nothing is known to test at $size"
    done
    echo "${SIZES[*]}" | write_whole "$VERSIONS/$NAME/.sizes"
}

# The new version did not pass, and nothing was switched.
fail() {
    local kept=
    if set_aside "$NAME"; then kept="; $NAME is kept as $VERSIONS/.$NAME.failed"; fi
    die "$*; $(still) on $BOARD$kept"
}

still() {
    local old
    old=$(current)
    if [ -n "$old" ]; then echo "$old still runs"; else echo "nothing runs yet"; fi
}

# Only what never ran: else it may be what a rollback needs.
set_aside() {  # NAME
    if [ "$1" = "$(current)" ] || ran | grep -qxF "$1"; then return 1; fi
    rm -rf "$VERSIONS"/.*.failed
    mv -T "$VERSIONS/$1" "$VERSIONS/.$1.failed"
}

# --- switching -------------------------------------------------------------------------------------------------------

# Sets REASON when the service does not start, or does not stay.
start_and_watch() {
    local restarts second
    systemctl reset-failed "$SERVICE" 2>/dev/null 9>&- || true  # else one that failed often is not started again
    if ! timeout "$START_LIMIT" systemctl restart "$SERVICE" >/dev/null 2>&1 9>&-; then
        REASON="the service did not become ready"
        return 1
    fi
    restarts=$(systemctl show -p NRestarts "$SERVICE")
    for ((second = 0; second < WATCH; second++)); do
        sleep 1
        if ! systemctl is-active --quiet "$SERVICE" || [ "$(systemctl show -p NRestarts "$SERVICE")" != "$restarts" ]; then
            REASON="the service ended soon after its start"
            return 1
        fi
    done
}

switch() {  # push|rollback
    local old back
    old=$(current)
    decide yes
    if [ "$old" != "$NAME" ]; then echo "$1 $old" | write_whole "$VERSIONS/.switching"; fi
    point_to "$NAME"
    say "starting $NAME"
    if start_and_watch; then
        if [ "$1" = push ]; then remember "$NAME" "$old"; fi
        rm -f "$VERSIONS/.switching"
        return
    fi
    if [ "$old" = "$NAME" ]; then die "$REASON with $NAME, which ran before; look: journalctl -u nanoyolo; or go back: --rollback"; fi
    local reason=$REASON
    point_to "$old"
    if [ -z "$old" ]; then
        systemctl stop "$SERVICE" 9>&- || true
        back="nothing runs, as before"
    elif start_and_watch; then
        back="$old runs again"
    else
        back="$old is back, but $REASON with it too"
    fi
    rm -f "$VERSIONS/.switching"
    if set_aside "$NAME"; then
        back="$back; $NAME is kept as $VERSIONS/.$NAME.failed"
    fi
    die "$reason with $NAME; $back; on $BOARD look: journalctl -u nanoyolo -n 30"
}

# Remove what neither runs nor is among the last KEEP. What no push put here stays.
prune() {
    local name folder kept=() all=()
    name=$(current)
    mapfile -t all < <(ran)
    kept=("$name" "$(before "$name")" "${all[@]: -KEEP}")
    if [ ${#all[@]} -lt "$KEEP" ]; then kept+=("${all[@]}"); fi
    for folder in "$VERSIONS"/*/; do
        folder=${folder%/}
        if [ -e "$folder/.manifest" ] && ! printf '%s\n' "${kept[@]}" | grep -qxF "${folder##*/}"; then
            discard "$folder"
        fi
    done
    rm -rf "$VERSIONS"/.*.partial
    ran | while IFS= read -r name; do
        if [ -d "$VERSIONS/$name" ]; then echo "$name"; fi
    done >"$WORK/history"
    write_whole "$VERSIONS/.history" <"$WORK/history"
}

# --- commands --------------------------------------------------------------------------------------------------------

open_work() {
    WORK=$ROOT/.push  # the lock is ours
    rm -rf "$WORK"
    mkdir "$WORK"
    trap 'rm -rf "$WORK"' EXIT
}

push() {  # REVISION
    local line manifest old
    lock
    open_work
    manifest=$WORK/manifest
    while IFS= read -r line && [ -n "$line" ]; do
        printf '%s\n' "$line"
    done >"$manifest"
    # Its last line says that there is no more.
    grep -qx end "$manifest" || die "the list of files did not arrive whole; type the same again"
    sed -i '/^end$/d' "$manifest"
    mend
    old=$(current)
    choose_name "$1" "$manifest"
    if is_whole "$NAME" "$manifest"; then
        say "$NAME is there already"
        echo
        cat >/dev/null
    else
        receive "$manifest"
    fi
    choose_sizes
    make_engines
    self_test
    switch push
    prune
    result "$old"
}

rollback() {
    local old
    lock
    open_work
    mend
    old=$(current)
    NAME=$(before "$old")
    [ -n "$NAME" ] || die "nothing ran on $BOARD before ${old:-the first push}; push another version: push.sh --revision REV $BOARD"
    check_hashes "$VERSIONS/$NAME" "$VERSIONS/$NAME/.manifest" ||
        die "$NAME, the version before, is damaged; $old still runs; push it again: push.sh --revision $NAME $BOARD"
    switch rollback
    result "$old"
}

result() {  # OLD
    echo "$BOARD runs $NAME; before it ran ${1:-nothing}" || true
}

plan() {  # REVISION
    local now there=no
    [ -d "$VERSIONS" ] || die "$BOARD is not provisioned; type: deploy/jetson/provision.sh $BOARD"
    now=$(current)
    if [ -e "$VERSIONS/$1/.manifest" ]; then there=yes; fi
    echo "on $BOARD: runs ${now:-nothing}, before it $(before "$now" | sed 's/^$/nothing/'); $1 is there: $there"
    echo "versions: $(ran | tr '\n' ' '); free: $(df --output=avail -BM "$VERSIONS" | tail -n 1 | tr -d ' ')B"
}

main() {  # push|rollback|plan BOARD REVISION KEEP ENGINE [SIZE...]
    umask 022
    export LC_ALL=C PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
    trap '' PIPE
    cd /
    local command=$1 revision=$3
    BOARD=$2 KEEP=$4 ENGINE=$5 BACKEND=auto REASON='' NAME=''
    shift 5
    SIZES=("$@")
    "$command" "$revision"
}

main "$@"
