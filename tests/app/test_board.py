import json
import os

import pytest

from app.board import Board

NANO = "proc/device-tree/model", "NVIDIA Jetson Nano Developer Kit\0"
MONITOR = "sys/bus/i2c/drivers/ina3221x/6-0040/iio:device0/"
HWMON = "sys/class/hwmon/hwmon1/"
ZONE = "sys/class/thermal/thermal_zone{}/"
CPU = "sys/devices/system/cpu/cpu{}/"
GPU = "sys/devices/gpu.0/devfreq/57000000.gpu/"


@pytest.fixture(autouse=True)
def idle(monkeypatch):
    monkeypatch.setattr(os, "getloadavg", lambda: (0.0, 9.0, 9.0))


@pytest.fixture
def board(tmp_path):
    def make(*files):
        for path, text in files:
            file = tmp_path / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text)
        return Board(str(tmp_path))

    return make


def cpu(number, governor="schedutil", least=102000, allowed=1479000, most=1479000, online="1"):
    folder = CPU.format(number)
    return [
        (folder + "online", online + "\n"),
        (folder + "cpufreq/scaling_governor", governor + "\n"),
        (folder + "cpufreq/scaling_min_freq", f"{least}\n"),
        (folder + "cpufreq/scaling_max_freq", f"{allowed}\n"),
        (folder + "cpufreq/cpuinfo_max_freq", f"{most}\n"),
    ]


def gpu(now, most=921600000):
    return [(GPU + "cur_freq", f"{now}\n"), (GPU + "max_freq", f"{most}\n")]


def zone(number, kind, temperature):
    return [(ZONE.format(number) + "type", kind + "\n"), (ZONE.format(number) + "temp", f"{temperature}\n")]


def test_a_machine_that_says_nothing(board):
    silent = board()
    asked = [silent.model, silent.power, silent.temperature, silent.gpu_load, silent.governor, silent.cpu_clock]
    assert [ask() for ask in [*asked, silent.gpu_clock, silent.power_mode]] == [None] * 8
    assert silent.complaints() == []
    assert silent.describe() == {"load": 0.0}


def test_this_machine_can_be_described():
    facts = Board().describe()
    assert json.loads(json.dumps(facts)) == facts
    assert all(isinstance(line, str) for line in Board().complaints())


def test_a_nano_as_it_starts(board):
    nano = board(
        NANO,
        ("var/lib/nvpmodel/status", "pmode:0001\n"),
        (MONITOR + "rail_name_0", "POM_5V_IN\n"),
        (MONITOR + "in_power0_input", "2746\n"),
        ("sys/devices/gpu.0/load", "425\n"),
        *zone(0, "AO-therm", 37000),
        *zone(1, "CPU-therm", 32500),
        *zone(2, "PMIC-Die", 100000),
        *cpu(0, allowed=918000),
        *cpu(1),
        *gpu(76800000, 640000000),
    )
    assert nano.describe() == {
        "model": "NVIDIA Jetson Nano Developer Kit",
        "power_mode": "1 (5W)",
        "governor": "schedutil",
        "cpu_clock_khz": [918000, 1479000],
        "gpu_clock_khz": [76800, 640000],
        "gpu_load": 0.425,
        "temperature_c": 37.0,
        "power_w": 2.746,
        "load": 0.0,
    }
    commands = [line.split("fix it with: ")[1] for line in nano.complaints()]
    assert commands == ["sudo nvpmodel -m 0", "sudo jetson_clocks", "sudo nvpmodel -m 0", "sudo jetson_clocks"]


def test_a_nano_after_jetson_clocks_has_nothing_to_fix(board):
    """Which raises the lowest clock to the highest, and leaves the governor as it is."""
    files = [NANO, ("var/lib/nvpmodel/status", "pmode:0000\n"), *cpu(0, least=1479000), *gpu(921600000)]
    nano = board(*files)
    assert nano.power_mode() == "0 (MAXN)"
    assert nano.governor() == "schedutil"
    assert nano.complaints() == []


