"""ONNX Runtime: any ONNX file, on the CPU or, where its GPU build is installed, with CUDA."""

import os
from typing import List, Optional

import numpy as np

from app.backends import Backend, Shape, check_tensor
from app.errors import ModelError
from app.files import opencv_path

try:
    import onnxruntime
except ImportError as error:
    raise ModelError(
        "ONNX Runtime cannot be loaded ({}); install it with: python3 -m pip install onnxruntime".format(error)
    ) from error

PROVIDERS = {"cpu": "CPUExecutionProvider", "gpu": "CUDAExecutionProvider"}


class OnnxBackend(Backend):
    """A model in ONNX Runtime. `device` is auto, cpu or gpu; `threads` defaults to the number of physical cores."""

    def __init__(self, path: str, device: str = "auto", threads: Optional[int] = None) -> None:
        """Load the model. Raises ModelError when it is not one, or the device asked for was not to be had."""
        available = onnxruntime.get_available_providers()
        if device == "auto":
            device = "gpu" if PROVIDERS["gpu"] in available else "cpu"
        provider = PROVIDERS[device]
        if provider not in available:
            raise ModelError(
                "this ONNX Runtime has no {} (it has {}); install onnxruntime-gpu, or use --device cpu".format(
                    provider, ", ".join(available)
                )
            )
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads or physical_cores()
        # Idle threads of the session spin for a while, so that the next layer starts sooner. After the last layer they
        # would only take the core from the thread that decodes the next frame. Old releases ignore the setting.
        options.add_session_config_entry("session.force_spinning_stop", "1")
        options.log_severity_level = 4  # fatal: what goes wrong is raised, and reported once
        try:
            self._session = onnxruntime.InferenceSession(opencv_path(path), options, providers=[provider])
        except Exception as error:  # onnxruntime has a dozen classes of its own, which differ between releases
            raise ModelError("{}: ONNX Runtime cannot load it: {}".format(path, _first_line(error))) from error
        # A provider that fails to start is replaced by the CPU without a word.
        if self._session.get_providers()[0] != provider:
            raise ModelError("ONNX Runtime could not start {}; are CUDA and cuDNN installed?".format(provider))

        inputs = self._session.get_inputs()
        if len(inputs) != 1 or inputs[0].type != "tensor(float)":
            raise ModelError("{}: should have one float32 input, has {}".format(path, [i.type for i in inputs]))
        self._input = inputs[0].name
        self.input_shape: Shape = tuple(n if isinstance(n, int) else None for n in inputs[0].shape)
        self.description = "onnxruntime {} {}, {} threads".format(
            onnxruntime.__version__, provider, options.intra_op_num_threads
        )

    def infer(self, tensor: np.ndarray) -> List[np.ndarray]:
        check_tensor(tensor, self.input_shape)
        try:
            return list(self._session.run(None, {self._input: tensor}))
        except Exception as error:
            raise ModelError("ONNX Runtime failed: {}".format(_first_line(error))) from error


def physical_cores() -> int:
    """Cores this process may run on, counting a hyper-threaded core once: more threads only get in each other's way."""
    usable = os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else set(range(os.cpu_count() or 1))
    cores = set()
    for cpu in usable:
        try:
            with open("/sys/devices/system/cpu/cpu{}/topology/thread_siblings_list".format(cpu)) as file:
                cores.add(file.read())
        except OSError:
            cores.add(str(cpu))
    return len(cores)


def _first_line(error: Exception) -> str:
    return str(error).strip().split("\n")[0]
