"""The linear probe, and what a network is asked for that it does not have, on stand-ins for the registered networks."""

import json
import os
import signal

import numpy as np
import pytest

keras = pytest.importorskip("keras", "3")
tensorflow = pytest.importorskip("tensorflow")
pytest.importorskip("matplotlib")

from support.program import call, finish, start  # noqa: E402
from support.squares import write_squares  # noqa: E402
from support.tiny_network import halves, small  # noqa: E402

from app.errors import ModelError, UsageError  # noqa: E402
from models import cifar, efficientnet_lite, transfer  # noqa: E402
from models.task import CIFAR100, Task  # noqa: E402
from tools.fetch.manifest import read_manifest  # noqa: E402
from tools.train import network, probe  # noqa: E402
from tools.train.__main__ import main  # noqa: E402
from tools.train.batches import Batches  # noqa: E402
from tools.train.data import Data  # noqa: E402
from tools.train.network import build_model, prepare  # noqa: E402
from tools.train.options import parse  # noqa: E402

PATIENCE = 300  # seconds
FLOAT32 = ["--precision", "float32"]
TASK = Task(4, 6, 3, 3, (100.0, 120.0, 140.0), (50.0, 60.0, 70.0))


def make_data(training=40, validation=10, seed=0):
    """Noise whose class brightens the left half, the right half or neither."""
    rng = np.random.default_rng(seed)
    parts = []
    for count in (training, validation):
        labels = np.arange(count) % TASK.classes
        images = rng.integers(0, 60, (count, TASK.height, TASK.width, 3)).astype(np.uint8)
        images[labels == 1, :, :3] += 150
        images[labels == 2, :, 3:] += 150
        parts.append(Batches(images, labels, TASK.classes, 10) if count else None)
    return Data(*parts, TASK, None, "")


def halves_of(images):
    """The network's features by numpy: means of the halves, normalised, (n, 2 x channels)."""
    normalised = (images.astype(np.float64) - TASK.mean) / TASK.deviation
    return np.concatenate([normalised[:, :, :3].mean(axis=(1, 2)), normalised[:, :, 3:].mean(axis=(1, 2))], axis=1)


@pytest.fixture
def without_graph():
    """A graph takes longer to make than to compute the few steps here."""
    tensorflow.config.run_functions_eagerly(True)
    yield
    tensorflow.config.run_functions_eagerly(False)


@pytest.fixture
def fitted(without_graph, monkeypatch):
    """What the last layer would be fitted to: appends (features, one-hot labels) for each fit."""
    calls = []

    def fit(_, batches, **options):
        features, labels = batches[0]  # one batch has all
        order = np.argsort(batches._order)
        calls.append((features[order], labels[order]))

    monkeypatch.setattr(keras.Sequential, "fit", fit)
    return calls


def run_probe(model, data, *args):
    probe.probe(model, parse(["report_fast", "--probe", "1", "--label-smoothing", "0", *args]), data)


def test_features_are_what_comes_before_the_last_layer_of_training_images_only(fitted):
    data = make_data()
    run_probe(halves(TASK), data, "--no-flip")
    ((features, labels),) = fitted
    np.testing.assert_allclose(features, halves_of(data.training.images), atol=2e-3)  # half precision, up to 3
    np.testing.assert_array_equal(labels, np.eye(3)[data.training.labels])


def test_mirrored_images_are_features_of_their_own(fitted):
    data = make_data()
    run_probe(halves(TASK), data, "--flip")
    ((features, labels),) = fitted
    plain = halves_of(data.training.images)
    swapped = np.concatenate([plain[:, 3:], plain[:, :3]], axis=1)
    np.testing.assert_allclose(features, np.concatenate([plain, swapped]), atol=2e-3)
    np.testing.assert_array_equal(labels, np.eye(3)[np.concatenate([data.training.labels] * 2)])


@pytest.mark.slow
def test_it_trains_the_last_layer_alone_and_says_what_it_reaches(without_graph, monkeypatch, capsys):
    """Without mirrored images, of which the halves say nothing. Three classes: chance is 33 %."""
    data, model = make_data(), small(TASK._replace(height=16, width=16))
    images = np.kron(data.training.images, np.ones((1, 4, 3, 1), np.uint8))[:, :, :16]
    held = np.kron(data.validation.images, np.ones((1, 4, 3, 1), np.uint8))[:, :, :16]
    data = data._replace(
        training=Batches(images, data.training.labels, 3, 10), validation=Batches(held, data.validation.labels, 3, 10)
    )
    before = [layer.get_weights() for layer in model.layers]
    monkeypatch.setattr(probe, "RATE", 0.1)
    run_probe(model, data, "--no-flip", "--probe", "30")
    for layer, weights in zip(model.layers, before):
        same = all(np.array_equal(one, other) for one, other in zip(layer.get_weights(), weights))
        assert same is (layer.name != "logits")
    (line,) = capsys.readouterr().err.splitlines()
    assert line == "linear probe: 100.00 % top-1 on the validation part"
    assert (model.predict(held.astype(np.float32), verbose=0).argmax(axis=1) == data.validation.labels).all()


