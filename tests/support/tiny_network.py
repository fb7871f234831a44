"""The smallest networks that `tools.train` takes, to stand in for a registered one."""

import keras
from keras import layers

from models.task import entrance, logits


def halves(task, dropout=0.0):
    """Classifies by the mean normalised colour of the left half and of the right half: 2 x channels features."""
    inputs, x = entrance(task)
    x = layers.Flatten()(layers.AveragePooling2D((task.height, task.width // 2))(x))
    return keras.Model(inputs, logits(x, task))


def small(task, dropout=0.0):
    """One convolution, batch norm, ReLU, dropout."""
    inputs, x = entrance(task)
    x = layers.ReLU()(layers.BatchNormalization(name="norm")(layers.Conv2D(8, 8, 8)(x)))
    x = layers.Flatten()(layers.Dropout(dropout)(x) if dropout else x)
    return keras.Model(inputs, logits(x, task))
