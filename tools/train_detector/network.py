"""The network to train: a Darknet table with new heads, its weights from the old one, optimiser and loss."""

import argparse
import os
from typing import Any, NamedTuple, Sequence

import keras
from keras import layers

from app.errors import ModelError, UsageError
from app.modelcard import WEIGHTS
from models.darknet_keras import emit_keras
from models.darknet_table import Network
from models.darknet_transfer import Anchors, shared_layers, transferred, with_classes
from tools.darknet_models import NAME, DarknetModel, configured, tiny
from tools.train.rates import make_optimiser
from tools.train_detector.loss import DetectionLoss

CLIP = 10.0  # norm of all gradients: a single bad batch must not undo what was learned
FROZEN = ("none", "backbone")


class Detector(NamedTuple):
    """made_of: the network whose weights it begins with. network: the table to train. model: it in Keras, compiled.

    The model takes (n, size, size, 3) float32 RGB in 0..1 and returns the heads' logits as (n, R, 5 + classes).
    """

    made_of: DarknetModel
    network: Network
    model: Any


def read_network(options: argparse.Namespace) -> DarknetModel:
    """The network and the weights that the options name. Raises ModelError, UsageError."""
    if options.cfg is not None:
        if options.weights is None:
            raise UsageError(f"--cfg {options.cfg}: needs its weights: --weights FILE.weights")
        made_of = configured(options.cfg, options.weights)
    else:
        made_of = tiny(options.weights or os.path.relpath(os.path.join(WEIGHTS, NAME + ".weights")))
    if options.size % made_of.network.multiple:
        raise UsageError(f"--size {options.size}: should be a multiple of {made_of.network.multiple}")
    return made_of


def new_heads(made_of: DarknetModel, classes: int, anchors: "Sequence[Anchors] | None") -> Network:
    """The table with heads for these classes. Raises ModelError where that cannot be."""
    try:
        return with_classes(made_of.network, classes, anchors)
    except ValueError as error:
        raise ModelError(f"{made_of.cfg}: cannot be given other classes: {error}") from error


def build(made_of: DarknetModel, network: Network, options: argparse.Namespace, on_gpu: bool) -> Detector:
    """The compiled network, with the old weights where they can be used. Raises ModelError."""
    keras.utils.set_random_seed(options.seed)
    precision = options.precision
    keras.mixed_precision.set_dtype_policy(precision if precision == "float32" else "mixed_" + precision)
    parameters = transferred(made_of.network, made_of.parameters(), network, options.seed)
    try:
        # Batch norms are folded into the kernels: statistics of the few pictures in a batch would be worse than those
        # of COCO, and steps take less time.
        base = emit_keras(network, parameters)
    except ValueError as error:
        raise ModelError(str(error).split("\n")[0]) from error
    rows = [layers.Reshape((-1, 5 + network.classes), dtype="float32")(output) for output in base.outputs]
    joined = layers.Concatenate(axis=1, dtype="float32")(rows) if len(rows) > 1 else rows[0]
    model = keras.Model(base.inputs, joined, name="detector")
    if options.freeze == "backbone":
        freeze(model, network)
    optimiser = make_optimiser(options)
    optimiser.global_clipnorm = CLIP
    model.compile(
        optimiser,
        DetectionLoss(network, options.size),
        # On a CPU, XLA's convolutions are many times slower than TensorFlow's own; JAX has no others.
        jit_compile=False if keras.backend.backend() == "tensorflow" and not on_gpu else "auto",
    )
    return Detector(made_of, network, model)


def freeze(model: Any, network: Network) -> int:
    """Keep the layers that every head depends on as they are; how many of them have weights."""
    shared, count = shared_layers(network), 0
    for layer in model.layers:
        if layer.name.split("_group")[0] in shared and layer.weights:
            layer.trainable = False
            count += 1
    return count
