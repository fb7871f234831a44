"""The command with real trainings, killed at random moments with its workers and trainings."""

import collections
import json
import random
import time

import pytest

pytest.importorskip("optuna")
pytest.importorskip("keras", "3")
pytest.importorskip("tensorflow")
pytest.importorskip("matplotlib")

import optuna  # noqa: E402
from support.processes import children, kill_family, wait_at_random  # noqa: E402
from support.program import finish, start  # noqa: E402
from support.searching import training_of  # noqa: E402
from support.squares import write_squares  # noqa: E402

from app.classifier import load_classifier  # noqa: E402
from tools.search.draws import random_draws  # noqa: E402
from tools.search.queue import MOST_LOST  # noqa: E402
from tools.search.space import read_space  # noqa: E402
from tools.search.storage import open_storage  # noqa: E402

pytestmark = [pytest.mark.verify, pytest.mark.slow]
PATIENCE = 1800  # seconds
KILLS = 10
SPACE = """
method = "random"
trials = 4
[base]
model = "report_fast"
data = "{data}"
limit = 400
validation = 0.25
epochs = 2
precision = "float32"
[space]
momentum = {{ low = 0.5, high = 0.99 }}
batch = {{ low = 16, high = 64, log = true }}
"""


def complete(*args):
    """Search to the end."""
    code, _, err = finish(start(*args, module="tools.search"), PATIENCE)
    assert code == 0, err
    assert "Traceback" not in err


def test_killed_ten_times_at_random_moments(tmp_path):
    """All of its processes, as by a power cut, or the search alone, whose workers then give their trials back: a draw
    whose training is killed too often before an epoch is given up, as it should be.
    """
    (tmp_path / "data").mkdir()
    space, run = tmp_path / "space.toml", tmp_path / "run"
    space.write_text(SPACE.format(data=write_squares(tmp_path / "data")))
    generator, hits = random.Random(), collections.Counter()
    times = ["--heartbeat", "2", "--grace", "20"]
    command = ["--space", space, "--run", run, "--workers", "2", "--no-prune", *times]
    begun = time.monotonic()
    complete("--space", space, "--run", tmp_path / "whole", "--workers", "2", "--trials", "2", *times)
    longest = time.monotonic() - begun  # of a training by each of the workers
    for _ in range(KILLS):
        process = start(*command, module="tools.search")
        wait_at_random(process, run, generator, longest, most=60)  # the database is written often
        draws = {training_of(worker)[: len("trial-0000")] for worker in children(process.pid)} - {""}
        if all(hits[draw] < MOST_LOST for draw in draws):
            hits.update(draws)
            kill_family(process)
        else:
            process.kill()
            process.communicate()
        if (run / "study.json").exists() or process.returncode == 2:  # it is there, and says so
            command = ["--join", "--study", "space", "--run", run, "--workers", "2"]
    complete(*command)
    rows = json.loads((run / "results.json").read_text())["trials"]
    assert [row["options"] for row in rows] == random_draws(read_space(str(space)).dimensions, 4, seed=0)
    assert [row["state"] for row in rows] == ["done"] * 4
    trials = optuna.load_study(study_name="space", storage=open_storage(f"sqlite:///{run}/study.db")).trials
    done = [trial for trial in trials if trial.state == optuna.trial.TrialState.COMPLETE]
    assert sorted(trial.user_attrs["draw"] for trial in done) == [0, 1, 2, 3]
    for row, trial in zip(rows, sorted(done, key=lambda trial: trial.user_attrs["draw"])):
        folder = run / trial.user_attrs["folder"]
        log = [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]
        assert [line["epoch"] for line in log] == [1, 2]
        assert row["value"] == log[-1]["val_top1"]
        names = ["curves.png", "epoch-0002.keras", "log.jsonl", "output.txt"]
        names += ["report_fast.json", "report_fast.onnx", "state.json"]
        assert sorted(path.name for path in folder.iterdir()) == names
        with load_classifier(str(folder / "report_fast.onnx"), backend="onnx", device="cpu"):
            pass
