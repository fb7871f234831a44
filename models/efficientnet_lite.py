"""EfficientNet-Lite0, 1 and 2 in Keras 3, and their ImageNet weights.

EfficientNet without squeeze-and-excite and with ReLU6 in the place of swish, so that it suits small devices; stem and
top are not scaled, and the first and last stage are not repeated more often. The weights are Google's, converted for
PyTorch; `python -m tools.fetch efficientnet-lite0` fetches them. Top-1 on ImageNet by Google's table: 75.1 % (Lite0 at
224 pixels), 76.7 % (Lite1 at 240), 77.6 % (Lite2 at 260).

Layers are called `stem_...`, `block0_...` onwards, `top_...` and `logits`.

Sources: Tan and Le, "EfficientNet" (2019); `efficientnet_lite_builder.py` in tensorflow/tpu.
"""

import math
from typing import Any, NamedTuple, Optional

import keras
import numpy as np
from keras import layers

from models.regularisers import linear_decay
from models.task import CIFAR100, SAME, Task, entrance, logits
from models.torch_file import TorchFileError, read_torch_file

MEAN, DEVIATION = 127.0, 128.0  # of pixels in 0..255, as these weights expect them, whatever the task's are
EPSILON = 1e-3  # of batch norms
STEM, TOP = 32, 1280  # filters
# (kernel, stride, expansion, filters, repeats) of each stage of EfficientNet-B0 and Lite0.
STAGES = (
    (3, 1, 1, 16, 1),
    (3, 2, 6, 24, 2),
    (5, 2, 6, 40, 2),
    (3, 2, 6, 80, 3),
    (5, 1, 6, 112, 3),
    (5, 2, 6, 192, 4),
    (3, 1, 6, 320, 1),
)


class Variant(NamedTuple):
    """width, depth: factors for the filters and repeats of the stages. size: of the pictures that it was trained with.

    sha256: of the file with its ImageNet weights.
    """

    width: float
    depth: float
    size: int
    sha256: str


VARIANTS = {
    "efficientnet_lite0": Variant(1.0, 1.0, 224, "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"),
    "efficientnet_lite1": Variant(1.0, 1.1, 240, "77cc7160d37bebc1e0d68dc9e8d1e836a263e063f0825ec80d85670b2c913850"),
    "efficientnet_lite2": Variant(1.1, 1.2, 260, "9656183eaeafe8cbf0cf560089305d34668787f6a26377ccbe5be192ed3f855d"),
}

# The file's names for the convolution and the norm of each unit.
FILE_NAMES = {
    "stem": ("_conv_stem", "_bn0"),
    "expand": ("_expand_conv", "_bn0"),
    "depthwise": ("_depthwise_conv", "_bn1"),
    "project": ("_project_conv", "_bn2"),
    "top": ("_conv_head", "_bn1"),
}


def efficientnet_lite0(
    task: Task = CIFAR100, size: Optional[int] = None, dropout: float = 0.2, stochastic_depth: float = 0.0
) -> keras.Model:
    """EfficientNet-Lite0: 3,541,124 parameters for 100 classes, 385 M MACs at 224x224.

    size: pictures are stretched to size x size inside the graph; None is 224. stochastic_depth: the rate at which
    pictures skip the last block in training; it grows linearly up to that block (Huang 2016).
    """
    return _build("efficientnet_lite0", task, size, dropout, stochastic_depth)


def efficientnet_lite1(
    task: Task = CIFAR100, size: Optional[int] = None, dropout: float = 0.2, stochastic_depth: float = 0.0
) -> keras.Model:
    """EfficientNet-Lite1; size None is 240. The rest is as in `efficientnet_lite0`."""
    return _build("efficientnet_lite1", task, size, dropout, stochastic_depth)


def efficientnet_lite2(
    task: Task = CIFAR100, size: Optional[int] = None, dropout: float = 0.2, stochastic_depth: float = 0.0
) -> keras.Model:
    """EfficientNet-Lite2; size None is 260. The rest is as in `efficientnet_lite0`."""
    return _build("efficientnet_lite2", task, size, dropout, stochastic_depth)


NETWORKS = {build.__name__: build for build in (efficientnet_lite0, efficientnet_lite1, efficientnet_lite2)}


def imagenet_classifier(name: str, path: str) -> keras.Model:
    """The original network with its 1000 classes: (n, size, size, 3) RGB in 0..255 in, logits out.

    path: of the file that `tools.fetch` fetches. Raises as `load_imagenet`.
    """
    size = VARIANTS[name].size
    model = NETWORKS[name](Task(size, size, 3, 1000, (MEAN,) * 3, (DEVIATION,) * 3))
    load_imagenet(model, path)
    return model


