"""Several classifiers as one, and several views of an image as one: the mean of their softmax probabilities.

Both have the `logits` of a classifier; theirs are the logarithms of the mean probabilities.
"""

from typing import Any, List, Optional, Sequence

import numpy as np

from app.classification.card import ClassifierCard
from app.classification.views import make_view, views
from app.classifier import Classifier, log_softmax
from app.errors import ModelError


class Ensemble:
    """Classifiers of the same images with the same labels. A context manager, which closes all of them.

    One classifier alone is allowed; its logits are then left as they are, unless there are several views.

    count: the number of views of every image that each of them classifies, as `views` takes it. card: the first one's.
    """

    def __init__(self, classifiers: Sequence[Classifier], count: int = 1) -> None:
        """Raises ModelError unless all classifiers have the same labels and input. Closes none of them then."""
        check_alike([classifier.card for classifier in classifiers])
        self.classifiers = list(classifiers)
        self.card = classifiers[0].card
        self.batch = min(classifier.batch for classifier in classifiers)
        self._views = views(count)

    @property
    def description(self) -> str:
        """What really runs: one description where all classifiers have the same, else all of them."""
        descriptions = [classifier.backend.description for classifier in self.classifiers]
        return "; ".join(sorted(set(descriptions), key=descriptions.index))

    def each(self, images: np.ndarray) -> List[np.ndarray]:
        """Every classifier's own logits, (n, labels) float32 each, over all views of 1 to `batch` images.

        images: (n, channels, height, width) uint8, as `Classifier.logits` takes them. Raises as that does.
        """
        shown = [make_view(images, view) for view in self._views]
        return [mean_logits([classifier.logits(view) for view in shown]) for classifier in self.classifiers]

    def logits(self, images: np.ndarray) -> np.ndarray:
        """Logits (n, labels) float32 of all classifiers together, of images as `each` takes them."""
        return mean_logits(self.each(images))

    def close(self) -> None:
        """Close every classifier. Closing twice is allowed."""
        for classifier in self.classifiers:
            classifier.close()

    def __enter__(self) -> "Ensemble":
        return self

    def __exit__(self, *exception: Any) -> None:
        self.close()


def check_alike(cards: Sequence[ClassifierCard], names: Optional[Sequence[str]] = None) -> None:
    """Raise ModelError unless the classifiers with these cards have the same labels and input.

    names: what the error calls them, by default by the names on their cards.
    """
    called = [card.name for card in cards] if names is None else names
    fields = (("channels", "colours"), ("height", "heights"), ("width", "widths"), ("labels", "labels"))
    for card, name in zip(cards, called):
        for field, plural in fields:
            if getattr(card, field) != getattr(cards[0], field):
                raise ModelError(
                    f"{name} and {called[0]} cannot be evaluated together: their {plural} differ; name models of the "
                    "same images and labels with --model"
                )


def mean_logits(logits: Sequence[np.ndarray]) -> np.ndarray:
    """The logarithm of the mean of the softmax probabilities: (n, labels) float32 from arrays of that shape.

    One array alone is returned as it is: its softmax is the same. Computed with logarithms throughout, so that a
    probability too small for a floating-point number is not lost.
    """
    if len(logits) == 1:
        return logits[0]
    logarithms = np.stack([log_softmax(one) for one in logits])
    most = logarithms.max(axis=0)
    mean: np.ndarray = most + np.log(np.exp(logarithms - most).mean(axis=0))
    return mean.astype(np.float32)
