"""Batches of augmented pictures with their targets, for Keras, whichever backend computes.

They are prepared in a thread beside the training step.
"""

from typing import Callable, Sequence

import cv2
import keras
import numpy as np

from app.sources.pictures import read_picture
from models.darknet_table import Network
from tools.train_detector.augmentation import Random, Sample, colour, mosaic, single
from tools.train_detector.examples import Example
from tools.train_detector.targets import WIDTH, make_grid, make_targets

LARGER = 1.5  # than the input: the size at which pictures are kept, so that zooming in does not blur
MOST_KEPT = 2 << 30  # bytes of pictures in memory; others are read again for every batch
TOGETHER = 0.5  # of the pictures are mosaics


class Batches(keras.utils.PyDataset):  # type: ignore[misc]  # Keras has no types
    """Batches of pictures (batch, size, size, 3) float32 RGB in 0..1 and targets (batch, R, WIDTH) float32.

    Shuffled, anew in every epoch; incomplete batches are left out. A batch depends on seed, epoch, its number and
    `mosaics` alone, so that a resumed run sees what an uninterrupted one would have seen.

    mosaics: asked at the beginning of every epoch whether there shall be some.
    """

    def __init__(
        self,
        examples: Sequence[Example],
        network: Network,
        size: int,
        batch: int,
        *,
        flip: bool = True,
        seed: int = 0,
        mosaics: Callable[[], bool] = lambda: True,
    ) -> None:
        # TensorFlow prefetches with a thread of its own; for others, Keras has to be told.
        super().__init__(workers=1 if keras.backend.backend() == "tensorflow" else 2)
        self._examples = examples
        self._network = network
        self._size = size
        self._batch = min(batch, len(examples))
        self._flip = flip
        self._seed = seed
        self.mosaics = mosaics
        self._kept: dict[int, Sample] = {}
        self._bytes = 0
        self._rows = len(make_grid(network, size).cells)
        self.start(0)

    def __len__(self) -> int:
        return len(self._examples) // self._batch

    def __getitem__(self, number: int) -> tuple[np.ndarray, np.ndarray]:
        rng = np.random.default_rng([self._seed, self.epoch, number])
        images = np.empty((self._batch, self._size, self._size, 3), np.float32)
        targets = np.empty((self._batch, self._rows, WIDTH), np.float32)
        for place, index in enumerate(self._order[number * self._batch : (number + 1) * self._batch].tolist()):
            image, boxes, classes = self._augmented(index, rng)
            np.multiply(image[..., ::-1], np.float32(1 / 255), out=images[place])
            targets[place] = make_targets(self._network, self._size, boxes, classes)
        return images, targets

    def start(self, epoch: int) -> None:
        """Go to an epoch. Keras counts on from it."""
        self.epoch = epoch
        self._together = TOGETHER if self.mosaics() else 0.0
        self._order = np.random.default_rng([self._seed, epoch]).permutation(len(self._examples))

    def on_epoch_end(self) -> None:
        self.start(self.epoch + 1)

    def _augmented(self, index: int, rng: Random) -> Sample:
        if rng.random() < self._together:
            others = rng.integers(len(self._examples), size=3).tolist()
            chosen = [self._sample(one) for one in (index, *others)]
            made = mosaic([chosen[place] for place in rng.permutation(4).tolist()], self._size, self._flip, rng)
        else:
            made = single(self._sample(index), self._size, self._flip, rng)
        return made._replace(image=colour(made.image, rng))

    def _sample(self, index: int) -> Sample:
        """A picture at the size at which it is kept. Raises SourceError if it has become unreadable."""
        kept = self._kept.get(index)
        if kept is not None:
            return kept
        example = self._examples[index]
        image = read_picture(example.path).image
        shrink = min(1.0, LARGER * self._size / max(image.shape[:2]))
        if shrink < 1:
            sides = max(1, round(image.shape[1] * shrink)), max(1, round(image.shape[0] * shrink))
            image = cv2.resize(image, sides, interpolation=cv2.INTER_AREA)
        scale = np.array([image.shape[1] / example.width, image.shape[0] / example.height] * 2, np.float32)
        sample = Sample(image, (example.boxes * scale)[~example.crowd], example.classes[~example.crowd])
        if self._bytes + image.nbytes <= MOST_KEPT:
            self._kept[index] = sample
            self._bytes += image.nbytes
        return sample
