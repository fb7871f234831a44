"""Parts of a network for transfer learning: stem, body and head, and which layers are frozen.

A frozen layer's weights stay, and a frozen batch norm uses its statistics as they are, in training as well (Keras does
so where `trainable` is False). The head, which is the layer `logits`, is never frozen.
"""

from typing import Any

import keras
from keras import layers

STEM, BODY, HEAD = "stem", "body", "head"
BEFORE = 2  # the input and the resizing layer: the report counted them when it said how many layers were frozen


def parts(model: keras.Model) -> dict[str, str]:
    """The part of every layer that has weights, by the layer's name.

    The stem is the first convolution, with its batch norm; the head is the layer `logits`; the rest is the body.
    """
    weighted = [layer for layer in model.layers if layer.weights]
    found = {layer.name: BODY for layer in weighted}
    found[weighted[0].name] = STEM
    for norm in weighted[1:2]:
        if isinstance(norm, layers.BatchNormalization) and norm.input is weighted[0].output:
            found[norm.name] = STEM
    return {name: HEAD if name == "logits" else part for name, part in found.items()}


def freeze(model: keras.Model, how: float) -> int:
    """Freeze the layers nearest to the input, and make the others trainable; the number of frozen ones with weights.

    how: up to 1 the share of the backbone's layers, which reach from behind the normalisation to the last one with
    weights before the head. From 2 on a number of layers, counted from the input as the report did: the input and the
    resizing count, whether there is one or not, and our normalisation does not. So 10 freezes eight layers of VGG16 and
    1 the whole backbone. Call it before `model.compile`. Raises ValueError for any other number.
    """
    backbone = _backbone(model)
    if 0 <= how <= 1:
        count = round(how * len(backbone))
    elif how >= BEFORE and how == int(how):
        count = int(how) - BEFORE
    else:
        raise ValueError(f"{how} is neither a share from 0 to 1 nor a number of layers from {BEFORE} on")
    for number, layer in enumerate(backbone):
        layer.trainable = number >= count
    return sum(1 for layer in backbone[:count] if layer.weights)


def _backbone(model: keras.Model) -> list[Any]:
    names = [layer.name for layer in model.layers]
    start = names.index("normalise") + 1
    weighted = [number for number, layer in enumerate(model.layers) if layer.weights and layer.name != "logits"]
    return list(model.layers[start : weighted[-1] + 1])
