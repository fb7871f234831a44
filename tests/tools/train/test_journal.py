import argparse

import numpy as np
import pytest

keras = pytest.importorskip("keras", "3")
pytest.importorskip("matplotlib")

from app.errors import ModelError  # noqa: E402
from tools.train.__main__ import build_model  # noqa: E402
from tools.train.journal import Journal  # noqa: E402
from tools.train.options import parse  # noqa: E402

IMAGES = np.random.default_rng(0).integers(0, 256, (20, 32, 32, 3)).astype(np.float32)
LABELS = np.eye(100, dtype=np.float32)[np.arange(20)]


def trained(folder, *args):
    """A run of one epoch of one step: options, journal, network."""
    options = parse(["report_fast", "--precision", "float32", "--output", "x.onnx", *args])
    options.command = "python -m tools.train report_fast"
    model = build_model(options, on_gpu=False)
    journal = Journal.create(str(folder), options)
    callbacks = ([keras.callbacks.SwapEMAWeights()] if options.ema else []) + [journal]
    model.fit(IMAGES, LABELS, batch_size=20, epochs=1, callbacks=callbacks, verbose=0)
    return options, journal, model


@pytest.mark.parametrize("optimiser", ["sgd", "momentum", "nesterov", "adam", "adamw", "rmsprop", "adagrad", "nadam"])
def test_a_resumed_step_is_the_step_that_would_have_come(tmp_path, optimiser):
    """With momentum, averages and the weights that do not decay; on one batch, without dropout."""
    own = ["--dropout", "0", "--optimiser", optimiser, "--lr", "0.01", "--weight-decay", "0.5"]
    options, _, _ = trained(tmp_path / "run", *own)
    results = []
    for _ in range(2):
        model = build_model(options, on_gpu=False)
        Journal.read(str(tmp_path / "run")).restore(model)
        model.optimizer.learning_rate = 0.01
        model.train_on_batch(IMAGES, LABELS)
        results.append(model)
    straight = build_model(options, on_gpu=False)
    for _ in range(2):
        straight.train_on_batch(IMAGES, LABELS)
    # By the logits under the batch's own statistics: a bias before a batch norm has no gradient but rounding, of which
    # Adam makes whole steps, and no effect.
    expected = np.asarray(straight(IMAGES, training=True))
    before = np.asarray(build_model(options, on_gpu=False)(IMAGES, training=True))
    for model in results:
        assert int(model.optimizer.iterations) == 2
        np.testing.assert_allclose(np.asarray(model(IMAGES, training=True)), expected, rtol=1e-2, atol=5e-3)
    assert np.abs(expected - before).max() > 0.05


def test_what_does_not_decay_does_not_after_resuming(tmp_path):
    options, _, _ = trained(tmp_path / "run", "--weight-decay", "0.5")
    model = build_model(options, on_gpu=False)
    Journal.read(str(tmp_path / "run")).restore(model)
    decaying = {v.name for v in model.trainable_variables if model.optimizer._use_weight_decay(v)}
    assert decaying == {"kernel"}


def test_options_come_back_as_they_were(tmp_path):
    options, _, _ = trained(tmp_path / "run", "--boundaries", "3,7", "--cutmix", "0.5")
    assert Journal.read(str(tmp_path / "run")).options == argparse.Namespace(**vars(options))


def test_a_checkpoint_of_another_network_is_refused(tmp_path):
    _, journal, _ = trained(tmp_path / "run")
    other = build_model(parse(["nano_resnet_s", "--precision", "float32"]), on_gpu=False)
    with pytest.raises(ModelError, match="cannot load it"):
        journal.restore(other)


@pytest.mark.parametrize("own, other", [("float16", "float32"), ("float32", "float16")])
def test_a_state_in_another_precision_is_refused(tmp_path, own, other):
    """Keras would skip the optimiser's state, averages and all, with a warning."""
    options, journal, _ = trained(tmp_path / "run", "--precision", own)
    options.precision = other
    with pytest.raises(ModelError, match="cannot load it"):
        journal.restore(build_model(options, on_gpu=False))


def test_a_loss_that_is_no_number_ends_the_run_and_keeps_the_last_checkpoint(tmp_path):
    _, journal, _ = trained(tmp_path / "run")
    with pytest.raises(ModelError, match="lower --lr"):
        journal.on_epoch_end(1, {"loss": float("nan")})
    assert len(Journal.read(str(tmp_path / "run")).epochs) == 1
    assert (tmp_path / "run" / "epoch-0001.keras").exists()


@pytest.mark.parametrize("damage", [b"", b"not a model", None])
def test_a_damaged_checkpoint_is_one_line(tmp_path, damage):
    options, journal, _ = trained(tmp_path / "run")
    path = tmp_path / "run" / "epoch-0001.keras"
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2] if damage is None else damage)
    with pytest.raises(ModelError, match="cannot load it"):
        journal.restore(build_model(options, on_gpu=False))


def test_leftovers_of_a_kill_are_swept(tmp_path):
    _, journal, _ = trained(tmp_path / "run")
    for name in ("epoch-0000.keras", ".checkpoint.keras", ".state.json.x7", ".log.jsonl.x7", "notes.txt"):
        (tmp_path / "run" / name).write_text("")
    journal.sweep()
    left = sorted(path.name for path in (tmp_path / "run").iterdir())
    assert left == ["curves.png", "epoch-0001.keras", "log.jsonl", "notes.txt", "state.json"]