@pytest.mark.parametrize(
    "files, watts",
    [
        ([(MONITOR + "in_power0_input", "2746\n")], 2.746),
        ([(MONITOR + "rail_name_0", "VDD_SYS_GPU\n"), (MONITOR + "in_power0_input", "2746\n")], None),
        ([(MONITOR + "in_power0_input", "none\n")], None),
        ([(HWMON + "name", "ina3221\n"), (HWMON + "power1_input", "2746000\n")], 2.746),
        ([(HWMON + "name", "ina3221\n"), (HWMON + "curr1_input", "500\n"), (HWMON + "in1_input", "5000\n")], 2.5),
        ([(HWMON + "name", "ina3221\n"), (HWMON + "curr1_input", "500\n")], None),
        ([(HWMON + "name", "ina3221\n"), (HWMON + "in1_label", "VDD_CPU\n"), (HWMON + "power1_input", "1\n")], None),
        ([(HWMON + "name", "coretemp\n"), (HWMON + "power1_input", "2746000\n")], None),
    ],
    ids=[
        "L4T",
        "another rail",
        "no number",
        "microwatts",
        "mA and mV",
        "no voltage",
        "hwmon, another rail",
        "no monitor",
    ],
)
def test_power(board, files, watts):
    assert board(*files).power() == watts


@pytest.mark.parametrize(
    "zones, degrees",
    [
        ([("CPU-therm", 41500), ("GPU-therm", 40000)], 41.5),
        ([("CPU-therm", 41500), ("PMIC-Die", 50000)], 41.5),
        ([("PMIC-Die", 100000)], None),
        ([("x86_pkg_temp", 41500), ("iwlwifi_1", "")], 41.5),
    ],
    ids=["hottest", "dummy", "only a dummy", "unreadable"],
)
def test_temperature(board, zones, degrees):
    files = [file for number, (kind, temperature) in enumerate(zones) for file in zone(number, kind, temperature)]
    assert board(*files).temperature() == degrees


def test_a_zone_whose_reading_fails_is_passed_over(board, tmp_path):
    (tmp_path / ZONE.format(1) / "temp").mkdir(parents=True)  # reading a folder is an OSError
    assert board(*zone(0, "CPU-therm", 41500)).temperature() == 41.5


def test_only_cpus_that_are_on_count(board):
    host = board(*cpu(0, "performance", allowed=3000000, most=3000000), *cpu(1, allowed=1, online="0"))
    assert (host.governor(), host.cpu_clock()) == ("performance", (3000000, 3000000))
    assert host.complaints() == []


def test_one_slow_cpu_is_enough(board):
    host = board(*cpu(0, "performance"), *cpu(1, "powersave", allowed=1000000), *cpu(2, "performance"))
    assert (host.governor(), host.cpu_clock()) == ("powersave", (1000000, 1479000))
    commands = [line.split("fix it with: ")[1] for line in host.complaints()]
    assert commands == ["sudo cpupower frequency-set -g performance", "sudo cpupower frequency-set -u 1479000kHz"]


@pytest.mark.parametrize(
    "model, mode, expected",
    [
        ("NVIDIA Jetson Nano 2GB Developer Kit", "0000", "0 (MAXN)"),
        ("jetson-nano", "0001", "1 (5W)"),
        ("NVIDIA Jetson Nano Developer Kit", "0007", "7"),
        ("NVIDIA Jetson Orin Nano Developer Kit", "0001", "1"),
        ("", "0010", "10"),
    ],
)
def test_power_mode(board, model, mode, expected):
    files = [("proc/device-tree/model", model + "\0"), ("var/lib/nvpmodel/status", f"pmode:{mode}\n")]
    assert board(*files).power_mode() == expected


def test_newer_kernels_list_the_gpu_elsewhere(board):
    folder = "sys/class/devfreq/17000000.ga10b/"
    others = "sys/class/devfreq/13e40000.memory-controller/"
    files = [(place + name, "612000000\n") for place in (folder, others) for name in ("cur_freq", "max_freq")]
    assert board(*files).gpu_clock() == (612000, 612000)


@pytest.mark.parametrize("millidegrees, complaints", [(84900, 0), (85000, 1)])
def test_heat(board, millidegrees, complaints):
    assert len(board(*zone(0, "CPU-therm", millidegrees)).complaints()) == complaints


@pytest.mark.parametrize("load, complaints", [(1.9, 0), (2.1, 1)])
def test_load_is_per_core(board, monkeypatch, load, complaints):
    monkeypatch.setattr(os, "getloadavg", lambda: (load, 0.0, 0.0))
    monkeypatch.setattr(os, "cpu_count", lambda: 4)
    assert board().load() == pytest.approx(load / 4)
    assert len(board().complaints()) == complaints
