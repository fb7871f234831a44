"""Python, numpy, OpenCV, and the backends."""

import functools
import os
import re
import sys
from typing import Callable, Tuple

from app.checks import Result, advised, failed, passed, skipped, warned
from app.checks.machine import Machine
from app.checks.process import Failure

NUMPY = """
import json, numpy
square = numpy.ones((64, 64), numpy.float32)
square.dot(square)  # by OpenBLAS, which is what dies
print(json.dumps(numpy.__version__))
"""
OPENCV = """
import cv2, glob, json, os
from app.sources import gstreamer
folder, wheels = os.path.dirname(os.path.abspath(cv2.__file__)), []
for _ in range(3):
    wheels += glob.glob(os.path.join(glob.escape(folder), "opencv_*.dist-info"))
    folder = os.path.dirname(folder)
names = [os.path.basename(wheel).split("-")[0].replace("_", "-") for wheel in wheels]
print(json.dumps([cv2.__version__, gstreamer.available(), names]))
"""
ABOUT = """
import json, sys
from app.backends import backend_class
print(json.dumps(backend_class(sys.argv[1]).about()))
"""
AUTO = """
import contextlib, io, json, sys
from app.backends import open_backend
told = io.StringIO()
with contextlib.redirect_stderr(told), open_backend(sys.argv[1]) as backend:
    description = backend.description
print(json.dumps([description, " ".join(told.getvalue().split())]))
"""
NEWEST_NUMPY = "1.19.4"  # of those that live on a Nano without OPENBLAS_CORETYPE
SET_CORETYPE = "echo 'export OPENBLAS_CORETYPE=ARMV8' >> ~/.bashrc && export OPENBLAS_CORETYPE=ARMV8"
OPEN_VENV = "/usr/bin/python3 -m venv --system-site-packages --clear .venv"
PACKAGES = {"onnx": "onnxruntime", "tensorrt": "pycuda"}  # else called as the backend
CONSTRAINTS = " -c deploy/jetson/constraints.txt"


def python(machine: Machine) -> Result:
    """3.6 on JetPack 4, whose TensorRT and OpenCV are for that one alone; 3.9 and newer on a host."""
    version = ".".join(str(part) for part in machine.python)
    found = f"{version} ({sys.executable})"
    if machine.has_jetpack4() and machine.python[:2] != (3, 6):
        return failed(f"{found}: JetPack 4 has TensorRT and OpenCV for 3.6 only", "/usr/bin/python3 -m app.doctor")
    if not machine.is_jetson() and machine.python < (3, 9):
        return warned(f"{found}: hosts are set up with 3.9 or newer", "make PYTHON=python3.11 demo")
    return passed(found)


def numpy(machine: Machine) -> Result:
    """Whether it lives through a multiplication."""
    try:
        version = machine.ask(NUMPY)
    except Failure as failure:
        return failed(str(failure), _fix_numpy(machine, failure))
    if machine.has_jetpack4() and _numbers(version) > _numbers(NEWEST_NUMPY):
        return warned(
            f'{version}: dies with "Illegal instruction" wherever OPENBLAS_CORETYPE is not set',
            "python3 -m pip install numpy==" + NEWEST_NUMPY,
        )
    return passed(version)


def _fix_numpy(machine: Machine, failure: Failure) -> str:
    if failure.signal is not None and machine.is_jetson() and os.environ.get("OPENBLAS_CORETYPE") != "ARMV8":
        try:
            machine.ask(NUMPY, OPENBLAS_CORETYPE="ARMV8")
            return SET_CORETYPE
        except Failure:
            pass
    if machine.has_jetpack4():
        return "python3 -m pip install --force-reinstall --no-deps numpy==" + NEWEST_NUMPY
    return "python3 -m pip install --force-reinstall numpy"


