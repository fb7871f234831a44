"""The network to train, with its optimiser and loss."""

import argparse
from typing import Any

import keras

from app.errors import UsageError
from models.nano_cifar import WHITEN, whiten
from models.task import Task
from tools.train.networks import builder
from tools.train.rates import make_optimiser, rate_factors


def build_model(options: argparse.Namespace, task: Task, on_gpu: bool) -> Any:
    """The compiled network, with its initial weights from the seed. Raises UsageError for an option it cannot take."""
    keras.utils.set_random_seed(options.seed)
    precision = options.precision
    keras.mixed_precision.set_dtype_policy(precision if precision == "float32" else "mixed_" + precision)
    settings = {
        name: value for name, value in (("size", options.size), ("dropout", options.dropout)) if value is not None
    }
    model = builder(options.model)(task, **settings)
    if options.small_first and model.input_shape[1] is not None:
        raise UsageError(f"--small-first: {options.model} takes pictures of one size only")
    optimiser = make_optimiser(options)
    optimiser.factors = rate_factors(model, options)
    model.compile(
        optimiser,
        keras.losses.CategoricalCrossentropy(from_logits=True, label_smoothing=options.label_smoothing),
        metrics=[keras.metrics.CategoricalAccuracy("top1"), keras.metrics.TopKCategoricalAccuracy(5, "top5")],
        # On a CPU, XLA's convolutions are many times slower than TensorFlow's own; JAX has no others.
        jit_compile=False if keras.backend.backend() == "tensorflow" and not on_gpu else "auto",
    )
    return model


def prepare(model: Any, data: Any) -> None:
    """What a new run sets before its first step: a whitening first layer, from 5,000 of the training images."""
    if any(layer.name == WHITEN for layer in model.layers):
        whiten(model, data.training.images[:5000], data.task)
