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

NETWORKS = {
    "report_cnn": Network("cifar", "cifar-100", PLAIN),
    "report_fast": Network("cifar", "cifar-100", PLAIN),
    "report_deep": Network("cifar", "cifar-100", PLAIN),
    "nano_resnet": Network("cifar", "cifar-100", RESIDUAL),
    "nano_resnet_s": Network("cifar", "cifar-100", RESIDUAL),
}


def builder(name: str) -> Any:
    """The function that builds a network. Imports Keras."""
    module = importlib.import_module("models." + NETWORKS[name].module)
    return module.NETWORKS[name]
