import argparse
import json
import os
import shutil
import signal
import time

import numpy as np
import pytest

keras = pytest.importorskip("keras", "3")
tensorflow = pytest.importorskip("tensorflow")
pytest.importorskip("matplotlib")

from support.program import finish, start  # noqa: E402
from support.squares import write_squares  # noqa: E402
from support.tiny_network import halves, small  # noqa: E402
from support.video import room_for  # noqa: E402

from app.errors import ModelError, OutputError, UsageError  # noqa: E402
from models import cifar  # noqa: E402
from models.task import CIFAR100  # noqa: E402
from tools.train import checkpoint, ensemble  # noqa: E402
from tools.train import run_journal as journal_module  # noqa: E402
from tools.train.journal import Journal  # noqa: E402
from tools.train.network import build_model  # noqa: E402
from tools.train.options import parse  # noqa: E402
from tools.train.pace import Pace  # noqa: E402
from tools.train.snapshots import snapshot_names  # noqa: E402

PATIENCE = 600  # seconds
IMAGES = np.random.default_rng(0).integers(0, 256, (20, 32, 32, 3)).astype(np.float32)
LABELS = np.eye(100, dtype=np.float32)[np.arange(20)]
CYCLES = ["report_fast", "--snapshots", "2", "--epochs", "4"]


@pytest.fixture
def quick():
    """A network that is written in no time, and no graph, which takes longer to make than to compute a step."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(cifar.NETWORKS, "report_fast", halves)
        tensorflow.config.run_functions_eagerly(True)
        yield
        tensorflow.config.run_functions_eagerly(False)


# The options


@pytest.mark.parametrize(
    "args, message",
    [
        (["--snapshots", "3", "--epochs", "10"], "does not divide the 10 epochs; use --epochs 9 or 12"),
        (["--snapshots", "5", "--epochs", "3"], "does not divide the 3 epochs; use --epochs 5"),
        (["--snapshots", "7"], "does not divide the 30 epochs; use --epochs 28 or 35"),
        (["--snapshots", "5", "--time-budget", "10m"], "equal numbers of epochs; give --epochs and no --time-budget"),
        (["--snapshots", "5", "--schedule", "cosine"], "--snapshots and --schedule: give only one"),
        (["--snapshots", "5", "--sched=constant"], "--snapshots and --schedule: give only one"),
        (["--snapshots", "5", "--small-first", "24"], "--snapshots and --small-first: give only one"),
        (["--snapshots", "1"], "snapshots should be from 2"),
    ],
)
def test_what_contradicts_snapshots(args, message):
    with pytest.raises(UsageError, match=message):
        parse(["report_fast", *args])


def test_snapshots_replace_the_schedule_and_the_small_pictures_of_a_network():
    assert parse(["nano_cifar"]).small_first == 24
    options = parse(["nano_cifar", "--snapshots", "5"])
    assert (options.schedule, options.small_first, options.epochs) == ("cosine", None, 30)
    assert parse(["report_cnn", "--recipe", "report", "--snapshots", "5"]).schedule == "cosine"
    assert parse(["efficientnet_lite0", "--snapshots", "5"]).epochs == 5, "of the network's own epochs"


def test_a_time_budget_replaces_the_epochs_of_a_network():
    options = parse(["efficientnet_lite0", "--time-budget", "10m"])
    assert (options.epochs, options.time_budget) == (None, 600)


# The cycles


@pytest.mark.parametrize("epochs, complete", [(0, 0), (1, 0), (2, 1), (3, 1), (4, 2), (5, 2), (6, 3)])
def test_a_snapshot_for_each_complete_cycle(epochs, complete):
    options = argparse.Namespace(snapshots=3, epochs=6)
    expected = ["snapshot-1.keras", "snapshot-2.keras", "snapshot-3.keras"][:complete]
    assert snapshot_names(options, epochs) == expected
    assert snapshot_names(argparse.Namespace(snapshots=None, epochs=6), epochs) == []


@pytest.mark.parametrize("done", [0, 1, 2, 3])
def test_the_rate_starts_again_with_every_cycle_also_in_a_resumed_run(done):
    """Four epochs of two steps, two cycles: of each cycle's four steps, the rates are 1, 0.854, 0.5, 0.146 of --lr."""
    cycle = [1, (1 + 0.5**0.5) / 2, 0.5, (1 - 0.5**0.5) / 2]
    pace = Pace(parse([*CYCLES, "--lr", "0.4"]), 2, argparse.Namespace(epochs=[{}] * done, elapsed=0.0))
    pace.set_model(argparse.Namespace(optimizer=argparse.Namespace(learning_rate=None)))
    rates = []
    for epoch in range(done, 4):
        pace.on_epoch_begin(epoch)
        for step in range(2):
            pace.on_train_batch_begin(step)
            rates.append(pace.model.optimizer.learning_rate)
            pace.on_train_batch_end(step)
    assert rates == pytest.approx([0.4 * share for share in (cycle * 2)[2 * done :]], abs=1e-6)


