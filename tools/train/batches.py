"""Batches of images for Keras, whichever backend computes: read, augmented and resized by numpy and OpenCV."""

from typing import Any, Callable, Optional

import cv2
import keras
import numpy as np

Augment = Callable[[np.ndarray, np.ndarray, np.random.Generator], Any]


class Batches(keras.utils.PyDataset):  # type: ignore[misc]  # Keras has no types
    """Batches of images (batch, h, w, c) float32 in 0..255 and one-hot labels (batch, classes) float32.

    images: (n, h, w, c) uint8. labels: (n,) integers. With `augment` they are for training: shuffled, anew in every
    epoch, and incomplete batches are left out. A batch depends on seed, epoch and its number alone, so that a resumed
    run sees what an uninterrupted one would have seen.
    """

    def __init__(
        self,
        images: np.ndarray,
        labels: np.ndarray,
        classes: int,
        batch: int,
        augment: Optional[Augment] = None,
        *,
        flip: bool = False,
        seed: int = 0,
        epoch: int = 0,
    ) -> None:
        super().__init__(workers=1)
        self.images, self.labels = images, labels
        self.size = images.shape[1]
        self.epoch = epoch
        self._classes = classes
        self._batch = batch
        self._augment = augment
        self._flip = flip
        self._seed = seed
        self._mirrored = np.random.default_rng(seed).integers(0, 2, len(labels))
        self._order = self._shuffled()

    def __len__(self) -> int:
        whole, rest = divmod(len(self.labels), self._batch)
        return whole + (rest > 0 and self._augment is None)

    def __getitem__(self, number: int) -> tuple[np.ndarray, np.ndarray]:
        chosen = self._order[number * self._batch : (number + 1) * self._batch]
        images = self.images[chosen].astype(np.float32)
        labels = np.eye(self._classes, dtype=np.float32)[self.labels[chosen]]
        if self._augment is None:
            return images, labels
        if self._flip:  # mirrored in every second epoch, which serves better than at random (Jordan 2024, 3.6)
            mirrored = (self._mirrored[chosen] + self.epoch) % 2 == 1
            images[mirrored] = images[mirrored, :, ::-1]
        images, labels = self._augment(images, labels, np.random.default_rng([self._seed, self.epoch, number]))
        if self.size != images.shape[1]:
            images = np.stack([self._resized(image) for image in images])
        return np.ascontiguousarray(images, np.float32), labels

    def start(self, epoch: int) -> None:
        """Go to an epoch. Keras counts on from it, also at the beginning of every `fit`."""
        self.epoch = epoch
        self._order = self._shuffled()

    def on_epoch_end(self) -> None:
        self.start(self.epoch + 1)

    def _shuffled(self) -> np.ndarray:
        if self._augment is None:
            return np.arange(len(self.labels))
        return np.random.default_rng([self._seed, self.epoch]).permutation(len(self.labels))

    def _resized(self, image: np.ndarray) -> np.ndarray:
        small = cv2.resize(image, (self.size, self.size), interpolation=cv2.INTER_AREA)
        return small.reshape(self.size, self.size, image.shape[2])
