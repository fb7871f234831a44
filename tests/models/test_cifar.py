import numpy as np
import pytest

keras = pytest.importorskip("keras", "3")

from models.cifar import NETWORKS, report_cnn  # noqa: E402
from models.task import CIFAR100  # noqa: E402

# The report's table: output shape and parameters of every layer that changes the shape or has weights.
REPORT_TABLE = [
    ((32, 32, 64), 1792),
    ((30, 30, 64), 0),
    ((30, 30, 128), 73856),
    ((28, 28, 128), 0),
    ((14, 14, 256), 295168),
    ((7, 7, 256), 590080),
    ((5, 5, 256), 0),
    ((5, 5, 512), 1180160),
    ((5, 5, 512), 2359808),
    ((3, 3, 512), 0),
    ((3, 3, 512), 2359808),
    ((3, 3, 512), 2359808),
    ((1, 1, 512), 0),
    ((100,), 51300),
]


def layers_of(model, *kinds):
    return [layer for layer in model.layers if type(layer).__name__ in kinds]


def test_report_cnn_is_the_reports_table():
    model = report_cnn()
    rows = layers_of(model, "Conv2D", "MaxPooling2D", "AveragePooling2D", "Dense")
    assert [(layer.output.shape[1:], layer.count_params()) for layer in rows] == REPORT_TABLE
    trainable = sum(variable.numpy().size for variable in model.trainable_variables)
    assert (model.count_params(), trainable) == (9_282_788, 9_277_284)


def test_report_cnn_has_norm_relu_and_dropout_after_every_convolution():
    kinds = [type(layer).__name__ for layer in report_cnn().layers]
    for place in (index for index, kind in enumerate(kinds) if kind == "Conv2D"):
        assert kinds[place : place + 4] == ["Conv2D", "BatchNormalization", "ReLU", "Dropout"]
    assert all(layer.rate == 0.2 for layer in layers_of(report_cnn(), "Dropout"))


def test_report_cnn_starts_as_the_report_says():
    first, second, *others = layers_of(report_cnn(), "Conv2D")
    for layer in (first, second):
        assert type(layer.kernel_initializer).__name__ == "GlorotNormal"
    for layer in others:
        assert (type(layer.kernel_initializer).__name__, layer.kernel_initializer.stddev) == ("RandomNormal", 0.01)


@pytest.mark.parametrize("name", NETWORKS)
def test_every_network_fits_the_task(name):
    model = NETWORKS[name]()
    assert model.name == name
    assert model.input_shape == (None, 32, 32, 3)
    assert model.output_shape == (None, 100)
    assert model.count_params() < 30_000_000


@pytest.mark.parametrize("name", NETWORKS)
def test_dropout_can_be_chosen(name):
    rates = {layer.rate for layer in layers_of(NETWORKS[name](dropout=0.35), "Dropout")}
    assert rates == {0.35}
    assert not layers_of(NETWORKS[name](dropout=0.0), "Dropout")


def test_normalisation_is_in_the_graph():
    model = NETWORKS["nano_resnet_s"]()
    normalise = keras.Model(model.inputs, model.get_layer("normalise").output)
    image = np.zeros((1, 32, 32, 3), np.float32) + np.array(CIFAR100.mean, np.float32)
    image[0, 0, 0] += CIFAR100.deviation
    normalised = np.asarray(normalise(image))
    np.testing.assert_allclose(normalised[0, 0, 0], 1, atol=1e-5)
    np.testing.assert_allclose(normalised[0, 1:], 0, atol=1e-5)
