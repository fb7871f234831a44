"""The networks that `tools.train` knows: where each is defined, what it is for, and the defaults that suit it.

Free of Keras, so that `--help` is quick. A network's builder is the function of its name in its module:
`build(task, size=None, dropout=RATE)` returns a Keras model that ends in logits.
"""

import importlib
from typing import Any, NamedTuple


class Network(NamedTuple):
    """module: of models/. data: the name of the data set that it was made for. defaults: of options, by their names.

    Defaults hold where neither a recipe nor the command line says otherwise.
    """

    module: str
    data: str
    defaults: dict[str, Any]


# Networks without shortcuts do not start to learn with a higher rate (report_cnn: loss 7 at 0.1).
PLAIN = {"lr": 0.02}
RESIDUAL = {"lr": 0.1}
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

NETWORKS = {
    "report_cnn": Network("cifar", "cifar-100", PLAIN),
    "report_fast": Network("cifar", "cifar-100", PLAIN),
    "report_deep": Network("cifar", "cifar-100", PLAIN),
    "nano_resnet": Network("cifar", "cifar-100", RESIDUAL),
    "nano_resnet_s": Network("cifar", "cifar-100", RESIDUAL),
    "nano_cifar": Network("nano_cifar", "cifar-100", FAST),
}


def builder(name: str) -> Any:
    """The function that builds a network. Imports Keras."""
    module = importlib.import_module("models." + NETWORKS[name].module)
    return module.NETWORKS[name]
