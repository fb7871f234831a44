# shellcheck shell=bash
# Full power and full clocks, again after each start: jetson_clocks forgets.

set_power() {
    step power
    if [ ! -x /usr/sbin/nvpmodel ] || [ ! -x /usr/bin/jetson_clocks ]; then
        note "no nvpmodel or no jetson_clocks, so the clocks are left alone"
        return
    fi
    install_file "$FILES/service/nanoyolo-power.service" /etc/systemd/system/nanoyolo-power.service 644 root:root
    reload_units nanoyolo-power.service
    enable_unit nanoyolo-power.service
    start_unit nanoyolo-power.service
}
