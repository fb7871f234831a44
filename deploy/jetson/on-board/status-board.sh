#!/bin/bash
# Says how a board is, a `name=value` a line; what is not known has no value. For deploy/jetson/ansible; as anybody.
#   identity: whose board this is; one that two names of an inventory share is one board, or a copied SD card
#   status:   what runs, and how
#   health:   status, after some seconds in which the service should not have ended; fails when it is not well
# FACTS, where the system's files are, is empty but in tests.
set -euo pipefail

FACTS=${FACTS:-}
SERVICE=nanoyolo.service
CURRENT=/opt/nanoyolo/current
WATCH=8  # seconds

property() {  # NAME of the service
    local line
    line=$(systemctl show -p "$1" "$SERVICE" 2>/dev/null) || true
    echo "${line#*=}"
}

contents() {  # FILE
    tr -d '\0\n' 2>/dev/null <"$FACTS$1" || true
}

identity() {
    echo "machine_id=$(contents /etc/machine-id)"
    echo "serial=$(contents /proc/device-tree/serial-number)"
    echo "host_key=$(cut -d' ' -f2 2>/dev/null </etc/ssh/ssh_host_ed25519_key.pub || true)"
}

l4t() {
    sed -nE '1s/^# R([0-9]+) \(release\), REVISION: ([0-9.]+).*/\1.\2/p' 2>/dev/null <"$FACTS/etc/nv_tegra_release" || true
}

temperature() {  # of the hottest zone, in degrees
    local zone hottest=0 now
    for zone in "$FACTS"/sys/class/thermal/thermal_zone*; do
        # PMIC-Die says 50 or 100 degrees whatever its temperature is; a zone without power cannot be read.
        [ "$(cat "$zone/type" 2>/dev/null || true)" != PMIC-Die ] || continue
        now=$(cat "$zone/temp" 2>/dev/null || true)
        if [[ $now =~ ^[0-9]+$ ]] && [ "$now" -gt "$hottest" ]; then hottest=$now; fi
    done
    if [ "$hottest" -gt 0 ]; then echo "$((hottest / 1000)) C"; fi
}

# Since the service became active. Both clocks begin when the board starts: a board's date may be years off.
running_for() {
    local since now
    since=$(property ActiveEnterTimestampMonotonic)
    if [ "$(property ActiveState)" != active ] || ! [[ $since =~ ^[1-9][0-9]*$ ]]; then return; fi
    now=$(cut -d. -f1 </proc/uptime)
    spell $((now - since / 1000000))
}

spell() {  # SECONDS
    if [ "$1" -lt 120 ]; then
        echo "$1 s"
    elif [ "$1" -lt 7200 ]; then
        echo "$(($1 / 60)) min"
    elif [ "$1" -lt 172800 ]; then
        echo "$(($1 / 3600)) h"
    else
        echo "$(($1 / 86400)) d"
    fi
}

status() {
    local model revision
    model=$(contents /proc/device-tree/model)
    model=${model:-$(contents /sys/firmware/devicetree/base/model)}
    revision=$(readlink "$CURRENT" 2>/dev/null || true)
    echo "model=${model:-$(uname -m)}"
    echo "l4t=$(l4t)"
    echo "revision=${revision##*/}"
    echo "service=$(property ActiveState)"
    echo "restarts=$(property NRestarts)"
    echo "up=$(running_for)"
    echo "temperature=$(temperature)"
    echo "free=$(df --output=avail -BM /opt 2>/dev/null | tail -n 1 | tr -d ' ')B"
    echo "rate=$(property StatusText)"
}

unwell() {
    echo "error: $1; see: journalctl -u nanoyolo -n 30" >&2
    exit 1
}

health() {
    local restarts
    restarts=$(property NRestarts)
    systemctl is-active --quiet "$SERVICE" || unwell "the service is $(property ActiveState)"
    sleep "$WATCH"
    systemctl is-active --quiet "$SERVICE" || unwell "the service is $(property ActiveState), after $WATCH s"
    [ "$(property NRestarts)" = "$restarts" ] || unwell "the service ended and was started again within $WATCH s"
    if [ -e "$CURRENT/app/doctor.py" ]; then doctor; fi
    status
}

doctor() {
    local report
    cd "$CURRENT"
    report=$(runuser -u nanoyolo -- env PYTHONDONTWRITEBYTECODE=1 OPENBLAS_CORETYPE=ARMV8 \
        timeout 300 /opt/nanoyolo/venv/bin/python -m app.doctor 2>&1) ||
        unwell "app.doctor says: $(tail -n 1 <<<"$report")"
}

"${1:-status}"
