"""That the soaks of clips and of a small disk measure, and that they fail where they should."""

import json

import pytest

from app.clips.archive import Archive
from app.clips.clips import ClipSink
from tools.soak.__main__ import main
from tools.soak.shots import Numbered, number_of

pytestmark = pytest.mark.slow


def figures(tmp_path, *arguments):
    report = tmp_path / "soak.json"
    code = main([*arguments, "--report", str(report)])
    if not report.exists():
        pytest.skip("needs the right to mount a disk")
    lines = json.loads(report.read_text())
    assert code == int(not all(line["reached"] for line in lines))
    return {line["what"]: line["reached"] for line in lines}


def test_numbers_in_jpegs():
    for number, size in ((0, 0), (17, 2000), (10**9, 50000)):
        jpeg = Numbered(number, size).jpeg()
        assert number_of(jpeg) == number
        assert len(jpeg) >= size


def test_clips(tmp_path):
    found = figures(tmp_path, "clips", "--events", "12", "--kills", "2")
    assert len(found) == 7
    assert all(found.values()), found


def test_clips_that_begin_late(tmp_path, monkeypatch):
    take = ClipSink._take
    monkeypatch.setattr(ClipSink, "_take", lambda sink, change, when: take(sink, change, when + 0.6))
    found = figures(tmp_path, "clips", "--events", "12", "--kills", "0")
    assert not found["first frame within one of the pre-roll"]
    assert not found["last frame within one of the post-roll"]


def test_disk(tmp_path):
    found = figures(tmp_path, "disk", "--segments", "160")
    assert len(found) == 8
    assert all(found.values()), found


def test_a_disk_on_which_nothing_is_deleted(tmp_path, monkeypatch):
    monkeypatch.setattr(Archive, "delete_oldest", lambda archive: False)
    found = figures(tmp_path, "disk", "--segments", "140")
    assert not found["most beyond the quota"]
