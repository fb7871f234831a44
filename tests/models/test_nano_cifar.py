import numpy as np
import pytest

keras = pytest.importorskip("keras", "3")

from models.nano_cifar import WHITEN, nano_cifar, whiten  # noqa: E402
from models.task import Task  # noqa: E402


@pytest.fixture(scope="module")
def model():
    return nano_cifar()


def test_it_fits_the_task(model):
    assert (model.name, model.output_shape, model.count_params()) == ("nano_cifar", (None, 100), 7_371_972)
    assert model.count_params() < 30_000_000
    assert not model.get_layer(WHITEN).trainable_variables


@pytest.mark.parametrize("side", [18, 24, 32])
def test_it_takes_pictures_of_several_sizes(model, side):
    assert model.compute_output_shape((2, side, side, 3)) == (2, 100)


def test_with_a_size_pictures_are_stretched_inside_the_graph():
    assert nano_cifar(size=24).input_shape == (None, 32, 32, 3)


def test_whitening_leaves_uncorrelated_outputs_of_variance_1():
    """On noise in which neighbours and colours go together."""
    rng = np.random.default_rng(0)
    noise = rng.normal(0, 40, (40, 17, 17, 1)) + rng.normal(0, 25, (40, 17, 17, 3))
    images = np.clip(128 + noise + np.roll(noise, 1, axis=2), 0, 255).astype(np.uint8)
    mean, deviation = images.mean((0, 1, 2)), images.std((0, 1, 2))
    task = Task(17, 17, 3, 5, tuple(mean), tuple(deviation))
    network = nano_cifar(task)
    whiten(network, images, task)
    first = keras.Model(network.inputs, network.get_layer(WHITEN).output)
    outputs = np.asarray(first.predict_on_batch(images.astype(np.float32))).reshape(-1, 24)
    second_moments = outputs[:, :12].T @ outputs[:, :12] / len(outputs)
    np.testing.assert_allclose(second_moments, np.eye(12), atol=0.02)
    np.testing.assert_allclose(outputs[:, 12:], -outputs[:, :12], atol=1e-4)


def test_convolutions_start_as_the_identity(model):
    """The first filters copy the inputs; of the further ones none is 0."""
    kernels = [
        np.asarray(keras.ops.convert_to_numpy(layer.kernel))
        for layer in model.layers
        if layer.name != WHITEN and isinstance(layer, keras.layers.Conv2D)
    ]
    assert len(kernels) == 9
    for kernel in kernels:
        inputs, filters = kernel.shape[2:]
        copied = min(inputs, filters)
        image = np.random.default_rng(1).normal(size=(1, 5, 5, inputs)).astype(np.float32)
        made = np.asarray(keras.ops.convert_to_numpy(keras.ops.conv(image, kernel, padding="same")))
        np.testing.assert_allclose(made[..., :copied], image[..., :copied], atol=1e-5)
        assert (np.abs(kernel[..., copied:]).max(axis=(0, 1, 2)) > 0).all()
