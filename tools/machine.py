"""The machine that figures were measured on: processor, board and versions, to be saved with them."""

import importlib
import platform
import sys
from typing import Any, Dict, Optional, Set

import cv2
import numpy as np

from app import __version__
from app.backends import physical_cores
from app.board import Board

# Runtimes: the module of each, and the packages that may provide it.
RUNTIMES = {
    "onnxruntime": ("onnxruntime", "onnxruntime-gpu"),
    "openvino": ("openvino",),
    "tensorflow": ("tensorflow", "tensorflow-cpu", "tensorflow-gpu"),
    "keras": ("keras",),
    "torch": ("torch",),
    "tensorrt": ("tensorrt",),
}
# Flags in /proc/cpuinfo of instructions that multiply in bfloat16.
BFLOAT16_FLAGS = {"avx512_bf16", "amx_bf16", "bf16"}


def machine() -> Dict[str, Any]:
    """Processor, physical cores, `Board.describe()` and versions, as JSON."""
    return {"processor": processor(), "cores": physical_cores(), "board": Board().describe(), "versions": versions()}


def processor() -> str:
    """Name of the processor."""
    try:
        with open("/proc/cpuinfo") as file:
            names = [line.split(":", 1)[1].strip() for line in file if line.startswith("model name")]
    except OSError:
        names = []
    return names[0] if names else platform.processor() or platform.machine()


def cpu_flags() -> Set[str]:
    """Names of the processor's instruction sets, as Linux has them; none where it has not."""
    try:
        with open("/proc/cpuinfo", encoding="ascii") as file:
            lines = [line for line in file if line.lower().startswith(("flags", "features"))]
    except (OSError, UnicodeDecodeError):
        return set()
    return set(lines[0].split(":")[1].split()) if lines else set()


def versions() -> Dict[str, str]:
    """Versions of Python, this project, its libraries and the installed runtimes, which are not imported for this."""
    found = {
        "python": platform.python_version(),
        "nanoyolo": __version__,
        "numpy": np.__version__,
        "opencv": cv2.__version__,
    }
    for module, packages in RUNTIMES.items():
        loaded = getattr(sys.modules.get(module), "__version__", None)
        version = loaded or next(filter(None, map(package_version, packages)), None)
        if version:
            found[module] = str(version)
    return found


def package_version(name: str) -> Optional[str]:
    """Version of an installed package, else None."""
    try:
        if sys.version_info >= (3, 8):
            return str(importlib.import_module("importlib.metadata").version(name))
        return str(importlib.import_module("pkg_resources").get_distribution(name).version)
    except Exception:  # not installed, damaged, or no setuptools: exceptions of three modules
        return None
