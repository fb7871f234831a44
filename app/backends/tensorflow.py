"""TensorFlow: the frozen graph that `tools.convert` writes beside the ONNX file, in one compiled call per frame.

The graph runs in a session, not in the eager runtime. So it has its own threads and GPU memory, whatever else the
process does with TensorFlow, and a call takes about a fifth less time.
"""

import os
from typing import Any, Dict, List

import numpy as np

from app.artefact import read_artefact, read_sidecar
from app.backends import Backend, Shape, check_precision, check_tensor, importing, physical_cores, running
from app.errors import ModelError, warn
from app.files import without_stderr
from app.modelcard import graph_path, hash_model

# For other uses of TensorFlow in this process, as in the tools: allocate GPU memory as needed, and run Keras on
# TensorFlow.
os.environ.setdefault("TF_FORCE_GPU_ALLOW_GROWTH", "true")
os.environ["KERAS_BACKEND"] = "tensorflow"

with importing("TensorFlow", "python3 -m pip install tensorflow"), without_stderr():
    import tensorflow as tf

__all__ = ["TensorFlowBackend", "tf"]  # tools import tf from here, without its messages

REMAKE = "python -m tools.convert"


class TensorFlowBackend(Backend):
    """A model in TensorFlow. `path` is the ONNX file; the graph lies beside it. `device` is auto, cpu or gpu."""

    def __init__(self, path: str, device: str = "auto", precision: str = "auto", workers: int = 1) -> None:
        """Load the graph. Raises ModelError when it is missing, damaged or made from another ONNX file."""
        check_precision("TensorFlow", precision, ("fp32",))
        with running("TensorFlow"):
            gpus = tf.config.list_physical_devices("GPU")
        if device == "gpu" and not gpus:
            raise ModelError(f"TensorFlow {tf.__version__} finds no GPU; are CUDA and cuDNN installed?")
        on_gpu = bool(gpus) and device != "cpu"
        graph = graph_path(path)
        data, fields = _read(path, graph)
        with running("TensorFlow", graph):
            definition = tf.compat.v1.GraphDef()
            definition.ParseFromString(data)
            with tf.Graph().as_default() as loaded:
                tf.import_graph_def(definition, name="")
            self._session = tf.compat.v1.Session(graph=loaded, config=_settings(on_gpu, workers))
            computing = any(device.device_type == "GPU" for device in self._session.list_devices())
            images = loaded.get_tensor_by_name(fields["input"])
            self._call = self._session.make_callable(fields["outputs"], feed_list=[images])
            self.input_shape: Shape = tuple(images.shape.as_list())
        if on_gpu and not computing:  # it may list a GPU and not use it
            if device == "gpu":
                raise ModelError(f"TensorFlow {tf.__version__} finds a GPU but does not use it")
            warn("TensorFlow finds a GPU but does not use it; the CPU is used")
            on_gpu = False
        self.fills_cpu = not on_gpu
        self.workers = 1 if on_gpu else workers
        where = "GPU" if on_gpu else f"CPU, {physical_cores()} threads"
        if self.workers > 1:
            where = f"CPU, {workers} workers of one thread"
        self.description = f"tensorflow {tf.__version__} {where}"

    @staticmethod
    def about() -> str:
        with running("TensorFlow"):
            devices = sorted({device.device_type for device in tf.config.list_physical_devices()})
        return "{}: {}".format(tf.__version__, ", ".join(devices))

    def infer(self, tensor: np.ndarray) -> List[np.ndarray]:
        check_tensor(tensor, self.input_shape)
        with running("TensorFlow"):
            return list(self._call(tensor))

    def close(self) -> None:
        self._session.close()


def _read(model: str, graph: str) -> Any:
    """The bytes of a model's frozen graph and the fields of its sidecar, after checking that both fit the model."""
    data = read_artefact(graph, REMAKE)
    fields: Dict[str, Any] = read_sidecar(graph)
    if fields["model"]["sha256"] != hash_model(model):
        raise ModelError(f"{graph}: was made from another model than {model}; make it again with: {REMAKE}")
    if not isinstance(fields.get("input"), str) or not isinstance(fields.get("outputs"), list):
        raise ModelError(f"{graph}: its sidecar does not name its input and outputs; make both again with: {REMAKE}")
    return data, fields


def _settings(on_gpu: bool, workers: int = 1) -> Any:
    """One layer at a time on all cores, or an inference per worker on one core each; GPU memory as needed."""
    settings = tf.compat.v1.ConfigProto(
        intra_op_parallelism_threads=physical_cores() if workers == 1 else 1,
        inter_op_parallelism_threads=workers,
        device_count={} if on_gpu else {"GPU": 0},
    )
    # Otherwise TensorFlow allocates all of the GPU's memory, on a Nano all of the board's, at once.
    settings.gpu_options.allow_growth = True
    return settings
