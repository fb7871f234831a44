"""The command, killed at random moments and gone on with, is as if it had not been disturbed."""

import json
import random
import time

import pytest

pytest.importorskip("keras", "3")
pytest.importorskip("tensorflow")
pytest.importorskip("matplotlib")
pytest.importorskip("pycocotools")

from support.labelled import write_coco, write_pictures  # noqa: E402
from support.processes import kill_family, wait_at_random  # noqa: E402
from support.program import finish, start  # noqa: E402
from support.small_detector import write_network  # noqa: E402

from app.modelcard import read_card  # noqa: E402

pytestmark = [pytest.mark.verify, pytest.mark.slow]
PATIENCE = 900  # seconds
KILLS = 10
MODULE = "tools.train_detector"


def complete(*args):
    """Train to the end."""
    code, _, err = finish(start(*args, module=MODULE), PATIENCE)
    assert code == 0, err
    assert "Traceback" not in err


def test_killed_ten_times_at_random_moments(tmp_path):
    labels = write_coco(tmp_path, write_pictures(tmp_path, 40))
    options = ["--images", tmp_path / "images", "--labels", labels, *write_network(tmp_path), "--precision", "float32"]
    generator = random.Random()
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    whole.mkdir()
    killed.mkdir()
    begun = time.monotonic()
    complete(*options, "--epochs", 5, "--run", whole, "--output", whole / "mine.onnx")
    longest = time.monotonic() - begun
    command = [*options, "--epochs", 5, "--run", killed, "--output", killed / "mine.onnx"]
    kept = 0
    for _ in range(KILLS):
        process = start(*command, module=MODULE)
        wait_at_random(process, killed, generator, longest)
        kill_family(process)
        if (killed / "state.json").exists():
            command = ["--resume", killed]
            state = json.loads((killed / "state.json").read_text())
            assert len(state["epochs"]) >= kept, "complete epochs stay"
            assert (killed / state["checkpoint"]).exists()
            kept = len(state["epochs"])
    complete(*command)
    logs = [[json.loads(line) for line in (run / "log.jsonl").read_text().splitlines()] for run in (whole, killed)]
    assert [line["epoch"] for line in logs[1]] == [line["epoch"] for line in logs[0]] == [1, 2, 3, 4, 5]
    for one, other in zip(*logs):
        assert other["lr"] == one["lr"]
        assert other["loss"] == pytest.approx(one["loss"], rel=0.05)
    names = [sorted(path.name for path in run.iterdir()) for run in (whole, killed)]
    assert names[0] == names[1], "nothing half-written is left, nothing is missing"
    for run in (whole, killed):
        assert read_card(str(run / "mine.onnx")).labels == ("green", "red")
