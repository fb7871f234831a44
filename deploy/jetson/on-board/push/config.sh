# shellcheck shell=bash
# The file of settings that a push brings: checked by the version that will read it, and undone with a failed switch.
#
#   nanoyolo.toml          the service's
#   nanoyolo.toml.before   exists during a switch: the one before, empty where there was none

receive_config() {
    if [ "$CONFIG_SIZE" = 0 ]; then return; fi
    # It may hold passwords.
    (umask 077 && head -c "$CONFIG_SIZE" >"$WORK/${CONFIG##*/}")
    [ "$(stat -c %s "$WORK/${CONFIG##*/}")" = "$CONFIG_SIZE" ] || die "the file of settings arrived incomplete; type the same again"
    chown root:nanoyolo "$WORK/${CONFIG##*/}"
    chmod 640 "$WORK/${CONFIG##*/}"
}

# Sets CONFIG_SIZES, the input sizes of its cameras, and MODEL, what they use. Without a new file the board's is checked,
# for the new version.
check_config() {
    local config=$CONFIG said
    if [ "$CONFIG_SIZE" != 0 ]; then config=$WORK/${CONFIG##*/}; fi
    if [ ! -e "$config" ] && ! grep -q '^NANOYOLO_MODEL=' "$SETTINGS" 2>/dev/null; then return; fi
    if [ ! -e "$VERSIONS/$NAME/$CHECK" ]; then
        [ "$CONFIG_SIZE" = 0 ] || die "$NAME is older than ${CONFIG##*/}, and does not read it; push without --config; $(still) on $BOARD"
        return
    fi
    say "checking ${CONFIG##*/}"
    if CONFIG_SIZES=$(as_user "$PYTHON" "$CHECK" "$config" "$SETTINGS" 2>"$WORK/said" </dev/null); then
        said=$(cat "$WORK/said")
        [ -z "$said" ] || say "${said//"$WORK/"/}"
        said=$(sed -n 's/^model //p' <<<"$CONFIG_SIZES")
        MODEL=${said:-$MODEL}
        CONFIG_SIZES=${CONFIG_SIZES%%$'\n'*}
    else
        said=$(tail -n 1 "$WORK/said")
        said=${said//"$WORK/"/}
        said=${said#error: }
        die "${said:-${CONFIG##*/} could not be checked}; $(still) on $BOARD, with its settings"
    fi
}

install_config() {
    if [ "$CONFIG_SIZE" = 0 ]; then return; fi
    if [ -e "$CONFIG" ]; then cp -p "$CONFIG" "$CONFIG.new"; else : >"$CONFIG.new"; fi
    sync "$CONFIG.new"
    mv -T "$CONFIG.new" "$CONFIG.before"
    cp -p "$WORK/${CONFIG##*/}" "$CONFIG.new"
    sync "$CONFIG.new"
    mv -T "$CONFIG.new" "$CONFIG"
    sync -f "$CONFIG"
}

# False where nothing was installed.
restore_config() {
    if [ ! -e "$CONFIG.before" ]; then return 1; fi
    if [ -s "$CONFIG.before" ]; then
        mv -T "$CONFIG.before" "$CONFIG"
    else
        rm -f "$CONFIG" "$CONFIG.before"
    fi
    sync -f "${CONFIG%/*}"
}
