"""What runs a model: one class per runtime, one module per class, imported only when it is used.

with open_backend("weights/yolov3-tiny.onnx") as backend:
    coarse, fine = backend.infer(tensor)
"""

from typing import Any, List, Optional, Tuple

import numpy as np

from app.errors import ModelError

BACKENDS = ("auto", "onnx")
DEVICES = ("auto", "cpu", "gpu")

Shape = Tuple[Optional[int], ...]


class Backend:
    """A loaded model. A context manager.

    input_shape: (n, c, h, w), None where the model leaves it free. description: what really runs, for people.
    """

    input_shape: Shape
    description: str

    def infer(self, tensor: np.ndarray) -> List[np.ndarray]:
        """Run the model on a float32, C-contiguous tensor of `input_shape`; its outputs, in order, float32.

        The outputs may be reused by the next call: whoever keeps them copies. Raises ValueError for a wrong tensor,
        and ModelError when the runtime fails.
        """
        raise NotImplementedError

    def close(self) -> None:
        """Free what the model holds. Closing twice is allowed."""

    def __enter__(self) -> "Backend":
        return self

    def __exit__(self, *exception: Any) -> None:
        self.close()


def check_tensor(tensor: np.ndarray, expected: Shape) -> None:
    """Raise ValueError unless the tensor is what a model with this input shape takes."""
    fits = tensor.ndim == len(expected) and all(e is None or e == a for e, a in zip(expected, tensor.shape))
    if not fits:
        raise ValueError("the model takes a tensor of shape {}, was given {}".format(expected, tensor.shape))
    if tensor.dtype != np.float32 or not tensor.flags["C_CONTIGUOUS"]:
        raise ValueError("the model takes a C-contiguous float32 tensor, was given {}".format(tensor.dtype))


def open_backend(path: str, backend: str = "auto", device: str = "auto") -> Backend:
    """Load a model with the runtime asked for. `auto` takes ONNX Runtime.

    What is asked for by name is used or it is an error. Raises ModelError.
    """
    if backend in ("auto", "onnx"):
        from app.backends.onnx import OnnxBackend

        return OnnxBackend(path, device)
    raise ModelError("unknown backend {!r}: there are {}".format(backend, ", ".join(BACKENDS)))
