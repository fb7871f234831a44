"""The linear probe: the last layer of a pretrained network is trained alone, on features that are computed once.

Fine-tuning from a random last layer would first spoil what the others know.
"""

import argparse
import sys
from typing import Any

import keras
import numpy as np
from keras import layers
from tqdm import tqdm

from app.errors import UsageError, say
from tools.train.batches import Batches
from tools.train.data import Data

BATCH = 256
RATE = 0.001  # Adam's; falls to 0 along a cosine
DECAY = 0.002  # L2: without it the layer learns the training images by heart
LARGEST = 1 << 32  # bytes of features


def probe(model: Any, options: argparse.Namespace, data: Data) -> None:
    """Set the layer `logits` to what fits best on the features before it. Raises UsageError where they are too many.

    With `options.flip`, mirrored images are features of their own. Validation images are not used but to report.
    """
    head = model.get_layer("logits")
    body = keras.Model(model.inputs, head.input)
    images, labels = data.training.images, data.training.labels
    width = int(head.kernel.shape[0])
    copies = 2 if options.flip else 1
    if copies * len(images) * width * 2 > LARGEST:
        raise UsageError(f"--probe: {width:,} features of {len(images):,} images need too much memory; use --probe 0")
    features = np.empty((copies * len(images), width), np.float16)
    for part, rows in zip((images, images[:, :, ::-1]), np.split(features, copies)):
        _compute(body, part, rows)
    # Keras would copy the whole of an array, in float32.
    batches = Batches(
        features,
        np.concatenate([labels] * copies),
        data.task.classes,
        min(BATCH, len(features)),
        augment=lambda rows, one_hot, rng: (rows, one_hot),
        seed=options.seed,
    )
    dense = layers.Dense(data.task.classes, dtype="float32", kernel_regularizer=keras.regularizers.L2(DECAY))
    linear = keras.Sequential([keras.Input((width,)), dense])
    linear.compile(
        keras.optimizers.Adam(keras.optimizers.schedules.CosineDecay(RATE, options.probe * len(batches))),
        keras.losses.CategoricalCrossentropy(from_logits=True, label_smoothing=options.label_smoothing),
        metrics=[keras.metrics.CategoricalAccuracy("top1")],
        jit_compile=False,
    )
    linear.fit(batches, epochs=options.probe, verbose=0, shuffle=False)  # the batches shuffle themselves
    head.set_weights(linear.layers[-1].get_weights())
    if data.validation is not None:
        held = data.validation
        rows = np.empty((len(held.images), width), np.float16)
        _compute(body, held.images, rows)
        scores = linear.predict(rows, BATCH, verbose=0)
        say(f"linear probe: {100 * (scores.argmax(axis=1) == held.labels).mean():.2f} % top-1 on the validation part")


def _compute(body: Any, images: np.ndarray, features: np.ndarray) -> None:
    """Fill (n, features) float16 with what comes before the last layer, of images (n, h, w, c) uint8."""
    starts = tqdm(range(0, len(images), BATCH), "features", unit=" batches", disable=None, leave=False, file=sys.stderr)
    for start in starts:
        batch = images[start : start + BATCH].astype(np.float32)
        features[start : start + BATCH] = keras.ops.convert_to_numpy(body.predict_on_batch(batch))
