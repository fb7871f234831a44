import argparse
import contextlib
import json
import shutil

import numpy as np
import pytest

keras = pytest.importorskip("keras", "3")
tensorflow = pytest.importorskip("tensorflow")
pytest.importorskip("matplotlib")

from app.errors import ModelError, OutputError, UsageError  # noqa: E402
from models import cifar  # noqa: E402
from models.task import CIFAR100  # noqa: E402
from tools.train.journal import Journal  # noqa: E402
from tools.train.network import build_model  # noqa: E402
from tools.train.options import parse  # noqa: E402

IMAGES = np.random.default_rng(0).integers(0, 256, (20, 32, 32, 3)).astype(np.float32)
LABELS = np.eye(100, dtype=np.float32)[np.arange(20)]


def tiny(task, dropout=0.2):
    """What a journal has to keep of a network, in a fraction of report_fast's time."""
    inputs = keras.Input((32, 32, 3))
    x = keras.layers.Conv2D(8, 8, 8)(inputs)
    x = keras.layers.ReLU()(keras.layers.BatchNormalization()(x))
    x = keras.layers.Flatten()(keras.layers.Dropout(dropout)(x) if dropout else x)
    return keras.Model(inputs, keras.layers.Dense(task.classes, dtype="float32")(x))


@pytest.fixture(scope="module", autouse=True)
def quick():
    """Without a graph, which takes longer to make than to compute a step."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(cifar.NETWORKS, "report_fast", tiny)
        tensorflow.config.run_functions_eagerly(True)
        yield
        tensorflow.config.run_functions_eagerly(False)


def train(folder, *args):
    """A run of one epoch of one step: its options."""
    options = parse(["report_fast", "--precision", "float32", "--output", "x.onnx", *args])
    options.command = "python -m tools.train report_fast"
    model = build_model(options, CIFAR100, on_gpu=False)
    journal = Journal.create(str(folder), options)
    with pytest.raises(OutputError, match="another program is writing to it; name another --run"):
        Journal.create(str(folder), options)
    callbacks = ([keras.callbacks.SwapEMAWeights()] if options.ema else []) + [journal]
    model.fit(IMAGES, LABELS, batch_size=20, epochs=1, callbacks=callbacks, verbose=0)
    journal.close()
    return options


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A run, and its options."""
    folder = tmp_path_factory.mktemp("trained") / "run"
    return folder, train(folder, "--weight-decay", "0.5", "--boundaries", "3,7", "--cutmix", "0.5")


@pytest.fixture
def run(trained, tmp_path):
    """A copy of the run."""
    shutil.copytree(str(trained[0]), str(tmp_path / "run"))
    return tmp_path / "run"


@pytest.mark.parametrize("optimiser", ["sgd", "momentum", "nesterov", "adam", "adamw", "rmsprop", "adagrad", "nadam"])
def test_a_resumed_step_is_the_step_that_would_have_come(tmp_path, optimiser):
    """With momentum, averages and the weights that do not decay; on one batch, without dropout."""
    own = ["--dropout", "0", "--optimiser", optimiser, "--lr", "0.01", "--weight-decay", "0.5"]
    options = train(tmp_path / "run", *own)
    resumed = build_model(options, CIFAR100, on_gpu=False)
    Journal.read(str(tmp_path / "run")).restore(resumed)
    resumed.optimizer.learning_rate = 0.01
    resumed.train_on_batch(IMAGES, LABELS)
    straight = build_model(options, CIFAR100, on_gpu=False)
    # By the logits under the batch's own statistics: a bias before a batch norm has no gradient but rounding, of which
    # Adam makes whole steps, and no effect.
    before = np.asarray(straight(IMAGES, training=True))
    for _ in range(2):
        straight.train_on_batch(IMAGES, LABELS)
    expected = np.asarray(straight(IMAGES, training=True))
    assert int(resumed.optimizer.iterations) == 2
    np.testing.assert_allclose(np.asarray(resumed(IMAGES, training=True)), expected, rtol=1e-2, atol=5e-3)
    assert np.abs(expected - before).max() > 0.05


