"""The command on a small data set.

Runs take place in this process, but for those that a signal ends and those that are compared.
"""

import json
import os
import random
import shutil
import signal
import time

import numpy as np
import pytest

keras = pytest.importorskip("keras", "3")
pytest.importorskip("tensorflow")
pytest.importorskip("matplotlib")

from support.program import call, finish, start  # noqa: E402
from support.squares import write_squares  # noqa: E402

from app import evaluate  # noqa: E402
from tools.train.__main__ import main  # noqa: E402
from tools.train.data import load_data  # noqa: E402
from tools.train.options import parse  # noqa: E402

PATIENCE = 300  # seconds
SMALL = ["report_fast", "--batch", "50", "--no-flip", "--crop", "0", "--seed", "3"]


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return write_squares(tmp_path_factory.mktemp("data"))


def train(*args):
    """Run the command: (exit code, standard error)."""
    code, _, err = call(main, *args)
    return code, err


def log_of(run):
    with open(os.path.join(str(run), "log.jsonl")) as file:
        return [json.loads(line) for line in file]


# With a rate that does not depend on the number of epochs.
EVENLY = [*SMALL, "--lr", "0.05", "--schedule", "constant", "--precision", "float32"]


@pytest.fixture(scope="module")
def trained(data, tmp_path_factory):
    """A complete run of six epochs."""
    run = tmp_path_factory.mktemp("trained")
    process = start(*EVENLY, "--epochs", 6, "--data", data, "--run", run, module="tools.train")
    code, _, err = finish(process, PATIENCE)
    assert code == 0, err
    return run, err


def test_learns_far_better_than_chance(trained):
    run, err = trained
    card = json.loads((run / "report_fast.json").read_text())
    assert card["accuracy"]["images"] == 500
    assert card["accuracy"]["top1"] > 0.3  # chance is 0.01
    assert card["accuracy"]["top5"] > 0.6
    assert card["accuracy"]["superclass_top1"] >= card["accuracy"]["top1"]
    assert "top-1" in err.splitlines()[-2]
    assert err.splitlines()[-1].startswith("evaluate it with: python -m app.evaluate")


def test_leaves_a_log_curves_and_one_checkpoint(trained):
    run, _ = trained
    assert [line["epoch"] for line in log_of(run)] == [1, 2, 3, 4, 5, 6]
    assert {"loss", "top1", "top5", "val_loss", "val_top1", "val_top5", "lr", "elapsed_s"} <= set(log_of(run)[0])
    assert (run / "curves.png").read_bytes().startswith(b"\x89PNG")
    left = sorted(path.name for path in run.iterdir())
    expected = ["curves.png", "epoch-0006.keras", "log.jsonl", "report_fast.json", "report_fast.onnx", "state.json"]
    assert left == expected


def test_the_device_finds_the_accuracy_of_the_card(trained, data, capsys):
    assert evaluate.main(["--model", str(trained[0] / "report_fast.onnx"), "--data", data]) == 0
    assert "agrees with the card" in capsys.readouterr().out


def test_same_seed_same_curve(trained, data, tmp_path):
    """In two processes: within one, Keras numbers on the seeds of its layers."""
    process = start(*EVENLY, "--epochs", 2, "--data", data, "--run", tmp_path / "again", module="tools.train")
    code, _, err = finish(process, PATIENCE)
    assert code == 0, err
    again, first = log_of(tmp_path / "again"), log_of(trained[0])[:2]
    assert [line["loss"] for line in again] == pytest.approx([line["loss"] for line in first], rel=1e-3)


def test_a_seed_gives_the_same_order_whatever_came_before_in_the_process(data):
    orders = []
    for before in (1, 2):
        keras.utils.set_random_seed(before)
        _, labels = next(iter(load_data(parse([*SMALL, "--data", data])).training))
        orders.append(np.asarray(labels).argmax(axis=1).tolist())
    assert orders[0] == orders[1]


