"""Learning rates for parts of a network: stem, body, head, and biases."""

import argparse
from typing import Any

import keras
from keras import optimizers

from models.freezing import BODY, HEAD, STEM, parts

OPTIMISERS = {
    "sgd": optimizers.SGD,
    "momentum": optimizers.SGD,
    "nesterov": optimizers.SGD,
    "adam": optimizers.Adam,
    "adamw": optimizers.AdamW,
    "rmsprop": optimizers.RMSprop,
    "adagrad": optimizers.Adagrad,
    "nadam": optimizers.Nadam,
}
SHIFTS = ("bias", "beta")


def make_optimiser(options: argparse.Namespace) -> Any:
    """Keras' optimiser. `factors` multiply its rate for some variables; `Pace` sets the rate before every step."""
    settings = {
        "learning_rate": options.lr,
        "weight_decay": options.weight_decay or None,
        "use_ema": options.ema > 0,
        "ema_momentum": options.ema or None,
    }
    if options.optimiser == "adamw":
        settings["weight_decay"] = options.weight_decay
    if options.optimiser in ("momentum", "nesterov", "rmsprop"):
        settings["momentum"] = options.momentum
    if options.optimiser == "nesterov":
        settings["nesterov"] = True
    base = OPTIMISERS[options.optimiser]
    # Under the name of Keras' own, so that a checkpoint can be loaded without this module.
    optimiser = type(base.__name__, (_RatesByPart, base), {"__module__": base.__module__})(**settings)
    if options.weight_decay:
        optimiser.exclude_from_weight_decay(var_names=["bias", "gamma", "beta"])
    return optimiser


def rate_factors(model: keras.Model, options: argparse.Namespace) -> dict[str, float]:
    """The factor of the learning rate for each trainable variable, by its path. See `models.freezing.parts`."""
    shares = {STEM: options.stem_rate, BODY: options.body_rate, HEAD: 1.0}
    found = parts(model)
    factors = {}
    for layer in model.layers:
        for variable in layer.trainable_variables:
            part = found[layer.name]
            shift = options.bias_rate if variable.name in SHIFTS and part != HEAD else 1.0
            factors[variable.path] = shares[part] * shift
    return factors


class _RatesByPart:
    """Mixed into an optimiser. Keras updates all variables with one rate; here with one for each factor in turn."""

    factors: dict[str, float] = {}

    def _groups(self, variables: Any) -> dict[float, list[int]]:
        groups: dict[float, list[int]] = {}
        for index, variable in enumerate(variables):
            groups.setdefault(self.factors.get(variable.path, 1.0), []).append(index)
        return groups

    def _backend_update_step(self, grads: Any, trainable_variables: Any, learning_rate: Any) -> None:
        for factor, group in self._groups(trainable_variables).items():
            chosen = [trainable_variables[index] for index in group]
            rate = learning_rate if factor == 1 else learning_rate * factor
            super()._backend_update_step([grads[index] for index in group], chosen, rate)  # type: ignore[misc]

    def _apply_weight_decay(self, variables: Any) -> None:
        decay = self.weight_decay  # type: ignore[attr-defined]
        if decay is None:
            return
        for factor, group in self._groups(variables).items():
            for variable in (variables[index] for index in group):
                if self._use_weight_decay(variable):  # type: ignore[attr-defined]
                    rate = keras.ops.cast(self.learning_rate * (decay * factor), variable.dtype)  # type: ignore[attr-defined]
                    variable.assign(variable - variable * rate)
