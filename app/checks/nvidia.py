"""JetPack: its release, CUDA, TensorRT, and pycuda. A host without a GPU needs none of them."""

import re
import shutil
from typing import Optional

from app.checks import Result, advised, failed, passed, skipped, warned
from app.checks.machine import Machine
from app.checks.process import Failure
from app.checks.software import CONSTRAINTS, OPEN_VENV, after_numpy, in_closed_venv

CUDA = """
import ctypes, json
cuda, version, count = ctypes.CDLL("libcuda.so.1"), ctypes.c_int(), ctypes.c_int()
code = cuda.cuInit(0) or cuda.cuDriverGetVersion(ctypes.byref(version)) or cuda.cuDeviceGetCount(ctypes.byref(count))
print(json.dumps([code, version.value, count.value]))
"""
TENSORRT = """
import json
from app.backends import tensorrt_releases as releases
trap = ""
try:
    releases.trt.nptype(releases.trt.float32)
except AttributeError as error:
    trap = str(error) if "numpy" in str(error) else ""
print(json.dumps([releases.RUNTIME, trap]))
"""
PYCUDA = """
import json, pycuda
import pycuda.driver
print(json.dumps(pycuda.VERSION_TEXT))
"""
NVCC = "/usr/local/cuda/bin/nvcc"
PYCUDA_PIN = "pycuda==2022.1" + CONSTRAINTS
INSTALL_PYCUDA = "export PATH=$PATH:/usr/local/cuda/bin && python3 -m pip install "
UPGRADE = (
    "sudo sed -i 's/r32\\.[0-9]/r32.7/' /etc/apt/sources.list.d/nvidia-l4t-apt-source.list && "
    "sudo apt-get update && sudo apt-get dist-upgrade"
)
JOIN_VIDEO = 'sudo usermod -aG video "$USER" && newgrp video'

# L4T 32's minor release and revision -> release of JetPack 4. JetPack 4.6 is the first with TensorRT 8.0.
JETPACK4 = {(6, 1): "4.6", (5, 2): "4.5.1", (5, 1): "4.5", (4, 4): "4.4.1", (4, 3): "4.4"}
JETPACKS = {35: "5", 36: "6", 38: "7"}


def jetpack(machine: Machine) -> Result:
    """The release of JetPack, derived from that of L4T."""
    l4t = machine.l4t()
    if l4t is None and not machine.is_jetson():
        return skipped("not a Jetson")
    if l4t is None:
        return failed(
            f"{machine.model()} without JetPack: there is no /etc/nv_tegra_release",
            "sudo apt-get install nvidia-l4t-core",
        )
    release = "L4T {}.{}.{}".format(*l4t)
    if l4t[0] > 32:
        return passed("{}, JetPack {}, on {}".format(release, JETPACKS.get(l4t[0], "unknown"), machine.model()))
    name = f"4.6.{l4t[2]}" if l4t[:2] == (32, 7) else JETPACK4.get(l4t[1:], "unknown")
    message = f"{release}, JetPack {name}, on {machine.model()}"
    return passed(message) if l4t >= (32, 6) else failed(f"{message}: its TensorRT is older than 8.0", UPGRADE)


def cuda(machine: Machine) -> Result:
    """Whether the driver finds a GPU; and nvcc, which only the installation of pycuda needs."""
    jetson = machine.is_jetson()
    compiler = _compiler(machine)
    suffix = ", nvcc " + compiler if compiler else ", no nvcc"
    try:
        code, version, count = machine.ask(CUDA)
    except Failure as failure:
        message = f"no driver ({failure}){suffix}"
        return failed(message, "sudo apt-get install --reinstall nvidia-l4t-cuda") if jetson else skipped(message)
    if code or not count:
        message = f"the driver finds no GPU (error {code}){suffix}"
        if not jetson:
            return warned(message, "nvidia-smi")
        return failed(message, JOIN_VIDEO if not machine.in_group("video") else "sudo dmesg | grep -i nvgpu")
    message = "driver for CUDA {}.{}, {} GPU{}{}".format(
        version // 1000, version % 1000 // 10, count, "s" if count > 1 else "", suffix
    )
    if jetson and compiler is None:
        return warned(message + ", without which pycuda cannot be installed", "sudo apt-get install cuda-toolkit-10-2")
    return passed(message)


def _compiler(machine: Machine) -> Optional[str]:
    """The release of nvcc; None if it is not installed."""
    path = shutil.which("nvcc") or (machine.path(NVCC) if machine.is_there(NVCC) else None)
    if path is None:
        return None
    try:
        release = re.search(r"release ([\d.]+)", machine.command(path, "--version").out)
    except Failure as failure:
        return f"does not run ({failure})"
    return release.group(1) if release else "of unknown release"


@after_numpy
def tensorrt(machine: Machine) -> Result:
    """Whether TensorRT can be imported, and works with this numpy."""
    try:
        runtime, trap = machine.ask(TENSORRT)
    except Failure as failure:
        message, fix = advised(str(failure), "python3 -m pip install tensorrt")
        if not machine.is_jetson():
            return failed(message, fix) if failure.signal else skipped(message)
        return failed(message, OPEN_VENV if in_closed_venv() else "sudo apt-get install --reinstall python3-libnvinfer")
    if trap:
        message = f"{runtime} does not work with this numpy ({trap})"
        return warned(message, "python3 -m pip install 'numpy<1.24'")
    return passed(runtime)


def pycuda(machine: Machine) -> Result:
    """Whether pycuda can be imported, which the tensorrt backend needs."""
    try:
        return passed(machine.ask(PYCUDA))
    except Failure as failure:
        if not machine.is_jetson() and failure.signal is None:
            return skipped(str(failure))
        return failed(str(failure), INSTALL_PYCUDA + (PYCUDA_PIN if machine.has_jetpack4() else "pycuda"))
