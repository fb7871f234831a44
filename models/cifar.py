"""The original report's classifiers and small residual ones, in Keras 3, each under 30 million parameters.

For CIFAR-100 they take (n, 32, 32, 3) RGB in 0..255 and return 100 logits. `model = NETWORKS["report_cnn"]()`.
"""

from typing import Any, Optional

import keras
from keras import initializers, layers

from models.regularisers import DropConnectDense, FractionalMaxPooling2D, dropped_branch, linear_decay
from models.task import CIFAR100, SAME, VALID, Task, entrance, logits

FRACTIONAL_RATIO = 1.6  # 32 > 20 > 12 > 7 pixels: 2.3 times the work of stride 2; the square root of 2 costs 4 times


def report_cnn(task: Task = CIFAR100, size: Optional[int] = None, dropout: float = 0.2) -> keras.Model:
    """The final network of the original report: 9,282,788 parameters, 9,277,284 of them trainable; 290 M MACs.

    57.14 % top-1 there. The softmax is left out.
    """
    inputs, x = entrance(task, size)
    x = _unit(x, 64, 1, dropout, "glorot_normal")
    x = layers.MaxPooling2D(3, 1, **VALID)(x)  # 30x30
    x = _unit(x, 128, 1, dropout, "glorot_normal")
    x = layers.AveragePooling2D(3, 1, **VALID)(x)  # 28x28
    x = _unit(x, 256, 2, dropout)  # 14x14
    x = _unit(x, 256, 2, dropout)  # 7x7
    x = layers.MaxPooling2D(3, 1, **VALID)(x)  # 5x5
    x = _unit(x, 512, 1, dropout)
    x = _unit(x, 512, 1, dropout)
    x = layers.AveragePooling2D(3, 1, **VALID)(x)  # 3x3
    x = _unit(x, 512, 1, dropout)
    x = _unit(x, 512, 1, dropout)
    x = layers.MaxPooling2D(3, **VALID)(x)  # 1x1
    return keras.Model(inputs, logits(layers.Flatten(data_format="channels_last")(x), task), name="report_cnn")


def report_fast(task: Task = CIFAR100, size: Optional[int] = None, dropout: float = 0.2) -> keras.Model:
    """In the spirit of the report's first network, built for speed of training: 42.42 % top-1 there. 5 M MACs.

    Three convolutions with stride 2, so that hardly anything is computed at 32x32.
    """
    inputs, x = entrance(task, size)
    for filters in (32, 64, 128):  # 16x16, 8x8, 4x4
        x = _unit(x, filters, 2, dropout, "he_normal")
    return keras.Model(inputs, logits(layers.Flatten(data_format="channels_last")(x), task), name="report_fast")


def report_deep(task: Task = CIFAR100, size: Optional[int] = None, dropout: float = 0.2) -> keras.Model:
    """In the spirit of the report's second network, built for depth: 43.04 % top-1 there.

    Twelve convolutions in a row without shortcuts, a max pool after every third.
    """
    inputs, x = entrance(task, size)
    for filters in (64, 128, 256, 512):  # 32x32, 16x16, 8x8, 4x4
        for _ in range(3):
            x = _unit(x, filters, 1, dropout, "he_normal")
        x = layers.MaxPooling2D(2, **VALID)(x)
    x = layers.GlobalAveragePooling2D(data_format="channels_last")(x)
    return keras.Model(inputs, logits(x, task), name="report_deep")


