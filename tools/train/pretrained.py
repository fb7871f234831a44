"""The files with ImageNet's weights that networks start from. Free of Keras: a search looks before it trains."""

import argparse
import os

from app.errors import ModelError
from app.modelcard import WEIGHTS
from tools.fetch.manifest import is_intact, read_manifest
from tools.train.networks import NETWORKS


def pretrained_weights(options: argparse.Namespace) -> str:
    """The file with the network's ImageNet weights, or an empty path where it starts without. Raises ModelError."""
    name = NETWORKS[options.model].pretrained
    if name is None:
        return ""
    path = os.path.join(options.place or WEIGHTS, read_manifest()[name]["file"])
    if not os.path.isfile(path):
        raise ModelError(f"{path}: not found; get it with: python -m tools.fetch {name}")
    return path


def check_pretrained(options: argparse.Namespace) -> None:
    """Raise ModelError if a training with these options would not find the weights that it starts from, or others."""
    path, name = pretrained_weights(options), NETWORKS[options.model].pretrained
    if name is not None and not is_intact(path, read_manifest()[name]):
        raise ModelError(f"{path}: is damaged or another file; get the right one with: python -m tools.fetch {name}")