def test_without_a_validation_part_it_says_nothing(fitted, capsys):
    run_probe(halves(TASK), make_data(validation=0), "--no-flip")
    assert len(fitted[0][0]) == 40
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("flip, bytes_", [("--no-flip", 40 * 6 * 2), ("--flip", 2 * 40 * 6 * 2)])
def test_too_many_features_are_refused_before_they_are_computed(monkeypatch, fitted, flip, bytes_):
    """40 images, 6 features of 2 bytes."""
    data, model = make_data(), halves(TASK)
    monkeypatch.setattr(probe, "LARGEST", bytes_ - 1)
    monkeypatch.setattr(model, "predict_on_batch", None)
    with pytest.raises(UsageError, match="--probe: 6 features of 40 images need too much memory; use --probe 0"):
        run_probe(model, data, flip)
    assert not fitted
    monkeypatch.setattr(probe, "LARGEST", bytes_)
    run_probe(model, data, flip)
    assert len(fitted) == 1


# Options that a network lacks


@pytest.mark.parametrize(
    "build, args, message",
    [
        (halves, ["--freeze-norm"], "--freeze-norm: report_fast has no batch norms"),
        (halves, ["--drop-connect", "0.5"], "--drop-connect: report_fast does not have it"),
        (halves, ["--stochastic-depth", "0.5"], "--stochastic-depth: report_fast does not have it"),
        (halves, ["--fractional-pooling"], "--fractional-pooling: report_fast does not have it"),
        (halves, ["--size", "64"], "--size: report_fast does not have it"),
        (halves, ["--small-first", "24"], "--small-first: report_fast takes pictures of one size only"),
        (halves, ["--freeze", "0.5"], "--freeze: report_fast has no part that can be frozen"),
        ("bare", ["--freeze", "0.5"], "--freeze: report_fast has no part that can be frozen"),
    ],
)
def test_an_option_that_a_network_lacks_is_one_line(monkeypatch, build, args, message):
    def bare(task, dropout=0.0):
        inputs = keras.Input((32, 32, 3))
        return keras.Model(inputs, keras.layers.Dense(task.classes, name="logits")(keras.layers.Flatten()(inputs)))

    monkeypatch.setitem(cifar.NETWORKS, "report_fast", bare if build == "bare" else build)
    with pytest.raises(UsageError) as raised:
        build_model(parse(["report_fast", *FLOAT32, *args]), CIFAR100, on_gpu=False)
    assert str(raised.value) == message


def test_frozen_norms_and_layers(monkeypatch):
    monkeypatch.setitem(cifar.NETWORKS, "report_fast", small)
    trainable = {}
    for args in ([], ["--freeze-norm"], ["--freeze", "1"]):
        model = build_model(parse(["report_fast", *FLOAT32, *args]), CIFAR100, on_gpu=False)
        trainable[" ".join(args)] = len(model.trainable_variables)
    assert trainable == {"": 6, "--freeze-norm": 4, "--freeze 1": 2}


# Pretrained weights


def stand_in(module, name):
    """A network with the name of a pretrained one, which files are checked against first."""

    def build(task, size=None, dropout=0.0):
        made = halves(task)
        return keras.Model(made.inputs, made.outputs, name=name)

    return module.NETWORKS, name, build


def weights_file(folder, model):
    return folder / read_manifest()[model]["file"]


def test_pretrained_weights_that_are_not_there_name_the_command_that_fetches_them(monkeypatch, tmp_path):
    monkeypatch.setitem(*stand_in(efficientnet_lite, "efficientnet_lite0"))
    options = parse(["efficientnet_lite0", "--from", str(tmp_path), "--no-freeze-norm", *FLOAT32])
    model = build_model(options, CIFAR100, on_gpu=False)
    with pytest.raises(ModelError) as raised:
        prepare(model, options, None, CIFAR100)
    path = weights_file(tmp_path, "efficientnet-lite0")
    assert str(raised.value) == f"{path}: not found; get it with: python -m tools.fetch efficientnet-lite0"


def test_another_file_than_the_pretrained_weights(monkeypatch, tmp_path):
    monkeypatch.setitem(*stand_in(efficientnet_lite, "efficientnet_lite0"))
    options = parse(["efficientnet_lite0", "--from", str(tmp_path), "--no-freeze-norm", *FLOAT32])
    path = weights_file(tmp_path, "efficientnet-lite0")
    path.write_bytes(b"another file")
    with pytest.raises(
        ModelError, match="its SHA-256 is .* get the right one with: python -m tools.fetch eff"
    ) as raised:
        prepare(build_model(options, CIFAR100, on_gpu=False), options, None, CIFAR100)
    assert "\n" not in str(raised.value)
    assert str(raised.value).count(str(path)) == 1