# The files of a run


def start_run(folder, *args):
    """A run of which nothing is done: (journal, network)."""
    own = ["--precision", "float32", "--optimiser", "sgd", "--ema", "0", "--output", "x.onnx"]
    options = parse([*CYCLES, *own, *args])
    options.command = "python -m tools.train report_fast"
    return Journal.create(str(folder), options), build_model(options, CIFAR100, on_gpu=False)


def run_epoch(journal, model):
    """Complete an epoch after a change to the weights; the weights that it ends with."""
    for variable in model.trainable_variables:
        variable.assign_add(keras.ops.ones_like(variable))
    return complete_epoch(journal, model)


def complete_epoch(journal, model):
    weights = [variable.numpy() for variable in model.trainable_variables]
    journal.keep(model, {"epoch": len(journal.epochs) + 1, "elapsed_s": 10.0 * (len(journal.epochs) + 1)})
    return weights


def snapshots_in(folder):
    return sorted(path.name for path in folder.glob("snapshot-*"))


def load(journal, name):
    """The network that a snapshot holds."""
    network = checkpoint.without_optimiser(build_model(journal.options, CIFAR100, on_gpu=False))
    checkpoint.load_network(network, os.path.join(journal.folder, name))
    return network


def test_a_run_keeps_the_network_at_the_end_of_each_cycle(quick, tmp_path):
    journal, model = start_run(tmp_path / "run")
    found = []
    for _ in range(4):
        last = run_epoch(journal, model)
        named = json.loads((tmp_path / "run" / "state.json").read_text())["snapshots"]
        assert named == journal.snapshots == snapshots_in(tmp_path / "run")
        found.append(len(named))
        if named:
            network = load(journal, named[-1])
            same = [np.array_equal(a, b) for a, b in zip(last, network.trainable_weights)]
            assert all(same) is (found[-1] * 2 == len(found)), "its weights are those at the end of its cycle"
    assert found == [0, 1, 1, 2]
    assert Journal.read(str(tmp_path / "run")).snapshots == ["snapshot-1.keras", "snapshot-2.keras"]


def test_a_snapshot_has_averaged_weights_and_the_network_goes_on_with_its_own(quick, tmp_path, monkeypatch):
    monkeypatch.setitem(cifar.NETWORKS, "report_fast", small)
    journal, model = start_run(tmp_path / "run", "--ema", "0.75", "--lr", "0.1")
    model.train_on_batch(IMAGES, LABELS)
    first = complete_epoch(journal, model)
    model.train_on_batch(IMAGES, LABELS)
    second = complete_epoch(journal, model)
    # The average starts as the weights after the first step.
    expected = [0.75 * one + 0.25 * two for one, two in zip(first, second)]
    network = load(journal, "snapshot-1.keras")
    for weight, average in zip(network.trainable_weights, expected):
        np.testing.assert_allclose(weight, average, atol=1e-6)
    assert max(np.abs(average - own).max() for average, own in zip(expected, second)) > 1e-3
    norm, kept = network.get_layer("norm"), model.get_layer("norm")
    np.testing.assert_array_equal(norm.moving_mean, kept.moving_mean)
    np.testing.assert_array_equal(norm.moving_variance, kept.moving_variance)
    for weight, own in zip(model.trainable_weights, second):
        np.testing.assert_array_equal(weight, own)


