"""The report's transfer learning: a backbone of `keras.applications` with ImageNet weights, flatten, one dense layer.

Resizing and the backbone's own normalisation are in the graph, so that these networks take the task's pictures as they
are, too. Weights are Keras' official files without top layers; `python -m tools.fetch vgg16` fetches one.
"""

import hashlib
from typing import Any, Callable, NamedTuple, Optional

import keras
from keras import applications, layers

from models.task import CIFAR100, Task, entrance, logits


class Backbone(NamedTuple):
    """make: the function of `keras.applications`. size: in pixels, as in the report. md5: of the official file.

    mean, deviation: of pixels in 0..255, RGB, as these weights expect them. The MD5 is what Keras publishes; it guards
    against damage and not against malice, but a file of weights holds no code.
    """

    make: Callable
    size: int
    mean: tuple[float, float, float]
    deviation: float
    md5: str


BACKBONES = {
    "inception_resnet_v2": Backbone(
        applications.InceptionResNetV2, 150, (127.5,) * 3, 127.5, "d19885ff4a710c122648d3b5c3b684e4"
    ),
    "vgg16": Backbone(applications.VGG16, 224, (123.68, 116.779, 103.939), 1.0, "6d6bbae143d832006294945121d1f1fc"),
    "resnet50v2": Backbone(applications.ResNet50V2, 224, (127.5,) * 3, 127.5, "fac2f116257151a9d068a22e544a4917"),
}


class BackboneFileError(ValueError):
    """The file is not the official one, or does not fit the network."""


def inception_resnet_v2(task: Task = CIFAR100, size: Optional[int] = None, dropout: float = 0.0) -> keras.Model:
    """InceptionResNetV2; size None is 150. 71.54 % top-1 on CIFAR-100 in the report, all of the backbone frozen."""
    return _build("inception_resnet_v2", task, size, dropout)


def vgg16(task: Task = CIFAR100, size: Optional[int] = None, dropout: float = 0.0) -> keras.Model:
    """VGG16; size None is 224. 48.43 % top-1 on CIFAR-100 in the report, the first 10 layers frozen."""
    return _build("vgg16", task, size, dropout)


def resnet50v2(task: Task = CIFAR100, size: Optional[int] = None, dropout: float = 0.0) -> keras.Model:
    """ResNet50V2; size None is 224. 62.39 % top-1 on CIFAR-100 in the report, the first 100 layers frozen."""
    return _build("resnet50v2", task, size, dropout)


NETWORKS = {build.__name__: build for build in (inception_resnet_v2, vgg16, resnet50v2)}


def load_imagenet(model: keras.Model, path: str) -> None:
    """Set the weights of a network's backbone from Keras' official file for it, whose MD5 is checked.

    Raises BackboneFileError for another file, and OSError when it cannot be read.
    """
    digest = hashlib.md5()
    with open(path, "rb") as file:
        for block in iter(lambda: file.read(1 << 20), b""):
            digest.update(block)
    expected = BACKBONES[model.name].md5
    if digest.hexdigest() != expected:
        raise BackboneFileError(f"{path}: its MD5 is {digest.hexdigest()} instead of {expected}; it is another file")
    # The file has the layers in order, not by names. Layers without weights do not count.
    backbone = keras.Model(model.inputs, model.get_layer("flatten").input)
    try:
        backbone.load_weights(path)
    except ValueError as error:
        raise BackboneFileError(f"{path}: does not fit {model.name}: {error}") from error
    if model.name == "vgg16":
        first = model.get_layer("block1_conv1")
        kernel, bias = first.get_weights()
        first.set_weights([kernel[:, :, ::-1], bias])  # it was trained with BGR


def _build(name: str, task: Task, size: Optional[int], dropout: float) -> keras.Model:
    make, own_size, mean, deviation, _ = BACKBONES[name]
    grey = task.channels == 1
    # Not the task's statistics, but those that the weights know.
    known = task._replace(mean=(sum(mean) / 3,) if grey else mean, deviation=(deviation,) * task.channels)
    inputs, x = entrance(known, size or own_size)
    if grey:
        x = layers.Concatenate(axis=-1, name="grey_as_rgb")([x, x, x])
    backbone: Any = make(include_top=False, weights=None, input_tensor=x)
    x = layers.Flatten(data_format="channels_last", name="flatten")(backbone.output)
    if dropout:
        x = layers.Dropout(dropout, name="dropout")(x)
    return keras.Model(inputs, logits(x, task), name=name)
