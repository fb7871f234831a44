"""A Jetson Nano with JetPack 4.6.1 that does not exist: its files, its commands, and what its Python would answer.

Nothing of it was copied from a board: names and formats are those that NVIDIA's guides, the kernel's documentation and
other people's listings give.
"""

import hashlib
import json
import os

from app.checks import models, nvidia, software
from app.checks.machine import Machine
from app.checks.process import Failure
from app.engine import EngineSource, EngineTarget, write_engine

MODEL = "NVIDIA Jetson Nano Developer Kit\0"
RELEASE = "# R32 (release), REVISION: 7.1, GCID: 29818004, BOARD: t210ref, EABI: aarch64, DATE: Sat Feb 19"
SWAPS = "Filename\t\t\t\tType\t\tSize\tUsed\tPriority\n"
CPU = "sys/devices/system/cpu/cpu{}/cpufreq/"
GPU = "sys/devices/gpu.0/devfreq/57000000.gpu/"
THERMAL = "sys/class/thermal/"
RUNTIME, SM, CHIP = "tensorrt 8.2.1.8", "sm53", "NVIDIA Tegra X1"

# v4l-utils 1.14, of Ubuntu 18.04
FORMATS = """ioctl: VIDIOC_ENUM_FMT
	Index       : 0
	Type        : Video Capture
	Pixel Format: 'MJPG' (compressed)
	Name        : Motion-JPEG
		Size: Discrete 640x480
			Interval: Discrete 0.033s (30.000 fps)
		Size: Discrete 1920x1080
			Interval: Discrete 0.067s (15.000 fps)
			Interval: Discrete 0.033s (30.000 fps)

	Index       : 1
	Type        : Video Capture
	Pixel Format: 'YUYV'
	Name        : YUYV 4:2:2
		Size: Discrete 640x480
			Interval: Discrete 0.033s (30.000 fps)
		Size: Discrete 1280x720
			Interval: Discrete 0.100s (10.000 fps)
"""

FILES = {
    "proc/device-tree/model": MODEL,
    "etc/nv_tegra_release": RELEASE + "\n",
    "proc/meminfo": "MemTotal:        4059392 kB\nMemFree:          812345 kB\nMemAvailable:    2711234 kB\n",
    "proc/swaps": SWAPS + "/dev/zram0 partition\t507392\t0\t5\n/swapfile file\t4194300\t0\t-2\n",
    "var/lib/nvpmodel/status": "pmode:0000\n",
    GPU + "cur_freq": "921600000\n",
    GPU + "max_freq": "921600000\n",
    THERMAL + "thermal_zone0/type": "AO-therm\n",
    THERMAL + "thermal_zone0/temp": "41500\n",
    THERMAL + "thermal_zone1/type": "PMIC-Die\n",
    THERMAL + "thermal_zone1/temp": "100000\n",
    THERMAL + "cooling_device0/type": "cpu-balanced\n",
    THERMAL + "cooling_device0/cur_state": "0\n",
    THERMAL + "cooling_device1/type": "pwm-fan\n",
    THERMAL + "cooling_device1/cur_state": "3\n",
    "dev/video0": "",
    "sys/class/video4linux/video0/name": "HD Pro Webcam C920\n",
    "sys/class/video4linux/video0/index": "0\n",
    "dev/video1": "",
    "sys/class/video4linux/video1/name": "HD Pro Webcam C920\n",
    "sys/class/video4linux/video1/index": "1\n",
    "etc/systemd/system/nanoyolo.service": "[Service]\n",
}
for _number in range(4):
    for _name, _value in (("scaling_min_freq", 1479000), ("scaling_max_freq", 1479000), ("cpuinfo_max_freq", 1479000)):
        FILES[CPU.format(_number) + _name] = f"{_value}\n"
    FILES[CPU.format(_number) + "scaling_governor"] = "schedutil\n"

