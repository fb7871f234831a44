"""A Jetson Nano on which all is well, and then one thing is not. Board, commands and answers are fakes."""

import os
import time

import pytest
from support import fake_nano
from support.fake_nano import CPU, GPU, THERMAL, FakeNano

from app.checks import FAIL, PASS, SKIP, WARN, cameras, models, nvidia, software, system
from app.checks.process import Failure
from app.doctor import checks_for, examine
from app.engine import EngineSource, EngineTarget, write_engine
from app.modelcard import find_model, hash_file

SIGILL = Failure("Python was killed by SIGILL (Illegal instruction)", "SIGILL")
SIGSEGV = Failure("Python was killed by SIGSEGV (Segmentation fault)", "SIGSEGV")
ONLY_ZRAM = fake_nano.SWAPS + "".join(f"/dev/zram{number} partition 507392 0 5\n" for number in range(4))
SMALL_FILE = fake_nano.SWAPS + "/swapfile file 1048572 0 -2\n"


class FakeTime:
    """The module, in another year."""

    def __init__(self, year):
        self.year = year

    def localtime(self):
        return time.struct_time((self.year, 3, 1, 12, 30, 0, 0, 60, 0))

    def strftime(self, *arguments):
        return time.strftime(*arguments)


class FakeDisk:
    """What os.statvfs() gives."""

    def __init__(self, free=20 * 10**9, flag=0):
        self.f_frsize, self.f_bavail, self.f_flag = 4096, free // 4096, flag


@pytest.fixture
def nano(monkeypatch, tmp_path):
    root = fake_nano.prepare(monkeypatch, tmp_path)
    model = fake_nano.write_model(tmp_path / "weights")
    monkeypatch.setattr(system, "time", FakeTime(system.RELEASED))
    monkeypatch.setattr(system, "PROJECT", str(tmp_path))
    monkeypatch.setattr(os, "statvfs", lambda path: FakeDisk())
    for module in (software, nvidia):
        monkeypatch.setattr(module, "in_closed_venv", lambda: False)
    return FakeNano(str(root), model)


def states(machine):
    return {result.name: result.state for result in examine(machine, checks_for(machine))}


def troubles(machine):
    return [result for result in examine(machine, checks_for(machine)) if result.state in (WARN, FAIL)]


def only_trouble(machine, name, state, fix):
    """One check tells, in this state, with this fix or one that has it in it; its message."""
    (result,) = troubles(machine)
    assert (result.name, result.state) == (name, state)
    assert fix in result.fix
    assert "pip install" not in result.fix or "opencv" not in result.fix  # which would hide JetPack's
    return result.message


def put(tmp_path, files):
    fake_nano.write_files(tmp_path / "root", files)


def test_a_healthy_one(nano):
    names = (
        "python numpy OPENBLAS_CORETYPE opencv jetpack cuda tensorrt pycuda model engine cameras /dev/video0 "
        "/dev/video1 csi temperature throttling load memory swap disk clock service display"
    ).split()
    names += ["backend " + name for name in ("onnx", "tensorflow", "tensorrt", "opencv", "openvino", "auto")]
    names += ["power mode", "cpu clock", "gpu clock", "live view"]
    skipped = ("backend tensorflow", "backend openvino", "/dev/video1", "live view")
    results = list(examine(nano, checks_for(nano)))
    assert {result.name: result.state for result in results} == {
        name: SKIP if name in skipped else PASS for name in names
    }
    found = {result.name: result.message for result in results}
    assert found["jetpack"] == "L4T 32.7.1, JetPack 4.6.1, on NVIDIA Jetson Nano Developer Kit"
    assert found["opencv"] == "4.1.1, with GStreamer"
    assert found["cuda"] == "driver for CUDA 10.2, 1 GPU, nvcc 10.2"
    assert found["engine"] == "416x320 fp16 for tensorrt 8.2.1.8 on NVIDIA Tegra X1"
    assert found["/dev/video0"] == "HD Pro Webcam C920: MJPG up to 1920x1080 at 30 FPS, YUYV up to 1280x720 at 10 FPS"
    assert found["power mode"] == "0 (MAXN)"
    assert found["cpu clock"] == "1479 of 1479 MHz, governor schedutil"
    assert found["temperature"] == "42 C"
    assert found["swap"] == "4.3 GB on disk, 0.5 GB in memory (zram)"
    assert found["clock"] == f"{system.RELEASED}-03-01 12:30, synchronised with the network"
    assert found["service"] == "active, never restarted"


