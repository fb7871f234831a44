# shellcheck shell=bash
# Switches to another version, and back if the service does not start and keep running, also after a power cut.

# Sets REASON when the service does not start, or does not keep running.
start_and_watch() {
    local restarts second
    systemctl reset-failed "$SERVICE" 2>/dev/null 9>&- || true  # otherwise systemd does not start a service that failed often
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
    local old back reason
    old=$(current)
    decide yes
    if [ "$old" != "$NAME" ] || [ "$CONFIG_SIZE" != 0 ]; then echo "$1 $old" | write_whole "$VERSIONS/.switching"; fi
    install_config
    point_to "$NAME"
    say "starting $NAME"
    if start_and_watch; then
        if [ "$1" = push ]; then remember "$NAME" "$old"; fi
        rm -f "$CONFIG.before" "$VERSIONS/.switching"
        return
    fi
    if restore_config && [ "$old" = "$NAME" ]; then
        reason="$REASON with the new ${CONFIG##*/}"
        if start_and_watch; then back="$NAME runs again with the old one"; else back="the old one is back, but $REASON with it too"; fi
        rm -f "$VERSIONS/.switching"
        die "$reason; $back; on $BOARD, see: journalctl -u nanoyolo -n 30"
    fi
    if [ "$old" = "$NAME" ]; then die "$REASON with $NAME, which ran before; see: journalctl -u nanoyolo; or go back: --rollback"; fi
    reason=$REASON
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
    die "$reason with $NAME; $back; on $BOARD, see: journalctl -u nanoyolo -n 30"
}

# Clean up after a killed push or a power cut.
finish_interrupted() {
    local command old='' new
    rm -f "$ROOT/.current.new" "$VERSIONS"/.*.new "$CONFIG.new"
    if [ ! -e "$VERSIONS/.switching" ]; then return; fi
    read -r command old <"$VERSIONS/.switching" || true
    new=$(current)
    decide yes
    if { [ "$new" != "$old" ] || [ -e "$CONFIG.before" ]; } && start_and_watch; then
        rm -f "$CONFIG.before"
        say "an earlier $command was interrupted; $new, which it was starting, runs and stays"
        if [ "$command" = push ]; then remember "$new" "$old"; fi
    else
        restore_config || true
        if [ "$new" != "$old" ]; then
            say "an earlier $command was interrupted; with $new $REASON, so going back to ${old:-nothing}"
            point_to "$old"
            set_aside "$new" || true
        fi
        if [ -n "$old" ]; then start_and_watch || say "with $old $REASON"; fi
    fi
    rm -f "$VERSIONS/.switching"
    decide no
}
