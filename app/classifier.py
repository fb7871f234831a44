"""The classifier: uint8 images in, labels with their scores out. Normalisation is inside the model's graph.

with load_classifier("nano_resnet_s") as classifier:
    for label, score in classifier.classify(image, top=5):  # (h, w, 3) uint8 BGR
        print(label, score)
"""

from typing import Any, List, NamedTuple, Optional

import numpy as np

from app.backends import Backend, open_backend
from app.classification.card import ClassifierCard, read_classifier_card
from app.errors import ModelError, UsageError
from app.modelcard import find_model

DEFAULT_MODEL = "nano_resnet_s"
CHARACTERS = "characters"  # the data set, on a card, whose pictures are made of photographs in their own way


class Prediction(NamedTuple):
    """A label, and its softmax probability from 0 to 1."""

    label: str
    score: float


class Classifier:
    """Classifies images. A context manager, which closes its backend.

    batch: number of images in every call of the model. Fewer are padded with black ones, whose logits are dropped, so
    that a model or an engine with a fixed batch also takes the last images of a data set.
    """

    def __init__(self, backend: Backend, card: ClassifierCard, batch: Optional[int] = None) -> None:
        """batch: by default the model's own, or 1 where the model leaves it free.

        Raises ModelError when the card does not fit the model, UsageError when the model does not take this batch.
        """
        size = (card.channels, card.height, card.width)
        shape = backend.input_shape
        if len(shape) != 4 or any(own not in (None, expected) for own, expected in zip(shape[1:], size)):
            raise ModelError(
                f"the card does not fit the model: its input is {(None, *size)}, the model's input is {shape}"
            )
        if shape[0] is not None and batch not in (None, shape[0]):
            raise UsageError(f"--batch {batch}: the model takes batches of {shape[0]} only; use --batch {shape[0]}")
        self.backend = backend
        self.card = card
        self.batch = batch or shape[0] or 1
        self._tensor = np.zeros((self.batch, *size), np.float32)  # reused for every batch

    def classify(self, image: np.ndarray, *, top: int = 5) -> List[Prediction]:
        """The `top` most probable labels of an image (h, w, 3) uint8 BGR of any size, highest score first.

        Of equal scores, the label that comes first on the card is first. A model with fewer labels than `top` returns
        all of them. See `prepare` for what the model is given.

        Raises UsageError for another kind of image and for a `top` below 1, SourceError when a classifier of characters
        finds none, ModelError when the model fails.
        """
        if isinstance(top, bool) or not isinstance(top, int) or top < 1:
            raise UsageError(f"top should be a whole number from 1, is {top!r}")
        return self.best(self.logits(self.prepare(image)[None])[0], top)

    def best(self, logits: np.ndarray, top: int) -> List[Prediction]:
        """The `top` most probable labels by the logits (labels,) float32 of one image."""
        scores = softmax(logits[None])[0]
        order = np.argsort(-logits, kind="stable")[:top]
        return [Prediction(self.card.labels[index], float(scores[index])) for index in order]

    def prepare(self, image: np.ndarray) -> np.ndarray:
        """An image (h, w, 3) uint8 BGR of any size as the model takes it: (channels, height, width) uint8, RGB or grey.

        It is stretched to the model's input, by area where it shrinks and else linearly. For a model of characters it
        is a photograph of one, which is found in it and drawn as in the data set: see `classification.photo`.

        Raises UsageError for another kind of image, SourceError when there is no character.
        """
        if not isinstance(image, np.ndarray) or image.dtype != np.uint8 or image.shape[2:] != (3,) or not image.size:
            actual = f"{image.dtype} {image.shape}" if isinstance(image, np.ndarray) else type(image).__name__
            raise UsageError(f"an image should be uint8 of shape (height, width, 3) in BGR, is {actual}")
        if self.card.data == CHARACTERS:
            from app.classification.photo import as_emnist  # here, as cv2 below

            return self._stretched(as_emnist(image))[None]
        image = self._stretched(image)
        if self.card.channels == 1:
            import cv2

            return np.asarray(cv2.cvtColor(image, cv2.COLOR_BGR2GRAY))[None]
        return image[:, :, ::-1].transpose(2, 0, 1)

    def _stretched(self, image: np.ndarray) -> np.ndarray:
        height, width = self.card.height, self.card.width
        if image.shape[:2] == (height, width):
            return image
        import cv2  # here, because it takes memory that an evaluation of ready-made images does not need

        shrinks = image.shape[0] >= height and image.shape[1] >= width
        method = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
        return np.asarray(cv2.resize(image, (width, height), interpolation=method))

    def logits(self, images: np.ndarray) -> np.ndarray:
        """Logits (n, labels) float32 of 1 to `batch` images (n, channels, height, width) uint8, as `prepare` gives
        them; a copy of their own.

        Raises ValueError for other images, and ModelError when the model fails, returns outputs of another shape, or
        values that are not finite.
        """
        count = len(images)
        if images.dtype != np.uint8 or images.shape[1:] != self._tensor.shape[1:] or not 1 <= count <= self.batch:
            raise ValueError(
                f"images should be uint8 of shape {self._tensor.shape} or fewer, are {images.dtype} {images.shape}"
            )
        np.multiply(images, np.float32(self.card.scale), out=self._tensor[:count], dtype=np.float32)
        self._tensor[count:] = 0
        outputs = self.backend.infer(self._tensor)
        shapes = [output.shape for output in outputs]
        expected = (self.batch, len(self.card.labels))
        if shapes != [expected]:
            actual = ", ".join(map(str, shapes)) or "none"
            raise ModelError(
                f"the card does not fit the model: it should have one output of shape {expected}, has {actual}"
            )
        logits = np.array(outputs[0][:count], np.float32)  # copied: the backend may reuse its memory
        if not np.isfinite(logits).all():
            raise ModelError("the model's logits are not finite: NaN or infinite")
        return logits

    def close(self) -> None:
        """Close the backend. Closing twice is allowed."""
        self.backend.close()

    def __enter__(self) -> "Classifier":
        return self

    def __exit__(self, *exception: Any) -> None:
        self.close()


def load_classifier(
    model: str = DEFAULT_MODEL,
    *,
    backend: str = "auto",
    device: str = "auto",
    precision: str = "auto",
    batch: Optional[int] = None,
) -> Classifier:
    """Load a classifier, by its name in `weights/` or by the path of its ONNX file, and the card beside it.

    backend, device, precision: as `open_backend` takes them. batch: see Classifier. Use it in a `with`, or close it.
    Raises ModelError if the model, its card or its backend cannot be used; a missing model's error names the command
    that makes one. Raises UsageError when the model does not take this batch.
    """
    path = find_model(model)
    card = read_classifier_card(path)
    opened = open_backend(path, backend, device, precision)
    try:
        return Classifier(opened, card, batch)
    except Exception:
        opened.close()
        raise


def log_softmax(logits: np.ndarray) -> np.ndarray:
    """Logarithms of the probabilities (n, labels) of logits of the same shape, in float64: safe for any finite ones."""
    shifted = logits.astype(np.float64) - logits.max(axis=1, keepdims=True)
    normalised: np.ndarray = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    return normalised


def softmax(logits: np.ndarray) -> np.ndarray:
    """Probabilities (n, labels) float64 of logits of the same shape; each row adds up to 1."""
    probabilities: np.ndarray = np.exp(log_softmax(logits))
    return probabilities
