import argparse
import os

import pytest

from app.errors import UsageError
from tools.sweep import plan
from tools.sweep.plan import state


@pytest.mark.parametrize(
    "source, changed",
    [
        pytest.param("clip[1].mp4", "clip[1].mp4", id="a file"),
        pytest.param("day[2]", "day[2]/a.png", id="a folder"),
        pytest.param("clip?.mp4", "clip1.mp4", id="a pattern"),
        pytest.param("day*/*.png", "day[2]/a.png", id="a pattern of folders"),
        pytest.param("**/*.png", "day[2]/in/b.png", id="a pattern of folders below folders"),
    ],
)
@pytest.mark.parametrize("other", [False, True], ids=["the source", "what is beside it"])
def test_an_input_that_was_replaced_is_another_one(tmp_path, monkeypatch, source, changed, other):
    """Also where its name could be a pattern, and a file beside it matches that."""
    monkeypatch.chdir(str(tmp_path))
    (tmp_path / "day[2]" / "in").mkdir(parents=True)
    (tmp_path / "day2").mkdir()
    for name in ("clip[1].mp4", "clip1.mp4", "day[2]/a.png", "day[2]/in/b.png", "day2/a.jpg", "beside.mp4"):
        (tmp_path / name).write_text("short")
    before = state(source)
    (tmp_path / ("beside.mp4" if other else changed)).write_text("longer than that")
    assert (state(source) == before) is other


@pytest.mark.parametrize("name", ["-", "pipe"])
def test_a_pipe_is_no_input(tmp_path, name):
    os.mkfifo(str(tmp_path / "pipe"))
    uri = "-" if name == "-" else str(tmp_path / "pipe")
    with pytest.raises(UsageError, match="a pipe only once; name a file"):
        plan.check(argparse.Namespace(cam=uri, images=None, labels=None, run=str(tmp_path / "run")))
