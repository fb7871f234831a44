"""The network to train, with its optimiser and loss."""

import argparse
from typing import Any

import keras
from keras import optimizers

from models.cifar import NETWORKS


def make_optimiser(options: argparse.Namespace) -> Any:
    """Keras' optimiser. `Pace` sets its learning rate before every step."""
    common = {
        "learning_rate": options.lr,
        "weight_decay": options.weight_decay or None,
        "use_ema": options.ema > 0,
        "ema_momentum": options.ema or None,
    }
    optimiser = {
        "sgd": lambda: optimizers.SGD(**common),
        "momentum": lambda: optimizers.SGD(momentum=options.momentum, **common),
        "nesterov": lambda: optimizers.SGD(momentum=options.momentum, nesterov=True, **common),
        "adam": lambda: optimizers.Adam(**common),
        "adamw": lambda: optimizers.AdamW(**{**common, "weight_decay": options.weight_decay}),
        "rmsprop": lambda: optimizers.RMSprop(momentum=options.momentum, **common),
        "adagrad": lambda: optimizers.Adagrad(**common),
        "nadam": lambda: optimizers.Nadam(**common),
    }[options.optimiser]()
    if options.weight_decay:
        optimiser.exclude_from_weight_decay(var_names=["bias", "gamma", "beta"])
    return optimiser


def build_model(options: argparse.Namespace, on_gpu: bool) -> Any:
    """The compiled network, with its initial weights from the seed."""
    keras.utils.set_random_seed(options.seed)
    precision = options.precision
    keras.mixed_precision.set_dtype_policy(precision if precision == "float32" else "mixed_" + precision)
    dropout = {} if options.dropout is None else {"dropout": options.dropout}
    model = NETWORKS[options.model](**dropout)
    model.compile(
        make_optimiser(options),
        keras.losses.CategoricalCrossentropy(from_logits=True, label_smoothing=options.label_smoothing),
        metrics=[keras.metrics.CategoricalAccuracy("top1"), keras.metrics.TopKCategoricalAccuracy(5, "top5")],
        # On a CPU, XLA's convolutions are many times slower than TensorFlow's own; JAX has no others.
        jit_compile=False if keras.backend.backend() == "tensorflow" and not on_gpu else "auto",
    )
    return model
