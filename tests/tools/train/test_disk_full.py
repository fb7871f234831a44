"""A run on a disk of its own, which fills up."""

import json

import pytest

pytest.importorskip("keras", "3")
pytest.importorskip("tensorflow")
pytest.importorskip("matplotlib")

from support.disk import fill, small_disk  # noqa: E402
from support.program import call  # noqa: E402
from support.squares import write_squares  # noqa: E402
from support.tiny_network import halves  # noqa: E402

from models import cifar  # noqa: E402
from tools.train.__main__ import main  # noqa: E402
from tools.train.journal import Journal  # noqa: E402

pytestmark = pytest.mark.slow
RUN = ["report_fast", "--snapshots", "2", "--epochs", "2", "--batch", "50", "--precision", "float32"]


@pytest.fixture
def disk(tmp_path):
    with small_disk(tmp_path / "disk", "8m") as folder:
        yield folder


@pytest.mark.parametrize("full", ["while it is written", "before it"])
def test_a_disk_that_fills_ends_the_run_in_one_line_and_loses_no_epoch(monkeypatch, disk, tmp_path, full):
    """After the first of two epochs, and with it the first of two snapshots, are complete."""
    data = write_squares(tmp_path)
    publish = Journal.publish

    def publish_and_fill(journal):
        publish(journal)
        fill(disk / "filler")
        if full == "while it is written":
            with open(str(disk / "filler"), "rb+") as file:
                file.truncate((disk / "filler").stat().st_size - (1 << 13))

    monkeypatch.setitem(cifar.NETWORKS, "report_fast", halves)
    monkeypatch.setattr(Journal, "publish", publish_and_fill)
    run = disk / "run"
    code, _, err = call(main, *RUN, "--data", data, "--run", run)
    (line,) = [line for line in err.splitlines() if line.startswith("error: ")]
    assert (code, line) == (5, f"error: {run}/snapshot-2.keras: cannot write it: No space left on device")
    assert f"stopped after epoch 1; continue with: python -m tools.train --resume {run}\n" in err
    assert "Traceback" not in err
    assert "Exception ignored" not in err
    kept = sorted(path.name for path in run.iterdir())
    assert kept == ["curves.png", "epoch-0001.keras", "log.jsonl", "snapshot-1.keras", "state.json"]
    monkeypatch.setattr(Journal, "publish", publish)
    (disk / "filler").unlink()
    code, _, err = call(main, "--resume", run)
    assert code == 0, err
    assert [json.loads(line)["epoch"] for line in (run / "log.jsonl").read_text().splitlines()] == [1, 2]
    assert {"snapshot-1.keras", "snapshot-2.keras", "report_fast.onnx", "report_fast-1.onnx"} <= {
        path.name for path in run.iterdir()
    }


def test_a_disk_that_is_full_from_the_start(monkeypatch, disk, tmp_path):
    fill(disk / "filler")
    monkeypatch.setitem(cifar.NETWORKS, "report_fast", halves)
    run = disk / "run"
    code, _, err = call(main, *RUN, "--data", write_squares(tmp_path), "--run", run)
    (line,) = [line for line in err.splitlines() if line.startswith("error: ")]
    assert code == 5
    assert line.endswith("No space left on device")
    assert "--resume" not in err
    assert not run.exists()