def test_another_file_than_keras_official_one(monkeypatch, tmp_path):
    """Of the report's backbones, whose files have an MD5."""
    monkeypatch.setitem(*stand_in(transfer, "vgg16"))
    options = parse(["vgg16", "--from", str(tmp_path), *FLOAT32])
    weights_file(tmp_path, "vgg16").write_bytes(b"another file")
    with pytest.raises(ModelError, match="its MD5 is .* get the right one with: python -m tools.fetch vgg16"):
        prepare(build_model(options, CIFAR100, on_gpu=False), options, None, CIFAR100)


def test_pretrained_weights_that_cannot_be_read(monkeypatch, tmp_path):
    monkeypatch.setitem(*stand_in(efficientnet_lite, "efficientnet_lite0"))
    options = parse(["efficientnet_lite0", "--from", str(tmp_path), "--no-freeze-norm", *FLOAT32])
    path = weights_file(tmp_path, "efficientnet-lite0")
    monkeypatch.setattr(network, "pretrained_weights", lambda options: str(path))  # gone since it was looked for
    with pytest.raises(ModelError, match="cannot be read: No such file or directory"):
        prepare(build_model(options, CIFAR100, on_gpu=False), options, None, CIFAR100)


# Runs


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return write_squares(tmp_path_factory.mktemp("data"))


RUN = ["report_fast", "--batch", "50", "--epochs", "2", "--precision", "float32", "--probe", "2", "--no-flip"]

# Ends as by the kernel, right after the probe is kept.
KILLED_AFTER_THE_PROBE = """
import os, signal, sys
sys.path.insert(0, "tests")
from tools.train.frameworks import import_keras
import_keras()
from models import cifar
from support.tiny_network import halves
from tools.train.__main__ import main
from tools.train.journal import Journal

keep = Journal.keep

def keep_and_die(*args):
    keep(*args)
    os.kill(os.getpid(), signal.SIGKILL)

cifar.NETWORKS["report_fast"] = halves
Journal.keep = keep_and_die
main(sys.argv[1:])
"""


@pytest.mark.slow
def test_killed_right_after_the_probe_it_goes_on_without_another(monkeypatch, data, tmp_path):
    run = tmp_path / "run"
    process = start(*RUN, "--data", data, "--run", run, code=KILLED_AFTER_THE_PROBE)
    code, _, err = finish(process, PATIENCE)
    assert code == -signal.SIGKILL, err
    assert err.count("linear probe: ") == 1
    state = json.loads((run / "state.json").read_text())
    assert (state["epochs"], state["checkpoint"]) == ([], "epoch-0000.keras")
    monkeypatch.setitem(cifar.NETWORKS, "report_fast", halves)
    monkeypatch.setattr(probe, "probe", None)  # a second one would be an error
    code, _, err = call(main, "--resume", run)
    assert code == 0, err
    assert "linear probe" not in err
    lines = [json.loads(line) for line in (run / "log.jsonl").read_text().splitlines()]
    assert [line["epoch"] for line in lines] == [1, 2]
    kept = sorted(path.name for path in run.iterdir())
    exports = ["report_fast.json", "report_fast.onnx"]
    assert kept == ["curves.png", "epoch-0002.keras", "log.jsonl", *exports, "state.json"]


@pytest.mark.slow
def test_interrupted_in_the_probe_it_says_that_it_starts_anew(monkeypatch, data, tmp_path):
    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setitem(cifar.NETWORKS, "report_fast", halves)
    monkeypatch.setattr(probe, "_compute", interrupted)
    run = tmp_path / "run"
    code, _, err = call(main, *RUN, "--data", data, "--run", run)
    assert code == 130
    command = f"python -m tools.train {' '.join(RUN)} --data {data} --run {run}"
    assert f"stopped before there was anything to keep; start anew with: {command}\n" in err
    assert "--resume" not in err
    assert not run.exists()


@pytest.mark.slow
def test_interrupted_after_the_probe_it_says_how_it_goes_on(monkeypatch, data, tmp_path):
    def interrupted(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setitem(cifar.NETWORKS, "report_fast", halves)
    monkeypatch.setattr(keras.Model, "fit", interrupted)
    monkeypatch.setattr(keras.Sequential, "fit", lambda *_, **__: None)  # the probe's
    run = tmp_path / "run"
    code, _, err = call(main, *RUN, "--data", data, "--run", run)
    assert code == 130
    assert f"stopped after the probe; continue with: python -m tools.train --resume {run}\n" in err


@pytest.mark.slow
@pytest.mark.parametrize("content, message", [(None, "not found; get it with: "), (b"x", "its SHA-256 is ")])
def test_without_the_right_weights_the_command_ends_with_4(monkeypatch, data, tmp_path, content, message):
    monkeypatch.setitem(*stand_in(efficientnet_lite, "efficientnet_lite0"))
    if content:
        weights_file(tmp_path, "efficientnet-lite0").write_bytes(content)
    own = ["efficientnet_lite0", "--no-freeze-norm", "--from", tmp_path, "--data", data, "--run", tmp_path / "run"]
    code, _, err = call(main, *own)
    (line,) = [line for line in err.splitlines() if line.startswith("error: ")]
    assert code == 4
    assert message in line
    assert "Traceback" not in err
    assert not os.path.exists(str(tmp_path / "run"))