@pytest.mark.parametrize("kills", [1, pytest.param(10, marks=pytest.mark.verify)])
def test_killed_and_interrupted_it_loses_no_epoch(data, tmp_path, kills):
    """By SIGKILL at random moments, then by Ctrl-C, after which it says how to continue."""
    run, epochs = tmp_path / "run", 5 + 5 * kills
    rng = random.Random(5)
    state = run / "state.json"
    command = [*SMALL, "--data", data, "--run", str(run), "--epochs", str(epochs)]
    for kept, number in enumerate([signal.SIGKILL] * kills + [signal.SIGINT]):
        process = start(*command, module="tools.train")
        deadline = time.monotonic() + PATIENCE
        before = state.stat().st_mtime_ns if kept else 0
        while not (state.exists() and state.stat().st_mtime_ns != before) and process.poll() is None:
            assert time.monotonic() < deadline
            time.sleep(0.005)
        time.sleep(rng.uniform(0, 0.6))  # an epoch takes about half a second: anywhere in it, or at its end
        process.send_signal(number)
        _, err = process.communicate(timeout=PATIENCE)
        assert process.returncode == (130 if number == signal.SIGINT else -number), err
        done = json.loads(state.read_text())
        assert len(done["epochs"]) > kept  # complete epochs stay
        assert (run / done["checkpoint"]).exists()
        command = ["--resume", str(run)]
    assert f"continue with: python -m tools.train --resume {run}" in err
    assert "Traceback" not in err
    code, err = train("--resume", run)
    assert code == 0, err
    assert [line["epoch"] for line in log_of(run)] == list(range(1, epochs + 1))
    assert len(list(run.glob("epoch-*.keras"))) == 1
    assert not list(run.glob(".*"))
    saved = keras.models.load_model(run / f"epoch-{epochs:04d}.keras")
    assert int(saved.optimizer.iterations) == epochs * (1800 // 50)  # no step twice, none left out


def test_a_time_budget_ends_annealed(data, tmp_path):
    length = ["--time-budget", "5s", "--schedule", "constant", "--lr", "0.02"]
    code, err = train(*SMALL, "--data", data, "--run", tmp_path / "run", *length)
    assert code == 0, err
    last = log_of(tmp_path / "run")[-1]
    assert last["elapsed_s"] >= 5
    assert last["lr"] < 0.01  # not 0, for it is set before the last step
    assert (tmp_path / "run" / "report_fast.onnx").exists()


@pytest.mark.parametrize(
    "args, code, message",
    [
        ([], 2, "choose a model"),
        (["report_fast", "--epochs", "3", "--time-budget", "3m"], 2, "only one of them"),
        (["report_fast", "--time-budget", "soon"], 2, "as 90s, 10m or 2h"),
        (["report_fast", "--boundaries", "5,3"], 2, "growing steps"),
        (["report_fast", "--output", "model.h5"], 2, "should end in .onnx"),
        (["report_fast", "--data", "no-such-folder"], 3, "no-such-folder"),
        (["--resume", "no-such-run"], 2, "no-such-run: has no run with a finished epoch"),
        (["report_fast", "--batch", "5000"], 2, "--batch 5000: more than the"),
        (["--resume", "runs/x", "--epochs", "5"], 2, "give no others"),
    ],
)
def test_bad_input_is_one_line(data, tmp_path, args, code, message):
    own = [] if "--data" in args or "--resume" in args else ["--data", data]
    run = [] if "--resume" in args else ["--run", tmp_path / "run"]
    actual, err = train(*args, *own, *run)
    lines = [line for line in err.splitlines() if line.startswith("error: ")]
    assert (actual, len(lines)) == (code, 1), err
    assert message in lines[0]
    assert not (tmp_path / "run").exists(), "an empty folder is removed"


def test_a_run_whose_data_are_gone_says_how_it_goes_on(trained, tmp_path):
    run = tmp_path / "run"
    shutil.copytree(str(trained[0]), str(run))
    state = json.loads((run / "state.json").read_text())
    state["options"]["data"] = str(tmp_path / "gone")
    (run / "state.json").write_text(json.dumps(state))
    code, err = train("--resume", run)
    assert (code, err.count("error: ")) == (3, 1)
    assert f"stopped after epoch 6; continue with: python -m tools.train --resume {run}\n" in err


def test_a_run_is_not_overwritten(trained, data):
    code, err = train(*SMALL, "--data", data, "--run", trained[0], "--epochs", "2")
    assert (code, err.count("error: ")) == (2, 1)
    assert "--resume" in err
