"""Backends run a model: one class per runtime, one module per class, imported only when it is used.

with open_backend("weights/yolov3-tiny.onnx") as backend:
    coarse, fine = backend.infer(tensor)
"""

import importlib
import importlib.util
import os
import platform
import re
from contextlib import contextmanager
from typing import Any, ContextManager, Iterator, List, Optional, Tuple, Type

import numpy as np

from app.engine import engines
from app.errors import ModelError, ShapeError, warn

# Module in this package -> its class.
CLASSES = {
    "onnx": "OnnxBackend",
    "tensorflow": "TensorFlowBackend",
    "tensorrt": "TensorRTBackend",
    "opencv": "OpenCVBackend",
    "openvino": "OpenVINOBackend",
}
BACKENDS = ("auto", *CLASSES)
DEVICES = ("auto", "cpu", "gpu")
PRECISIONS = ("auto", "fp32", "fp16", "bf16")

LONGEST_REASON = 400  # characters of a runtime's message to show
_most_cores: Optional[int] = None  # see `limit_cores`

Shape = Tuple[Optional[int], ...]


class Backend:
    """A loaded model. A context manager.

    input_shape: (n, c, h, w), None if the model leaves it free. description: the runtime and the device in use.
    fills_cpu: whether inference keeps all cores busy, so that work in parallel gains nothing.
    workers: how many threads may call `infer` at once. With one, an inference uses all cores; with several, each uses
    one, and the weights are shared.
    """

    input_shape: Shape
    description: str
    fills_cpu = True
    workers = 1

    @staticmethod
    def about() -> str:
        """The version of the runtime and the devices it finds, in one line."""
        raise NotImplementedError

    def infer(self, tensor: np.ndarray) -> List[np.ndarray]:
        """Run the model on a float32, C-contiguous tensor of `input_shape`; its outputs, in order, float32.

        The next call in the same thread may reuse the outputs' memory: copy what you keep. Raises ValueError for a
        wrong tensor (for a wrong shape ShapeError, which is also a ModelError), and ModelError when the runtime fails.
        """
        raise NotImplementedError

    def share(self, workers: int) -> None:
        """From now on let so many threads infer at once, as if the model had been opened for them.

        May be called while another thread infers. A runtime that cannot leaves `workers` at 1. Raises ModelError.
        """

    def close(self) -> None:
        """Free the model. Closing twice is allowed."""

    def __enter__(self) -> "Backend":
        return self

    def __exit__(self, *exception: Any) -> None:
        self.close()


def open_backend(
    path: str, backend: str = "auto", device: str = "auto", precision: str = "auto", workers: int = 1
) -> Backend:
    """Load the ONNX model at `path`, or the file made from it for another runtime.

    workers: how many threads are to infer at once, on the CPU with one core each; the backend's `workers` says how
    many may.

    Backend `auto` is TensorRT where there is a GPU and an engine for it, whatever its input size, else OpenVINO on x86
    where it is installed, else ONNX Runtime, else OpenCV. Precision `auto` is FP32, except with TensorRT, which takes
    the engine there is, FP16 first. A backend, device or precision that you name is used, or ModelError says what is
    missing: there is no silent fallback.
    """
    for kind, name, names in (("device", device, DEVICES), ("precision", precision, PRECISIONS)):
        if name not in names:
            raise ModelError(f"unknown {kind} {name!r}; choose one of {', '.join(names)}")
    opened: Backend
    if backend != "auto":
        opened = backend_class(backend)(path, device, precision, workers=workers)
        return opened
    if device != "cpu" and precision != "bf16" and engines(path):
        try:
            tensorrt = backend_class("tensorrt")(path, device, precision)
            if tensorrt.has_engine():
                opened = tensorrt
                return opened
            tensorrt.close()
            warn("TensorRT is not used: no engine fits this GPU, TensorRT and model; see tools.build_engine")
        except ModelError as error:
            warn(f"TensorRT is not used: {error}")
    *others, last = _choices(device, precision)
    for name in others:
        try:
            chosen = backend_class(name)
            break
        except ModelError as error:
            warn(str(error))  # installed, but broken
    else:
        chosen = backend_class(last)
    opened = chosen(path, device, precision, workers=workers)
    return opened


