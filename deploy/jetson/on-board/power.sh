# shellcheck shell=bash
# Full power and full clocks, at every boot: jetson_clocks does not persist.

set_power() {
    step power
    if [ ! -x /usr/sbin/nvpmodel ] || [ ! -x /usr/bin/jetson_clocks ]; then
        note "no nvpmodel or no jetson_clocks, so the clocks stay as they are"
        return
    fi
    install_file "$FILES/service/nanoyolo-power.service" /etc/systemd/system/nanoyolo-power.service 644 root:root
    reload_units nanoyolo-power.service
    enable_unit nanoyolo-power.service
    start_unit nanoyolo-power.service
}
