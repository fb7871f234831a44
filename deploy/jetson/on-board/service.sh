# shellcheck shell=bash
# The user, the folders, the settings and the units. A version is put into /opt/nanoyolo/versions by push.sh.

UNITS=/etc/systemd/system
RESTART=no  # whether what the service runs on has changed under it

make_user() {
    step user
    getent group nanoyolo >/dev/null || change "add group nanoyolo" groupadd --system nanoyolo
    if getent passwd nanoyolo >/dev/null; then
        ok "nanoyolo"
    else
        change "add user nanoyolo" useradd --system --gid nanoyolo --no-create-home --home-dir /var/lib/nanoyolo \
            --shell /usr/sbin/nologin nanoyolo
    fi
    # Cameras and, on a Jetson, the GPU belong to this group.
    case " $(id -nG nanoyolo 2>/dev/null || true) " in
        *" video "*) ok "nanoyolo is in group video" ;;
        *) change "nanoyolo into group video" usermod -aG video nanoyolo ;;
    esac
}

make_folders() {
    step folders
    # The service reads its code and cannot write it.
    make_folder "$NANOYOLO" 755 root:root
    make_folder "$NANOYOLO/versions" 755 root:root
    make_folder /etc/nanoyolo 755 root:root
    make_folder /var/lib/nanoyolo 750 nanoyolo:nanoyolo  # pictures of people, perhaps
}

make_folder() {  # PATH MODE OWNER:GROUP
    if [ "$(stat -c '%a %U:%G' "$1" 2>/dev/null)" = "$2 $3" ]; then
        ok "$1"
    else
        change "make $1, mode $2, of $3" install -d -m "$2" -o "${3%:*}" -g "${3#*:}" "$1"
    fi
}

install_settings() {
    step settings
    install_file "$FILES/service/nanoyolo.env" /etc/nanoyolo/nanoyolo.env.example 644 root:root
    install_file "$FILES/service/nanoyolo.toml" /etc/nanoyolo/nanoyolo.toml.example 644 root:root
    if [ -e /etc/nanoyolo/nanoyolo.env ]; then
        ok "/etc/nanoyolo/nanoyolo.env is the owner's, and stays as it is"
        return
    fi
    local settings
    settings=$(mktemp)
    if [ "$L4T" = 32 ]; then
        sed 's/^#\(OPENBLAS_CORETYPE=\)/\1/' "$FILES/service/nanoyolo.env" >"$settings"
    else
        cp "$FILES/service/nanoyolo.env" "$settings"
    fi
    # A camera's address may hold a password.
    install_file "$settings" /etc/nanoyolo/nanoyolo.env 640 root:nanoyolo
    rm -f "$settings"
}

install_units() {
    step units
    local unit
    for unit in nanoyolo.service nanoyolo-csi.service nanoyolo-prune.service nanoyolo-prune.timer; do
        cmp -s "$FILES/service/$unit" "$UNITS/$unit" || RESTART=yes
        install_file "$FILES/service/$unit" "$UNITS/$unit" 644 root:root
        reload_units "$unit"
    done
    enable_unit nanoyolo.service
    enable_unit nanoyolo-prune.timer
    start_unit nanoyolo-prune.timer
}

# systemd is asked, since a run may have been killed between the writing of a unit and this.
reload_units() {  # UNIT
    if [ "$(systemctl show -p NeedDaemonReload "$1" 2>/dev/null || true)" = NeedDaemonReload=yes ]; then
        change "have systemd read $1 again" systemctl daemon-reload
    fi
}

enable_unit() {
    if [ "$(systemctl is-enabled "$1" 2>/dev/null || true)" = enabled ]; then
        ok "$1 is enabled"
    else
        change "enable $1" systemctl enable "$1"
    fi
}

start_unit() {
    if [ "$(systemctl is-active "$1" 2>/dev/null || true)" = active ]; then
        ok "$1 is active"
    else
        change "start $1" systemctl start "$1"
    fi
}

limit_journal() {
    step journal
    local file=/etc/systemd/journald.conf.d/nanoyolo.conf
    cmp -s "$FILES/service/journald.conf" "$file" || local changed=yes
    install_file "$FILES/service/journald.conf" "$file" 644 root:root
    [ -z "${changed:-}" ] || change "restart the journal" systemctl restart systemd-journald.service
}

start_service() {
    step service
    if [ ! -e "$NANOYOLO/current" ]; then
        ok "not started, since there is no version yet"
        return
    fi
    # While it fails and is started again it is "activating": then it runs as far as this is concerned.
    case $(systemctl is-active nanoyolo.service 2>/dev/null || true) in
        inactive | failed) change "start nanoyolo.service" systemctl start --no-block nanoyolo.service ;;
        *)
            if [ "$RESTART" = yes ]; then
                change "restart nanoyolo.service" systemctl restart --no-block nanoyolo.service
            else
                ok "nanoyolo.service runs"
            fi ;;
    esac
}
