import numpy as np
import pytest

keras = pytest.importorskip("keras", "3")

from models.characters import NETWORKS  # noqa: E402
from models.task import CHARACTERS  # noqa: E402

COURSEWORK = ("light1", "light2", "resnet_1_1", "resnet_2_2")
# Trainable parameters by hand: kernels, a gamma and a beta per channel, and the dense layer.
STEM = 49 * 64 + 2 * 64
SAME_64, SAME_128 = 2 * (9 * 64 * 64 + 2 * 64), 2 * (9 * 128 * 128 + 2 * 128)
DOWN_128 = 9 * 64 * 128 + 9 * 128 * 128 + 64 * 128 + 3 * 2 * 128
TRAINABLE = {
    "light1": (1_044_212, STEM + 10 * 64 * 128 + 2 * 2 * 128 + 18_433 * 52),
    "light2": (344_468, 49 * 32 + 2 * 32 + 10 * 32 * 64 + 4 * 64 + 10 * 64 * 128 + 4 * 128 + 4_609 * 52),
    "resnet_1_1": (1_265_908, STEM + SAME_64 + DOWN_128 + 18_433 * 52),
    "resnet_2_2": (1_635_316, STEM + 2 * SAME_64 + DOWN_128 + SAME_128 + 18_433 * 52),
    "nano_characters": (
        586_388,
        9 * (32 + 32 * 64 + 64 * 64 + 64 * 128 + 128 * 128 + 128 * 256) + 2 * (32 + 2 * 64 + 2 * 128 + 256) + 257 * 52,
    ),
}


def layers_of(model, *kinds):
    return [layer for layer in model.layers if type(layer).__name__ in kinds]


@pytest.mark.parametrize("name", TRAINABLE)
def test_parameters(name):
    trainable = sum(variable.numpy().size for variable in NETWORKS[name]().trainable_variables)
    stated, by_hand = TRAINABLE[name]
    assert (trainable, by_hand) == (stated, stated)


@pytest.mark.parametrize("name", NETWORKS)
def test_every_network_fits_the_task(name):
    model = NETWORKS[name]()
    assert (model.name, model.input_shape, model.output_shape) == (name, (None, 28, 28, 1), (None, 52))
    other = NETWORKS[name](CHARACTERS._replace(height=90, width=90, classes=7))
    assert (other.input_shape, other.output_shape) == ((None, 90, 90, 1), (None, 7))


@pytest.mark.parametrize("name", COURSEWORK)
def test_the_coursework_sizes(name):
    model = NETWORKS[name]()
    stem, pool = layers_of(model, "Conv2D")[0], layers_of(model, "MaxPooling2D")[0]
    (flatten,) = layers_of(model, "Flatten")
    assert [layer.output.shape[1] for layer in (*layers_of(model, "Resizing"), stem, pool)] == [90, 45, 23]
    assert flatten.input.shape[1:3] == ((6, 6) if name == "light2" else (12, 12))
    assert flatten.output.shape[1] == (4_608 if name == "light2" else 18_432)
    assert NETWORKS[name](size=None).get_layer("normalise").output.shape[1:3] == (28, 28)


def test_ours_works_at_the_datas_own_size():
    model = NETWORKS["nano_characters"]()
    assert not layers_of(model, "Resizing")
    assert {layer.kernel_size for layer in layers_of(model, "Conv2D")} == {(3, 3)}
    assert [layer.output.shape[1] for layer in layers_of(model, "Conv2D")] == [28, 14, 14, 7, 7, 3]


@pytest.mark.parametrize("name", NETWORKS)
def test_every_convolution_starts_from_he_and_is_normalised(name):
    model = NETWORKS[name]()
    for layer in layers_of(model, "Conv2D"):
        assert type(layer.kernel_initializer).__name__ == "HeNormal"
        assert not layer.use_bias
    assert len(layers_of(model, "Conv2D")) == len(layers_of(model, "BatchNormalization"))


@pytest.mark.parametrize("name", NETWORKS)
def test_dropout_can_be_chosen(name):
    assert [layer.rate for layer in layers_of(NETWORKS[name](dropout=0.35), "Dropout")] == [0.35]
    assert not layers_of(NETWORKS[name](dropout=0.0), "Dropout")


def test_light2_drops_as_the_coursework_did():
    assert [layer.rate for layer in layers_of(NETWORKS["light2"](), "Dropout")] == [0.4]


def test_a_mean_picture_is_normalised_to_zero():
    model = NETWORKS["light2"]()
    normalise = keras.Model(model.inputs, model.get_layer("normalise").output)
    (mean,), (deviation,) = CHARACTERS.mean, CHARACTERS.deviation
    for value, expected in ((mean, 0), (mean + deviation, 1)):
        pictures = np.full((1, 28, 28, 1), value, np.float32)
        np.testing.assert_allclose(np.asarray(normalise(pictures)), expected, atol=1e-5)
