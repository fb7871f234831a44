import io
import json
import os
import resource
import sys

import numpy as np
import pytest

from app.detections import Detections
from app.errors import OutputError
from app.frame import Frame
from app.sinks import jsonl
from app.sinks.console import Announcement, ProgressSink
from app.sinks.jsonl import JsonLinesSink

LABELS = ("person", "dog")
NONE = Detections.empty()


def frame(index, captured_at=0.0):
    return Frame(np.zeros((48, 64, 3), np.uint8), index, captured_at)


def write(sink, *frames, **also):
    for each in frames:
        sink.write(each, each.image, also.get("detections", NONE))


def test_json_lines(tmp_path):
    found = Detections(np.array([[1, 2, 30.123, 40], [0, 0, 9, 9]]), np.array([0.91276, 0.5]), np.array([1, 0]), LABELS)
    path = tmp_path / "found.jsonl"
    with JsonLinesSink(str(path)) as sink:
        write(sink, frame(3, 100.0), detections=found)
        write(sink, frame(5, 100.4125))
    first, second = [json.loads(line) for line in path.read_text().splitlines()]
    assert first == {
        "frame": 3,
        "t": 0,
        "size": [64, 48],
        "detections": [
            {"label": "dog", "class": 1, "score": pytest.approx(0.9128, abs=1e-4), "box": [1, 2, 30.12, 40]},
            {"label": "person", "class": 0, "score": 0.5, "box": [0, 0, 9, 9]},
        ],
    }
    assert second == {"frame": 5, "t": pytest.approx(0.4125, abs=1e-3), "size": [64, 48], "detections": []}


def test_labels_in_any_script(tmp_path):
    labels = ('"quoted"\n', "\u72ac")
    path = tmp_path / "found.jsonl"
    with JsonLinesSink(str(path)) as sink:
        write(sink, frame(0), detections=Detections(np.zeros((2, 4)), np.ones(2), np.arange(2), labels))
    (line,) = path.read_bytes().splitlines()
    assert [found["label"] for found in json.loads(line.decode())["detections"]] == list(labels)


def test_a_line_is_in_the_file_when_write_returns(tmp_path):
    path = tmp_path / "found.jsonl"
    with JsonLinesSink(str(path)) as sink:
        for index in range(3):
            write(sink, frame(index))
            assert path.read_bytes().endswith(b"\n")
            assert len(path.read_bytes().splitlines()) == index + 1


def test_an_older_file_is_replaced_at_the_first_frame(tmp_path):
    path = tmp_path / "found.jsonl"
    path.write_text("older\n" * 100)
    with JsonLinesSink(str(path)) as sink:
        assert path.read_text().startswith("older"), "not before there is something to write"
        write(sink, frame(0))
    assert len(path.read_text().splitlines()) == 1


OLDER = '{"frame": 0}\n{"frame": 1}\n'


@pytest.mark.parametrize(
    "older, kept",
    [
        pytest.param(OLDER, OLDER, id="whole lines"),
        pytest.param("", "", id="an empty file"),
        pytest.param(OLDER + '{"fra', OLDER, id="a torn last line"),
        pytest.param('{"fra', "", id="nothing but a torn line"),
        pytest.param("x" * 200000, "", id="nothing but a long torn line"),
        pytest.param(OLDER + "x" * 65535, OLDER, id="a torn line as long as what is read at once, less one"),
        pytest.param(OLDER + "x" * 65536, OLDER, id="a torn line as long as what is read at once"),
        pytest.param(OLDER + "x" * 200000, OLDER, id="a long torn line"),
        pytest.param("x" * 200000 + "\n", "x" * 200000 + "\n", id="a long line"),
        pytest.param("\n", "\n", id="an empty line"),
        pytest.param(None, "", id="no file"),
    ],
)
def test_append(tmp_path, older, kept):
    path = tmp_path / "found.jsonl"
    if older is not None:
        path.write_text(older)
    with JsonLinesSink(str(path), append=True) as sink:
        write(sink, frame(7), frame(8))
    text = path.read_text()
    assert text.startswith(kept)
    assert [json.loads(line)["frame"] for line in text[len(kept) :].splitlines()] == [7, 8]


def test_older_lines_that_cannot_be_read_are_kept(tmp_path, monkeypatch):
    def broken(path):
        raise OSError(5, "Input/output error")

    path = tmp_path / "found.jsonl"
    path.write_text(OLDER)
    monkeypatch.setattr(jsonl, "_end_of_last_line", broken)
    with JsonLinesSink(str(path), append=True) as sink:
        with pytest.raises(OutputError, match="Input/output error"):
            write(sink, frame(0))
    assert path.read_text() == OLDER


def test_append_touches_nothing_before_the_first_frame(tmp_path):
    path = tmp_path / "found.jsonl"
    path.write_text('{"fra')
    JsonLinesSink(str(path), append=True).close()
    assert path.read_text() == '{"fra'


def test_append_to_a_pipe(tmp_path):
    path = str(tmp_path / "pipe")
    os.mkfifo(path)
    reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    try:
        with JsonLinesSink(path, append=True) as sink:
            write(sink, frame(0))
            assert json.loads(os.read(reader, 4096).decode())["frame"] == 0
    finally:
        os.close(reader)


