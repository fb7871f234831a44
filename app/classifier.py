"""The classifier: uint8 images in, one logit per label out. Normalisation is inside the model's graph.

scale, fill up the batch -> backend.infer -> check
"""

from typing import Optional

import numpy as np

from app.backends import Backend
from app.classification.card import ClassifierCard
from app.errors import ModelError, UsageError


class Classifier:
    """Classifies batches of images.

    batch: images that the model is always given. Fewer are filled up with black ones, whose logits are dropped, so that
    a model with a fixed batch or an engine for one shape takes the last of a data set too.
    """

    def __init__(self, backend: Backend, card: ClassifierCard, batch: Optional[int] = None) -> None:
        """batch: by default the model's own, or 1 where that is free.

        Raises ModelError when the card does not fit the model, UsageError when the model takes no such batch.
        """
        size = (3, card.height, card.width)
        shape = backend.input_shape
        if len(shape) != 4 or any(own not in (None, said) for own, said in zip(shape[1:], size)):
            raise ModelError(
                "the card does not fit the model: it says an input of {}, the model takes {}".format(
                    (None, *size), shape
                )
            )
        if shape[0] is not None and batch not in (None, shape[0]):
            raise UsageError(
                "--batch {0}: the model takes batches of {1} only; use --batch {1}".format(batch, shape[0])
            )
        self.backend = backend
        self.card = card
        self.batch = batch or shape[0] or 1
        self._tensor = np.zeros((self.batch, *size), np.float32)  # used again for every batch

    def logits(self, images: np.ndarray) -> np.ndarray:
        """Logits (n, labels) float32 of 1 to `batch` images (n, 3, height, width) uint8 RGB; the caller's to keep.

        Raises ValueError for other images, and ModelError when the model fails, gives outputs of another shape, or
        values that are not finite.
        """
        count = len(images)
        if images.dtype != np.uint8 or images.shape[1:] != self._tensor.shape[1:] or not 1 <= count <= self.batch:
            raise ValueError(
                "images should be uint8 of shape {} or fewer, are {} {}".format(
                    self._tensor.shape, images.dtype, images.shape
                )
            )
        np.multiply(images, np.float32(self.card.scale), out=self._tensor[:count], dtype=np.float32)
        self._tensor[count:] = 0
        outputs = self.backend.infer(self._tensor)
        shapes = [output.shape for output in outputs]
        expected = (self.batch, len(self.card.labels))
        if shapes != [expected]:
            raise ModelError(
                "the card does not fit the model: it should have one output of shape {}, has {}".format(
                    expected, ", ".join(map(str, shapes)) or "none"
                )
            )
        logits = np.array(outputs[0][:count], np.float32)  # copied: the backend may use its memory again
        if not np.isfinite(logits).all():
            raise ModelError("the model gives logits that are not finite numbers: NaN or infinite")
        return logits


def log_softmax(logits: np.ndarray) -> np.ndarray:
    """Logarithms of the probabilities (n, labels) of logits of the same shape, in float64: safe for any finite ones."""
    shifted = logits.astype(np.float64) - logits.max(axis=1, keepdims=True)
    normalised: np.ndarray = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    return normalised


def softmax(logits: np.ndarray) -> np.ndarray:
    """Probabilities (n, labels) float64 of logits of the same shape; each row adds up to 1."""
    probabilities: np.ndarray = np.exp(log_softmax(logits))
    return probabilities