FAULTS = {  # changes to files, commands and answers of the board; the check that tells, and what to type
    "L4T 32.5": ({"etc/nv_tegra_release": "# R32 (release), REVISION: 5.1, GCID: 1"}, "jetpack", FAIL, nvidia.UPGRADE),
    "5 W": ({"var/lib/nvpmodel/status": "pmode:0001\n"}, "power mode", WARN, "sudo nvpmodel -m 0"),
    "power mode unknown": ({"var/lib/nvpmodel/status": None}, "power mode", WARN, "sudo nvpmodel -q"),
    "no jetson_clocks": ({CPU.format(2) + "scaling_min_freq": "102000\n"}, "cpu clock", WARN, "sudo jetson_clocks"),
    "CPU held": ({CPU.format(1) + "scaling_max_freq": "1479000", CPU.format(1) + "cpuinfo_max_freq": "2000000"},
                 "cpu clock", WARN, "sudo nvpmodel -m 0"),
    "GPU slow": ({GPU + "cur_freq": "76800000\n"}, "gpu clock", WARN, "sudo jetson_clocks"),
    "hot": ({THERMAL + "thermal_zone0/temp": "91000\n"}, "temperature", WARN, "sudo jetson_clocks --fan"),
    "throttled": ({THERMAL + "cooling_device0/cur_state": "7\n"}, "throttling", WARN, "tegrastats"),
    "no swap": ({"proc/swaps": fake_nano.SWAPS}, "swap", FAIL, system.ADD_SWAP),
    "only zram": ({"proc/swaps": ONLY_ZRAM}, "swap", WARN, system.ADD_SWAP),
    "little swap": ({"proc/swaps": SMALL_FILE}, "swap", WARN, system.ADD_SWAP),
    "memory full": ({"proc/meminfo": "MemTotal: 4059392 kB\nMemAvailable: 300000 kB\n"}, "memory", WARN,
                    system.NO_DESKTOP),
    "no camera": ({"dev/video0": None, "dev/video1": None}, "cameras", WARN, "app.detect --cam 'test://"),
    "no nvcc": ({"nvcc": None}, "cuda", WARN, "sudo apt-get install cuda-toolkit-10-2"),
    "no v4l2-ctl": ({"v4l2-ctl": None}, "/dev/video0", WARN, "sudo apt-get install v4l-utils"),
    "v4l2-ctl fails": ({"v4l2-ctl": "echo 'Cannot open device' >&2; exit 1"}, "/dev/video0", WARN,
                       "v4l2-ctl -d /dev/video0 --all"),
    "camera hangs": ({"v4l2-ctl": "exec /bin/sleep 60"}, "/dev/video0", WARN, "sudo dmesg"),
    "not by network": ({"timedatectl": "echo 'System clock synchronized: no'"}, "clock", WARN,
                       "sudo timedatectl set-ntp true"),
    "argus": ({"systemctl": 'case "$*" in *argus*) echo failed; exit 3;; *) echo active;; esac'}, "csi", WARN,
              "sudo systemctl restart nvargus-daemon"),
    "service failed": ({"systemctl": 'case "$*" in *yolo*) echo failed; exit 3;; *) echo active;; esac'}, "service",
                       FAIL, "journalctl -u nanoyolo"),
    "service stopped": ({"systemctl": 'case "$*" in *yolo*) echo inactive; exit 3;; *) echo active;; esac'}, "service",
                        WARN, "sudo systemctl enable --now nanoyolo"),
    "service restarted": ({"systemctl": 'case "$1" in show) echo NRestarts=3;; *) echo active;; esac'}, "service", WARN,
                          "journalctl -u nanoyolo"),
    "numpy missing": ({software.NUMPY: Failure("No module named 'numpy'")}, "numpy", FAIL, "numpy==1.19.4"),
    "numpy dies": ({software.NUMPY: SIGILL}, "numpy", FAIL, "numpy==1.19.4"),
    "numpy 1.19.5": ({software.NUMPY: "1.19.5"}, "numpy", WARN, "-m pip install numpy==1.19.4"),
    "no OpenCV": ({software.OPENCV: Failure("No module named 'cv2'")}, "opencv", FAIL, "libopencv-python"),
    "OpenCV of pip": ({software.OPENCV: ["4.6.0", False, ["opencv-python"]]}, "opencv", FAIL,
                      "-m pip uninstall -y opencv-python"),
    "OpenCV without": ({software.OPENCV: ["4.1.1", False, []]}, "opencv", FAIL, "libopencv-python"),
    "no driver": ({nvidia.CUDA: Failure("OSError: libcuda.so.1")}, "cuda", FAIL, "nvidia-l4t-cuda"),
    "no GPU": ({nvidia.CUDA: [100, 0, 0]}, "cuda", FAIL, "dmesg | grep -i nvgpu"),
    "no TensorRT": ({nvidia.TENSORRT: Failure("No module named 'tensorrt'")}, "tensorrt", FAIL, "python3-libnvinfer"),
    "np.bool": ({nvidia.TENSORRT: [fake_nano.RUNTIME, "numpy has no attribute bool"]}, "tensorrt", WARN, "numpy<1.24"),
    "no pycuda": ({nvidia.PYCUDA: Failure("No module named 'pycuda'")}, "pycuda", FAIL,
                  "pycuda==2022.1 -c deploy/jetson/constraints.txt"),
    "onnx crashes": ({(software.ABOUT, "onnx"): SIGSEGV}, "backend onnx", FAIL,
                     "--force-reinstall onnxruntime -c deploy/jetson/constraints.txt"),
    "onnx broken": ({(software.ABOUT, "onnx"): Failure("ONNX Runtime cannot be loaded (no symbol); install it with: "
                                                       "python3 -m pip install onnxruntime")},
                    "backend onnx", WARN, "-m pip install onnxruntime -c deploy/jetson/constraints.txt"),
    "TensorFlow crashes": ({(software.ABOUT, "tensorflow"): SIGILL}, "backend tensorflow", FAIL, "uninstall"),
    "TensorRT without a GPU": ({(software.ABOUT, "tensorrt"): Failure("there is no GPU that CUDA can use: 999")},
                               "backend tensorrt", FAIL, "pycuda -c deploy/jetson/constraints.txt"),
    "another TensorRT": ({models.PLACE: ["tensorrt 8.2.3.0", "sm53", "X1"]}, "engine", WARN,
                         "small.onnx --size 416x320 --fp16"),
    "none opens": ({software.AUTO: Failure("small.onnx: ONNX Runtime cannot load it: bad")}, "backend auto", FAIL,
                   "--list-backends"),
    "not what it could be": ({software.AUTO: ["onnxruntime", "warning: TensorRT is not used: none; build it with: do"]},
                             "backend auto", WARN, "do"),
}  # fmt: skip


