"""What Linux reports of the machine: model, power, temperature and clocks; and why a measurement would be slow.

All of it is read from /proc, /sys and /var, and is None if the file is missing or holds nothing sensible.

None of these files has been seen on a board: names and units are taken from NVIDIA's guides and from other programs,
for L4T 32 (kernel 4.9) and for the mainline kernels after it. All assumptions about sysfs are here, and in
`checks/machine.py` where only the doctor needs them.
"""

import glob
import os
import re
from typing import Any, Dict, List, NamedTuple, Optional, Tuple

# A Raspberry Pi throttles from here on, according to its documentation; NVIDIA specifies 87 as the limit for an Orin,
# and a Nano throttles a few degrees later. So this leaves a margin for the heat of the measurement itself.
HOT = 85.0  # degrees Celsius
BUSY = 0.5  # load per core: above it, a measurement competes with other programs

DUMMY_ZONE = "PMIC-Die"  # reports a constant 50 or 100 C
POWER_MODES = {"0": "MAXN", "1": "5W"}  # of a Nano

Clock = Tuple[int, int]


class Fault(NamedTuple):
    """What slows the machine down, in the words `what`. fix: the command to type; advice: the words before it."""

    subject: str
    what: str
    fix: str
    advice: str = "fix it with"


class Board:
    """The machine whose file system is under `root`. Every call reads the files again."""

    def __init__(self, root: str = "/") -> None:
        self._root = root

    def model(self) -> Optional[str]:
        """The board's name, as `NVIDIA Jetson Nano Developer Kit`; None on a PC."""
        return self._text("proc/device-tree/model")

    def power(self) -> Optional[float]:
        """The board's power consumption in watts."""
        for monitor in self._folders("sys/bus/i2c/drivers/ina3221x/*/iio[:_]device*"):  # L4T 32; mW
            milliwatts = self._number(monitor, "in_power0_input")
            if milliwatts is not None and self._is_input(monitor, "rail_name_0"):
                return milliwatts / 1e3
        for monitor in self._folders("sys/class/hwmon/hwmon*"):  # mainline; microwatts, else mA and mV
            if self._text(monitor, "name") != "ina3221" or not self._is_input(monitor, "in1_label"):
                continue
            microwatts = self._number(monitor, "power1_input")
            current, voltage = self._number(monitor, "curr1_input"), self._number(monitor, "in1_input")
            if microwatts is None and current is not None and voltage is not None:
                microwatts = current * voltage
            if microwatts is not None:
                return microwatts / 1e6
        return None

    def temperature(self) -> Optional[float]:
        """The temperature of the hottest thermal zone, in degrees Celsius."""
        found = []
        for zone in self._folders("sys/class/thermal/thermal_zone*"):
            millidegrees = self._number(zone, "temp")  # not readable for a part that is powered off
            if millidegrees is not None and self._text(zone, "type") != DUMMY_ZONE:
                found.append(millidegrees / 1e3)
        return max(found) if found else None

    def gpu_load(self) -> Optional[float]:
        """The load of a Jetson's GPU, 0 to 1."""
        per_mille = self._number("sys/devices/gpu.0/load")
        return None if per_mille is None else per_mille / 1e3

    def governor(self) -> Optional[str]:
        """The frequency governor of the online CPUs: `performance` where all have it, else the first other one."""
        found = [name for name in (self._text(cpu, "scaling_governor") for cpu in self._cpus()) if name]
        return next((name for name in found if name != "performance"), found[0] if found else None)

    def cpu_clock(self) -> Optional[Clock]:
        """The highest clock allowed now and the highest possible, in kHz, of the CPU that is restricted most."""
        pairs = [(self._number(cpu, "scaling_max_freq"), self._number(cpu, "cpuinfo_max_freq")) for cpu in self._cpus()]
        clocks = [(int(allowed), int(most)) for allowed, most in pairs if allowed is not None and most]
        return min(clocks, key=lambda clock: clock[0] / clock[1]) if clocks else None

    def gpu_clock(self) -> Optional[Clock]:
        """A Jetson GPU's current clock, which is low while it is idle, and the highest allowed, in kHz."""
        for gpu in self._folders("sys/devices/gpu.0/devfreq/*") + self._folders("sys/class/devfreq/*.g[pva]*"):
            now, most = self._number(gpu, "cur_freq"), self._number(gpu, "max_freq")  # Hz
            if now is not None and most:
                return int(now) // 1000, int(most) // 1000
        return None

    def power_mode(self) -> Optional[str]:
        """A Jetson's nvpmodel mode: its number, and on a Nano also its name, as `0 (MAXN)`."""
        status = re.search(r"pmode:(\d+)", self._text("var/lib/nvpmodel/status") or "")
        if status is None:
            return None
        number = str(int(status.group(1)))
        named = self._is("jetson nano") and number in POWER_MODES
        return f"{number} ({POWER_MODES[number]})" if named else number

    def load(self) -> float:
        """The load average of the last minute, per online core."""
        return os.getloadavg()[0] / (os.cpu_count() or 1)

    def describe(self) -> Dict[str, Any]:
        """All of it, ready for JSON, without what is unknown."""
        cpu, gpu = self.cpu_clock(), self.gpu_clock()
        facts = {
            "model": self.model(),
            "power_mode": self.power_mode(),
            "governor": self.governor(),
            "cpu_clock_khz": cpu and list(cpu),
            "gpu_clock_khz": gpu and list(gpu),
            "gpu_load": self.gpu_load(),
            "temperature_c": self.temperature(),
            "power_w": self.power(),
            "load": round(self.load(), 2),
        }
        return {name: fact for name, fact in facts.items() if fact is not None}

    def faults(self) -> List[Fault]:
        """Why work that starts now would not run at full speed. Call it before the work, which adds load and heat."""
        jetson = self._is("jetson")
        found = []
        mode = self.power_mode()
        if self._is("jetson nano") and mode is not None and not mode.startswith("0 "):
            found.append(Fault("power mode", f"the power mode is {mode}, not MAXN", "sudo nvpmodel -m 0"))
        governor = self.governor()
        if governor not in (None, "performance") and not self._is_pinned():
            fix = "sudo jetson_clocks" if jetson else "sudo cpupower frequency-set -g performance"
            found.append(Fault("CPU clock", f"the CPU's clock is set by the governor {governor}", fix))
        cpu = self.cpu_clock()
        if cpu is not None and cpu[0] < cpu[1]:
            fix = "sudo nvpmodel -m 0" if jetson else f"sudo cpupower frequency-set -u {cpu[1]}kHz"
            found.append(Fault("CPU clock", "the CPU is limited to {} of its {} MHz".format(*_mhz(cpu)), fix))
        gpu = self.gpu_clock()
        if jetson and gpu is not None and gpu[0] < gpu[1]:
            found.append(Fault("GPU clock", "the GPU is at {} of {} MHz".format(*_mhz(gpu)), "sudo jetson_clocks"))
        warmth = self.temperature()
        if warmth is not None and warmth >= HOT:
            what = f"it is at {warmth:.0f} C and will throttle soon"
            fan = "sudo jetson_clocks --fan", "let it cool, or turn on the fan with"
            look = "cat /sys/class/thermal/thermal_zone*/temp", "let it cool, and check again with"
            found.append(Fault("temperature", what, *(fan if jetson else look)))
        load = self.load()
        if load > BUSY:
            what = f"the cores have been busy (load {load:.2f} per core)"
            found.append(Fault("load", what, "top", "find the programs with"))
        return found

    def complaints(self) -> List[str]:
        """The faults as lines, each with its fix."""
        return [f"{fault.what}; {fault.advice}: {fault.fix}" for fault in self.faults()]

    def _is(self, name: str) -> bool:
        return name in (self.model() or "").lower().replace("-", " ")  # early releases say `jetson-nano`

    def _is_pinned(self) -> bool:
        """Whether lowest and highest clock are equal: jetson_clocks keeps the governor and raises the lowest clock."""
        bounds = [
            (self._number(cpu, "scaling_min_freq"), self._number(cpu, "scaling_max_freq")) for cpu in self._cpus()
        ]
        return all(least is not None and most is not None and least >= most for least, most in bounds)

    def _is_input(self, *label: str) -> bool:
        """Whether a monitor's first rail is the board's input, POM_5V_IN on a Nano; elsewhere it may be the GPU's."""
        return (self._text(*label) or "_IN").endswith("_IN")

    def _cpus(self) -> List[str]:
        """The `cpufreq` folders of the online CPUs."""
        found = self._folders("sys/devices/system/cpu/cpu[0-9]*/cpufreq")
        return [
            folder for folder in found if self._text(os.path.dirname(folder), "online") != "0"
        ]  # cpu0 has no such file

    def _folders(self, pattern: str) -> List[str]:
        """The paths under the root that match, without the root."""
        found = glob.glob(os.path.join(glob.escape(self._root), pattern))
        return sorted(os.path.relpath(path, self._root) for path in found)

    def _number(self, *path: str) -> Optional[float]:
        try:
            return float(int(self._text(*path) or ""))
        except ValueError:
            return None

    def _text(self, *path: str) -> Optional[str]:
        try:
            with open(os.path.join(self._root, *path), "rb") as file:
                return file.read().decode("utf-8", "replace").strip("\0 \n") or None
        except OSError:
            return None


def _mhz(clock: Clock) -> Tuple[int, int]:
    return clock[0] // 1000, clock[1] // 1000
