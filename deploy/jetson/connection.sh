# The connection to a board, and root access there. Sourced by provision.sh and push.sh.
# shellcheck shell=bash
#
# The script that sources it sets BOARD and SSH_CONFIG (may be empty), calls make_temporary first, and has refuse MESSAGE,
# which ends the script.

make_temporary() {
    TEMPORARY=$(mktemp -d /tmp/nanoyolo.XXXXXX)  # not in $TMPDIR: a socket's path must be short
    trap 'disconnect; rm -rf "$TEMPORARY"' EXIT
}

connect() {
    # One shared connection, so that SSH asks for a password once. It closes by itself if this script is killed.
    SSH=(ssh -o ControlPath="$TEMPORARY/ssh" -o ConnectTimeout=15 -o ServerAliveInterval=15)
    [ -z "$SSH_CONFIG" ] || SSH+=(-F "$SSH_CONFIG")
    "${SSH[@]}" -o ControlMaster=auto -o ControlPersist=60 -- "$BOARD" true </dev/null 2>"$TEMPORARY/ssh-errors" ||
        refuse "no connection: $(ssh_error); try: ssh ${SSH_CONFIG:+-F $(printf %q "$SSH_CONFIG") }$(printf %q "$BOARD")"
}

ssh_error() {
    local line
    line=$(grep -v '^Warning\|try again' "$TEMPORARY/ssh-errors" | tail -n 1 | tr -d '\r') || true
    echo "${line:-ssh failed}"
}

disconnect() {
    restore_terminal
    [ ! -S "$TEMPORARY/ssh" ] || "${SSH[@]}" -O exit "$BOARD" 2>/dev/null || true
}

on_board() {  # COMMAND LINE, for the board's shell
    "${SSH[@]}" "$BOARD" "$1"
}

has_terminal() {
    { : </dev/tty; } 2>/dev/null
}

# Sets PASSWORD. Echo is turned off before the question appears: read -s would show what is typed before it.
ask_password() {  # QUESTION
    TERMINAL=$(stty -g </dev/tty)
    stty -echo </dev/tty
    printf '%s' "$1" >/dev/tty
    IFS= read -r PASSWORD </dev/tty || true
    restore_terminal
    echo >/dev/tty
}

restore_terminal() {
    [ -z "${TERMINAL:-}" ] || stty "$TERMINAL" </dev/tty
    TERMINAL=''
}

# Sets SUDO, the prefix of a command line, and PASSWORD, the line that it reads first, which may be empty.
# -k: sudo must not rely on a remembered password, which may expire half-way.
get_rights() {
    local user
    SUDO='' PASSWORD=''
    user=$(on_board 'id -un; id -u' </dev/null) || refuse "the connection to $BOARD was lost; run this again"
    if [ "${user##*$'\n'}" = 0 ]; then return; fi
    user=${user%%$'\n'*}
    on_board 'command -v sudo' </dev/null >/dev/null || refuse "$BOARD has no sudo; connect as root: $0 root@host"
    SUDO="sudo -n "
    if on_board "sudo -k -n true" </dev/null 2>/dev/null; then return; fi
    SUDO="sudo -k -S -p '' "
    PASSWORD=${NANOYOLO_SUDO_PASSWORD:-}
    if [ -z "$PASSWORD" ]; then
        has_terminal || refuse "sudo on $BOARD asks for a password; run this in a terminal, or set NANOYOLO_SUDO_PASSWORD"
        ask_password "password of sudo on $BOARD: "
    fi
    printf '%s\n' "$PASSWORD" | on_board "${SUDO}true" 2>/dev/null ||
        refuse "sudo on $BOARD: wrong password, or $user may not use sudo; on the board, as an administrator: usermod -aG sudo $user"
}