def spoil(nano, tmp_path, changes):
    for key, value in changes.items():
        if key in fake_nano.COMMANDS:
            fake_nano.write_commands(tmp_path / "fake_commands", {key: value})
        elif isinstance(key, str) and "\n" not in key:
            put(tmp_path, {key: value})
        else:  # code that Python is asked to run
            nano.answers[key] = value


@pytest.mark.parametrize("fault", list(FAULTS))
def test_a_fault(nano, tmp_path, monkeypatch, fault):
    changes, name, state, fix = FAULTS[fault]
    spoil(nano, tmp_path, changes)
    if "hangs" in fault:
        monkeypatch.setattr("app.checks.process.LIMIT", 0.3)
    only_trouble(nano, name, state, fix)


def test_another_release_of_python(nano):
    nano.python = (3, 8, 10)
    only_trouble(nano, "python", FAIL, "/usr/bin/python3 -m app.doctor")


@pytest.mark.parametrize(
    "with_it, fix", [("1.19.5", software.SET_CORETYPE), (SIGILL, "numpy==1.19.4")], ids=["is why", "is not"]
)
def test_numpy_that_dies_because_a_variable_is_missing(nano, monkeypatch, with_it, fix):
    monkeypatch.delenv("OPENBLAS_CORETYPE")
    nano.answers.update({software.NUMPY: SIGILL, (software.NUMPY, ("OPENBLAS_CORETYPE", "ARMV8")): with_it})
    numpy, variable = troubles(nano)
    assert (numpy.name, numpy.state) == ("numpy", FAIL)
    assert "SIGILL (Illegal instruction)" in numpy.message
    assert fix in numpy.fix
    assert (variable.name, variable.state, variable.fix) == ("OPENBLAS_CORETYPE", WARN, software.SET_CORETYPE)