def load_imagenet(model: keras.Model, path: str) -> None:
    """Set the weights of a network of this file to ImageNet's, except the logits, which need ImageNet's 1000 classes.

    path: of the file that `tools.fetch` fetches for this network; its SHA-256 is checked. Raises TorchFileError for
    another file, and OSError when it cannot be read.
    """
    tensors = read_torch_file(path, VARIANTS[model.name].sha256)
    with_logits = model.output_shape[-1] == len(tensors["_fc.bias"])
    filled = 0
    for layer in model.layers:
        if layer.weights and (layer.name != "logits" or with_logits):
            values = _weights_of(layer, tensors)
            if [value.shape for value in values] != [tuple(weight.shape) for weight in layer.weights]:
                raise TorchFileError(f"{path}: its tensors do not fit layer {layer.name} of {model.name}")
            layer.set_weights(values)
            filled += sum(value.size for value in values)
    # Besides, the file counts the batches that each batch norm has seen.
    expected = sum(value.size for name, value in tensors.items() if not name.endswith(".num_batches_tracked"))
    if not with_logits:
        expected -= tensors["_fc.weight"].size + tensors["_fc.bias"].size
    if filled != expected:
        raise TorchFileError(f"{path}: has {expected:,} weights, {model.name} takes {filled:,}")


def _build(name: str, task: Task, size: Optional[int], dropout: float, stochastic_depth: float) -> keras.Model:
    width, depth, own_size, _ = VARIANTS[name]
    channels = task.channels
    # Not the task's statistics, but those that the weights know.
    known = task._replace(mean=(MEAN,) * channels, deviation=(DEVIATION,) * channels)
    inputs, x = entrance(known, size or own_size)
    if channels == 1:
        x = layers.Concatenate(axis=-1, name="grey_as_rgb")([x, x, x])
    x = _relu6(_convolution(x, STEM, 3, 2, "stem"), "stem")
    blocks = []  # (kernel, stride, expansion, filters)
    for number, (kernel, stride, expansion, filters, repeats) in enumerate(STAGES):
        if 0 < number < len(STAGES) - 1:
            repeats = math.ceil(depth * repeats)
        for repeat in range(repeats):
            blocks.append((kernel, 1 if repeat else stride, expansion, _rounded(width * filters)))
    for number, (block, skipped) in enumerate(zip(blocks, linear_decay(stochastic_depth, len(blocks)))):
        x = _block(x, f"block{number}", *block, skipped)
    x = _relu6(_convolution(x, TOP, 1, 1, "top"), "top")
    x = layers.GlobalAveragePooling2D(data_format="channels_last", name="average")(x)
    if dropout:
        x = layers.Dropout(dropout, name="dropout")(x)
    return keras.Model(inputs, logits(x, task), name=name)


def _block(x: Any, name: str, kernel: int, stride: int, expansion: int, filters: int, skipped: float) -> Any:
    """Expansion 1x1, depthwise convolution, projection 1x1, and a shortcut where the shape stays."""
    before, channels = x, x.shape[-1]
    if expansion > 1:
        x = _relu6(_convolution(x, channels * expansion, 1, 1, name + "_expand"), name + "_expand")
    depthwise = {"use_bias": False, "depthwise_initializer": "he_normal", "name": name + "_depthwise_conv"}
    x = layers.DepthwiseConv2D(kernel, stride, **depthwise, **SAME)(x)
    x = _relu6(_norm(x, name + "_depthwise"), name + "_depthwise")
    x = _convolution(x, filters, 1, 1, name + "_project")
    if stride > 1 or channels != filters:
        return x
    if skipped:
        x = layers.Dropout(skipped, noise_shape=(None, 1, 1, 1), name=name + "_skipped")(x)
    return layers.Add(name=name + "_add")([x, before])


def _convolution(x: Any, filters: int, size: int, stride: int, name: str) -> Any:
    start = {"use_bias": False, "kernel_initializer": "he_normal"}
    return _norm(layers.Conv2D(filters, size, stride, name=name + "_conv", **start, **SAME)(x), name)


def _norm(x: Any, name: str) -> Any:
    return layers.BatchNormalization(axis=-1, epsilon=EPSILON, name=name + "_norm")(x)


def _relu6(x: Any, name: str) -> Any:
    return layers.ReLU(max_value=6, name=name + "_relu6")(x)


def _rounded(filters: float) -> int:
    """The nearest multiple of 8, but not more than 10 % below."""
    rounded = max(8, int(filters + 4) // 8 * 8)
    return rounded if rounded >= 0.9 * filters else rounded + 8


def _weights_of(layer: Any, tensors: dict[str, np.ndarray]) -> list[np.ndarray]:
    """What the file has for a layer, in Keras' order and layout. Raises KeyError when it has nothing."""
    if layer.name == "logits":
        return [tensors["_fc.weight"].T, tensors["_fc.bias"]]
    *block, unit, kind = layer.name.split("_")
    place = f"_blocks.{block[0][len('block') :]}." if block else ""
    convolution, norm = FILE_NAMES[unit]
    if kind == "norm":
        return [tensors[f"{place}{norm}.{name}"] for name in ("weight", "bias", "running_mean", "running_var")]
    # PyTorch: (out, in, height, width), of a depthwise convolution (channels, 1, height, width).
    axes = (2, 3, 0, 1) if unit == "depthwise" else (2, 3, 1, 0)
    return [tensors[f"{place}{convolution}.weight"].transpose(axes)]
