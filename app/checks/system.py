"""Memory, swap, disk, clock, service, display."""

import os
import re
import shlex
import time
from typing import Optional

from app.checks import Result, failed, passed, skipped, warned
from app.checks.machine import Machine
from app.checks.process import PROJECT, Failure, Missing

RELEASED = 2026  # a clock that shows an earlier year was never set: the Nano's has no battery
SMALL_MEMORY = 5 << 30  # of the Nanos that were sold, 2 and 4 GB
ENOUGH_SWAP = 2 * 10**9
LITTLE_MEMORY = 400 << 20  # free; the loop with ONNX Runtime takes 240 MB
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
    """What is free of it."""
    fields = machine.memory()
    if not {"MemTotal", "MemAvailable"} <= set(fields):
        return skipped("unknown: the kernel does not say")
    free = fields["MemAvailable"]
    found = "{} free of {}".format(_size(free), _size(fields["MemTotal"]))
    if free >= LITTLE_MEMORY:
        return passed(found)
    return warned(found, NO_DESKTOP if machine.is_jetson() else "ps -eo rss,args --sort=-rss | head")


def swap(machine: Machine) -> Result:
    """What the building of an engine needs beside a Nano's memory."""
    if not machine.is_jetson() or machine.memory().get("MemTotal", 0) > SMALL_MEMORY:
        return skipped("not needed here")
    disk, zram = machine.swap()
    found = "{} on disk{}".format(_size(disk), f", {_size(zram)} in memory (zram)" if zram else "")
    if disk >= ENOUGH_SWAP:
        return passed(found)
    found += ": too little to build an engine"
    return warned(found, ADD_SWAP) if disk or zram else failed(found, ADD_SWAP)


def disk(machine: Machine) -> Result:
    """Whether weights and runs can be written, and how much."""
    spaces = []
    for name in ("weights", "runs"):
        folder = os.path.join(PROJECT, name)
        folder = folder if os.path.isdir(folder) else PROJECT  # it will be made
        facts = os.statvfs(folder)
        if facts.f_flag & os.ST_RDONLY:
            return failed(
                f"{folder} is on a disk that is read-only; an SD card is made so when it fails",
                "sudo dmesg | grep -iE 'mmc|ext4' | tail; sudo mount -o remount,rw " + shlex.quote(_mount(folder)),
            )
        if not os.access(folder, os.W_OK):
            fix = f'sudo chown -R "$USER" {shlex.quote(folder)}'
            return failed(f"{folder}: no permission to write there", fix)
        spaces.append(facts.f_bavail * facts.f_frsize)
    free = min(spaces)
    found = f"{_size(free)} free for weights and runs"
    if free >= LITTLE_DISK:
        return passed(found)
    fix = "sudo apt-get clean; du -xh --max-depth=2 ~ | sort -h | tail"
    return (failed if free < NO_DISK else warned)(found, fix)


def _mount(folder: str) -> str:
    while not os.path.ismount(folder):
        folder = os.path.dirname(folder)
    return folder


def clock(machine: Machine) -> Result:
    """Whether it shows the time. Downloads fail where it does not, and recordings are of the wrong day."""
    now = time.localtime()
    found = time.strftime("%Y-%m-%d %H:%M", now)
    if now.tm_year < RELEASED:
        return failed(f"{found}: it was never set", SET_CLOCK)
    synchronised = _is_synchronised(machine)
    if synchronised is None:
        return passed(f"{found}; whether the network keeps it right is unknown")
    if not synchronised:
        return warned(f"{found}, and the network does not keep it right", SET_CLOCK)
    return passed(f"{found}, kept right by the network")


def _is_synchronised(machine: Machine) -> Optional[bool]:
    if machine.is_there("/run/systemd/timesync/synchronized"):  # newer than Ubuntu 18.04
        return True
    try:
        answer = re.search(r"synchronized: (yes|no)", machine.command("timedatectl").out)
    except Failure:
        return None
    return None if answer is None else answer.group(1) == "yes"


def service(machine: Machine) -> Result:
    """Whether the supervised program runs, and how often it had to be started again."""
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
    found = "active, started again {}".format("once" if times == 1 else f"{times} times")
    return warned(found, log) if times else passed("active, and never had to be started again")


def is_installed(machine: Machine) -> bool:
    """Whether the supervised program has a unit."""
    return any(machine.is_there(unit.format(SERVICE)) for unit in UNITS)


def unit_state(machine: Machine, unit: str) -> Optional[str]:
    """A unit's state in systemd's word: active, inactive, failed, activating. None where systemd does not run."""
    try:
        state = machine.command("systemctl", "is-active", unit).out.strip()
    except Missing:
        return None
    return state if state not in ("", "offline") else None


def display(machine: Machine) -> Result:
    """Whether there can be a window. Without one, nothing is wrong."""
    name = os.environ.get("DISPLAY")
    if not name:
        return passed("none, so no window: DISPLAY is not set")
    try:
        return passed("{}{}".format(name, "" if machine.ask(DISPLAY) else " cannot be opened, so no window"))
    except Failure as failure:  # of OpenCV, which has a line of its own
        return skipped(f"{name}: unknown ({failure})")


def _size(size: int) -> str:
    return f"{size / 1e9:.1f} GB"