def numbers(path):
    return [json.loads(line)["frame"] for line in path.read_text().splitlines()]


@pytest.mark.parametrize("append", [False, True])
def test_reopen_where_the_file_was_moved_away(tmp_path, append):
    path, moved = tmp_path / "found.jsonl", tmp_path / "found.jsonl.1"
    with JsonLinesSink(str(path), append=append) as sink:
        write(sink, frame(0, 5.0), frame(1, 5.5))
        path.rename(moved)
        write(sink, frame(2, 6.0))
        assert not path.exists(), "until it is told"
        sink.reopen()
        write(sink, frame(3, 7.0))
        assert numbers(path) == [3], "at once"
        write(sink, frame(4, 8.0))
    assert (numbers(moved), numbers(path)) == ([0, 1, 2], [3, 4])
    assert [json.loads(line)["t"] for line in path.read_text().splitlines()] == [2, 3], "time goes on"


@pytest.mark.parametrize("append", [False, True])
def test_reopen_where_the_file_is_still_there(tmp_path, append):
    path = tmp_path / "found.jsonl"
    with JsonLinesSink(str(path), append=append) as sink:
        write(sink, frame(0))
        for index in (1, 2):
            sink.reopen()
            write(sink, frame(index))
    assert numbers(path) == [0, 1, 2]


def test_reopen_where_the_file_was_emptied(tmp_path):
    """As by logrotate's copytruncate, without a word to anybody."""
    path = tmp_path / "found.jsonl"
    with JsonLinesSink(str(path), append=True) as sink:
        write(sink, frame(0))
        path.write_bytes(b"")
        write(sink, frame(1))
        sink.reopen()
        write(sink, frame(2))
    assert numbers(path) == [1, 2]


def test_reopen_of_standard_output(monkeypatch):
    buffer = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(buffer))
    with JsonLinesSink("-") as sink:
        write(sink, frame(0))
        sink.reopen()
        write(sink, frame(1))
    assert len(buffer.getvalue().splitlines()) == 2


def test_reopen_where_the_folder_has_gone(tmp_path):
    folder = tmp_path / "runs"
    folder.mkdir()
    path = folder / "found.jsonl"
    with JsonLinesSink(str(path)) as sink:
        write(sink, frame(0))
        path.unlink()
        folder.rmdir()
        with pytest.raises(OutputError, match="cannot write"):
            sink.reopen()
            write(sink, frame(1))


def test_standard_output(monkeypatch):
    buffer = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(buffer))
    with JsonLinesSink("-") as sink:
        write(sink, frame(0), frame(1))
    assert [json.loads(line)["frame"] for line in buffer.getvalue().decode().splitlines()] == [0, 1]
    assert not buffer.closed, "standard output is not ours to close"


@pytest.mark.parametrize("path, phrase", [("absent/found.jsonl", "no folder"), (".", "is a folder")])
def test_a_path_that_cannot_be_written(tmp_path, path, phrase):
    with pytest.raises(OutputError, match=phrase):
        JsonLinesSink(str(tmp_path / path))


def test_a_device_that_is_full():
    with JsonLinesSink("/dev/full") as sink:
        with pytest.raises(OutputError, match="No space left"):
            write(sink, frame(0))


def test_a_folder_that_goes_away(tmp_path):
    folder = tmp_path / "runs"
    folder.mkdir()
    with JsonLinesSink(str(folder / "found.jsonl")) as sink:
        folder.rmdir()
        with pytest.raises(OutputError, match="cannot write"):
            write(sink, frame(0))


def test_a_disk_that_fills_up_leaves_whole_lines(tmp_path):
    path = tmp_path / "found.jsonl"
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    sink = JsonLinesSink(str(path))
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, hard))  # a write across it is cut short, as on a full disk
    written = 0
    try:
        with pytest.raises(OutputError, match="disk is full"):
            while written < 100:
                write(sink, frame(written))
                written += 1
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        sink.close()
    data = path.read_bytes()
    assert 1 < written < 100
    assert data.endswith(b"\n")
    assert [json.loads(line)["frame"] for line in data.decode().splitlines()] == list(range(written))


def test_json_lines_need_no_drawing(tmp_path):
    assert not JsonLinesSink(str(tmp_path / "found.jsonl")).wants_canvas
    assert os.listdir(str(tmp_path)) == [], "a sink that gets no frame makes no file"


def test_progress_counts_frames(capsys):
    with ProgressSink(3) as sink:
        assert not sink.wants_canvas
        write(sink, frame(0), frame(1), frame(2))
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "0/3" in captured.err


def test_an_announcement_is_made_once_and_with_the_first_frame(capsys):
    with Announcement("tiny on fake") as sink:
        assert not sink.wants_canvas
        sink.idle(frame(0).image, "gone")
        sink.reopen()
        assert capsys.readouterr().err == ""
        write(sink, frame(0))
        assert capsys.readouterr().err == "tiny on fake\n"
        write(sink, frame(1))
    captured = capsys.readouterr()
    assert captured.err == captured.out == ""
