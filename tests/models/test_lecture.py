import numpy as np
import pytest

keras = pytest.importorskip("keras", "3")

from models.lecture import NETWORKS  # noqa: E402
from models.task import CIFAR100  # noqa: E402

# Kernels 3x3 of 3>32>32>64>64>128>128 channels (and >128>256>256>256), a gamma and a beta per channel, 100 logits.
TRAINABLE = {
    "lecture6": 9 * (3 * 32 + 32 * 32 + 32 * 64 + 64 * 64 + 64 * 128 + 128 * 128) + 2 * 448 + 129 * 100,
    "lecture10": 9 * (96 + 1024 + 2048 + 4096 + 8192 + 2 * 16384 + 128 * 256 + 2 * 65536) + 2 * 1344 + 257 * 100,
}
COUNTS = {"lecture6": (301_252, 300_356), "lecture10": (1_939_652, 1_936_964)}


@pytest.mark.parametrize("size", [None, 32, 64])
@pytest.mark.parametrize("name", NETWORKS)
def test_parameters_do_not_depend_on_the_size(name, size):
    model = NETWORKS[name](size=size)
    trainable = sum(variable.numpy().size for variable in model.trainable_variables)
    assert (model.count_params(), trainable) == COUNTS[name]
    assert trainable == TRAINABLE[name]
    assert (model.name, model.input_shape, model.output_shape) == (name, (None, 32, 32, 3), (None, 100))


def convolutions(model):
    return [layer for layer in model.layers if isinstance(layer, keras.layers.Conv2D)]


@pytest.mark.parametrize("name, count", [("lecture6", 6), ("lecture10", 10)])
def test_every_convolution_is_without_bias_and_followed_by_norm_and_relu(name, count):
    model = NETWORKS[name]()
    kinds = [type(layer).__name__ for layer in model.layers]
    places = [index for index, kind in enumerate(kinds) if kind == "Conv2D"]
    assert len(places) == count
    assert all(kinds[place : place + 3] == ["Conv2D", "BatchNormalization", "ReLU"] for place in places)
    assert not any(layer.use_bias for layer in convolutions(model))


@pytest.mark.parametrize(
    "name, size, heights",
    [
        ("lecture6", None, [32, 32, 16, 16, 8, 8]),
        ("lecture6", 64, [64, 64, 32, 32, 16, 16]),
        ("lecture10", None, [32, 32, 16, 16, 8, 8, 8, 4, 4, 4]),
        ("lecture10", 64, [64, 64, 32, 32, 16, 16, 16, 8, 8, 8]),
    ],
)
def test_sizes_on_the_way(name, size, heights):
    assert [layer.output.shape[1] for layer in convolutions(NETWORKS[name](size=size))] == heights


@pytest.mark.parametrize("size", [None, 64])
def test_inputs_are_scaled_to_minus_one_to_one(size):
    model = NETWORKS["lecture6"](size=size)
    normalise = keras.Model(model.inputs, model.get_layer("normalise").output)
    for value, expected in ((0, -1), (127.5, 0), (255, 1)):
        normalised = np.asarray(normalise(np.full((1, 32, 32, 3), value, np.float32)))
        np.testing.assert_allclose(normalised, expected, atol=1e-6)


def test_other_tasks_and_dropout():
    model = NETWORKS["lecture6"](CIFAR100._replace(channels=1, classes=7, mean=(9,), deviation=(9,)), dropout=0.35)
    assert (model.input_shape, model.output_shape) == ((None, 32, 32, 1), (None, 7))
    assert [layer.rate for layer in model.layers if isinstance(layer, keras.layers.Dropout)] == [0.35]
    assert not any(isinstance(layer, keras.layers.Dropout) for layer in NETWORKS["lecture6"]().layers)