def after_numpy(look: Callable[[Machine], Result]) -> Callable[[Machine], Result]:
    """A check of what needs numpy: where numpy is broken, nothing new would be said of it, and the wrong fix."""

    @functools.wraps(look)
    def guarded(machine: Machine) -> Result:
        try:
            machine.ask(NUMPY)
        except Failure:
            return skipped("not looked at: numpy comes first")
        return look(machine)

    return guarded


def openblas(machine: Machine) -> Result:
    """Set before Python starts, or else OpenBLAS guesses the processor, wrongly on a Nano."""
    value = os.environ.get("OPENBLAS_CORETYPE")
    if not machine.has_jetpack4():
        return skipped("not needed here")
    if value == "ARMV8":
        return passed(value)
    return warned(f"{value}, not ARMV8" if value else "not set", SET_CORETYPE)


@after_numpy
def opencv(machine: Machine) -> Result:
    """On a Jetson it should be JetPack's, which has GStreamer; pip's would hide it."""
    jetson = machine.is_jetson()
    try:
        version, has_gstreamer, wheels = machine.ask(OPENCV)
    except Failure as failure:
        return failed(str(failure), _install_opencv(machine))
    found = "{}, {} GStreamer{}".format(
        version, "with" if has_gstreamer else "without", ", from pip ({})".format(", ".join(wheels)) if wheels else ""
    )
    if jetson and wheels and not has_gstreamer:
        return failed(found + ": it hides JetPack's", "python3 -m pip uninstall -y " + " ".join(wheels))
    if jetson and not has_gstreamer:
        return failed(found, _install_opencv(machine))
    return passed(found)


def _install_opencv(machine: Machine) -> str:
    if not machine.is_jetson():
        return "python3 -m pip install --force-reinstall opencv-python"
    return OPEN_VENV if in_closed_venv() else "sudo apt-get install --reinstall libopencv-python"


def in_closed_venv() -> bool:
    """Whether this is a virtual environment that does not see the system's packages."""
    try:
        with open(os.path.join(sys.prefix, "pyvenv.cfg")) as file:
            return re.search(r"include-system-site-packages\s*=\s*true", file.read()) is None
    except OSError:
        return False


def backend(name: str, machine: Machine) -> Result:
    """What one of the backends runs on here."""
    try:
        return passed(machine.ask(ABOUT, name))
    except Failure as failure:
        again = _install_again(name, machine)
        found, fix = advised(str(failure), again)
        if failure.signal is not None:
            return failed(found, again)
        if "No module named" in found:
            return skipped(f"{found}; to install it: {fix}")
        return (failed if name == "tensorrt" and machine.is_jetson() else warned)(found, _pinned(fix, machine))


def _install_again(name: str, machine: Machine) -> str:
    """The command for a backend that is broken."""
    if name == "opencv":
        return _install_opencv(machine)
    if name == "tensorflow" and machine.is_jetson():
        return "python3 -m pip uninstall -y tensorflow"  # NVIDIA builds it for the board; it is not needed
    return _pinned("python3 -m pip install --force-reinstall " + PACKAGES.get(name, name), machine)


def _pinned(fix: str, machine: Machine) -> str:
    """A command such that what it installs on JetPack 4 brings no numpy along that dies there."""
    pinned = machine.has_jetpack4() and "pip install" in fix and "constraints.txt" not in fix
    return fix + CONSTRAINTS if pinned else fix


@after_numpy
def auto(machine: Machine) -> Result:
    """What `--backend auto` takes for the model; that it opens is the proof that there is one at all."""
    if not os.path.exists(machine.model_path):
        return skipped("unknown as long as there is no model")
    fix = "python3 -m app.detect --list-backends"
    try:
        description, told = machine.ask(AUTO, machine.model_path)
    except Failure as failure:
        return failed(*advised(str(failure), fix))
    if told:
        what, fix = advised(told, fix)
        return warned(f"{description} ({what})", fix)
    return passed(description)


def _numbers(version: str) -> Tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", version)[:3])
