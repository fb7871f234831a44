"""The training set for Keras: shuffled, augmented batches, and a validation split that is never trained on."""

import argparse
import hashlib
from typing import Any, NamedTuple

import keras
import numpy as np

from app.classification.cifar100 import COARSE, FINE, Cifar100
from app.classification.reader import Batch
from app.errors import SourceError
from tools.train.augmentation import make_augmentation

VALIDATION_BATCH = 500
EPOCH_SEEDS = 10  # more than an epoch uses


class Data(NamedTuple):
    """training, validation: tf.data.Dataset of images (n, 32, 32, 3) float32 RGB 0..255 and one-hot labels (n, 100).

    validation is None if no share is split off. steps: batches per epoch. sha256: of the records. superclass_of: the
    coarse label of every fine one.
    """

    training: Any
    validation: Any
    steps: int
    sha256: str
    superclass_of: list[int]


def load_data(options: argparse.Namespace, epoch: int = 0) -> Data:
    """Read the training set and split it. Raises SourceError.

    epoch: the number of epochs done. A resumed run keeps the split, but does not repeat the order and augmentation of
    its first epochs.
    """
    keras.utils.set_random_seed(options.seed)  # the seed of a shuffle counts together with TensorFlow's own
    data = Cifar100(options.data)
    batch = data.load("train")
    superclasses = superclass_of(data, batch)
    data.count("test")  # an error is better now than after the training
    digest = hashlib.sha256(batch.fine.tobytes())
    digest.update(batch.images.tobytes())
    order = np.random.default_rng(options.seed).permutation(len(batch.fine))[: options.limit]
    held_out = round(len(order) * options.validation)
    training, validation = order[held_out:], order[:held_out]
    if len(training) < options.batch:
        raise SourceError(f"{options.data}: {len(training)} training images are fewer than a batch; lower --batch")
    images = batch.images.transpose(0, 2, 3, 1)
    return Data(
        training=_batches(
            images[training], batch.fine[training], options.batch, options, options.seed + EPOCH_SEEDS * epoch
        ),
        validation=_batches(images[validation], batch.fine[validation], VALIDATION_BATCH) if held_out else None,
        steps=len(training) // options.batch,
        sha256=digest.hexdigest(),
        superclass_of=superclasses,
    )


def superclass_of(data: Cifar100, batch: Batch) -> list[int]:
    """The coarse label of every fine label, from the training set. Raises SourceError for contradictions or gaps."""
    table = [-1] * FINE
    assert batch.coarse is not None  # CIFAR-100 has superclasses
    for fine, coarse in sorted(set(zip(batch.fine.tolist(), batch.coarse.tolist()))):
        if table[fine] >= 0:
            raise SourceError(f"{data.path}: train.bin: fine label {fine} has coarse labels {table[fine]} and {coarse}")
        table[fine] = coarse
    missing = [name for name, coarse in zip(data.fine_names, table) if coarse < 0]
    if missing or len(set(table)) != COARSE:
        raise SourceError(f"{data.path}: train.bin: has no image of {', '.join(missing) or 'some coarse label'}")
    return table


def _batches(images: np.ndarray, labels: np.ndarray, size: int, options: Any = None, seed: int = 0) -> Any:
    """Batches for training if options are given, else for validation."""
    import tensorflow as tf

    def take(index: Any) -> tuple[Any, Any]:
        return tf.cast(tf.gather(held, index), tf.float32), tf.one_hot(tf.gather(truth, index), FINE)

    with tf.device("cpu"):
        held, truth = tf.constant(images), tf.constant(labels)
        indices = tf.data.Dataset.range(len(labels))
        if options is None:
            return indices.batch(size).map(take).prefetch(1)
        shuffled = indices.shuffle(len(labels), seed=seed).batch(size, drop_remainder=True).map(take)
        # One thread, so that a seed reproduces a run; a batch takes 3 % of the time of the step that uses it.
        return shuffled.map(make_augmentation(options, seed)).prefetch(2)
