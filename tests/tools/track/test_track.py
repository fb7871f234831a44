import json

import pytest
from sequences import detections, truth, write_sequence

from tools.track.__main__ import main
from tools.track.motchallenge import read_detections


@pytest.fixture
def files(tmp_path, monkeypatch):
    """Detections and truth in the current folder."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "det.txt").write_text(detections())
    (tmp_path / "gt.txt").write_text(truth())
    return tmp_path


def report(*options, expect=0):
    assert main([*options, "--report", "report.json"]) == expect
    with open("report.json") as file:
        return json.load(file)


def error(capsys, *options):
    """Exit code and message of a command that fails."""
    code = main(list(options))
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1
    return code, lines[0]


def test_tracks_of_given_detections(files):
    found = report("--detections", "det.txt", "--fps", "10", "--tracks", "tracks.txt")
    assert (found["kind"], found["frames"], found["tracks"]) == ("track", 30, 2)
    assert "mota" not in found
    tracks = read_detections("tracks.txt")
    assert sorted(tracks[30].ids.tolist()) == [1, 2]


def test_every_third_frame_keeps_its_number(files):
    assert report("--detections", "det.txt", "--fps", "10", "--every", "3", "--tracks", "tracks.txt")["frames"] == 10
    tracks = read_detections("tracks.txt")
    assert {number % 3 for number in tracks} == {1}
    assert max(tracks) == 28


def test_lines(files):
    found = report("--detections", "det.txt", "--fps", "10", "--line", "middle:320,0-320,480")
    assert found["lines"] == {"tracks": {"middle": {"in": 1, "out": 1}}}


@pytest.mark.verify
def test_against_the_truth(files, capsys):
    pytest.importorskip("motmetrics")
    pytest.importorskip("trackeval")
    options = ("--detections", "det.txt", "--fps", "10", "--truth", "gt.txt", "--line", "middle:320,0-320,480")
    found = report(*options)
    assert (found["precision"], found["switches"], found["fragments"]) == (1, 0, 0)
    assert found["recall"] > 0.9
    assert found["lines"]["truth"] == found["lines"]["tracks"] == {"middle": {"in": 1, "out": 1}}
    assert "mota" in capsys.readouterr().out


@pytest.mark.verify
def test_sequences(files):
    pytest.importorskip("motmetrics")
    pytest.importorskip("trackeval")
    write_sequence(files / "mot" / "a")
    write_sequence(files / "mot" / "b", length=40, missed=range(20, 41))
    found = report("--sequences", "mot", "--tracks", "out")
    assert sorted(found["sequences"]) == ["a", "b"]
    assert found["frames"] == 70
    assert found["sequences"]["b"]["recall"] < found["recall"] < found["sequences"]["a"]["recall"]
    assert sorted(path.name for path in (files / "out").iterdir()) == ["a.txt", "b.txt"]


def test_sequences_without_seqinfo(files, capsys):
    folder = write_sequence(files / "mot" / "a", name="mine")
    (folder / "seqinfo.ini").unlink()
    code, message = error(capsys, "--sequences", "mot", "--detector", "mine")
    assert code == 3
    assert "has no seqinfo.ini" in message
    assert "--fps 25" in message


@pytest.mark.verify
def test_sequences_in_other_forms(files):
    """One without seqinfo.ini, and one as MOTChallenge has it."""
    pytest.importorskip("motmetrics")
    pytest.importorskip("trackeval")
    for name in "ab":
        write_sequence(files / "mot" / name, name="det")
    (files / "mot/a/seqinfo.ini").unlink()
    for old, new in (("det-det.txt", "det/det.txt"), ("gt.txt", "gt/gt.txt")):
        (files / "mot/b" / new).parent.mkdir()
        (files / "mot/b" / old).rename(files / "mot/b" / new)
    found = report("--sequences", "mot", "--detector", "det", "--fps", "10")
    assert (found["frames"], found["tracks"], found["precision"]) == (60, 4, 1)


@pytest.mark.parametrize(
    "options, code, words",
    [
        ("", 2, "required"),
        ("--detections det.txt", 2, "--fps"),
        ("--detections none.txt --fps 7", 3, "none.txt"),
        ("--detections det.txt --cam a.avi", 2, "not allowed"),
        ("--detections det.txt --fps 0", 2, "--fps"),
        ("--detections det.txt --fps 7 --every 0", 2, "--every"),
        ("--detections det.txt --fps 7 --line a:1,1", 2, "points"),
        ("--detections det.txt --fps 7 --line a:1,1-1,1", 2, "same point"),
        ("--detections det.txt --fps 7 --line a:1,1-2,2 --line a:3,3-4,4", 2, "name"),
        ("--detections det.txt --fps 7 --line a:1%,1-2,2", 2, "pixels"),
        ("--detections det.txt --fps 7 --tracks det.txt", 2, "overwrite"),
        ("--detections det.txt --fps 7 --report no/report.json", 5, "mkdir"),
        ("--detections det.txt --fps 7 --save-detections d.txt", 2, "--cam"),
        ("--sequences none", 3, "none"),
        ("--sequences .", 3, "det-frcnn.txt"),
        ("--sequences . --truth gt.txt", 2, "gt.txt"),
        ("--cam det.txt --fps 7", 3, "det.txt"),
    ],
)
def test_bad_input(files, capsys, options, code, words):
    found, message = error(capsys, *options.split())
    assert found == code
    assert words in message


def test_a_wrong_line_leaves_no_output(files, capsys):
    write_sequence(files / "mot" / "a")
    options = ("--sequences", "mot", "--tracks", "out", "--line", "a:0,0-641,9")
    code, message = error(capsys, *options)
    assert code == 2
    assert "640x480" in message
    assert not list((files / "out").iterdir())


def test_truth_of_other_frames(files, capsys):
    (files / "late.txt").write_text("900,1,0,0,5,5,1\n")
    code, message = error(capsys, "--detections", "det.txt", "--fps", "7", "--truth", "late.txt")
    assert code == 3
    assert "not of the same film" in message
    folder = write_sequence(files / "mot" / "a")
    (folder / "gt.txt").write_text(truth(31))
    code, message = error(capsys, "--sequences", "mot")
    assert code == 3
    assert "31" in message
