"""ONNX Runtime: any ONNX file, on the CPU or, where its GPU build is installed, on an NVIDIA GPU.

On the GPU, FP32 runs on the CUDA provider and FP16 on the TensorRT provider, which builds an engine at the first
inference of each shape (this takes minutes on a Jetson Nano) and keeps it in a folder beside the model.
"""

import contextlib
import ctypes
import glob
import io
import os
from typing import Any, Dict, List, Optional

import numpy as np

from app.backends import Backend, Shape, check_precision, check_tensor, importing, physical_cores, running
from app.errors import ModelError, OutputError, warn
from app.files import opencv_path
from app.modelcard import hash_model

with importing("ONNX Runtime", "python3 -m pip install onnxruntime"):
    import onnxruntime

CPU, CUDA, TENSORRT = "CPUExecutionProvider", "CUDAExecutionProvider", "TensorrtExecutionProvider"
WORKSPACE = 256 << 20  # bytes; otherwise TensorRT requests all of a Nano's memory


class OnnxBackend(Backend):
    """A model in ONNX Runtime. `device` is auto, cpu or gpu."""

    def __init__(
        self,
        path: str,
        device: str = "auto",
        precision: str = "auto",
        threads: Optional[int] = None,
        workers: int = 1,
    ) -> None:
        """Load the model. Raises ModelError when it is not a model, or the requested device is not available.

        threads: of an inference on the CPU; by default one per physical core, or a single one for several workers.
        """
        available = onnxruntime.get_available_providers()
        on_gpu = device == "gpu" or (device == "auto" and (CUDA in available or TENSORRT in available))
        precision = check_precision("ONNX Runtime", precision, ("fp32", "fp16") if on_gpu else ("fp32",))
        provider = CPU
        if on_gpu:
            provider = TENSORRT if precision == "fp16" or (CUDA not in available and TENSORRT in available) else CUDA
        if provider not in available:
            raise ModelError(
                "this ONNX Runtime has no {} (it has {}); install onnxruntime-gpu, or use --device cpu".format(
                    provider, ", ".join(available)
                )
            )
        onnxruntime.set_default_logger_severity(4)
        self._path = path
        self._threads = threads
        missing = _missing(provider) if provider != CPU else ""
        if provider != CPU and not missing:
            settings = _tensorrt_settings(path, precision) if provider == TENSORRT else {}
            self._session = _open(path, physical_cores(), provider, settings)
            # ONNX Runtime silently replaces a provider that fails to start by the CPU.
            if self._session.get_providers()[0] != provider:
                missing = "no CUDA driver, or no GPU"
        if missing:
            missing = f"{provider} did not start: {missing}"
            if device == "gpu" or precision != "fp32":
                raise ModelError(f"{missing}; fix that, or use --device cpu")
            warn(f"{missing}; the CPU is used")
            provider = CPU
        self.fills_cpu = provider == CPU
        if provider == CPU:
            self._open_on_cpu(workers)
        else:
            suffix = ", " + precision if precision != "fp32" else ""
            self.description = f"onnxruntime {onnxruntime.__version__} {provider}{suffix}"

        inputs = self._session.get_inputs()
        if len(inputs) != 1 or inputs[0].type != "tensor(float)":
            raise ModelError(f"{path}: should have one float32 input, has {[i.type for i in inputs]}")
        self._input = inputs[0].name
        self.input_shape: Shape = tuple(n if isinstance(n, int) else None for n in inputs[0].shape)

    @staticmethod
    def about() -> str:
        return "{}: {}".format(onnxruntime.__version__, ", ".join(onnxruntime.get_available_providers()))

    def _open_on_cpu(self, workers: int) -> None:
        """Load the model for so many threads that infer at once."""
        threads = self._threads or (physical_cores() if workers == 1 else 1)
        self._session = _open(self._path, threads, CPU, {})
        self.workers = workers
        used = f"{threads} threads" if workers == 1 else f"{workers} workers of one thread"
        self.description = f"onnxruntime {onnxruntime.__version__} {CPU}, {used}"

    def share(self, workers: int) -> None:
        if self.fills_cpu:
            self._open_on_cpu(workers)

    def infer(self, tensor: np.ndarray) -> List[np.ndarray]:
        check_tensor(tensor, self.input_shape)
        with running("ONNX Runtime"):
            return list(self._session.run(None, {self._input: tensor}))


def _open(path: str, threads: int, provider: str, settings: Dict[str, str]) -> Any:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    # Idle threads spin for a while, so that the next layer starts sooner. After the last layer that would only keep
    # the thread that decodes the next frame from its core. Old releases ignore the setting.
    options.add_session_config_entry("session.force_spinning_stop", "1")
    options.log_severity_level = 4  # fatal: errors are raised, and so reported once
    with running("ONNX Runtime", path):
        # enable_fallback=0: TensorRT would fall back to other providers, and print to standard output.
        name = opencv_path(path)
        return onnxruntime.InferenceSession(name, options, providers=[(provider, settings)], enable_fallback=0)


def _tensorrt_settings(path: str, precision: str) -> Dict[str, str]:
    """Settings of the TensorRT provider, all known to release 1.11.

    It names engines after the graph and not after the weights, so the model's hash is in the folder's name.
    """
    cache = f"{os.path.splitext(path)[0]}.{hash_model(path):.8}.onnxruntime{onnxruntime.__version__}"
    try:
        os.makedirs(cache, exist_ok=True)
        if not os.listdir(cache):
            warn(f"the first inference of each input shape takes minutes: it builds an engine in {cache}")
    except OSError as error:
        raise OutputError(f"{cache}: cannot create the folder: {error.strerror}") from error
    return {
        "trt_fp16_enable": str(precision == "fp16"),
        "trt_max_workspace_size": str(WORKSPACE),
        "trt_engine_cache_enable": "True",
        "trt_engine_cache_path": cache,
    }


def _missing(provider: str) -> str:
    """Why a GPU provider's library cannot be loaded, such as a missing shared library; empty if it can."""
    if hasattr(onnxruntime, "preload_dlls"):
        with contextlib.redirect_stdout(io.StringIO()):
            onnxruntime.preload_dlls()  # CUDA's libraries from pip are not on the loader's path
    name = "libonnxruntime_providers_{}.so".format({CUDA: "cuda", TENSORRT: "tensorrt"}[provider])
    for library in glob.glob(os.path.join(os.path.dirname(onnxruntime.__file__), "capi", name)):
        try:
            ctypes.CDLL(library)
        except OSError as error:
            if "undefined symbol" not in str(error):  # ONNX Runtime provides those symbols when it loads the library
                return str(error)
    return ""
