"""What a classifier is built for: the pictures it takes and the number of its classes.

Every network starts with `entrance`: uint8 values in 0..255, normalised inside the graph, so that no device can
normalise differently from training.
"""

from typing import Any, NamedTuple, Optional

import keras
from keras import layers

# Always explicit, since a user's keras.json may set another data format.
SAME = {"padding": "same", "data_format": "channels_last"}
VALID = {"padding": "valid", "data_format": "channels_last"}


class Task(NamedTuple):
    """height, width in pixels, channels (3 is RGB, 1 is grey), number of classes.

    mean, deviation: of the training set's pixels in 0..255, one number per channel.
    """

    height: int
    width: int
    channels: int
    classes: int
    mean: tuple[float, ...]
    deviation: tuple[float, ...]


# Computed from `Cifar100(...).load("train").images`.
CIFAR100 = Task(32, 32, 3, 100, (129.304, 124.070, 112.434), (68.170, 65.392, 70.418))
# Computed from the training part (see `app.classification.emnist`) of EMNIST's characters.
CHARACTERS = Task(28, 28, 1, 52, (43.731,), (84.205,))


def entrance(task: Task, size: Optional[int] = None, any_size: bool = False) -> tuple[Any, Any]:
    """The input (n, height, width, channels) in 0..255, and what the first layer of a network takes: normalised.

    size: pictures are stretched to size x size, bilinearly, inside the graph. any_size: height and width are left
    free, for networks that are trained with pictures of several sizes.
    """
    shape = (None, None) if any_size else (task.height, task.width)
    inputs = keras.Input((*shape, task.channels), name="images")
    x: Any = inputs
    if size is not None and (size, size) != shape:
        x = layers.Resizing(size, size, data_format="channels_last", name="resize")(x)
    scale = [1 / deviation for deviation in task.deviation]
    offset = [-mean / deviation for mean, deviation in zip(task.mean, task.deviation)]
    return inputs, layers.Rescaling(scale, offset, name="normalise")(x)


def logits(x: Any, task: Task) -> Any:
    """The last layer (n, classes), in float32 even in mixed precision."""
    return layers.Dense(task.classes, dtype="float32", name="logits")(x)
