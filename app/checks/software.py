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
square.dot(square)  # computed by OpenBLAS, which is what crashes
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
NEWEST_NUMPY = "1.19.4"  # of the releases that work on a Nano without OPENBLAS_CORETYPE
SET_CORETYPE = "echo 'export OPENBLAS_CORETYPE=ARMV8' >> ~/.bashrc && export OPENBLAS_CORETYPE=ARMV8"
OPEN_VENV = "/usr/bin/python3 -m venv --system-site-packages --clear .venv"
PACKAGES = {"onnx": "onnxruntime", "tensorrt": "pycuda"}  # others are named like their backend
CONSTRAINTS = " -c deploy/jetson/constraints.txt"


def python(machine: Machine) -> Result:
    """Python: 3.6 on JetPack 4, whose TensorRT and OpenCV support no other; 3.9 or newer on a host."""
    version = ".".join(str(part) for part in machine.python)
    message = f"{version} ({sys.executable})"
    if machine.has_jetpack4() and machine.python[:2] != (3, 6):
        return failed(f"{message}: JetPack 4 has TensorRT and OpenCV for 3.6 only", "/usr/bin/python3 -m app.doctor")
    if not machine.is_jetson() and machine.python < (3, 9):
        return warned(f"{message}: hosts are set up with 3.9 or newer", "make PYTHON=python3.11 demo")
    return passed(message)


def numpy(machine: Machine) -> Result:
    """Whether numpy survives a matrix multiplication."""
    try:
        version = machine.ask(NUMPY)
    except Failure as failure:
        return failed(str(failure), _fix_numpy(machine, failure))
    if machine.has_jetpack4() and _numbers(version) > _numbers(NEWEST_NUMPY):
        return warned(
            f'{version}: crashes with "Illegal instruction" where OPENBLAS_CORETYPE is not set',
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
    """Skip a check where numpy is broken: it would only report numpy's failure again, with the wrong fix."""

    @functools.wraps(look)
    def guarded(machine: Machine) -> Result:
        try:
            machine.ask(NUMPY)
        except Failure:
            return skipped("not checked: fix numpy first")
        return look(machine)

    return guarded


def openblas(machine: Machine) -> Result:
    """OPENBLAS_CORETYPE: without it OpenBLAS detects the processor, wrongly on a Nano. Set before Python starts."""
    value = os.environ.get("OPENBLAS_CORETYPE")
    if not machine.has_jetpack4():
        return skipped("not needed here")
    if value == "ARMV8":
        return passed(value)
    return warned(f"{value}, not ARMV8" if value else "not set", SET_CORETYPE)


@after_numpy
def opencv(machine: Machine) -> Result:
    """OpenCV. On a Jetson it should be JetPack's, which has GStreamer; one installed by pip hides it."""
    jetson = machine.is_jetson()
    try:
        version, has_gstreamer, wheels = machine.ask(OPENCV)
    except Failure as failure:
        return failed(str(failure), _install_opencv(machine))
    message = "{}, {} GStreamer{}".format(
        version, "with" if has_gstreamer else "without", ", from pip ({})".format(", ".join(wheels)) if wheels else ""
    )
    if jetson and wheels and not has_gstreamer:
        return failed(message + ": it hides JetPack's", "python3 -m pip uninstall -y " + " ".join(wheels))
    if jetson and not has_gstreamer:
        return failed(message, _install_opencv(machine))
    return passed(message)


def _install_opencv(machine: Machine) -> str:
    if not machine.is_jetson():
        return "python3 -m pip install --force-reinstall opencv-python"
    return OPEN_VENV if in_closed_venv() else "sudo apt-get install --reinstall libopencv-python"


def in_closed_venv() -> bool:
    """Whether this is a virtual environment without access to the system's packages."""
    try:
        with open(os.path.join(sys.prefix, "pyvenv.cfg")) as file:
            return re.search(r"include-system-site-packages\s*=\s*true", file.read()) is None
    except OSError:
        return False


def backend(name: str, machine: Machine) -> Result:
    """The version and the devices of one backend."""
    try:
        return passed(machine.ask(ABOUT, name))
    except Failure as failure:
        again = _install_again(name, machine)
        message, fix = advised(str(failure), again)
        if failure.signal is not None:
            return failed(message, again)
        if "No module named" in message:
            return skipped(f"{message}; to install it: {fix}")
        return (failed if name == "tensorrt" and machine.is_jetson() else warned)(message, _pinned(fix, machine))


def _install_again(name: str, machine: Machine) -> str:
    """The command that repairs a broken backend."""
    if name == "opencv":
        return _install_opencv(machine)
    if name == "tensorflow" and machine.is_jetson():
        return "python3 -m pip uninstall -y tensorflow"  # optional, and not NVIDIA's build
    return _pinned("python3 -m pip install --force-reinstall " + PACKAGES.get(name, name), machine)


def _pinned(fix: str, machine: Machine) -> str:
    """A command that, on JetPack 4, installs no numpy that crashes there."""
    pinned = machine.has_jetpack4() and "pip install" in fix and "constraints.txt" not in fix
    return fix + CONSTRAINTS if pinned else fix


@after_numpy
def auto(machine: Machine) -> Result:
    """The backend that `--backend auto` chooses for the model. At least one must open it."""
    if not os.path.exists(machine.model_path):
        return skipped("unknown while there is no model")
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