# Command -> the script behind it, in sh.
COMMANDS = {
    "nvcc": "echo 'Cuda compilation tools, release 10.2, V10.2.300'",
    "v4l2-ctl": f"cat <<'END'\n{FORMATS}END".replace("cat <<", "/bin/cat <<"),
    "systemctl": 'case "$1" in show) echo NRestarts=0;; *) echo active;; esac',
    "timedatectl": "echo '       System clock synchronized: yes'",
}

ANSWERS = {
    software.NUMPY: "1.19.4",
    software.OPENCV: ["4.1.1", True, []],
    nvidia.CUDA: [0, 10020, 1],
    nvidia.TENSORRT: [RUNTIME, ""],
    nvidia.PYCUDA: "2022.1",
    models.PLACE: [RUNTIME, SM, CHIP],
    software.AUTO: [RUNTIME + " " + CHIP, ""],
    (software.ABOUT, "onnx"): "1.10.0: CPUExecutionProvider",
    (software.ABOUT, "tensorflow"): Failure(
        "TensorFlow cannot be loaded (No module named 'tensorflow'); install it with: python3 -m pip install tensorflow"
    ),
    (software.ABOUT, "tensorrt"): "8.2.1.8: " + CHIP,
    (software.ABOUT, "opencv"): "4.1.1: CPU",
    (software.ABOUT, "openvino"): Failure(
        "OpenVINO cannot be loaded (No module named 'openvino'); install it with: python3 -m pip install openvino"
    ),
}


class FakeNano(Machine):
    """The board under a folder. answers: of its Python, which is not there; a Failure is raised. asked: what was."""

    def __init__(self, root, model, cam=None, serve=None):
        super().__init__(root, model, cam, serve)
        self.python = (3, 6, 9)
        self.answers = dict(ANSWERS)

    def ask(self, code, *arguments, **env):
        for question in ((code,) + arguments + tuple(sorted(env.items())), (code,) + arguments, code):
            if question in self.answers:
                answer = self.answers[question]
                break
        else:
            raise AssertionError(f"nobody knows what the board would answer to {code!r}")
        if isinstance(answer, Exception):
            raise answer
        return answer


def write_files(root, files):
    """Write files under a folder; None removes one."""
    for path, text in files.items():
        file = root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        if text is None:
            file.unlink()
        else:
            file.write_text(text)


def write_commands(folder, commands):
    """Write commands to a folder for PATH; None removes one."""
    folder.mkdir(exist_ok=True)
    for name, script in commands.items():
        file = folder / name
        if script is None:
            file.unlink()
        else:
            file.write_text(f"#!/bin/sh\n{script}\n")
            file.chmod(0o755)


def write_model(folder, engine=True):
    """A model that is none, its card, and an engine for the board; the model's path."""
    folder.mkdir(exist_ok=True)
    path = folder / "small.onnx"
    path.write_bytes(b"a model")
    digest = hashlib.sha256(b"a model").hexdigest()
    card = {
        "name": "small",
        "sha256": digest,
        "input": {"layout": "NCHW", "colour": "RGB", "multiple": 32, "scale": 1 / 255},
        "heads": [{"stride": 32, "anchors": [[10, 14]]}],
        "labels": ["person", "dog"],
    }
    (folder / "small.json").write_text(json.dumps(card))
    if engine:
        write_engine(
            b"an engine",
            EngineSource(str(path), digest, (1, 3, 320, 416), "fp16"),
            EngineTarget(RUNTIME, SM),
            CHIP,
            ["out"],
        )
    return str(path)


def prepare(monkeypatch, folder):
    """Let this process look at the board instead of the machine it runs on; the root."""
    root = folder / "root"
    write_files(root, FILES)
    write_commands(folder / "fake_commands", COMMANDS)
    monkeypatch.setenv("PATH", str(folder / "fake_commands"))
    monkeypatch.setenv("OPENBLAS_CORETYPE", "ARMV8")
    monkeypatch.delenv("DISPLAY", raising=False)
    monkeypatch.setattr(os, "getloadavg", lambda: (0.0, 0.0, 0.0))
    return root
