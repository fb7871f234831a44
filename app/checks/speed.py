"""Whether the machine runs at full speed: power mode, clocks, temperature, throttling, load."""

from typing import Optional

from app.checks import Result, passed, skipped, warned
from app.checks.machine import Machine
from app.checks.system import SERVICE, is_installed, unit_state

UNKNOWN = "unknown: the kernel does not report it"


def power_mode(machine: Machine) -> Result:
    """The nvpmodel power mode."""
    if not machine.is_jetson():
        return skipped("not needed here")
    mode = machine.power_mode()
    if mode is None:
        return warned("unknown", "sudo nvpmodel -q")
    return _fault(machine, "power mode") or passed(mode)


def cpu_clock(machine: Machine) -> Result:
    """The highest clock the CPUs may reach, and the governor."""
    clock, governor = machine.cpu_clock(), machine.governor()
    if clock is None:
        return skipped(UNKNOWN)
    message = "{} of {} MHz, governor {}".format(clock[0] // 1000, clock[1] // 1000, governor or "unknown")
    return _fault(machine, "CPU clock") or passed(message)


def gpu_clock(machine: Machine) -> Result:
    """The GPU's current clock."""
    if not machine.is_jetson():
        return skipped("not needed here")
    clock = machine.gpu_clock()
    if clock is None:
        return skipped(UNKNOWN)
    return _fault(machine, "GPU clock") or passed(f"{clock[0] // 1000} of {clock[1] // 1000} MHz")


def temperature(machine: Machine) -> Result:
    """The temperature of the hottest part."""
    warmth = machine.temperature()
    if warmth is None:
        return skipped(UNKNOWN)
    return _fault(machine, "temperature") or passed(f"{warmth:.0f} C")


def throttling(machine: Machine) -> Result:
    """Whether the kernel throttles anything at this moment."""
    brakes = machine.throttled()
    if brakes is None:
        return skipped(UNKNOWN)
    if not brakes:
        return passed("nothing is throttled")
    jetson = machine.is_jetson()
    return warned(
        "throttled by {}: too hot, or a weak power supply".format(", ".join(brakes)),
        "tegrastats" if jetson else "grep . /sys/class/thermal/cooling_device*/cur_state",
    )


def load(machine: Machine) -> Result:
    """The load by other programs."""
    message = f"{machine.load():.2f} per core, over the last minute"
    if is_installed(machine) and unit_state(machine, SERVICE) == "active":
        return passed(f"{message}; {SERVICE} is running")
    return _fault(machine, "load") or passed(message)


def _fault(machine: Machine, subject: str) -> Optional[Result]:
    """The board's fault of this subject, if there is one."""
    message = [warned(fault.what, fault.fix) for fault in machine.faults() if fault.subject == subject]
    return message[0] if message else None
