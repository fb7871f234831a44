"""Multiply-accumulates (MACs) of a Keras model: those of its convolutions and dense layers, which are nearly all."""

import math
from typing import Any, Sequence

import keras
from keras import layers


def count_macs(model: keras.Model, shape: Sequence[int]) -> int:
    """MACs of one image. shape: of an input, (height, width, channels), for networks that take several sizes."""
    if None in model.input_shape[1:]:
        model = keras.models.clone_model(model, input_tensors=keras.Input(tuple(shape)))
    return sum(_of_layer(layer) for layer in model.layers)


def _of_layer(layer: Any) -> int:
    if isinstance(layer, keras.Model):
        return sum(_of_layer(inner) for inner in layer.layers)
    if isinstance(layer, layers.SeparableConv2D):
        return _places(layer, layer.filters) * (_size(layer.depthwise_kernel) + _size(layer.pointwise_kernel))
    if isinstance(layer, layers.Conv2D):
        return _places(layer, layer.filters) * _size(layer.kernel)
    if isinstance(layer, layers.DepthwiseConv2D):
        return _places(layer, math.prod(layer.kernel.shape[2:])) * _size(layer.kernel)
    if isinstance(layer, layers.Dense):
        return _places(layer, layer.units) * _size(layer.kernel)
    return 0


def _places(layer: Any, channels: int) -> int:
    """At how many places each weight is used, whichever axis has the channels."""
    return int(math.prod(layer.output.shape[1:])) // channels


def _size(kernel: Any) -> int:
    return math.prod(kernel.shape)
