"""Our own network for CIFAR-100, trained from scratch: it learns fast on a CPU, and a Nano likes it.

It learns fast because of the whitening first layer, the identity start, the smooth activation and batch norms without
scale: Jordan 2024 (https://arxiv.org/abs/2404.00498) for CIFAR-10. The Nano likes plain 3x3 convolutions in multiples
of 64 channels. SiLU does not fuse into a convolution there as ReLU does; it costs two small kernels, and in the first
convolution of every stage it comes after the pool, on a quarter of the pixels.
"""

from typing import Any, Optional

import keras
import numpy as np
from keras import initializers, layers, ops

from models.task import CIFAR100, SAME, VALID, Task, entrance, logits

WIDTHS = (64, 256, 512)
PATCH = 2  # pixels, height and width of what is whitened
TEMPER = 1 / 9  # on the features, so that the logits start small; Jordan 2024
WHITEN = "whiten"


def nano_cifar(task: Task = CIFAR100, size: Optional[int] = None, dropout: float = 0.0) -> keras.Model:
    """7.4 million parameters, 221 M MACs at 32x32, 10 convolutions in a row. `whiten` it before its training.

    Without `size` it takes pictures of any height and width from 18 pixels, so that it can be trained with small ones
    first.
    """
    inputs, x = entrance(task, size, any_size=size is None)
    patch_values = PATCH * PATCH * task.channels
    # Fixed: both signs of every principal component of the patches.
    whitening = layers.Conv2D(2 * patch_values, PATCH, use_bias=False, trainable=False, name=WHITEN, **VALID)
    x = layers.Activation("silu")(whitening(x))
    for filters in WIDTHS:
        x = _stage(x, filters)
    x = layers.GlobalMaxPooling2D(data_format="channels_last")(x)
    if dropout:
        x = layers.Dropout(dropout)(x)
    x = layers.Rescaling(TEMPER, name="temper")(x)
    return keras.Model(inputs, logits(x, task), name="nano_cifar")


NETWORKS = {"nano_cifar": nano_cifar}


def whiten(model: keras.Model, images: np.ndarray, task: Task) -> None:
    """Set the first layer so that its outputs are uncorrelated, with variance 1, on (n, h, w, channels) uint8 images.

    The filters are the eigenvectors of the covariance of all patches, divided by the square roots of the eigenvalues,
    and their negatives.
    """
    pixels = (images - np.array(task.mean, np.float32)) / np.array(task.deviation, np.float32)
    height, width = pixels.shape[1:3]
    shifted = [
        pixels[:, y : height - PATCH + 1 + y, x : width - PATCH + 1 + x] for y in range(PATCH) for x in range(PATCH)
    ]
    patches = np.stack(shifted, axis=3).reshape(-1, PATCH * PATCH * task.channels)  # in the order of a kernel
    values, vectors = np.linalg.eigh(patches.T @ patches / len(patches))
    filters = vectors / np.sqrt(values + 5e-4)  # the smallest components are noise: they are not blown up further
    kernel = np.concatenate([filters, -filters], axis=1)
    layer = model.get_layer(WHITEN)
    layer.kernel.assign(kernel.reshape(layer.kernel.shape))


def _stage(x: Any, filters: int) -> Any:
    """Three convolutions, of which the first halves height and width and a shortcut passes by the others."""
    x = layers.Activation("silu")(_norm(layers.MaxPooling2D(2, **VALID)(_convolution(x, filters))))
    y = layers.Activation("silu")(_norm(_convolution(x, filters)))
    y = layers.Activation("silu")(_norm(_convolution(y, filters)))
    return layers.Add()([x, y])


def _convolution(x: Any, filters: int) -> Any:
    """A convolution 3x3 whose first filters copy the inputs; the others are random, as torch starts them."""
    random = initializers.VarianceScaling(1 / 3, "fan_in", "uniform")
    layer = layers.Conv2D(filters, 3, use_bias=False, kernel_initializer=random, **SAME)
    y = layer(x)
    kernel = np.array(ops.convert_to_numpy(layer.kernel))  # (3, 3, inputs, filters)
    copied = min(kernel.shape[2:])
    kernel[..., :copied] = 0
    kernel[1, 1, range(copied), range(copied)] = 1
    layer.kernel.assign(kernel)
    return y


def _norm(x: Any) -> Any:
    """Without a scale, which the next convolution could learn as well."""
    return layers.BatchNormalization(axis=-1, scale=False, momentum=0.9)(x)