@pytest.mark.parametrize("stage", ["snapshot", "checkpoint", "state"])
def test_killed_while_an_epoch_is_written_the_cycle_is_neither_lost_nor_doubled(quick, tmp_path, monkeypatch, stage):
    """Right before a file is in its place; what has the form of a kill runs no code of ours after it."""

    class Kill(BaseException):
        pass

    folder = tmp_path / "run"
    journal, model = start_run(folder)
    run_epoch(journal, model)
    place, name = {
        "snapshot": (checkpoint.os, "replace"),
        "checkpoint": (journal_module, "save_network"),
        "state": (journal_module, "write_file"),
    }[stage]
    whole = getattr(place, name)

    def dies(*args):
        if stage != "checkpoint" or "epoch-" in args[1]:
            raise Kill
        whole(*args)

    monkeypatch.setattr(place, name, dies)
    with pytest.raises(Kill):
        run_epoch(journal, model)
    monkeypatch.undo()
    journal.close()
    assert snapshots_in(folder) == ([] if stage == "snapshot" else ["snapshot-1.keras"])
    resumed = Journal.resume(str(folder))
    assert (len(resumed.epochs), resumed.snapshots) == (1, [])
    again = build_model(resumed.options, CIFAR100, on_gpu=False)
    resumed.restore(again)
    resumed.sweep()
    assert snapshots_in(folder) == []
    assert not list(folder.glob(".*"))
    for _ in range(3):
        run_epoch(resumed, again)
    assert resumed.snapshots == snapshots_in(folder) == ["snapshot-1.keras", "snapshot-2.keras"]
    assert [line["epoch"] for line in resumed.epochs] == [1, 2, 3, 4]


def test_snapshots_of_others_are_swept_and_the_runs_own_stay(quick, tmp_path):
    journal, model = start_run(tmp_path / "run")
    run_epoch(journal, model)
    run_epoch(journal, model)
    shutil.copy(str(tmp_path / "run" / "snapshot-1.keras"), str(tmp_path / "run" / "snapshot-7.keras"))
    journal.sweep()
    assert snapshots_in(tmp_path / "run") == ["snapshot-1.keras"]


def test_a_snapshot_that_is_gone_is_missed_before_the_run_goes_on(quick, tmp_path):
    journal, model = start_run(tmp_path / "run")
    run_epoch(journal, model)
    run_epoch(journal, model)
    os.remove(str(tmp_path / "run" / "snapshot-1.keras"))
    with pytest.raises(ModelError, match="snapshot-1.keras: is missing; start again with another --run"):
        Journal.read(str(tmp_path / "run")).restore(model)


def test_a_run_from_before_there_were_snapshots(quick, tmp_path):
    journal, model = start_run(tmp_path / "run")
    run_epoch(journal, model)
    state = json.loads((tmp_path / "run" / "state.json").read_text())
    del state["snapshots"], state["options"]["snapshots"]
    (tmp_path / "run" / "state.json").write_text(json.dumps(state))
    old = Journal.read(str(tmp_path / "run"))
    assert (old.snapshots, old.options.snapshots) == ([], None)


def test_no_room_for_a_snapshot_leaves_no_part_of_it(quick, tmp_path):
    journal, model = start_run(tmp_path / "run")
    run_epoch(journal, model)
    before = sorted(path.name for path in (tmp_path / "run").iterdir())
    with room_for(2000), pytest.raises(OutputError, match="snapshot-1.keras: cannot write it: File too large"):
        run_epoch(journal, model)
    assert sorted(path.name for path in (tmp_path / "run").iterdir()) == before


# The export