def nano_resnet(
    task: Task = CIFAR100, size: Optional[int] = None, dropout: float = 0.0, **regularisers: Any
) -> keras.Model:
    """For the Nano, to be trained at length on a GPU: 11 million parameters, 400 M MACs, 13 convolutions in a row.

    Designed for accuracy per millisecond on a small GPU with FP16, which is limited by kernel launches and memory
    before arithmetic (472 GFLOPS in FP16, but 25.6 GB/s). So: few wide layers instead of many thin ones; plain 3x3
    convolutions with multiples of 64 channels, for which TensorRT has its fastest kernels, instead of depthwise ones,
    which move as many bytes for a tenth of the work; ReLU and batch norm, which fuse into the convolution; only the
    stem at 32x32, where activations are largest; and shortcuts, which cost one fused addition and train to a higher
    accuracy than a plain stack.

    regularisers: drop_connect, the share of the last layer's weights to drop in a step; stochastic_depth, the rate at
    which an image skips the last block, growing linearly from the first (both 0.0); fractional_pooling, whether each
    stage starts with a fractional max pooling instead of a stride of 2 (False).
    """
    return _resnet("nano_resnet", task, size, 64, ((128, 2), (256, 2), (512, 2)), dropout, **regularisers)


def nano_resnet_s(
    task: Task = CIFAR100, size: Optional[int] = None, dropout: float = 0.0, **regularisers: Any
) -> keras.Model:
    """The same at half the width and half the depth: 1.2 million parameters, 45 M MACs, 7 convolutions in a row.

    A CPU can train it in an hour, and run it in under a millisecond.
    """
    return _resnet("nano_resnet_s", task, size, 32, ((64, 1), (128, 1), (256, 1)), dropout, **regularisers)


NETWORKS = {build.__name__: build for build in (report_cnn, report_fast, report_deep, nano_resnet, nano_resnet_s)}


def _unit(x: object, filters: int, stride: int, dropout: float, initializer: object = None) -> object:
    """The report's unit: convolution 3x3, batch normalisation, ReLU, dropout."""
    start = initializer or initializers.RandomNormal(stddev=0.01)
    x = layers.Conv2D(filters, 3, stride, kernel_initializer=start, **SAME)(x)
    x = layers.ReLU()(layers.BatchNormalization(axis=-1)(x))
    return layers.Dropout(dropout)(x) if dropout else x


def _resnet(
    name: str,
    task: Task,
    size: Optional[int],
    stem: int,
    stages: tuple[tuple[int, int], ...],
    dropout: float,
    drop_connect: float = 0.0,
    stochastic_depth: float = 0.0,
    fractional_pooling: bool = False,
) -> keras.Model:
    """A residual network; every stage (filters, blocks) halves height and width."""
    inputs, x = entrance(task, size)
    x = layers.ReLU()(_conv_norm(x, stem, 3, 1))
    rates = iter(linear_decay(stochastic_depth, sum(blocks for _, blocks in stages)))
    for filters, blocks in stages:
        if fractional_pooling:
            x = FractionalMaxPooling2D(FRACTIONAL_RATIO)(x)
        for block in range(blocks):
            x = _residual(x, filters, 1 if block or fractional_pooling else 2, next(rates))
    x = layers.GlobalAveragePooling2D(data_format="channels_last")(x)
    if dropout:
        x = layers.Dropout(dropout)(x)
    if drop_connect:
        x = DropConnectDense(task.classes, drop_connect, dtype="float32", name="logits")(x)
    else:
        x = logits(x, task)
    return keras.Model(inputs, x, name=name)


def _residual(x: Any, filters: int, stride: int, drop: float) -> Any:
    """Two convolutions 3x3 and a shortcut, which is a convolution 1x1 where the shape changes (He 2015).

    drop: how often an image skips the convolutions, in training.
    """
    y = layers.ReLU()(_conv_norm(x, filters, 3, stride))
    y = _conv_norm(y, filters, 3, 1, gamma="zeros")  # starts as the identity (Goyal 2017, 5.1)
    if drop:
        y = dropped_branch(drop)(y)
    shortcut = x if stride == 1 and x.shape[-1] == filters else _conv_norm(x, filters, 1, stride)
    return layers.ReLU()(layers.Add()([y, shortcut]))


def _conv_norm(x: Any, filters: int, size: int, stride: int, gamma: str = "ones") -> Any:
    x = layers.Conv2D(filters, size, stride, use_bias=False, kernel_initializer="he_normal", **SAME)(x)
    return layers.BatchNormalization(axis=-1, gamma_initializer=gamma)(x)
