"""The networks that `tools.train` knows: where each is defined, what it is for, and the defaults that suit it.

Free of Keras, so that `--help` is quick. A network's builder is the function of its name in its module:
`build(task, size=None, dropout=RATE)` returns a Keras model that ends in logits.
"""

import importlib
from typing import Any, NamedTuple, Optional


class Network(NamedTuple):
    """module: of models/. data: the name of the data set that it was made for. defaults: of options, by their names.

    Defaults hold where neither a recipe nor the command line says otherwise. pretrained: what `tools.fetch` calls its
    ImageNet weights, for networks that start from them.
    """

    module: str
    data: str
    defaults: dict[str, Any]
    pretrained: Optional[str] = None


# Networks without shortcuts do not start to learn with a higher rate (report_cnn: loss 7 at 0.1).
PLAIN = {"lr": 0.02}
RESIDUAL = {"lr": 0.1}
# Probe, then fine-tune, with batch norms frozen. On 6,000 images at 96 pixels one epoch took the probe's 52.6 % to
# 57.7 %, and SGD with a rate of 0.001 to 56.6 %; with 0.01 and a fifth of that for the body it fell to 47.6 %, since
# frozen norms and features of norm 40 take no such steps.
TRANSFER = {
    "optimiser": "adamw",
    "lr": 0.0002,
    "batch": 64,
    "weight_decay": 0.05,
    "stem_rate": 0.5,
    "freeze_norm": True,
    "probe": 30,
    "schedule": "cosine",
    "epochs": 5,
    "ema": 0.99,
    "label_smoothing": 0.1,
    "size": 128,
    "validation": 0.02,
    "precision": "float32",  # depthwise convolutions in bfloat16 take twice as long on a CPU
}
# The original report's Task 3: Adam, batch 32, 20 epochs.
TASK3 = {
    "optimiser": "adam",
    "lr": 0.001,
    "weight_decay": 0.0,
    "schedule": "constant",
    "batch": 32,
    "epochs": 20,
    "validation": 0.2,
    "label_smoothing": 0.0,
    "flip": False,
    "crop": 0,
    "ema": 0.0,
}
# After airbench96 (Jordan 2024), for batches of 256 instead of 1024: the same rate per image.
FAST = {
    "lr": 0.2,
    "batch": 256,
    "weight_decay": 0.013,
    "bias_rate": 16.0,
    "label_smoothing": 0.2,
    "ema": 0.995,
    "small_first": 24,
    "small_share": 0.4,
    "erase": 0.15,
    "validation": 0.02,
}
# The lecture's: SGD with momentum, flips only. Its decay of 0.0005 is added to the gradient, where momentum multiplies
# it by 1 / (1 - 0.9); Keras takes the decay from the weights directly, so 0.005 is the same.
LECTURE = {
    "optimiser": "momentum",
    "lr": 0.005,
    "momentum": 0.9,
    "weight_decay": 0.005,
    "schedule": "cosine",
    "batch": 200,
    "label_smoothing": 0.0,
    "crop": 0,
    "ema": 0.0,
}
# The coursework's: Adam as it comes. Its rate and batch for the ResNets are not known; they are those of the network
# that they were compared with.
COURSEWORK = {
    "optimiser": "adam",
    "lr": 0.0005,
    "weight_decay": 0.0,
    "schedule": "constant",
    "batch": 1024,
    "size": 90,
    "label_smoothing": 0.0,
    "crop": 0,
    "ema": 0.0,
}
# Hands turn, slant, stretch and shift what they write.
CHARACTERS = {
    "lr": 0.1,
    "batch": 256,
    "crop": 2,
    "rotate": 12.0,
    "zoom": 0.15,
    "shear": 0.2,
    "elastic": 0.7,
    "stroke": 0.3,
    "jitter": 0.2,
    "precision": "float32",
}

NETWORKS = {
    "report_cnn": Network("cifar", "cifar-100", PLAIN),
    "report_fast": Network("cifar", "cifar-100", PLAIN),
    "report_deep": Network("cifar", "cifar-100", PLAIN),
    "nano_resnet": Network("cifar", "cifar-100", RESIDUAL),
    "nano_resnet_s": Network("cifar", "cifar-100", RESIDUAL),
    "nano_cifar": Network("nano_cifar", "cifar-100", FAST),
    "efficientnet_lite0": Network("efficientnet_lite", "cifar-100", TRANSFER, "efficientnet-lite0"),
    "efficientnet_lite1": Network("efficientnet_lite", "cifar-100", TRANSFER, "efficientnet-lite1"),
    "efficientnet_lite2": Network("efficientnet_lite", "cifar-100", TRANSFER, "efficientnet-lite2"),
    "inception_resnet_v2": Network("transfer", "cifar-100", TASK3, "inception-resnet-v2"),
    "vgg16": Network("transfer", "cifar-100", TASK3, "vgg16"),
    "resnet50v2": Network("transfer", "cifar-100", TASK3, "resnet50v2"),
    "lecture6": Network("lecture", "cifar-100", LECTURE),
    "lecture10": Network("lecture", "cifar-100", LECTURE),
    "light1": Network("characters", "characters", COURSEWORK),
    "light2": Network("characters", "characters", {**COURSEWORK, "lr": 0.002, "batch": 512, "rotate": 10.0}),
    "resnet_1_1": Network("characters", "characters", COURSEWORK),
    "resnet_2_2": Network("characters", "characters", COURSEWORK),
    "nano_characters": Network("characters", "characters", CHARACTERS),
}


def builder(name: str) -> Any:
    """The function that builds a network. Imports Keras."""
    return module_of(name).NETWORKS[name]


def module_of(name: str) -> Any:
    """The module that defines a network. Imports Keras."""
    return importlib.import_module("models." + NETWORKS[name].module)
