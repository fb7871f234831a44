"""The confusion matrix: counts only. `heatmap.py` draws it."""

from typing import List, Sequence, Tuple

import numpy as np


class ConfusionMatrix:
    """Counts of (true class, predicted class) pairs, in constant memory. `counts` is (labels, labels) int64."""

    def __init__(self, labels: Sequence[str]) -> None:
        self.labels = tuple(labels)
        self.counts = np.zeros((len(labels), len(labels)), np.int64)

    def add(self, true: np.ndarray, predicted: np.ndarray) -> None:
        """Count pairs of class numbers, two arrays (n,) of any integers. Raises IndexError for one out of range."""
        classes = len(self.labels)
        if any(len(numbers) and (numbers.min() < 0 or numbers.max() >= classes) for numbers in (true, predicted)):
            raise IndexError(f"a class number is not one of 0 to {classes - 1}")
        pairs = true.astype(np.int64) * classes + predicted
        self.counts += np.bincount(pairs, minlength=classes * classes).reshape(classes, classes)

    def worst_classes(self, most: int = 5) -> List[Tuple[str, float]]:
        """Name and accuracy of the classes with the lowest accuracy, lowest first; ties in label order.

        Classes without images are left out.
        """
        totals = self.counts.sum(axis=1)
        accuracy = self.counts.diagonal() / np.maximum(totals, 1)
        order = [index for index in np.argsort(accuracy, kind="stable").tolist() if totals[index]]
        return [(self.labels[index], float(accuracy[index])) for index in order[:most]]

    def most_confused(self, most: int = 5) -> List[Tuple[str, str, int]]:
        """(true, predicted, count) of the most frequent mistakes, most frequent first; ties in label order."""
        mistakes = self.counts.copy()
        np.fill_diagonal(mistakes, 0)
        order = np.argsort(-mistakes, axis=None, kind="stable")[:most].tolist()
        pairs = [divmod(index, len(self.labels)) for index in order]
        return [(self.labels[t], self.labels[p], int(mistakes[t, p])) for t, p in pairs if mistakes[t, p]]
