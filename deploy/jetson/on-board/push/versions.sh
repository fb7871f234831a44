# shellcheck shell=bash
# The versions on the board: the running one, the previous ones, and those that are kept.
#
#   versions/NAME            complete: it has .manifest, whose hashes were checked
#   versions/.NAME.partial   being sent; the next push reuses its complete files
#   versions/.NAME.failed    did not pass; the last one is kept for inspection
#   versions/.history        the versions that ran, oldest first
#   versions/.switching      exists during a switch: the command, and the previous version

current() {
    local target
    target=$(readlink "$ROOT/current" 2>/dev/null) || return 0
    echo "${target##*/}"
}

ran() {
    cat "$VERSIONS/.history" 2>/dev/null || true
}

# The newest version that ran before NAME and still exists; empty where there is none.
before() {  # NAME
    local line found=
    while IFS= read -r line; do
        if [ "$line" = "$1" ]; then break; fi
        if [ -e "$VERSIONS/$line/.manifest" ]; then found=$line; fi
    done < <(ran)
    echo "$found"
}

# Record that NAME ran after OLD. Versions that were rolled back become the oldest.
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

write_whole() {  # FILE, from standard input
    cat >"$1.new"
    sync "$1.new"
    mv -T "$1.new" "$1"
}

# Only a version that never ran: others may be needed for a rollback.
set_aside() {  # NAME
    if [ "$1" = "$(current)" ] || ran | grep -qxF "$1"; then return 1; fi
    rm -rf "$VERSIONS"/.*.failed
    mv -T "$VERSIONS/$1" "$VERSIONS/.$1.failed"
}

# First make it invalid, then remove it: a half-removed version must not look complete.
discard() {  # FOLDER
    rm -f "$1/.manifest"
    rm -rf "$1"
}

# Remove versions that neither run nor are among the last KEEP. Folders that no push created stay.
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