def test_the_variable_for_another_processor(nano, monkeypatch):
    monkeypatch.setenv("OPENBLAS_CORETYPE", "CORTEXA57")
    assert only_trouble(nano, "OPENBLAS_CORETYPE", WARN, software.SET_CORETYPE) == "CORTEXA57, not ARMV8"


def test_what_needs_numpy_waits_for_it(nano):
    nano.answers[software.NUMPY] = SIGILL
    waiting = [name for name, state in states(nano).items() if state == SKIP]
    backends = [f"backend {name}" for name in ("onnx", "tensorflow", "tensorrt", "opencv", "openvino")]
    assert waiting == ["opencv", "tensorrt", *backends, "engine", "backend auto", "/dev/video1", "live view"]


@pytest.mark.parametrize("question, name", [(software.OPENCV, "opencv"), (nvidia.TENSORRT, "tensorrt")])
def test_a_virtual_environment_that_hides_the_system(nano, monkeypatch, question, name):
    for module in (software, nvidia):
        monkeypatch.setattr(module, "in_closed_venv", lambda: True)
    nano.answers[question] = Failure("No module named it")
    only_trouble(nano, name, FAIL, software.OPEN_VENV)


@pytest.mark.parametrize("text, closed", [("include-system-site-packages = false\n", True),
    ("include-system-site-packages = true\n", False), (None, False)])  # fmt: skip
def test_closed_virtual_environment(monkeypatch, tmp_path, text, closed):
    monkeypatch.setattr("sys.prefix", str(tmp_path))
    if text is not None:
        (tmp_path / "pyvenv.cfg").write_text("home = /usr/bin\n" + text)
    assert software.in_closed_venv() is closed


def test_a_user_who_may_not_use_the_gpu(nano, monkeypatch):
    monkeypatch.setattr(nano, "in_group", lambda name: name != "video")
    nano.answers[nvidia.CUDA] = [999, 0, 0]
    only_trouble(nano, "cuda", FAIL, nvidia.JOIN_VIDEO)


def test_a_user_who_may_not_read_the_camera(nano, monkeypatch, tmp_path):
    camera = str(tmp_path / "root" / "dev" / "video0")
    allowed = os.access
    monkeypatch.setattr(os, "access", lambda path, mode: path != camera and allowed(path, mode))
    only_trouble(nano, "/dev/video0", FAIL, nvidia.JOIN_VIDEO)


def test_a_camera_on_the_ribbon_cable(nano, tmp_path):
    put(tmp_path, {"sys/class/video4linux/video0/name": "vi-output, imx219 7-0010\n"})
    result = cameras.camera(0, nano)
    assert result.state == PASS
    assert "csi://0" in result.message


def test_a_jetson_without_jetpack(nano, tmp_path):
    put(tmp_path, {"etc/nv_tegra_release": None})
    result = troubles(nano)[0]
    assert (result.name, result.state, result.fix) == ("jetpack", FAIL, "sudo apt-get install nvidia-l4t-core")


