import hashlib

import numpy as np
import pytest

keras = pytest.importorskip("keras", "3")

from models import transfer  # noqa: E402
from models.freezing import freeze, parts  # noqa: E402
from models.task import CIFAR100  # noqa: E402
from models.transfer import BACKBONES, NETWORKS, BackboneFileError, load_imagenet  # noqa: E402
from tools.fetch.manifest import read_manifest  # noqa: E402

pytestmark = pytest.mark.slow  # such a network takes seconds to build


@pytest.mark.parametrize(
    "name, size, how, trainable",
    [
        ("inception_resnet_v2", 150, 1, 1_382_500),
        ("vgg16", 224, 10, 16_078_180),
        ("resnet50v2", 224, 100, 30_595_172),
    ],
)
def test_as_many_trainable_parameters_as_the_report_says(name, size, how, trainable):
    model = NETWORKS[name]()
    assert (model.name, model.input_shape, model.output_shape) == (name, (None, 32, 32, 3), (None, 100))
    assert model.get_layer("resize").height == size
    freeze(model, how)
    assert sum(int(np.prod(variable.shape)) for variable in model.trainable_variables) == trainable


@pytest.mark.parametrize("name", NETWORKS)
def test_the_manifest_has_the_same_checksum(name):
    assert read_manifest()[name.replace("_", "-")]["md5"] == BACKBONES[name].md5


@pytest.fixture
def official(tmp_path, monkeypatch):
    """Write random weights in Keras' old format as if they were a backbone's official file; its path and network."""

    def official(name, size):
        original = BACKBONES[name].make(include_top=False, weights=None, input_shape=(size, size, 3))
        rng = np.random.default_rng(0)
        for layer in original.layers:
            if isinstance(layer, keras.layers.BatchNormalization):
                layer.set_weights([rng.uniform(0.5, 1.5, weight.shape) for weight in layer.weights])
        path = str(tmp_path / (name + ".h5"))
        original.save(path)
        with open(path, "rb") as file:
            md5 = hashlib.md5(file.read()).hexdigest()
        monkeypatch.setitem(transfer.BACKBONES, name, BACKBONES[name]._replace(md5=md5))
        return path, original

    return official


@pytest.mark.parametrize(
    "name, size",
    [("vgg16", 32), ("resnet50v2", 32), pytest.param("inception_resnet_v2", 75, marks=pytest.mark.verify)],
)
def test_the_loaded_backbone_computes_what_kerass_does(name, size, official):
    """With Keras' own preprocessing before it, pictures of the backbone's size give the same features."""
    path, original = official(name, size)
    model = NETWORKS[name](CIFAR100._replace(height=size, width=size), size)
    load_imagenet(model, path)
    features = keras.Model(model.inputs[0], model.get_layer("flatten").input)
    images = np.random.default_rng(1).integers(0, 256, (2, size, size, 3)).astype(np.float32)
    module = getattr(keras.applications, {"resnet50v2": "resnet_v2"}.get(name, name))
    expected = np.asarray(original(module.preprocess_input(images.copy()), training=False))
    actual = np.asarray(features(images, training=False))
    np.testing.assert_allclose(actual, expected, rtol=1e-3, atol=1e-4 * np.abs(expected).max())


def test_other_files_are_refused(monkeypatch, official):
    path, _ = official("vgg16", 32)
    model = NETWORKS["resnet50v2"](CIFAR100, 32)
    with pytest.raises(BackboneFileError, match="MD5"):
        load_imagenet(model, path)
    with open(path, "rb") as file:
        md5 = hashlib.md5(file.read()).hexdigest()
    monkeypatch.setitem(transfer.BACKBONES, "resnet50v2", BACKBONES["resnet50v2"]._replace(md5=md5))
    with pytest.raises(BackboneFileError, match="does not fit"):
        load_imagenet(model, path)


def test_stem_and_head():
    found = parts(NETWORKS["vgg16"](CIFAR100, 32))
    assert {name: part for name, part in found.items() if part != "body"} == {"block1_conv1": "stem", "logits": "head"}
