# shellcheck shell=bash
# Messages, and `change`: the only way to make a change, so that --dry-run can be trusted.

LOG=/dev/null
STEP=''
WHAT='looking'
CHANGES=()
exec 3>&1 4>&2  # what a change prints goes into the log; these remain the user's

step() { STEP=$1 WHAT='looking'; }

say() {
    printf '%s\n' "$*" >&3
    printf '%s\n' "$*" >>"$LOG" || true  # a full disk must not hide the message
}

ok() { say "ok       $STEP: $*"; }

note() { say "note     $STEP: $*"; }

change() {  # WHAT COMMAND...
    WHAT=$1
    shift
    CHANGES+=("$STEP: $WHAT")
    if [ "$DRY_RUN" = yes ]; then
        say "would    $STEP: $WHAT"
    else
        say "doing    $STEP: $WHAT"
        "$@" >>"$LOG" 2>&1
        say "changed  $STEP: $WHAT"
    fi
    WHAT='looking'
}

open_log() {
    LOG=$1
    { printf '\n=== %s\n' "$(date -u '+%Y-%m-%d %H:%M:%S UTC')" >>"$LOG"; } 2>/dev/null || {
        LOG=/dev/null
        die "$1 cannot be written; is the disk full? df -h /var/log"
    }
}

die() {
    trap - ERR
    printf 'error: %s\n' "${STEP:+$STEP: }$*" >&4
    printf 'error: %s\n' "${STEP:+$STEP: }$*" >>"$LOG" 2>/dev/null || true
    exit 1
}

# A command failed unexpectedly: one line of all that it printed.
failed() {
    local full last
    [ "$BASHPID" = $$ ] || exit 1  # the shell that waits for this one says it
    full=$(full_disk) || true
    [ -z "$full" ] || die "$WHAT: the disk is full ($full); free some space, for example: sudo apt-get clean; then run this again"
    last=$(printed | grep -v '^ *$' | tail -n 1) || true
    die "$WHAT failed: ${last:-no message}; more in $LOG; fix it, and run this again"
}
trap failed ERR

printed() {  # by the current change
    tac "$LOG" | sed -n '0,/^doing /p' | tac | tail -n +2
}

# Which disk is full, in case a command failed because of that.
full_disk() {
    local place left
    for place in / /opt/nanoyolo /var/lib /var/log /tmp; do
        [ -d "$place" ] || continue
        left=$(room "$place")
        if [ "$left" -lt 20 ]; then
            echo "$left MB left in $place"
            return 0  # in a trap, `return` alone would mean the status of what failed
        fi
    done
    # What failed may have tidied up behind itself.
    if printed | grep -i 'no space left on device' >/dev/null; then
        echo "no space left on device"
    fi
}

room() {  # FOLDER: MB
    df -P -BM "$1" | last_line_field 4 | tr -d M
}

last_line_field() {  # the Nth word of the last line
    tail -n 1 | tr -s ' ' | cut -d' ' -f"$1"
}

# Put a file in place if it is not there as it should be. It is never seen half-written, nor empty after a power cut.
install_file() {  # SOURCE DESTINATION MODE OWNER:GROUP
    local source=$1 destination=$2 mode=$3 owner=$4
    if cmp -s "$source" "$destination" && [ "$(stat -c '%a %U:%G' "$destination")" = "$mode $owner" ]; then
        ok "$destination"
        return
    fi
    change "write $destination" put_file "$source" "$destination" "$mode" "$owner"
}

put_file() {
    mkdir -p "$(dirname "$2")"
    install -m "$3" -o "${4%:*}" -g "${4#*:}" "$1" "$2.new"
    sync "$2.new"
    mv -T "$2.new" "$2"
}

summary() {
    STEP=''
    if [ ${#CHANGES[@]} = 0 ]; then
        if [ "$DRY_RUN" = yes ]; then say "nothing would change"; else say "nothing changed"; fi
    else
        if [ "$DRY_RUN" = yes ]; then say "would change, but this was a dry run:"; else say "changed:"; fi
        printf '  %s\n' "${CHANGES[@]}" >&3
    fi
    [ -e "$NANOYOLO/current" ] || say "ready for a version; on your machine: deploy/jetson/push.sh user@host"
}
