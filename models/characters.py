"""Classifiers of handwritten characters in Keras 3: the coursework's four, and this project's own.

All convolutions have no bias, are followed by a batch normalisation and start from He's initialisation (He 2015).
The coursework's networks take grey pictures of 90x90 pixels; smaller ones are stretched inside the graph. Their counts
and MACs are for `CHARACTERS` at 90x90, and light2's 344,468 trainable parameters are the coursework's. The sizes on
the way are 90, 45 (stem), 23 (max pooling), 12 and 6 (convolutions with stride 2).
"""

from typing import Any, Optional

import keras
from keras import layers

from models.task import CHARACTERS, SAME, VALID, Task, entrance, logits

COURSEWORK_SIZE = 90


def light1(task: Task = CHARACTERS, size: Optional[int] = COURSEWORK_SIZE, dropout: float = 0.0) -> keras.Model:
    """Light network 1: one residual block, a dense layer from 18,432; 1,044,212 trainable parameters; 19 M MACs.

    94 % validation accuracy in the coursework, with its own pictures, after 2 epochs.
    """
    inputs, x = _stem(task, size, 64)
    return _dense_end("light1", task, inputs, _short_block(x, 128), dropout)


def light2(task: Task = CHARACTERS, size: Optional[int] = COURSEWORK_SIZE, dropout: float = 0.4) -> keras.Model:
    """Light network 2, the coursework's choice: half as wide, one block more, a dense layer from 4,608; 9 M MACs.

    344,468 trainable parameters; 96.51 % validation accuracy in the coursework at best.
    """
    inputs, x = _stem(task, size, 32)
    for channels in (64, 128):
        x = _short_block(x, channels)
    return _dense_end("light2", task, inputs, x, dropout)


def resnet_1_1(task: Task = CHARACTERS, size: Optional[int] = COURSEWORK_SIZE, dropout: float = 0.0) -> keras.Model:
    """ResNet-18's first two stages with one block each; 1,265,908 trainable parameters; 79 M MACs.

    87 % validation accuracy in the coursework's ten minutes.
    """
    return _resnet("resnet_1_1", task, size, 1, dropout)


def resnet_2_2(task: Task = CHARACTERS, size: Optional[int] = COURSEWORK_SIZE, dropout: float = 0.0) -> keras.Model:
    """ResNet-18's first two stages with two blocks each; 1,635,316 trainable parameters; 161 M MACs.

    91 % validation accuracy in the coursework's ten minutes.
    """
    return _resnet("resnet_2_2", task, size, 2, dropout)


def nano_characters(task: Task = CHARACTERS, size: Optional[int] = None, dropout: float = 0.3) -> keras.Model:
    """The project's own, at the data's 28x28 pixels: 587,732 parameters, 586,388 of them trainable; 25 M MACs.

    A training step costs a CPU about as much as light2's at 90x90, so ten minutes see as many pictures. Every
    convolution is 3x3: 32 channels at 28x28, 64 at 14x14, 128 at 7x7 and 256 at 3x3, with a max pooling between. A
    residual one follows at 14x14 and at 7x7; its branch starts at 0 (Goyal 2017, 5.1). The average over the last 3x3
    places keeps the dense layer small.
    """
    inputs, x = entrance(task, size)
    x = layers.ReLU()(_conv_norm(x, 32, 3, 1))
    for channels in (64, 128):
        x = layers.MaxPooling2D(2, **VALID)(x)
        x = layers.ReLU()(_conv_norm(x, channels, 3, 1))
        x = layers.ReLU()(layers.Add()([x, _conv_norm(x, channels, 3, 1, gamma="zeros")]))
    x = layers.MaxPooling2D(2, **VALID)(x)
    x = layers.ReLU()(_conv_norm(x, 256, 3, 1))
    x = layers.GlobalAveragePooling2D(data_format="channels_last")(x)
    if dropout:
        x = layers.Dropout(dropout)(x)
    return keras.Model(inputs, logits(x, task), name="nano_characters")


def _stem(task: Task, size: Optional[int], channels: int) -> tuple[Any, Any]:
    """The input, and what the coursework's networks make of it first: a quarter of its height and width."""
    inputs, x = entrance(task, size)
    x = layers.ReLU()(_conv_norm(x, channels, 7, 2))
    return inputs, layers.MaxPooling2D(3, 2, **SAME)(x)


def _short_block(x: Any, channels: int) -> Any:
    """The light networks' residual block: one convolution with stride 2 beside a shortcut that is one of 1x1."""
    return layers.ReLU()(layers.Add()([_conv_norm(x, channels, 3, 2), _conv_norm(x, channels, 1, 2)]))


def _resnet(name: str, task: Task, size: Optional[int], blocks: int, dropout: float) -> keras.Model:
    inputs, x = _stem(task, size, 64)
    for channels, stride in ((64, 1), (128, 2)):
        for block in range(blocks):
            x = _block(x, channels, 1 if block else stride)
    return _dense_end(name, task, inputs, x, dropout)


def _block(x: Any, channels: int, stride: int) -> Any:
    """ResNet-18's block: two convolutions 3x3 and a shortcut, which is one of 1x1 where the shape changes."""
    y = layers.ReLU()(_conv_norm(x, channels, 3, stride))
    y = _conv_norm(y, channels, 3, 1)
    shortcut = x if stride == 1 and x.shape[-1] == channels else _conv_norm(x, channels, 1, stride)
    return layers.ReLU()(layers.Add()([y, shortcut]))


def _dense_end(name: str, task: Task, inputs: Any, x: Any, dropout: float) -> keras.Model:
    x = layers.Flatten(data_format="channels_last")(x)
    if dropout:
        x = layers.Dropout(dropout)(x)
    return keras.Model(inputs, logits(x, task), name=name)


def _conv_norm(x: Any, channels: int, size: int, stride: int, gamma: str = "ones") -> Any:
    x = layers.Conv2D(channels, size, stride, use_bias=False, kernel_initializer="he_normal", **SAME)(x)
    return layers.BatchNormalization(axis=-1, gamma_initializer=gamma)(x)


NETWORKS = {build.__name__: build for build in (light1, light2, resnet_1_1, resnet_2_2, nano_characters)}
