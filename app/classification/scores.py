"""A classifier's accuracy and loss, counted batch by batch in constant memory."""

from typing import Any, Dict, List, Optional, Sequence

import numpy as np

from app.classification.confusion import ConfusionMatrix
from app.classifier import log_softmax

BEST = 5


class Scores:
    """Counts over all images so far. `confusion` is the confusion matrix."""

    def __init__(self, labels: Sequence[str], superclass_of: Sequence[int] = ()) -> None:
        """superclass_of: the number of each label's superclass; empty where there are none."""
        self.images = 0
        self.confusion = ConfusionMatrix(labels)
        self._superclass_of = np.array(superclass_of, np.int64)
        self._top1 = self._top5 = self._superclass = 0
        self._loss = 0.0
        self._members: List[int] = []

    def add(self, logits: np.ndarray, fine: np.ndarray, coarse: Optional[np.ndarray] = None) -> None:
        """Count a batch: logits (n, labels), finite; true labels and superclasses, (n,) of any integers.

        coarse: needed where there are superclasses, else left alone.

        Of equal logits, the one of the lower label ranks first.
        """
        ranked = np.argsort(-logits, axis=1, kind="stable")[:, :BEST]
        predicted = ranked[:, 0]
        self.images += len(logits)
        self._top1 += int((predicted == fine).sum())
        self._top5 += int((ranked == fine[:, None]).sum())
        if len(self._superclass_of):
            self._superclass += int((self._superclass_of[predicted] == coarse).sum())
        self._loss -= float(log_softmax(logits)[np.arange(len(fine)), fine].sum())
        self.confusion.add(fine, predicted)

    def add_members(self, logits: Sequence[np.ndarray], fine: np.ndarray) -> None:
        """Count the right answers of each member of an ensemble: its own logits (n, labels), the true labels (n,)."""
        right = [int((one.argmax(axis=1) == fine).sum()) for one in logits]
        self._members = [sum(pair) for pair in zip(self._members or [0] * len(right), right)]

    def members_top1(self) -> List[float]:
        """The top-1 of each member, fractions from 0 to 1; empty without images or without members."""
        return [right / self.images for right in self._members]

    def report(self) -> Dict[str, Any]:
        """The report's accuracy fields: fractions from 0 to 1 and the mean cross-entropy, None without images.

        `superclass_top1` is there only where there are superclasses.
        """
        sums = {
            "top1": self._top1,
            "top5": self._top5,
            "superclass_top1": self._superclass,
            "loss": self._loss,
        }
        fields: Dict[str, Any] = {key: value / self.images if self.images else None for key, value in sums.items()}
        if not len(self._superclass_of):
            del fields["superclass_top1"]
        worst, confused = self.confusion.worst_classes(), self.confusion.most_confused()
        fields["worst_classes"] = [{"label": label, "accuracy": accuracy} for label, accuracy in worst]
        fields["most_confused"] = [{"true": t, "predicted": p, "images": count} for t, p, count in confused]
        return fields
