"""OpenVINO: the ONNX file itself, on x86 hosts; also in BF16 where the processor supports it."""

import threading
from typing import Any, List, Tuple

import numpy as np

from app.backends import Backend, Shape, check_precision, check_tensor, importing, physical_cores, running
from app.errors import ModelError
from app.files import opencv_path

with importing("OpenVINO", "python3 -m pip install openvino"):
    import openvino
    from openvino.frontend import FrontEndManager

    # Kept until the process ends. With the last of them OpenVINO unloads libraries that have set the thread's signal
    # stack, and the next signal, such as a Ctrl-C, would crash.
    CORE = openvino.Core()
    FRONT_ENDS = FrontEndManager()
    # Only its ONNX reader: on a file that is not a model, read_model() tries all readers, which print messages.
    READER = FRONT_ENDS.load_by_framework("onnx")

# As OpenVINO names them: among a device's capabilities, and as a hint.
PRECISIONS = {"fp32": ("FP32", "f32"), "fp16": ("FP16", "f16"), "bf16": ("BF16", "bf16")}


class OpenVINOBackend(Backend):
    """A model in OpenVINO. `device` is auto (the CPU), cpu or gpu (one of Intel's)."""

    def __init__(self, path: str, device: str = "auto", precision: str = "auto", workers: int = 1) -> None:
        """Load the model. Raises ModelError when it is not a model, or the device lacks the requested precision."""
        with running("OpenVINO"):
            place = "GPU" if device == "gpu" else "CPU"
            if place not in [name.split(".")[0] for name in CORE.available_devices]:
                raise ModelError("OpenVINO finds no {} here, only {}".format(place, ", ".join(CORE.available_devices)))
            precision = check_precision("OpenVINO", precision, _precisions(place))
        self.fills_cpu = place == "CPU"
        self._path = path
        self._place = place
        self._precision = precision
        self._request = threading.local()  # each thread's, and the model that it is of
        self._model = self._compile(workers if self.fills_cpu else 1)
        model = self._model
        if len(model.inputs) != 1 or model.input().element_type != openvino.Type.f32:
            raise ModelError(f"{path}: should have one float32 input")
        shape = model.input().partial_shape
        self.input_shape: Shape = tuple(n.get_length() if n.is_static else None for n in shape)
        self._outputs = range(len(model.outputs))

    @staticmethod
    def about() -> str:
        with running("OpenVINO"):
            places = ["{} ({})".format(name, ", ".join(_precisions(name))) for name in CORE.available_devices]
        return "{}: {}".format(_version(), ", ".join(places))

    def _compile(self, workers: int) -> Any:
        """Compile the model for so many threads that infer at once, each in a stream of its own."""
        settings = {"INFERENCE_PRECISION_HINT": PRECISIONS[self._precision][1], "PERFORMANCE_HINT": "LATENCY"}
        if self.fills_cpu:
            settings["INFERENCE_NUM_THREADS"] = str(physical_cores() if workers == 1 else workers)
            settings["NUM_STREAMS"] = str(workers)
            settings["ENABLE_CPU_PINNING"] = "NO"  # else two processes of one thread each share the same core
        with running("OpenVINO", self._path):
            model = CORE.compile_model(READER.convert(READER.load(opencv_path(self._path))), self._place, settings)
        self.workers = workers
        used = "" if workers == 1 else f", {workers} workers of one thread"
        self.description = f"openvino {_version()} {self._place} {self._precision}{used}"
        return model

    def share(self, workers: int) -> None:
        if self.fills_cpu:
            self._model = self._compile(workers)

    def infer(self, tensor: np.ndarray) -> List[np.ndarray]:
        check_tensor(tensor, self.input_shape)
        mine, model = self._request, self._model
        with running("OpenVINO"):
            if getattr(mine, "model", None) is not model:
                mine.model, mine.request = model, model.create_infer_request()
            mine.request.infer([tensor], share_inputs=True, share_outputs=True)
            return [mine.request.get_output_tensor(index).data for index in self._outputs]

    def close(self) -> None:
        self._request = threading.local()
        self._model = None


def _precisions(place: str) -> Tuple[str, ...]:
    capabilities = CORE.get_property(place, "OPTIMIZATION_CAPABILITIES")
    return tuple(name for name, (capability, _) in PRECISIONS.items() if capability in capabilities)


def _version() -> str:
    return str(openvino.__version__).split("-")[0]
