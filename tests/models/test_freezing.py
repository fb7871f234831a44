import numpy as np
import pytest

keras = pytest.importorskip("keras", "3")

from keras import layers  # noqa: E402

from models.freezing import freeze, parts  # noqa: E402
from models.task import CIFAR100, entrance, logits  # noqa: E402


def network(size=None):
    """Ten layers with names, seven of them the backbone."""
    inputs, x = entrance(CIFAR100, size)
    x = layers.BatchNormalization(name="first_norm")(layers.Conv2D(2, 3, name="first")(x))
    x = layers.BatchNormalization(name="second_norm")(layers.Conv2D(2, 3, name="second")(layers.ReLU(name="relu")(x)))
    x = layers.Conv2D(3, 3, name="third")(layers.ReLU(name="another")(x))
    return keras.Model(inputs, logits(layers.Flatten(name="flatten")(x), CIFAR100))


def frozen(model):
    return [layer.name for layer in model.layers if not layer.trainable]


@pytest.mark.parametrize("size", [None, 8])
@pytest.mark.parametrize(
    "how, expected",
    [
        (0, []),
        (0.25, ["first", "first_norm"]),
        (0.5, ["first", "first_norm", "relu", "second"]),
        (1, ["first", "first_norm", "relu", "second", "second_norm", "another", "third"]),
        (2, []),
        (3, ["first"]),
        (5, ["first", "first_norm", "relu"]),
        (99, ["first", "first_norm", "relu", "second", "second_norm", "another", "third"]),
    ],
)
def test_share_and_number_of_layers(size, how, expected):
    """By hand: 0.25 of 7 is 1.75, 0.5 is 3.5, which are rounded to 2 and 4; 3 layers are input, resizing and one."""
    model = network(size)
    weighted = freeze(model, how)
    assert frozen(model) == expected
    assert weighted == sum("relu" not in name and name != "another" for name in expected)


def test_freezing_again_thaws():
    model = network()
    freeze(model, 1)
    freeze(model, 3)
    assert frozen(model) == ["first"]


@pytest.mark.parametrize("how", [-0.1, 1.5, 2.5, -3, float("nan")])
def test_other_numbers_are_refused(how):
    with pytest.raises(ValueError, match="neither a share"):
        freeze(network(), how)


def test_a_frozen_norm_is_left_alone_in_training():
    model = network()
    freeze(model, 4)
    images = np.random.default_rng(0).integers(0, 256, (8, 32, 32, 3)).astype(np.float32)
    before = {name: model.get_layer(name).get_weights() for name in ("first_norm", "second_norm")}
    model(images, training=True)
    np.testing.assert_array_equal(model.get_layer("first_norm").get_weights(), before["first_norm"])
    moved = model.get_layer("second_norm").get_weights()
    assert all(np.abs(moved[place] - before["second_norm"][place]).max() > 0 for place in (2, 3))


def test_parts():
    assert parts(network()) == {
        "first": "stem",
        "first_norm": "stem",
        "second": "body",
        "second_norm": "body",
        "third": "body",
        "logits": "head",
    }
