"""The network to train, with its optimiser and loss, and what a new run sets before its first step."""

import argparse
from typing import Any

import keras
from keras import layers

from app.errors import ModelError, UsageError
from models.freezing import freeze
from models.nano_cifar import WHITEN, whiten
from models.task import Task
from tools.train.networks import NETWORKS, builder, module_of
from tools.train.pretrained import pretrained_weights
from tools.train.rates import make_optimiser, rate_factors

# Options that are arguments of a network's builder, where it has such an argument and they are given.
BUILT_IN = ("size", "dropout", "drop_connect", "stochastic_depth", "fractional_pooling")
WHITENED = 5000  # images that a whitening layer is computed from
# How a step is computed is chosen here, but for what the import fixes (oneDNN: frameworks.py), the number format
# (precision.py) and the order of the axes: channels come last in all of models/, since TensorFlow's convolutions take
# nothing else on a CPU. Compare with: python -m tools.bench_training
# Several steps per execution would coarsen the schedule and the time budget: Pace sets the rate and reads the clock
# between executions. That is the reason for 1; no measurement on an idle machine has shown yet what more would gain.
STEPS_PER_EXECUTION = 1


def build_model(options: argparse.Namespace, task: Task, on_gpu: bool) -> Any:
    """The compiled network, with its initial weights from the seed. Raises UsageError for an option it cannot take."""
    keras.utils.set_random_seed(options.seed)
    precision = options.precision
    keras.mixed_precision.set_dtype_policy(precision if precision == "float32" else "mixed_" + precision)
    model = _build(options, task)
    if options.small_first and model.input_shape[1] is not None:
        raise UsageError(f"--small-first: {options.model} takes pictures of one size only")
    if options.freeze:
        try:
            freeze(model, options.freeze)
        except (ValueError, IndexError) as error:  # nothing between its normalisation and its logits, or no such layers
            raise UsageError(f"--freeze: {options.model} has no part that can be frozen") from error
    if options.freeze_norm:
        norms = [layer for layer in model.layers if isinstance(layer, layers.BatchNormalization)]
        if not norms:
            raise UsageError(f"--freeze-norm: {options.model} has no batch norms")
        for layer in norms:
            layer.trainable = False
    compile_model(model, options, on_gpu)
    return model


def compile_model(model: Any, options: argparse.Namespace, on_gpu: bool) -> None:
    """Give a network the optimiser, the loss and the metrics of a run."""
    optimiser = make_optimiser(options)
    optimiser.factors = rate_factors(model, options)
    model.compile(
        optimiser,
        keras.losses.CategoricalCrossentropy(from_logits=True, label_smoothing=options.label_smoothing),
        metrics=[keras.metrics.CategoricalAccuracy("top1"), keras.metrics.TopKCategoricalAccuracy(5, "top5")],
        steps_per_execution=STEPS_PER_EXECUTION,
        # On a CPU, XLA's convolutions are many times slower than TensorFlow's own; JAX has no others.
        jit_compile=False if keras.backend.backend() == "tensorflow" and not on_gpu else "auto",
    )


def prepare(model: Any, options: argparse.Namespace, images: Any, task: Task) -> None:
    """Set what a new run starts from: ImageNet's weights, or a first layer that whitens the training images.

    images: (n, h, w, c) uint8. Raises ModelError.
    """
    path = pretrained_weights(options)
    if path:
        try:
            module_of(options.model).load_imagenet(model, path)
        except ValueError as error:  # another file, or a damaged one
            name = NETWORKS[options.model].pretrained
            raise ModelError(f"{error}; get the right one with: python -m tools.fetch {name}") from error
        except OSError as error:
            raise ModelError(f"{path}: cannot be read: {error.strerror or error}") from error
    if any(layer.name == WHITEN for layer in model.layers):
        whiten(model, images[:WHITENED], task)


def _build(options: argparse.Namespace, task: Task) -> Any:
    given = {name: getattr(options, name) for name in BUILT_IN if getattr(options, name) is not None}
    try:
        return builder(options.model)(task, **given)
    except TypeError as error:  # of the call: an argument that this network does not have
        name = next((name for name in given if repr(name) in str(error)), None)
        if name is None:
            raise
        raise UsageError(f"--{name.replace('_', '-')}: {options.model} does not have it") from error
    except ValueError as error:
        raise UsageError(f"{options.model}: {error}") from error