@pytest.mark.parametrize(
    "release, name",
    [
        ("# R32 (release), REVISION: 6.1, GCID: 1", "L4T 32.6.1, JetPack 4.6, on"),
        ("# R32 (release), REVISION: 7.6, GCID: 1", "L4T 32.7.6, JetPack 4.6.6, on"),
        ("# R36 (release), REVISION: 3.0, GCID: 1", "L4T 36.3.0, JetPack 6, on"),
    ],
)
def test_jetpack(nano, tmp_path, release, name):
    put(tmp_path, {"etc/nv_tegra_release": release})
    result = nvidia.jetpack(nano)
    assert result.state == PASS
    assert result.message.startswith(name)


def test_other_boards_have_other_power_modes_and_more_memory(nano, tmp_path):
    put(
        tmp_path,
        {
            "proc/device-tree/model": "NVIDIA Jetson Orin Nano Developer Kit\0",
            "etc/nv_tegra_release": "# R36 (release), REVISION: 3.0, GCID: 1",
            "var/lib/nvpmodel/status": "pmode:0002\n",
            "proc/meminfo": "MemTotal: 7800000 kB\nMemAvailable: 7000000 kB\n",
            "proc/swaps": fake_nano.SWAPS,
        },
    )
    nano.python = (3, 10, 12)
    assert troubles(nano) == []
    assert {name for name, state in states(nano).items() if state == SKIP} >= {"OPENBLAS_CORETYPE", "swap"}


# Models and engines


def test_the_default_model_is_not_here_yet(nano, tmp_path):
    nano.model_name, nano.model_path = "yolov3-tiny", str(tmp_path / "yolov3-tiny.onnx")
    only_trouble(nano, "model", WARN, "-m tools.fetch yolov3-tiny && ")
    assert {states(nano)[name] for name in ("engine", "backend auto")} == {SKIP}


def test_another_model_or_its_card_is_not_here(nano, tmp_path):
    (tmp_path / "weights" / "small.json").unlink()
    assert "has no card" in only_trouble(nano, "model", FAIL, "-m tools.adopt ")
    nano.model_path = str(tmp_path / "weights" / "other.onnx")
    assert "no such model" in only_trouble(nano, "model", FAIL, "-m tools.convert")


def test_a_model_that_is_not_the_card_s(nano, tmp_path):
    (tmp_path / "weights" / "small.onnx").write_bytes(b"another model")
    model, engine = troubles(nano)
    assert (model.name, model.state) == ("model", FAIL)
    assert "was written for another file" in model.message
    assert model.fix.endswith("-m tools.convert")
    assert (engine.name, engine.state) == ("engine", WARN)
    assert "for another ONNX file" in engine.message


@pytest.mark.parametrize(
    "spoil, words",
    [
        (lambda engine, sidecar: engine.write_bytes(b"half an eng"), "damaged"),
        (lambda engine, sidecar: sidecar.write_text("{"), "not a sidecar"),
        (lambda engine, sidecar: sidecar.unlink(), "none for tensorrt 8.2.1.8"),
    ],
    ids=["damaged", "its sidecar is none", "without a sidecar"],
)
def test_an_engine_that_cannot_be_used(nano, tmp_path, spoil, words):
    (engine,) = (tmp_path / "weights").glob("*.engine")
    spoil(engine, engine.with_name(engine.name + ".json"))
    assert words in only_trouble(nano, "engine", WARN, "small.onnx --size 416x320 --fp16")


def test_one_engine_that_fits_is_enough(nano):
    model = nano.model_path
    for shape, runtime in (
        ((1, 3, 128, 160), fake_nano.RUNTIME),
        ((1, 3, 416, 416), "tensorrt 8.0.1.6"),
        ((1, 3, 320, 416), fake_nano.RUNTIME),
    ):
        made = EngineSource(model, hash_file(model), shape, "fp32")
        path = write_engine(b"another", made, EngineTarget(runtime, fake_nano.SM), fake_nano.CHIP, ["out"])
    with open(path, "wb") as file:
        file.write(b"half")
    assert models.engine(nano).message.startswith("160x128 fp32, 416x320 fp16 for tensorrt 8.2.1.8")