def backend_class(name: str) -> Type[Any]:
    """The class of a backend of this name. Raises ModelError if its runtime cannot be imported."""
    if name not in CLASSES:
        raise ModelError(f"unknown backend {name!r}; choose one of {', '.join(BACKENDS)}")
    backend: Type[Any] = getattr(importlib.import_module("app.backends." + name), CLASSES[name])
    return backend


def list_backends() -> Iterator[str]:
    """One line per backend: its version and devices, or what is missing and the command that installs it."""
    for name in CLASSES:
        try:
            state = backend_class(name).about()
        except ModelError as error:
            state = "- " + str(error)
        yield f"{name:<11}{state}"


def _choices(device: str, precision: str) -> List[str]:
    """The backends that `auto` tries where TensorRT is not available, the best first; the last one must work."""
    if precision == "bf16":
        return ["openvino"]
    choices = []
    on_x86 = platform.machine().lower() in ("x86_64", "amd64")
    if device != "gpu" and precision != "fp16" and on_x86 and _installed("openvino"):
        choices.append("openvino")
    if device == "gpu" or precision == "fp16" or _installed("onnxruntime"):
        choices.append("onnx")
    return choices if device == "gpu" or precision == "fp16" else choices + ["opencv"]


def _installed(module: str) -> bool:
    return importlib.util.find_spec(module) is not None


def check_tensor(tensor: np.ndarray, expected: Shape) -> None:
    """Raise ShapeError or ValueError unless a model with this input shape takes the tensor."""
    fits = tensor.ndim == len(expected) and all(e == a or (e is None and a) for e, a in zip(expected, tensor.shape))
    if not fits:
        raise ShapeError(f"the model takes a tensor of shape {expected}, was given {tensor.shape}")
    if tensor.dtype != np.float32 or not tensor.flags["C_CONTIGUOUS"]:
        kind = tensor.dtype if tensor.flags["C_CONTIGUOUS"] else f"one of {tensor.dtype} that is not"
        raise ValueError(f"the model takes a C-contiguous float32 tensor, was given {kind}")


def check_precision(name: str, precision: str, possible: Tuple[str, ...]) -> str:
    """The precision to use: the first of `possible` for auto. Raises ModelError for one that is not possible."""
    if precision == "auto":
        return possible[0]
    if precision not in possible:
        raise ModelError("--precision {}: {} computes in {} here".format(precision, name, " or ".join(possible)))
    return precision


def importing(name: str, command: str) -> ContextManager[None]:
    """Turn the exception of a failed import into a one-line ModelError, with the command that installs the runtime."""
    return _reported(f"{name} cannot be loaded (", f"); install it with: {command}")


def running(name: str, path: str = "") -> ContextManager[None]:
    """Turn the exceptions of a runtime that loads or runs a model, of many classes, into a one-line ModelError."""
    return _reported(f"{path}: {name} cannot load it: " if path else f"{name} failed: ")


@contextmanager
def _reported(before: str, after: str = "") -> Iterator[None]:
    try:
        yield
    except ModelError:
        raise
    except Exception as error:  # a broken installation raises anything
        raise ModelError(before + one_line(error) + after) from error


def one_line(error: BaseException) -> str:
    """An exception's message in one line, without OpenVINO's source locations; its class where it has no message."""
    lines = [line.strip() for line in str(error).splitlines()]
    kept = [
        line for line in lines if line and not re.match("Exception from |Check '|FrontEnd API failed|Summary:", line)
    ]
    return " ".join(kept)[:LONGEST_REASON] or type(error).__name__


def limit_cores(count: int) -> None:
    """From now on `physical_cores` is at most `count`: for a process of which there is one per core."""
    global _most_cores
    _most_cores = count


def physical_cores() -> int:
    """The number of cores this process may use, a hyper-threaded core counted once: more threads would be slower."""
    usable = os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else set(range(os.cpu_count() or 1))
    cores = set()
    for cpu in usable:
        try:
            with open(f"/sys/devices/system/cpu/cpu{cpu}/topology/thread_siblings_list") as file:
                cores.add(file.read())
        except OSError:
            cores.add(str(cpu))
    return min(len(cores), _most_cores or len(cores))