def test_what_is_said_of_them_together(quick, tmp_path, monkeypatch, capsys):
    """Of ten test images the members are right about 5 and 6, and together about 8: 20 points more than the last."""
    journal, model = start_run(
        tmp_path / "run", "--output", str(tmp_path / "my model.onnx"), "--data", "my data", "--half"
    )
    for _ in range(4):
        last = run_epoch(journal, model)
    exported = []

    def export(network, output, data, training, half):
        assert half
        exported.append((os.path.basename(output), [weight.numpy() for weight in network.trainable_weights], training))

    def measure(outputs, source):
        assert ([os.path.basename(output) for output in outputs], source) == (["my model-1.onnx", "my model.onnx"], 7)
        return argparse.Namespace(report=lambda: {"top1": 0.8, "top5": 0.9}, members_top1=lambda: [0.5, 0.6])

    monkeypatch.setattr(ensemble, "export", export)
    monkeypatch.setattr(ensemble, "measure", measure)
    first = load(journal, "snapshot-1.keras").trainable_weights
    ensemble.export_snapshots(model, journal, argparse.Namespace(source=7))
    ((name, weights, training),) = exported
    assert name == "my model-1.onnx"
    assert all(np.array_equal(one, other) for one, other in zip(weights, first))
    assert not all(np.array_equal(one, other) for one, other in zip(weights, last))
    assert (training["epochs"], training["seconds"], training["last_epoch"]["epoch"]) == (2, 20, 2)
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(
        "all 2 snapshots together: 80.00 % top-1, 90.00 % top-5 on the test set, +20.00 points of top-1 against the "
        "last one alone; measure it with: python -m app.evaluate --model "
    )
    assert line.endswith(f"'{tmp_path}/my model-1.onnx' '{tmp_path}/my model.onnx' --data 'my data'")


# A run


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return write_squares(tmp_path_factory.mktemp("data"))


def start_training(*args):
    return start(*args, module="tools.train")


@pytest.mark.slow
def test_a_killed_and_resumed_run_is_as_an_uninterrupted_one(data, tmp_path):
    own = [*CYCLES, "--batch", "50", "--lr", "0.05", "--dropout", "0", "--crop", "0", "--precision", "float32"]
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    code, _, expected = finish(start_training(*own, "--data", data, "--run", whole), PATIENCE)
    assert code == 0, expected
    process = start_training(*own, "--data", data, "--run", killed)
    deadline = time.monotonic() + PATIENCE
    while not (killed / "snapshot-1.keras").exists() and process.poll() is None:
        assert time.monotonic() < deadline
        time.sleep(0.002)
    process.send_signal(signal.SIGKILL)  # before the state names the snapshot, or soon after it
    _, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == -signal.SIGKILL, err
    code, _, err = finish(start_training("--resume", killed), PATIENCE)
    assert code == 0, err
    logs = [[json.loads(line) for line in (run / "log.jsonl").read_text().splitlines()] for run in (whole, killed)]
    for one, other in zip(*logs):
        assert (one["epoch"], one["lr"]) == (other["epoch"], other["lr"])
        assert other["loss"] == pytest.approx(one["loss"], rel=0.05)
    assert len(logs[0]) == len(logs[1]) == 4
    networks = ["epoch-0004.keras", "snapshot-1.keras", "snapshot-2.keras"]
    exports = [f"report_fast{number}.{suffix}" for number in ("-1", "") for suffix in ("json", "onnx")]
    for run in (whole, killed):
        names = sorted(path.name for path in run.iterdir())
        assert names == sorted([*networks, *exports, "curves.png", "log.jsonl", "state.json"])
        saved = keras.models.load_model(run / "epoch-0004.keras")
        assert int(saved.optimizer.iterations) == 4 * (1800 // 50)  # no step twice, none left out
        cards = [json.loads((run / name).read_text()) for name in exports if name.endswith("json")]
        assert [card["name"] for card in cards] == ["report_fast-1", "report_fast"]
        assert [card["training"]["epochs"] for card in cards] == [2, 4]
        assert all(card["accuracy"]["top1"] > 0.3 for card in cards)
    for err_of_run, run in ((expected, whole), (err, killed)):
        (said,) = [line for line in err_of_run.splitlines() if line.startswith("all 2 snapshots together: ")]
        assert f"--model {run}/report_fast-1.onnx {run}/report_fast.onnx --data {data}" in said