def test_a_classifier(nano):
    nano.model_path = find_model("nano_resnet_s")
    result = models.model(nano)
    assert result.state == PASS
    assert "a classifier of 100 labels" in result.message


# Disk, clock, display


@pytest.mark.parametrize(
    "facts, state, fix",
    [
        (FakeDisk(free=5 * 10**8), WARN, "apt-get clean"),
        (FakeDisk(free=5 * 10**7), FAIL, "apt-get clean"),
        (FakeDisk(flag=os.ST_RDONLY), FAIL, "sudo mount -o remount,rw"),
    ],
    ids=["little", "none", "read-only"],
)
def test_disk(nano, monkeypatch, facts, state, fix):
    monkeypatch.setattr(os, "statvfs", lambda path: facts)
    only_trouble(nano, "disk", state, fix)


def test_a_folder_of_another_user(nano, monkeypatch, tmp_path):
    weights = str(tmp_path / "weights")
    monkeypatch.setattr(os, "access", lambda path, mode: path != weights)
    only_trouble(nano, "disk", FAIL, 'sudo chown -R "$USER" ' + weights)


def test_a_clock_that_was_never_set(nano, monkeypatch):
    monkeypatch.setattr(system, "time", FakeTime(2018))
    assert "2018-03-01" in only_trouble(nano, "clock", FAIL, "sudo timedatectl set-ntp true")


def test_newer_systems_leave_a_file_when_the_clock_is_set(nano, tmp_path):
    put(tmp_path, {"run/systemd/timesync/synchronized": ""})
    fake_nano.write_commands(tmp_path / "fake_commands", {"timedatectl": "exit 1"})
    assert troubles(nano) == []
    assert system.clock(nano).message.endswith(", synchronised with the network")


@pytest.mark.parametrize("answer, words", [(True, ":7"), (False, ":7 cannot be opened, so no window")])
def test_display(nano, monkeypatch, answer, words):
    monkeypatch.setenv("DISPLAY", ":7")
    nano.answers[system.DISPLAY] = answer
    assert (system.display(nano).state, system.display(nano).message) == (PASS, words)


def test_commands_that_are_missing_end_nothing(nano, tmp_path):
    fake_nano.write_commands(tmp_path / "fake_commands", dict.fromkeys(fake_nano.COMMANDS))
    found = states(nano)
    assert {name for name, state in found.items() if state not in (PASS, SKIP)} == {"cuda", "/dev/video0"}
    assert (found["csi"], found["service"]) == (SKIP, SKIP)


def test_systemd_that_does_not_run(nano, tmp_path):
    """As in a container."""
    silent = "echo 'System has not been booted with systemd' >&2; exit 1"
    fake_nano.write_commands(tmp_path / "fake_commands", {"systemctl": silent, "timedatectl": silent})
    found = states(nano)
    assert not {WARN, FAIL} & set(found.values())
    assert (found["csi"], found["service"]) == (SKIP, SKIP)


@pytest.mark.parametrize("state", ["active", "inactive"])
def test_the_service_may_keep_the_board_busy(nano, tmp_path, monkeypatch, state):
    script = f'case "$*" in *is-active*yolo*) echo {state};; *show*) echo NRestarts=0;; *) echo active;; esac'
    fake_nano.write_commands(tmp_path / "fake_commands", {"systemctl": script})
    monkeypatch.setattr(os, "getloadavg", lambda: (64.0, 0.0, 0.0))
    monkeypatch.setattr(os, "cpu_count", lambda: 4)
    assert states(nano)["load"] == (PASS if state == "active" else WARN)


def test_csi_that_is_asked_for_has_to_work(nano, tmp_path):
    spoil(nano, tmp_path, FAULTS["argus"][0])
    nano.cam = "csi://0"
    only_trouble(nano, "csi", FAIL, "sudo systemctl restart nvargus-daemon")
