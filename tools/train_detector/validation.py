"""AP50 on the validation pictures after every epoch, of the very model that would be exported then."""

import argparse
import time
from typing import Any, Optional, Sequence

import keras
import numpy as np
import onnxruntime

from app.backends import Backend, physical_cores
from app.detector import Detector
from app.layout import Head
from app.modelcard import ModelCard
from models.darknet_keras import convolutions
from models.darknet_onnx import emit_onnx
from models.darknet_table import Network
from tools.score.detections import find_all
from tools.score.precision import evaluate, figures
from tools.train.checkpoint import averaged
from tools.train_detector.examples import Example, as_truth

# Above that of an app, and far below what counts: what scores less changes AP by nothing that can be seen, but there
# are many of them early in a training.
LEAST_SCORE = 0.005
END = 2.5  # times the seconds of a validation that the end of a run takes: the last one, the file's, and the export


class Validation(keras.callbacks.Callback):  # type: ignore[misc]  # Keras has no types
    """Adds `val_ap50` and `val_ap` to the log. Must come before the journal, whose `reserve` it sets."""

    def __init__(
        self,
        network: Network,
        labels: Sequence[str],
        resize: str,
        examples: Sequence[Example],
        options: argparse.Namespace,
        journal: Any,
        started: float,
    ) -> None:
        """started: `time.monotonic()` at the beginning of the command, for the time budget."""
        super().__init__()
        self._network = network
        self._card = validation_card(network, labels, resize)
        self._truth = as_truth(examples, labels)
        self._options = options
        self._journal = journal
        self._prepared = time.monotonic() - started

    def on_train_begin(self, logs: Any = None) -> None:
        self._journal.reserve = max(self._journal.reserve, self._prepared)
        self._began: Optional[float] = time.monotonic()

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        if self._began is not None:  # the first step compiles, and the journal does not count that as training
            self._prepared += time.monotonic() - self._began
            self._journal.reserve, self._began = max(self._journal.reserve, self._prepared), None

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        if not self._truth.dataset["annotations"]:
            return
        begun = time.monotonic()
        if self._options.ema:
            with averaged(self.model) as network:
                backend = InMemory(self._network, network)
        else:
            backend = InMemory(self._network, self.model)
        detector = Detector(backend, self._card, size=self._options.size, confidence=LEAST_SCORE, multi_label=True)
        result = figures(evaluate(self._truth.dataset, find_all(detector, self._truth)))
        for name in ("ap50", "ap"):
            if logs is not None and result[name] is not None:
                logs["val_" + name] = result[name]
        self._journal.reserve = self._prepared + END * (time.monotonic() - begun)


class InMemory(Backend):
    """ONNX Runtime on the CPU with a network as its weights are now; no file is written."""

    input_shape = (None, 3, None, None)
    description = "onnxruntime cpu"

    def __init__(self, network: Network, model: Any) -> None:
        settings = onnxruntime.SessionOptions()
        settings.intra_op_num_threads = physical_cores()
        data = emit_onnx(network, convolutions(network, model)).SerializeToString()
        self._session = onnxruntime.InferenceSession(data, settings, providers=["CPUExecutionProvider"])
        self._input = self._session.get_inputs()[0].name

    def infer(self, tensor: np.ndarray) -> list[np.ndarray]:
        return list(self._session.run(None, {self._input: tensor}))


def validation_card(network: Network, labels: Sequence[str], resize: str) -> ModelCard:
    """The card that the exported model will have, as far as a detector looks at it."""
    heads = tuple(Head(head.stride, head.anchors, head.scale_x_y, head.squared) for head in network.heads)
    size = None if resize == "rectangle" else (network.width, network.height)
    return ModelCard(
        name="validation",
        sha256="",
        labels=tuple(labels),
        heads=heads,
        multiple=network.multiple,
        scale=1 / 255,
        resize=resize,
        size=size,
    )
