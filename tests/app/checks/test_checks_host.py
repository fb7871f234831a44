"""A laptop: what only a Jetson needs is not missed."""

import os

import pytest
from support import fake_nano

from app.checks import FAIL, PASS, SKIP, WARN, models, nvidia, software
from app.checks.machine import Machine
from app.checks.process import Failure
from app.doctor import checks_for, examine

FILES = {
    "proc/meminfo": "MemTotal:       16259392 kB\nMemAvailable:    9711234 kB\n",
    "proc/swaps": fake_nano.SWAPS,
    "sys/devices/system/cpu/cpu0/cpufreq/scaling_governor": "performance\n",
    "sys/devices/system/cpu/cpu0/cpufreq/scaling_max_freq": "4000000\n",
    "sys/devices/system/cpu/cpu0/cpufreq/cpuinfo_max_freq": "4000000\n",
    "sys/class/thermal/thermal_zone0/type": "x86_pkg_temp\n",
    "sys/class/thermal/thermal_zone0/temp": "51000\n",
    "sys/class/thermal/cooling_device0/type": "Processor\n",
    "sys/class/thermal/cooling_device0/cur_state": "0\n",
    "dev/video0": "",
    "sys/class/video4linux/video0/name": "Integrated Camera: Integrated C\n",
}
MISSING = Failure("No module named it")
BROKEN = Failure("ONNX Runtime cannot be loaded (no symbol); install it with: python3 -m pip install onnxruntime")
CRASHED = Failure("Python was killed by SIGSEGV (Segmentation fault)", "SIGSEGV")
NEEDED_BY_A_JETSON = ["OPENBLAS_CORETYPE", "jetpack", "cuda", "tensorrt", "pycuda", "engine", "csi", "power mode",
    "gpu clock", "swap", "service"]  # fmt: skip


@pytest.fixture
def host(monkeypatch, tmp_path):
    fake_nano.write_files(tmp_path / "root", FILES)
    fake_nano.write_commands(
        tmp_path / "fake_commands", {name: fake_nano.COMMANDS[name] for name in ("v4l2-ctl", "timedatectl")}
    )
    monkeypatch.setenv("PATH", str(tmp_path / "fake_commands"))
    monkeypatch.delenv("DISPLAY", raising=False)
    monkeypatch.setattr(os, "getloadavg", lambda: (0.0, 0.0, 0.0))
    model = fake_nano.write_model(tmp_path / "weights", engine=False)
    machine = fake_nano.FakeNano(str(tmp_path / "root"), model)
    machine.python = (3, 11, 7)
    machine.answers.update(dict.fromkeys((nvidia.CUDA, nvidia.TENSORRT, nvidia.PYCUDA, models.PLACE), MISSING))
    machine.answers[(software.ABOUT, "tensorrt")] = Failure("TensorRT cannot be loaded (No module named 'tensorrt')")
    machine.answers[software.OPENCV] = ["5.0.0", False, ["opencv-python"]]
    return machine


def results(machine):
    return {result.name: result for result in examine(machine, checks_for(machine))}


def test_what_only_a_jetson_needs_is_not_missed(host):
    found = results(host)
    assert [name for name in NEEDED_BY_A_JETSON if found[name].state != SKIP] == []
    looked_at = ("python", "numpy", "opencv", "backend onnx", "model", "backend auto", "/dev/video0", "cpu clock")
    assert [name for name in looked_at if found[name].state != PASS] == []


@pytest.mark.parametrize(
    "question, answer, name, state, fix",
    [
        (software.NUMPY, MISSING, "numpy", FAIL, "-m pip install --force-reinstall numpy"),
        ((software.ABOUT, "onnx"), BROKEN, "backend onnx", WARN, "-m pip install onnxruntime"),  # not the board's
        (nvidia.CUDA, [100, 0, 0], "cuda", WARN, "nvidia-smi"),
        (nvidia.TENSORRT, CRASHED, "tensorrt", FAIL, "-m pip install tensorrt"),
        (nvidia.PYCUDA, CRASHED, "pycuda", FAIL, "-m pip install pycuda"),
    ],
    ids=["no numpy", "ONNX Runtime is broken", "a driver without a GPU", "TensorRT crashes", "pycuda crashes"],
)
def test_a_fault(host, question, answer, name, state, fix):
    host.answers[question] = answer
    result = results(host)[name]
    assert (result.state, result.fix.endswith(fix)) == (state, True), result


def test_the_python_of_a_board_is_old_for_a_host(host):
    host.python = (3, 6, 15)
    assert results(host)["python"].state == WARN


def test_a_gpu_with_all_that_it_needs(host):
    host.answers[nvidia.CUDA] = [0, 13000, 2]
    host.answers[nvidia.TENSORRT] = ["tensorrt 10.13.0.35", ""]
    host.answers[nvidia.PYCUDA] = "2025.1"
    host.answers[models.PLACE] = ["tensorrt 10.13.0.35", "sm89", "GeForce"]
    found = results(host)
    assert [found[name].state for name in ("cuda", "tensorrt", "pycuda")] == [PASS] * 3
    assert found["cuda"].message == "driver for CUDA 13.0, 2 GPUs, no nvcc"
    assert found["engine"].state == WARN  # there is none
    assert "-m tools.build_engine " in found["engine"].fix


def test_a_service_that_is_not_there_is_not_asked_for(host, tmp_path):
    fake_nano.write_commands(tmp_path / "fake_commands", {"systemctl": "echo failed"})
    assert results(host)["service"].state == SKIP


@pytest.mark.parametrize(
    "kind, state, throttled",
    [
        ("Processor", 2, ["Processor at 2"]),
        ("Processor", 0, []),
        ("pwm-fan", 2, None),
        ("TCC Offset", 5, None),
        ("intel_powerclamp", -1, []),
    ],
)
def test_throttling(tmp_path, kind, state, throttled):
    folder = "sys/class/thermal/cooling_device3/"
    fake_nano.write_files(tmp_path, {folder + "type": kind + "\n", folder + "cur_state": f"{state}\n"})
    assert Machine(str(tmp_path)).throttled() == throttled


def test_a_machine_that_says_nothing(tmp_path):
    silent = Machine(str(tmp_path))
    assert (silent.is_jetson(), silent.is_nano(), silent.l4t(), silent.has_jetpack4()) == (False, False, None, False)
    assert (silent.throttled(), silent.cameras(), silent.memory(), silent.swap()) == (None, [], {}, (0, 0))


@pytest.mark.parametrize(
    "text, release",
    [
        (fake_nano.RELEASE, (32, 7, 1)),
        ("# R32 (release), REVISION: 7, GCID: 1", (32, 7, 0)),
        ("something else", None),
    ],
)
def test_l4t(tmp_path, text, release):
    fake_nano.write_files(tmp_path, {"etc/nv_tegra_release": text})
    assert Machine(str(tmp_path)).l4t() == release


def test_a_question_is_asked_once(tmp_path):
    machine, file = Machine(str(tmp_path)), tmp_path / "asked"
    code = "import sys\nopen(sys.argv[1], 'a').write('x')\nsys.exit('no')"
    for _ in range(2):
        with pytest.raises(Failure, match="no"):
            machine.ask(code, str(file))
    assert file.read_text() == "x"
    with pytest.raises(Failure):
        machine.ask(code, str(file), OTHER="1")
    assert file.read_text() == "xx"
