"""The images to train on, and a validation part that is never trained on."""

import argparse
import hashlib
from typing import NamedTuple, Optional

import numpy as np

from app.classification.datasets import DataSet, open_dataset
from app.errors import UsageError
from models.task import Task
from tools.train.augmentation import make_augmentation
from tools.train.batches import Batches

VALIDATION_BATCH = 500
BLOCK = 1000  # images whose pixels are counted at once: numpy takes eight bytes for each meanwhile


class Data(NamedTuple):
    """training, validation: batches; validation is None if no share is split off. sha256: of images and labels."""

    training: Batches
    validation: Optional[Batches]
    task: Task
    source: DataSet
    sha256: str


def load_data(options: argparse.Namespace, epoch: int = 0) -> Data:
    """Read the images and split them. Raises SourceError, and UsageError where they do not fill a batch.

    A data set with a validation part of its own keeps it; else `options.validation` is the share that is split off.
    epoch: the number of epochs done. A resumed run keeps the split, and goes on with the next order and augmentation.
    """
    source = open_dataset(options.data, options.classes)
    batch = source.load("train")
    source.count("test")  # an error is better now than after the training
    digest = hashlib.sha256(batch.fine.tobytes())
    for start in range(0, len(batch.images), BLOCK):
        digest.update(batch.images[start : start + BLOCK].tobytes())
    images, labels = batch.images.transpose(0, 2, 3, 1), batch.fine
    order = np.random.default_rng(options.seed).permutation(len(labels))[: options.limit]
    if "validation" in source.splits:
        own = source.load("validation")
        held_images, held_labels = own.images.transpose(0, 2, 3, 1), own.fine
    else:
        held_out = round(len(order) * options.validation)
        held_images, held_labels = images[order[:held_out]], labels[order[:held_out]]
        order = order[held_out:]
    if len(order) < options.batch:
        raise UsageError(f"--batch {options.batch}: more than the {len(order)} training images; lower it")
    images, labels = images[order], labels[order]
    classes = len(source.labels)
    training = Batches(
        images,
        labels,
        classes,
        options.batch,
        make_augmentation(options),
        flip=options.flip,
        seed=options.seed,
        epoch=epoch,
    )
    validation = Batches(held_images, held_labels, classes, VALIDATION_BATCH) if len(held_labels) else None
    mean, deviation = _statistics(images)
    task = Task(source.height, source.width, source.channels, classes, mean, deviation)
    return Data(training, validation, task, source, digest.hexdigest())


def _statistics(images: np.ndarray) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Mean and standard deviation of the pixels of (n, h, w, c) uint8, per channel, from counts of their values."""
    values = np.arange(256)
    means, deviations = [], []
    for channel in range(images.shape[3]):
        counts = np.zeros(256, np.int64)
        for start in range(0, len(images), BLOCK):
            counts += np.bincount(images[start : start + BLOCK, ..., channel].ravel(), minlength=256)
        mean = float(counts @ values / counts.sum())
        means.append(round(mean, 3))
        deviations.append(round(float((counts @ (values - mean) ** 2 / counts.sum()) ** 0.5), 3) or 1.0)
    return tuple(means), tuple(deviations)
