import os

import cv2
import numpy as np
import pytest

keras = pytest.importorskip("keras", "3")

from app.errors import ModelError  # noqa: E402
from models.efficientnet_lite import NETWORKS, VARIANTS, imagenet_classifier, load_imagenet  # noqa: E402
from models.task import CIFAR100  # noqa: E402
from models.torch_file import TorchFileError, read_torch_file  # noqa: E402
from tools.fetch.manifest import fetch, read_manifest  # noqa: E402

pytestmark = pytest.mark.slow  # a network takes half a second to build
STRIDES = {  # of the blocks, by hand from the table of stages and the depth factors
    "efficientnet_lite0": [1, 2, 1, 2, 1, 2, 1, 1, 1, 1, 1, 2, 1, 1, 1, 1],
    "efficientnet_lite1": [1, 2, 1, 1, 2, 1, 1, 2, 1, 1, 1, 1, 1, 1, 1, 2, 1, 1, 1, 1, 1],
    "efficientnet_lite2": [1, 2, 1, 1, 2, 1, 1, 2, 1, 1, 1, 1, 1, 1, 1, 2, 1, 1, 1, 1, 1],
}
# Of the files, without the counters of their batch norms. A dense layer has 1,281 weights a class.
PARAMETERS = {"efficientnet_lite0": 4_694_024, "efficientnet_lite1": 5_470_344, "efficientnet_lite2": 6_150_168}


def weights(name):
    try:
        return fetch(name.replace("_", "-"))
    except ModelError as error:
        pytest.skip(str(error))


def hopper(size):
    """Matplotlib's portrait of Grace Hopper in uniform, (1, size, size, 3) RGB in 0..255."""
    matplotlib = pytest.importorskip("matplotlib")
    image = cv2.imread(os.path.join(matplotlib.get_data_path(), "sample_data", "grace_hopper.jpg"))
    return cv2.resize(image, (size, size))[np.newaxis, :, :, ::-1].astype(np.float32)


MILITARY_UNIFORM = 652  # of ImageNet's 1000 classes


def test_a_known_picture_has_its_imagenet_class():
    """The others are bulletproof vest, suit, Windsor tie and bow tie."""
    model = imagenet_classifier("efficientnet_lite0", weights("efficientnet_lite0"))
    logits = np.asarray(model(hopper(224), training=False), np.float64)[0]
    scores = np.exp(logits) / np.exp(logits).sum()
    assert np.argsort(-scores)[:5].tolist() == [MILITARY_UNIFORM, 465, 834, 906, 457]
    assert scores[MILITARY_UNIFORM] == pytest.approx(0.487, abs=0.01)


@pytest.mark.parametrize("name", NETWORKS)
def test_every_network_fits_the_task(name):
    model = NETWORKS[name]()
    assert model.name == name
    assert (model.input_shape, model.output_shape) == ((None, 32, 32, 3), (None, 100))
    assert model.count_params() == PARAMETERS[name] - 900 * 1281
    assert model.get_layer("resize").height == VARIANTS[name].size
    depthwise = [layer.strides[0] for layer in model.layers if isinstance(layer, keras.layers.DepthwiseConv2D)]
    assert depthwise == STRIDES[name]
    assert read_manifest()[name.replace("_", "-")]["sha256"] == VARIANTS[name].sha256


def test_pictures_are_normalised_as_the_weights_expect_and_not_as_the_task_does():
    model = NETWORKS["efficientnet_lite0"](CIFAR100, 64)
    normalise = keras.Model(model.inputs[0], model.get_layer("normalise").output)
    image = np.array([[0, 127, 255]], np.float32)[:, np.newaxis, np.newaxis, :] * np.ones((1, 32, 32, 1), np.float32)
    np.testing.assert_allclose(np.asarray(normalise(image))[0, 5, 5], [-127 / 128, 0, 1], atol=1e-6)


def test_grey_pictures_are_taken_as_rgb():
    """A grey picture gives the same logits as the same picture with three equal channels."""
    grey = CIFAR100._replace(channels=1, mean=(10.0,), deviation=(20.0,))
    one, three = NETWORKS["efficientnet_lite0"](grey, 64), NETWORKS["efficientnet_lite0"](CIFAR100, 64)
    three.set_weights(one.get_weights())
    image = np.random.default_rng(0).integers(0, 256, (2, 32, 32, 1)).astype(np.float32)
    expected = np.asarray(three(np.repeat(image, 3, axis=-1), training=False))
    np.testing.assert_allclose(np.asarray(one(image, training=False)), expected, rtol=1e-4, atol=1e-5)


