"""The command with real networks, killed at random moments and gone on with, is as if it had not been disturbed.

Of one process. What each file is when it is killed in the middle of writing is in test_snapshots.py.
"""

import json
import os
import random
import time

import pytest

pytest.importorskip("keras", "3")
pytest.importorskip("tensorflow")
pytest.importorskip("matplotlib")

from support.processes import kill_family, wait_at_random  # noqa: E402
from support.program import finish, start  # noqa: E402
from support.squares import write_squares  # noqa: E402

from app import evaluate  # noqa: E402
from app.modelcard import WEIGHTS  # noqa: E402
from tools.fetch.manifest import read_manifest  # noqa: E402

pytestmark = [pytest.mark.verify, pytest.mark.slow]
PATIENCE = 900  # seconds
KILLS = 10
PLAIN = ["--batch", "50", "--dropout", "0", "--crop", "0", "--precision", "float32"]  # no step depends on chance
TRANSFER = ["efficientnet_lite0", "--size", "32", "--limit", "300", "--probe", "2", "--epochs", "2", *PLAIN]
SNAPSHOTS = ["report_fast", "--limit", "600", "--lr", "0.05", "--snapshots", "3", "--epochs", "3", *PLAIN]
LITE0 = os.path.join(WEIGHTS, read_manifest()["efficientnet-lite0"]["file"])
without_weights = pytest.mark.skipif(not os.path.exists(LITE0), reason="needs: tools.fetch efficientnet-lite0")


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return write_squares(tmp_path_factory.mktemp("data"))


def complete(*args):
    """Train to the end."""
    code, _, err = finish(start(*args, module="tools.train"), PATIENCE)
    assert code == 0, err
    assert "Traceback" not in err


@pytest.mark.parametrize(
    "network, models",
    [
        pytest.param(TRANSFER, ["efficientnet_lite0"], id="transfer", marks=without_weights),
        pytest.param(SNAPSHOTS, ["report_fast-1", "report_fast-2", "report_fast"], id="snapshots"),
    ],
)
def test_killed_ten_times_at_random_moments(data, tmp_path, capsys, network, models):
    generator = random.Random()
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    begun = time.monotonic()
    complete(*network, "--data", data, "--run", whole)
    longest = time.monotonic() - begun
    command = [*network, "--data", data, "--run", killed]
    kept = 0
    for _ in range(KILLS):
        process = start(*command, module="tools.train")
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
    assert [line["epoch"] for line in logs[1]] == [line["epoch"] for line in logs[0]] == [*range(1, len(logs[0]) + 1)]
    for one, other in zip(*logs):
        assert other["lr"] == one["lr"]
        assert other["loss"] == pytest.approx(one["loss"], rel=0.05)
    names = [sorted(path.name for path in run.iterdir()) for run in (whole, killed)]
    assert names[0] == names[1], "nothing half-written is left, nothing is missing"
    for model in models:
        assert evaluate.main(["--model", str(killed / f"{model}.onnx"), "--data", data]) == 0
        assert "agrees with the card" in capsys.readouterr().out
