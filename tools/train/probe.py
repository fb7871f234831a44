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
from tools.train.data import Data

BATCH = 256
RATE = 0.003  # Adam's; falls to 0 along a cosine
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
    mirrored = [images, images[:, :, ::-1]][:copies]
    features = np.concatenate([_features(body, part) for part in mirrored])
    one_hot = np.eye(data.task.classes, dtype=np.float32)[np.concatenate([labels] * copies)]
    linear = keras.Sequential([keras.Input((width,)), layers.Dense(data.task.classes, dtype="float32")])
    steps = options.probe * -(-len(features) // BATCH)
    linear.compile(
        keras.optimizers.Adam(keras.optimizers.schedules.CosineDecay(RATE, steps)),
        keras.losses.CategoricalCrossentropy(from_logits=True, label_smoothing=options.label_smoothing),
        metrics=[keras.metrics.CategoricalAccuracy("top1")],
        jit_compile=False,
    )
    linear.fit(features, one_hot, batch_size=BATCH, epochs=options.probe, verbose=0)
    head.set_weights(linear.layers[-1].get_weights())
    if data.validation is not None:
        held = data.validation
        scores = linear.predict(_features(body, held.images), BATCH, verbose=0)
        say(f"linear probe: {100 * (scores.argmax(axis=1) == held.labels).mean():.2f} % top-1 on the validation part")


def _features(body: Any, images: np.ndarray) -> np.ndarray:
    """What comes before the last layer: (n, features) float16, of (n, h, w, c) uint8."""
    done = []
    starts = tqdm(range(0, len(images), BATCH), "features", unit=" batches", disable=None, leave=False, file=sys.stderr)
    for start in starts:
        batch = images[start : start + BATCH].astype(np.float32)
        done.append(np.asarray(keras.ops.convert_to_numpy(body.predict_on_batch(batch)), np.float16))
    return np.concatenate(done)
