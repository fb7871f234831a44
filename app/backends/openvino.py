"""OpenVINO: the ONNX file itself, on x86 hosts; also in BF16 where the processor supports it."""

from typing import List, Tuple

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

    def __init__(self, path: str, device: str = "auto", precision: str = "auto") -> None:
        """Load the model. Raises ModelError when it is not a model, or the device lacks the requested precision."""
        with running("OpenVINO"):
            place = "GPU" if device == "gpu" else "CPU"
            if place not in [name.split(".")[0] for name in CORE.available_devices]:
                raise ModelError("OpenVINO finds no {} here, only {}".format(place, ", ".join(CORE.available_devices)))
            precision = check_precision("OpenVINO", precision, _precisions(place))
        settings = {"INFERENCE_PRECISION_HINT": PRECISIONS[precision][1], "PERFORMANCE_HINT": "LATENCY"}
        if place == "CPU":
            settings["INFERENCE_NUM_THREADS"] = str(physical_cores())
        with running("OpenVINO", path):
            model = CORE.compile_model(READER.convert(READER.load(opencv_path(path))), place, settings)
        if len(model.inputs) != 1 or model.input().element_type != openvino.Type.f32:
            raise ModelError(f"{path}: should have one float32 input")
        shape = model.input().partial_shape
        self.input_shape: Shape = tuple(n.get_length() if n.is_static else None for n in shape)
        self.fills_cpu = place == "CPU"
        self._request = model.create_infer_request()
        self._outputs = range(len(model.outputs))
        self.description = f"openvino {_version()} {place} {precision}"

    @staticmethod
    def about() -> str:
        with running("OpenVINO"):
            places = ["{} ({})".format(name, ", ".join(_precisions(name))) for name in CORE.available_devices]
        return "{}: {}".format(_version(), ", ".join(places))

    def infer(self, tensor: np.ndarray) -> List[np.ndarray]:
        check_tensor(tensor, self.input_shape)
        with running("OpenVINO"):
            self._request.infer([tensor], share_inputs=True, share_outputs=True)
            return [self._request.get_output_tensor(index).data for index in self._outputs]

    def close(self) -> None:
        self._request = None


def _precisions(place: str) -> Tuple[str, ...]:
    capabilities = CORE.get_property(place, "OPTIMIZATION_CAPABILITIES")
    return tuple(name for name, (capability, _) in PRECISIONS.items() if capability in capabilities)


def _version() -> str:
    return str(openvino.__version__).split("-")[0]
