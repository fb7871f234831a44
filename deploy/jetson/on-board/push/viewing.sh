# shellcheck shell=bash
# Says where the live view of the service is, and what a firewall has to let in.

tell_live_view() {
    local said scheme host port
    grep -qsE '^(NANOYOLO_SERVE=|[[:space:]]*serve[[:space:]]*=)' "$SETTINGS" "$CONFIG" || return 0
    said=$(as_user "$PYTHON" "$CHECK" "$CONFIG" "$SETTINGS" 2>/dev/null </dev/null | sed -n 's/^serve //p') || return 0
    read -r scheme host port <<<"$said"
    [ -n "$port" ] || return 0
    case $host in
        127.* | localhost | ::1)
            say "live view: on $BOARD only; from here: ssh -N -L $port:localhost:$port $BOARD, and open $scheme://localhost:$port/"
            return ;;
        0.0.0.0 | ::) host=$(hostname -I 2>/dev/null | cut -d' ' -f1) ;;
        *:*) host="[$host]" ;;
    esac
    say "live view: $scheme://${host:-ADDRESS}:$port/, for those with the token that this prints: ssh $BOARD sudo cat /var/lib/nanoyolo/token"
    if ufw status 2>/dev/null | grep -q '^Status: active' && ! ufw status | grep -qE "^$port(/tcp)? "; then
        say "the board's firewall does not let them in yet; type: ssh $BOARD sudo ufw allow $port/tcp"
    else
        say "if a firewall is between them and the board, it has to let in port $port/tcp"
    fi
}
