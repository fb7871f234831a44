"""The command in a process of its own, on a small data set whose classes differ by the place of a bright square."""

import json
import os
import random
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

keras = pytest.importorskip("keras", "3")
pytest.importorskip("tensorflow")
pytest.importorskip("matplotlib")

from support.program import ROOT  # noqa: E402

from app.classification.cifar100 import COARSE, FINE, SIDE  # noqa: E402

PATIENCE = 300  # seconds
KILLS = int(os.environ.get("NANOYOLO_KILLS", "2"))
SMALL = ["report_fast", "--batch", "50", "--no-flip", "--crop", "0", "--seed", "3"]


def make_split(per_class, seed):
    """Records whose class is the place of a bright square of 3x3 pixels on noise."""
    rng = np.random.default_rng(seed)
    fine = rng.permutation(np.repeat(np.arange(FINE, dtype=np.uint8), per_class))
    images = rng.integers(0, 60, (len(fine), 3, SIDE, SIDE)).astype(np.uint8)
    for image, label in zip(images, fine):
        row, column = 1 + label // 10 * 3, 1 + label % 10 * 3
        image[:, row : row + 3, column : column + 3] += 180
    coarse = (fine // 5).astype(np.uint8)
    return np.concatenate([coarse[:, None], fine[:, None], images.reshape(len(fine), -1)], axis=1).tobytes()


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    folder = tmp_path_factory.mktemp("data")
    (folder / "train.bin").write_bytes(make_split(20, 0))
    (folder / "test.bin").write_bytes(make_split(5, 1))
    (folder / "fine_label_names.txt").write_text("".join(f"fine{label}\n" for label in range(FINE)))
    (folder / "coarse_label_names.txt").write_text("".join(f"coarse{label}\n" for label in range(COARSE)))
    return str(folder)


def start(*args, **env):
    command = [sys.executable, "-m", "tools.train", *map(str, args)]
    environment = {**os.environ, **env}
    return subprocess.Popen(
        command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def train(*args, **env):
    """Run the command to its end: (exit code, standard output, standard error)."""
    process = start(*args, **env)
    try:
        out, err = process.communicate(timeout=PATIENCE)
    finally:
        process.kill()
    return process.returncode, out, err


def log_of(run):
    with open(os.path.join(str(run), "log.jsonl")) as file:
        return [json.loads(line) for line in file]


@pytest.fixture(scope="module")
def trained(data, tmp_path_factory):
    """A run to its end, of six epochs."""
    run = tmp_path_factory.mktemp("trained")
    code, _, err = train(
        *SMALL, "--data", data, "--run", run, "--epochs", "6", "--lr", "0.05", "--precision", "float32"
    )
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
    assert err.splitlines()[-1].startswith("measure it with: python -m app.evaluate")


def test_leaves_a_log_curves_and_one_checkpoint(trained):
    run, _ = trained
    assert [line["epoch"] for line in log_of(run)] == [1, 2, 3, 4, 5, 6]
    assert {"loss", "top1", "top5", "val_loss", "val_top1", "val_top5", "lr", "elapsed_s"} <= set(log_of(run)[0])
    assert (run / "curves.png").read_bytes().startswith(b"\x89PNG")
    left = sorted(path.name for path in run.iterdir())
    expected = ["curves.png", "epoch-0006.keras", "log.jsonl", "report_fast.json", "report_fast.onnx", "state.json"]
    assert left == expected


def test_the_device_finds_the_accuracy_of_the_card(trained, data):
    run, _ = trained
    command = [sys.executable, "-m", "app.evaluate", "--model", str(run / "report_fast.onnx"), "--data", data]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=PATIENCE)
    assert done.returncode == 0, done.stderr
    assert "agrees with the card" in done.stdout


def test_same_seed_same_curve(trained, data, tmp_path):
    options = ["--epochs", "6", "--lr", "0.05", "--precision", "float32"]
    code, _, err = train(*SMALL, "--data", data, "--run", tmp_path / "again", *options)
    assert code == 0, err
    again, first = log_of(tmp_path / "again"), log_of(trained[0])
    assert [line["loss"] for line in again] == pytest.approx([line["loss"] for line in first], rel=1e-2)


def test_killed_at_random_moments_it_loses_no_epoch(data, tmp_path):
    """NANOYOLO_KILLS=10 for a longer test."""
    run, epochs = tmp_path / "run", 10 + 5 * KILLS
    rng = random.Random(5)
    state = run / "state.json"
    command = [*SMALL, "--data", data, "--run", run, "--epochs", epochs]
    for kept in range(KILLS):
        process = start(*command)
        deadline = time.monotonic() + PATIENCE
        before = state.stat().st_mtime_ns if kept else 0
        while not (state.exists() and state.stat().st_mtime_ns != before) and process.poll() is None:
            assert time.monotonic() < deadline
            time.sleep(0.005)
        time.sleep(rng.uniform(0, 0.6))  # an epoch takes about half a second: anywhere in it, or in its end
        process.kill()
        _, err = process.communicate()
        assert process.returncode == -signal.SIGKILL, err
        done = json.loads(state.read_text())
        assert len(done["epochs"]) > kept  # what was whole stays
        assert (run / done["checkpoint"]).exists()
        command = ["--resume", run]
    code, _, err = train("--resume", run)
    assert code == 0, err
    assert [line["epoch"] for line in log_of(run)] == list(range(1, epochs + 1))
    assert len(list(run.glob("epoch-*.keras"))) == 1
    assert not list(run.glob(".*"))
    saved = keras.models.load_model(run / f"epoch-{epochs:04d}.keras")
    assert int(saved.optimizer.iterations) == epochs * (1800 // 50)  # no step twice, none left out


def test_a_time_budget_ends_annealed(data, tmp_path):
    code, _, err = train(
        *SMALL, "--data", data, "--run", tmp_path / "run", "--time-budget", "12s", "--schedule", "constant"
    )
    assert code == 0, err
    last = log_of(tmp_path / "run")[-1]
    assert last["elapsed_s"] >= 12
    assert last["lr"] < 0.03  # of 0.1; not 0, for it is set before the last step
    assert (tmp_path / "run" / "report_fast.onnx").exists()


def test_interrupted_it_says_how_to_go_on(data, tmp_path):
    process = start(*SMALL, "--data", data, "--run", tmp_path / "run", "--epochs", "500")
    deadline = time.monotonic() + PATIENCE
    while not (tmp_path / "run" / "state.json").exists() and time.monotonic() < deadline:
        time.sleep(0.1)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == 130
    assert f"go on with: python -m tools.train --resume {tmp_path / 'run'}" in err
    assert "Traceback" not in err


@pytest.mark.parametrize(
    "args, code, message",
    [
        ([], 2, "name a model"),
        (["resnet"], 2, "invalid choice"),
        (["report_fast", "--epochs", "3", "--time-budget", "3m"], 2, "only one of them"),
        (["report_fast", "--time-budget", "soon"], 2, "as 90s, 10m or 2h"),
        (["report_fast", "--boundaries", "5,3"], 2, "growing steps"),
        (["report_fast", "--output", "model.h5"], 2, "should end in .onnx"),
        (["report_fast", "--data", "no-such-folder"], 3, "no-such-folder"),
        (["--resume", "no-such-run"], 2, "no run that has finished an epoch"),
        (["report_fast", "--batch", "5000"], 3, "lower --batch"),
        (["--resume", "runs/x", "--epochs", "5"], 2, "give no others"),
    ],
)
def test_bad_input_is_one_line(data, tmp_path, args, code, message):
    own = [] if "--data" in args or "--resume" in args else ["--data", data]
    run = [] if "--resume" in args else ["--run", tmp_path / "run"]
    actual, _, err = train(*args, *own, *run)
    lines = [line for line in err.splitlines() if line.startswith("error: ")]
    assert (actual, len(lines)) == (code, 1), err
    assert message in lines[0]
    assert "Traceback" not in err
    assert not (tmp_path / "run").exists(), "nothing is left behind"


def test_a_run_is_not_overwritten(trained, data):
    code, _, err = train(*SMALL, "--data", data, "--run", trained[0], "--epochs", "2")
    assert (code, err.count("error: ")) == (2, 1)
    assert "--resume" in err


def test_a_damaged_run_is_one_line(trained, data, tmp_path):
    (tmp_path / "state.json").write_text('{"options": {}')
    code, _, err = train("--resume", tmp_path)
    assert (code, err.count("error: ")) == (4, 1)
    state = (trained[0] / "state.json").read_text()
    (tmp_path / "state.json").write_text(state.replace('"epoch-0006.keras"', '"epoch-0001.keras"'))
    (tmp_path / "epoch-0001.keras").write_bytes(b"not a model")
    code, _, err = train("--resume", tmp_path)
    assert (code, err.count("error: ")) == (4, 1), err
    assert "epoch-0001.keras" in err
