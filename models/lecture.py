"""The lecture's networks of 6 and of 10 convolutions, in Keras 3, made to compare optimisers and input sizes.

As the lecture has it: convolutions 3x3 without bias, batch normalisation, then ReLU; inputs in -1..1. Its widths are
not known. These are narrow, so that two CPU cores train them at length: 32 channels, doubled after a max pooling.
The average over all places before the last layer makes the parameters independent of `size`: 32 (None, CIFAR-100's
own) and 64 are what the lecture compares. The lecture's figures are top-1 on CIFAR-100 after 30 epochs.
"""

from typing import Any, Optional, Sequence

import keras
from keras import layers

from models.task import CIFAR100, SAME, VALID, Task, entrance, logits

MIDDLE = 127.5  # x / 127.5 - 1 is in -1..1


def lecture6(task: Task = CIFAR100, size: Optional[int] = None, dropout: float = 0.0) -> keras.Model:
    """6 convolutions: 301,252 parameters, 300,356 of them trainable; 39 M MACs at 32x32, 155 M at 64x64.

    61.89 % with Adam, 61.73 % with SGD and steps, 61.67 % with SGD and cosine in the lecture.
    """
    return _plain("lecture6", task, size, ((32, 2), (64, 2), (128, 2)), dropout)


def lecture10(task: Task = CIFAR100, size: Optional[int] = None, dropout: float = 0.0) -> keras.Model:
    """10 convolutions: 1,939,652 parameters, 1,936,964 of them trainable; 72 M MACs at 32x32, 287 M at 64x64.

    60.62 % with Adam, 66.58 % with SGD and steps, 66.56 % with SGD and cosine in the lecture; 53.10, 68.74 and
    69.23 % at 64x64.
    """
    return _plain("lecture10", task, size, ((32, 2), (64, 2), (128, 3), (256, 3)), dropout)


NETWORKS = {build.__name__: build for build in (lecture6, lecture10)}


def _plain(
    name: str, task: Task, size: Optional[int], stages: Sequence[tuple[int, int]], dropout: float
) -> keras.Model:
    """Stages of (channels, convolutions) with a max pooling 2x2 between them."""
    middle = (MIDDLE,) * task.channels
    x: Any
    inputs, x = entrance(task._replace(mean=middle, deviation=middle), size)
    for stage, (channels, convolutions) in enumerate(stages):
        if stage:
            x = layers.MaxPooling2D(2, **VALID)(x)
        for _ in range(convolutions):
            x = layers.Conv2D(channels, 3, use_bias=False, kernel_initializer="he_normal", **SAME)(x)
            x = layers.ReLU()(layers.BatchNormalization(axis=-1)(x))
    x = layers.GlobalAveragePooling2D(data_format="channels_last")(x)
    if dropout:
        x = layers.Dropout(dropout)(x)
    return keras.Model(inputs, logits(x, task), name=name)
