"""OpenCV's dnn module: an ONNX file on the CPU, without any other runtime.

OpenCV reads `yolov3-tiny.onnx` from release 4.6 on. JetPack's 4.1.1 does not support Resize of opset 13, but reads the
same network in opset 8: `python -m tools.convert --opset 8 --output weights/yolov3-tiny-opset8.onnx`.
"""

from typing import List, Optional, Tuple

import cv2
import numpy as np

from app.backends import Backend, Shape, check_precision, check_tensor, one_line, physical_cores, running
from app.errors import ModelError
from app.files import opencv_path

FOR_OLD_RELEASES = (
    "OpenCV before 4.6 reads few models, and YOLOv3-tiny in opset 8 only (python -m tools.convert --opset 8 "
    "--output weights/yolov3-tiny-opset8.onnx): use --backend onnx"
)


class OpenCVBackend(Backend):
    """A model in OpenCV's dnn module. Its outputs are in the order of the graph's nodes."""

    input_shape: Shape = (None, None, None, None)  # OpenCV does not report it

    def __init__(self, path: str, device: str = "auto", precision: str = "auto", workers: int = 1) -> None:
        """Load the model. Raises ModelError when OpenCV cannot read it, or the device is not the CPU.

        workers: one at a time can infer, with all cores: OpenCV's number of threads is the whole process's.
        """
        if device == "gpu":
            raise ModelError("the opencv backend runs on the CPU; for a GPU use --backend tensorrt, onnx or tensorflow")
        check_precision("OpenCV", precision, ("fp32",))
        # The loop limits OpenCV to one thread, as its pool competes with the runtime's. Here OpenCV is the runtime.
        cv2.setNumThreads(physical_cores())
        self._path = path
        self._net = self._read()
        self._shape: Optional[Tuple[int, ...]] = None
        self.description = f"opencv {cv2.__version__} dnn CPU, {cv2.getNumThreads()} threads"

    @staticmethod
    def about() -> str:
        return f"{cv2.__version__}: CPU"

    def _read(self) -> "cv2.dnn.Net":
        try:
            with open(self._path, "rb"):
                pass
            net = cv2.dnn.readNetFromONNX(opencv_path(self._path))
        except (cv2.error, OSError, ValueError) as error:
            hint = "; " + FOR_OLD_RELEASES if _is_old() else ""
            raise ModelError(
                f"{self._path}: OpenCV {cv2.__version__} cannot read it: {one_line(error)}{hint}"
            ) from error
        self._outputs = net.getUnconnectedOutLayersNames()
        return net

    def infer(self, tensor: np.ndarray) -> List[np.ndarray]:
        check_tensor(tensor, self.input_shape)
        with running("OpenCV"):
            if self._shape not in (None, tensor.shape):
                self._net = self._read()  # old releases keep the layer sizes of the first shape
            self._shape = tensor.shape
            self._net.setInput(tensor)
            return [np.asarray(output) for output in self._net.forward(self._outputs)]


def _is_old() -> bool:
    return tuple(int(part) for part in cv2.__version__.split(".")[:2]) < (4, 6)
