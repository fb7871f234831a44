# shellcheck shell=bash
# The versions of the board: which runs, which ran before, which are kept.
#
#   versions/NAME            whole: it has .manifest, whose hashes were checked
#   versions/.NAME.partial   being sent; what is whole in it is used by the next push
#   versions/.NAME.failed    did not pass; the last one is kept to be looked at
#   versions/.history        the versions that ran, oldest first
#   versions/.switching      there while a switch is not decided: what for, and the version before

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

write_whole() {  # FILE, from standard input
    cat >"$1.new"
    sync "$1.new"
    mv -T "$1.new" "$1"
}

# Only what never ran: else it may be what a rollback needs.
set_aside() {  # NAME
    if [ "$1" = "$(current)" ] || ran | grep -qxF "$1"; then return 1; fi
    rm -rf "$VERSIONS"/.*.failed
    mv -T "$VERSIONS/$1" "$VERSIONS/.$1.failed"
}

# First it is no version any more, then it goes: what is half removed must not look whole.
discard() {  # FOLDER
    rm -f "$1/.manifest"
    rm -rf "$1"
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
