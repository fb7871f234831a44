"""The rate of every variable, by the step that it takes for a gradient of 1."""

import argparse

import numpy as np
import pytest

keras = pytest.importorskip("keras", "3")

from keras import layers  # noqa: E402

from tools.train.rates import make_optimiser, rate_factors  # noqa: E402

OPTIONS = {
    "lr": 0.1, "weight_decay": 0.0, "ema": 0.0, "optimiser": "sgd", "momentum": 0.9, "stem_rate": 0.1,
    "body_rate": 0.5, "bias_rate": 16.0,
}  # fmt: skip


def network():
    inputs = keras.Input((8, 8, 3))
    x = layers.BatchNormalization()(layers.Conv2D(2, 3, use_bias=False)(inputs))
    x = layers.BatchNormalization()(layers.Conv2D(2, 3, use_bias=False)(x))
    return keras.Model(inputs, layers.Dense(2, name="logits")(layers.GlobalAveragePooling2D()(x)))


def step(**changes):
    """The change of every variable of the network after one step with gradients of 1, divided by the rate."""
    options = argparse.Namespace(**{**OPTIONS, **changes})
    model = network()
    optimiser = make_optimiser(options)
    optimiser.factors = rate_factors(model, options)
    before = [np.array(variable) for variable in model.trainable_variables]
    optimiser.build(model.trainable_variables)
    optimiser.apply([keras.ops.ones(variable.shape) for variable in model.trainable_variables])
    after = [np.array(variable) for variable in model.trainable_variables]
    return model, before, [(b - a) / options.lr for b, a in zip(before, after)]


def test_stem_body_head_and_biases_have_their_own_rates():
    _, _, steps = step()
    # Stem: kernel, gamma, beta; body: the same; head: kernel, bias.
    expected = [0.1, 0.1, 1.6, 0.5, 0.5, 8, 1, 1]
    for values, factor in zip(steps, expected):
        np.testing.assert_allclose(values, factor, rtol=1e-5)
    assert len(steps) == len(expected)


def test_adaptive_optimisers_too():
    """Adam's first step is the rate, whatever the gradient."""
    _, _, steps = step(optimiser="adam", bias_rate=1.0)
    for values, factor in zip(steps, [0.1, 0.1, 0.1, 0.5, 0.5, 0.5, 1, 1]):
        np.testing.assert_allclose(values, factor, rtol=1e-3)


def test_decay_follows_the_rate_and_leaves_biases_and_norms_alone():
    _, before, steps = step(weight_decay=0.2, bias_rate=1.0)
    for values, start, factor, decays in zip(
        steps, before, [0.1, 0.1, 0.1, 0.5, 0.5, 0.5, 1, 1], [1, 0, 0] * 2 + [1, 0]
    ):
        # Keras decays first, by rate * decay * weight, then subtracts rate * gradient.
        np.testing.assert_allclose(values, factor * (1 + 0.2 * decays * start), rtol=1e-4)