def test_stochastic_depth_grows_with_the_blocks_number():
    model = NETWORKS["efficientnet_lite0"](CIFAR100, 64, dropout=0.0, stochastic_depth=0.16)
    skipped = {layer.name: layer for layer in model.layers if isinstance(layer, keras.layers.Dropout)}
    shortcuts = [2, 4, 6, 7, 9, 10, 12, 13, 14]  # the blocks that keep their shape
    assert list(skipped) == [f"block{number}_skipped" for number in shortcuts]
    for number in shortcuts:
        layer = skipped[f"block{number}_skipped"]
        assert layer.rate == pytest.approx(0.16 * (number + 1) / 16)
        assert tuple(layer.noise_shape) == (None, 1, 1, 1), "whole pictures, not single values"


def test_all_but_the_logits_are_loaded_for_another_task():
    path = weights("efficientnet_lite0")
    model = NETWORKS["efficientnet_lite0"](CIFAR100, 64)
    before = model.get_layer("logits").get_weights()
    load_imagenet(model, path)
    tensors = read_torch_file(path, VARIANTS["efficientnet_lite0"].sha256)
    for layer, name in [("stem_conv", "_conv_stem"), ("block15_project_conv", "_blocks.15._project_conv")]:
        (kernel,) = model.get_layer(layer).get_weights()
        np.testing.assert_array_equal(kernel, tensors[name + ".weight"].transpose(2, 3, 1, 0))
    np.testing.assert_array_equal(
        model.get_layer("top_norm").get_weights(),
        [tensors["_bn1." + name] for name in ("weight", "bias", "running_mean", "running_var")],
    )
    for values, kept in zip(model.get_layer("logits").get_weights(), before):
        np.testing.assert_array_equal(values, kept)


def test_the_file_of_another_network_is_refused():
    with pytest.raises(TorchFileError, match="SHA-256"):
        load_imagenet(NETWORKS["efficientnet_lite1"](CIFAR100, 64), weights("efficientnet_lite0"))


def reference(torch, tensors, images, strides):
    """The network once more, in PyTorch's functions, by the names in the file."""
    from torch.nn import functional

    def padded(x, size, stride):
        """TensorFlow's "same": the odd pixel at the right and bottom."""
        sides = []
        for length in (x.shape[3], x.shape[2]):
            total = max((-(-length // stride) - 1) * stride + size - length, 0)
            sides += [total // 2, total - total // 2]
        return functional.pad(x, sides)

    def unit(x, convolution, norm, stride=1, groups=1, active=True):
        kernel = tensors[convolution + ".weight"]
        x = functional.conv2d(padded(x, kernel.shape[-1], stride), kernel, stride=stride, groups=groups)
        statistics = [tensors[f"{norm}.{name}"] for name in ("running_mean", "running_var", "weight", "bias")]
        x = functional.batch_norm(x, *statistics, training=False, eps=1e-3)
        return functional.relu6(x) if active else x

    x = unit((images - 127) / 128, "_conv_stem", "_bn0", stride=2)
    for number, stride in enumerate(strides):
        block, y = f"_blocks.{number}.", x
        if number:
            y = unit(y, block + "_expand_conv", block + "_bn0")
        y = unit(y, block + "_depthwise_conv", block + "_bn1", stride, groups=y.shape[1])
        y = unit(y, block + "_project_conv", block + "_bn2", active=False)
        x = x + y if x.shape == y.shape else y
    x = unit(x, "_conv_head", "_bn1").mean((2, 3))
    return functional.linear(x, tensors["_fc.weight"], tensors["_fc.bias"]).numpy()


@pytest.mark.verify
@pytest.mark.parametrize("name", NETWORKS)
def test_logits_are_pytorchs(name):
    torch = pytest.importorskip("torch")
    path, size = weights(name), VARIANTS[name].size
    noise = np.random.default_rng(0).integers(0, 256, (3, size, size, 3))
    images = np.concatenate([hopper(size), noise.astype(np.float32)])
    tensors = torch.load(path, weights_only=True)
    expected = reference(torch, tensors, torch.from_numpy(images).permute(0, 3, 1, 2), STRIDES[name])
    actual = np.asarray(imagenet_classifier(name, path)(images, training=False))
    np.testing.assert_allclose(actual, expected, rtol=0, atol=1e-4)
    assert actual[0].argmax() == MILITARY_UNIFORM