def test_what_a_resumed_run_has(trained):
    """Its options, as they were, and a network in which the same weights decay."""
    folder, options = trained
    journal = Journal.read(str(folder))
    assert journal.options == argparse.Namespace(**vars(options))
    model = build_model(journal.options, CIFAR100, on_gpu=False)
    journal.restore(model)
    decaying = {v.name for v in model.trainable_variables if model.optimizer._use_weight_decay(v)}
    assert decaying == {"kernel"}


def test_what_does_not_fit_the_checkpoint_is_refused(trained, tmp_path):
    """Another network, or precision: Keras would skip the optimiser's state, averages and all, with a warning."""
    folder, _ = trained
    train(tmp_path / "half", "--precision", "float16")
    for run, name, precision in (
        (folder, "nano_resnet_s", "float32"),
        (folder, "report_fast", "float16"),
        (tmp_path / "half", "report_fast", "float32"),
    ):
        model = build_model(parse([name, "--precision", precision]), CIFAR100, on_gpu=False)
        with pytest.raises(ModelError, match="cannot load it"):
            Journal.read(str(run)).restore(model)


def test_a_loss_that_is_not_a_number_ends_the_run_and_keeps_the_last_checkpoint(run):
    with pytest.raises(ModelError, match="lower --lr"):
        Journal.read(str(run)).on_epoch_end(1, {"loss": float("nan")})
    assert len(Journal.read(str(run)).epochs) == 1
    assert (run / "epoch-0001.keras").exists()


def test_a_damaged_run(run):
    journal = Journal.read(str(run))
    model = build_model(journal.options, CIFAR100, on_gpu=False)
    whole = (run / "epoch-0001.keras").read_bytes()
    for damaged in (b"", b"not a model", whole[: len(whole) // 2]):
        (run / "epoch-0001.keras").write_bytes(damaged)
        with pytest.raises(ModelError, match="epoch-0001.keras: .*cannot load it"):
            journal.restore(model)
    state = json.loads((run / "state.json").read_text())
    for damaged in ("", "[]", '{"options": {}', json.dumps(dict(state, epochs=None))):
        (run / "state.json").write_text(damaged)
        with pytest.raises(ModelError, match="state.json: damaged"):
            Journal.read(str(run))


def test_leftovers_of_a_kill_are_swept(run, tmp_path):
    """Also of the export, wherever it goes, and of an ensemble's."""
    own = ("epoch-0000.keras", ".checkpoint.keras", ".state.json.x7_x7_x7", ".log.jsonl.x7_x7_x7", "notes.txt")
    exports = (".my-1.onnx.x7_x7_x7", ".my-2.onnx.x7_x7_x7", ".my.onnx.x7_x7_x7", ".my.json.x7_x7_x7", "my-1.onnx")
    for path in [run / name for name in own] + [tmp_path / name for name in exports]:
        path.write_text("")
    journal = Journal.read(str(run))
    journal.options.output, journal.options.snapshots = str(tmp_path / "my.onnx"), 3
    journal.sweep()
    left = sorted(path.name for path in run.iterdir())
    assert left == ["curves.png", "epoch-0001.keras", "log.jsonl", "notes.txt", "state.json"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["my-1.onnx", "run"]


def test_one_training_at_a_time(run):
    with contextlib.closing(Journal.resume(str(run))) as journal:
        with pytest.raises(OutputError, match="another program is writing to it; name another --run"):
            Journal.resume(str(run))
        with pytest.raises(OutputError, match="another program is writing to it"):
            Journal.create(str(run), journal.options)
        assert len(Journal.read(str(run)).epochs) == 1, "who only reads is not stopped"
    Journal.resume(str(run)).close()
    for _ in range(2):  # a refusal keeps no lock
        with pytest.raises(UsageError, match="already has a run"):
            Journal.create(str(run), journal.options)
