"""Memory, swap, disk, clock, service, display."""

import os
import re
import shlex
import time
from typing import Optional

from app.checks import Result, failed, passed, skipped, warned
from app.checks.machine import Machine
from app.checks.process import PROJECT, Failure, Missing

RELEASED = 2026  # an earlier year means that the clock was never set: a Nano has no battery
SMALL_MEMORY = 5 << 30  # bytes; above that of a Nano, 2 or 4 GB
ENOUGH_SWAP = 2 * 10**9  # bytes
LITTLE_MEMORY = 400 << 20  # bytes free; the loop with ONNX Runtime takes 240 MB
LITTLE_DISK, NO_DISK = 10**9, 10**8  # bytes free; the model and its engine take 100 MB
UNITS = ("etc/systemd/system/{}.service", "lib/systemd/system/{}.service", "usr/lib/systemd/system/{}.service")
SERVICE = "nanoyolo"
ADD_SWAP = (
    "sudo fallocate -l 4G /swapfile && sudo chmod 600 /swapfile && sudo mkswap /swapfile && sudo swapon /swapfile && "
    "echo '/swapfile none swap sw 0 0' | sudo tee -a /etc/fstab"
)
NO_DESKTOP = "sudo systemctl isolate multi-user.target"
SET_CLOCK = "sudo timedatectl set-ntp true"
DISPLAY = "import json\nfrom app.sinks.window import display_available\nprint(json.dumps(display_available()))"


def memory(machine: Machine) -> Result:
    """The free memory."""
    fields = machine.memory()
    if not {"MemTotal", "MemAvailable"} <= set(fields):
        return skipped("unknown: the kernel does not report it")
    free = fields["MemAvailable"]
    message = "{} free of {}".format(_size(free), _size(fields["MemTotal"]))
    if free >= LITTLE_MEMORY:
        return passed(message)
    return warned(message, NO_DESKTOP if machine.is_jetson() else "ps -eo rss,args --sort=-rss | head")


def swap(machine: Machine) -> Result:
    """Swap space, which building an engine needs beside a Nano's memory."""
    if not machine.is_jetson() or machine.memory().get("MemTotal", 0) > SMALL_MEMORY:
        return skipped("not needed here")
    disk, zram = machine.swap()
    message = "{} on disk{}".format(_size(disk), f", {_size(zram)} in memory (zram)" if zram else "")
    if disk >= ENOUGH_SWAP:
        return passed(message)
    message += ": too little to build an engine"
    return warned(message, ADD_SWAP) if disk or zram else failed(message, ADD_SWAP)


def disk(machine: Machine) -> Result:
    """Whether weights/ and runs/ can be written to, and the free space."""
    spaces = []
    for name in ("weights", "runs"):
        folder = os.path.join(PROJECT, name)
        folder = folder if os.path.isdir(folder) else PROJECT  # it will be created
        facts = os.statvfs(folder)
        if facts.f_flag & os.ST_RDONLY:
            return failed(
                f"{folder} the disk is read-only; Linux does that to an SD card that fails",
                "sudo dmesg | grep -iE 'mmc|ext4' | tail; sudo mount -o remount,rw " + shlex.quote(_mount(folder)),
            )
        if not os.access(folder, os.W_OK):
            fix = f'sudo chown -R "$USER" {shlex.quote(folder)}'
            return failed(f"{folder}: no permission to write there", fix)
        spaces.append(facts.f_bavail * facts.f_frsize)
    free = min(spaces)
    message = f"{_size(free)} free for weights/ and runs/"
    if free >= LITTLE_DISK:
        return passed(message)
    fix = "sudo apt-get clean; du -xh --max-depth=2 ~ | sort -h | tail"
    return (failed if free < NO_DISK else warned)(message, fix)


def _mount(folder: str) -> str:
    while not os.path.ismount(folder):
        folder = os.path.dirname(folder)
    return folder


def clock(machine: Machine) -> Result:
    """Whether the clock is right. Otherwise downloads fail, and recordings have the wrong date."""
    now = time.localtime()
    message = time.strftime("%Y-%m-%d %H:%M", now)
    if now.tm_year < RELEASED:
        return failed(f"{message}: it was never set", SET_CLOCK)
    synchronised = _is_synchronised(machine)
    if synchronised is None:
        return passed(f"{message}; whether it is synchronised with the network is unknown")
    if not synchronised:
        return warned(f"{message}, not synchronised with the network", SET_CLOCK)
    return passed(f"{message}, synchronised with the network")


def _is_synchronised(machine: Machine) -> Optional[bool]:
    if machine.is_there("/run/systemd/timesync/synchronized"):  # newer than Ubuntu 18.04
        return True
    try:
        answer = re.search(r"synchronized: (yes|no)", machine.command("timedatectl").out)
    except Failure:
        return None
    return None if answer is None else answer.group(1) == "yes"


def service(machine: Machine) -> Result:
    """Whether the supervised program runs, and how often it was restarted."""
    if not is_installed(machine):
        return skipped("not installed")
    state = unit_state(machine, SERVICE)
    log = f"journalctl -u {SERVICE} -n 50 --no-pager"
    if state is None:
        return skipped("unknown: systemd does not run here")
    if state == "inactive":
        return warned("installed, but stopped", f"sudo systemctl enable --now {SERVICE}")
    if state != "active":
        return failed(state, log)
    restarts = re.search(r"NRestarts=(\d+)", machine.command("systemctl", "show", SERVICE, "--property=NRestarts").out)
    if restarts is None:
        return passed("active")
    times = int(restarts.group(1))
    message = "active, restarted {}".format("once" if times == 1 else f"{times} times")
    return warned(message, log) if times else passed("active, never restarted")


def is_installed(machine: Machine) -> bool:
    """Whether the supervised program's systemd unit is installed."""
    return any(machine.is_there(unit.format(SERVICE)) for unit in UNITS)


def unit_state(machine: Machine, unit: str) -> Optional[str]:
    """A unit's state as systemd calls it: active, inactive, failed, activating. None if systemd does not run."""
    try:
        state = machine.command("systemctl", "is-active", unit).out.strip()
    except Missing:
        return None
    return state if state not in ("", "offline") else None


def display(machine: Machine) -> Result:
    """Whether a window can be opened. It is not an error if not."""
    name = os.environ.get("DISPLAY")
    if not name:
        return passed("none, so no window: DISPLAY is not set")
    try:
        return passed("{}{}".format(name, "" if machine.ask(DISPLAY) else " cannot be opened, so no window"))
    except Failure as failure:  # of OpenCV, which has its own check
        return skipped(f"{name}: unknown ({failure})")


def _size(size: int) -> str:
    return f"{size / 1e9:.1f} GB"
