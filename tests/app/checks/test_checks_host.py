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


def test_the_python_of_a_board_is_old_for_a_host(host):
    host.python = (3, 6, 15)
    assert results(host)["python"].state == WARN


def test_numpy_that_is_missing(host):
    host.answers[software.NUMPY] = MISSING
    result = results(host)["numpy"]
    assert result.state == FAIL
    assert result.fix.endswith("-m pip install --force-reinstall numpy")


def test_a_broken_runtime_is_not_pinned_to_the_board_s(host):
    broken = "ONNX Runtime cannot be loaded (no symbol); install it with: python3 -m pip install onnxruntime"
    host.answers[(software.ABOUT, "onnx")] = Failure(broken)
    assert results(host)["backend onnx"].fix.endswith("-m pip install onnxruntime")


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


def test_a_driver_without_a_gpu(host):
    host.answers[nvidia.CUDA] = [100, 0, 0]
    assert (results(host)["cuda"].state, results(host)["cuda"].fix) == (WARN, "nvidia-smi")


@pytest.mark.parametrize("question", [nvidia.TENSORRT, nvidia.PYCUDA])
def test_what_crashes_has_failed_also_where_it_is_not_needed(host, question):
    host.answers[question] = Failure("Python was killed by SIGSEGV (Segmentation fault)", "SIGSEGV")
    name = {nvidia.TENSORRT: "tensorrt", nvidia.PYCUDA: "pycuda"}[question]
    assert results(host)[name].state == FAIL
    assert results(host)[name].fix


def test_a_service_that_is_not_there_is_not_asked_for(host, tmp_path):
    fake_nano.write_commands(tmp_path / "fake_commands", {"systemctl": "echo failed"})
    assert results(host)["service"].state == SKIP


@pytest.mark.parametrize(
    "kind, state, throttled",
    [
        ("Processor", 2, ["Processor at 2"]),
        ("gpu-balanced", 1, ["gpu-balanced at 1"]),
        ("Processor", 0, []),
        ("pwm-fan", 2, None),
        ("Fan", 1, None),
        ("LCD", 5, None),
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
        ("# R36 (release), REVISION: 4.3, GCID: 1", (36, 4, 3)),
        ("something else", None),
        ("", None),
    ],
)
def test_l4t(tmp_path, text, release):
    fake_nano.write_files(tmp_path, {"etc/nv_tegra_release": text})
    assert Machine(str(tmp_path)).l4t() == release


def test_swap_on_disk_is_not_zram(tmp_path):
    fake_nano.write_files(tmp_path, {"proc/swaps": fake_nano.FILES["proc/swaps"]})
    assert Machine(str(tmp_path)).swap() == (4194300 << 10, 507392 << 10)


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
