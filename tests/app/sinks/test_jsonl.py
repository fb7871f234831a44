import io
import json
import os
import sys

import numpy as np
import pytest
from support.video import picture, room_for, write

from app.detections import Detections
from app.errors import OutputError
from app.frame import Frame
from app.sinks import jsonl
from app.sinks.jsonl import JsonLinesSink

LABELS = ('"quoted"\n', "\u72ac")
OLDER = '{"frame": 0}\n{"frame": 1}\n'


def put(sink, *indices):
    for index in indices:
        write(sink, picture(0), index, time=index / 2)


def lines(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


def numbers(path):
    return [line["frame"] for line in lines(path)]


@pytest.fixture
def path(tmp_path):
    return tmp_path / "found.jsonl"


def test_json_lines(path):
    found = Detections(np.array([[1, 2, 30.123, 40], [0, 0, 9, 9]]), np.array([0.91276, 0.5]), np.array([1, 0]), LABELS)
    with JsonLinesSink(str(path)) as sink:
        assert not sink.wants_canvas
        assert not path.exists(), "nothing before there is something to write"
        write(sink, picture(0), 3, time=0.0, detections=found)
        write(sink, picture(0), 5, time=0.4125)
    first, second = lines(path)
    assert 0 <= first.pop("processed") <= second.pop("processed")
    assert first == {
        "frame": 3,
        "t": 0,
        "size": [64, 48],
        "detections": [
            {"label": LABELS[1], "class": 1, "score": pytest.approx(0.9128, abs=1e-4), "box": [1, 2, 30.12, 40]},
            {"label": LABELS[0], "class": 0, "score": 0.5, "box": [0, 0, 9, 9]},
        ],
    }
    assert second == {"frame": 5, "t": pytest.approx(0.4125, abs=1e-3), "size": [64, 48], "detections": []}


def test_an_image_that_was_decoded_smaller_has_boxes_in_pixels_of_its_file(path):
    found = Detections(np.array([[1.0, 2, 30, 40]]), np.array([0.5]), np.array([0]), LABELS)
    with JsonLinesSink(str(path)) as sink:
        write(sink, picture(0), 0, "huge.jpg", detections=found, size=(512, 384))
    (line,) = lines(path)
    assert (line["file"], line["size"], line["detections"][0]["box"]) == ("huge.jpg", [512, 384], [8, 16, 240, 320])


def test_of_several_cameras_a_line_names_its_own(path):
    frame = Frame(picture(0), 4)
    frame.camera = "front"
    with JsonLinesSink(str(path)) as sink:
        sink.write(frame, frame.image, frame.detections)
        put(sink, 5)
    one, other = lines(path)
    assert (one["frame"], one["camera"]) == (4, "front")
    assert "camera" not in other


def test_a_line_is_in_the_file_when_write_returns(path):
    with JsonLinesSink(str(path)) as sink:
        for index in range(3):
            put(sink, index)
            assert path.read_bytes().endswith(b"\n")
            assert numbers(path) == list(range(index + 1))


@pytest.mark.parametrize(
    "older, kept",
    [
        pytest.param(OLDER, OLDER, id="whole lines"),
        pytest.param(OLDER + '{"fra', OLDER, id="a torn last line"),
        pytest.param('{"fra', "", id="nothing but a torn line"),
        pytest.param(OLDER + "x" * 65536, OLDER, id="a torn line as long as what is read at once"),
        pytest.param(OLDER + "x" * 200000, OLDER, id="a long torn line"),
        pytest.param("\n", "\n", id="an empty line"),
        pytest.param(None, "", id="no file"),
    ],
)
def test_append(path, older, kept):
    if older is not None:
        path.write_text(older)
    with JsonLinesSink(str(path), append=True) as sink:
        put(sink, 7, 8)
    text = path.read_text()
    assert text.startswith(kept)
    assert [json.loads(line)["frame"] for line in text[len(kept) :].splitlines()] == [7, 8]


def test_older_lines_that_cannot_be_read_are_kept(path, monkeypatch):
    def broken(path):
        raise OSError(5, "Input/output error")

    path.write_text(OLDER)
    monkeypatch.setattr(jsonl, "_end_of_last_line", broken)
    with JsonLinesSink(str(path), append=True) as sink:
        with pytest.raises(OutputError, match="Input/output error"):
            put(sink, 0)
    assert path.read_text() == OLDER


def test_append_to_a_pipe(tmp_path):
    path = str(tmp_path / "pipe")
    os.mkfifo(path)
    reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    try:
        with JsonLinesSink(path, append=True) as sink:
            put(sink, 0)
            assert json.loads(os.read(reader, 4096).decode())["frame"] == 0
    finally:
        os.close(reader)


@pytest.mark.parametrize("append", [False, True])
def test_reopen_where_the_file_was_moved_away(path, append):
    moved = path.with_suffix(".1")
    with JsonLinesSink(str(path), append=append) as sink:
        put(sink, 0, 1)
        path.rename(moved)
        put(sink, 2)
        assert not path.exists(), "until it is told"
        sink.reopen()
        put(sink, 3)
        assert numbers(path) == [3], "at once"
        put(sink, 4)
    assert (numbers(moved), numbers(path)) == ([0, 1, 2], [3, 4])
    assert [line["t"] for line in lines(path)] == [1.5, 2], "time goes on"


@pytest.mark.parametrize("append", [False, True])
def test_reopen_where_the_file_is_still_there(path, append):
    with JsonLinesSink(str(path), append=append) as sink:
        put(sink, 0)
        for index in (1, 2):
            sink.reopen()
            put(sink, index)
    assert numbers(path) == [0, 1, 2]


def test_reopen_where_the_file_was_emptied(path):
    """As by logrotate's copytruncate, without a word to anybody."""
    with JsonLinesSink(str(path), append=True) as sink:
        put(sink, 0)
        path.write_bytes(b"")
        put(sink, 1)
        sink.reopen()
        put(sink, 2)
    assert numbers(path) == [1, 2]


@pytest.mark.parametrize("append", [False, True])
def test_an_older_file_is_left_alone_until_the_first_frame(path, append):
    path.write_text('older\n{"fra')
    JsonLinesSink(str(path), append=append).close()
    assert path.read_text() == 'older\n{"fra'


def test_an_older_file_is_replaced(path):
    path.write_text("older\n" * 100)
    with JsonLinesSink(str(path)) as sink:
        put(sink, 0)
    assert numbers(path) == [0]


def test_standard_output(monkeypatch):
    stdout = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(stdout))
    with JsonLinesSink("-") as sink:
        put(sink, 0)
        sink.reopen()
        put(sink, 1)
    assert [json.loads(line)["frame"] for line in stdout.getvalue().decode().splitlines()] == [0, 1]
    assert not stdout.closed, "standard output is not ours to close"


@pytest.mark.parametrize("written", [0, 1], ids=["before the first frame", "before it is reopened"])
def test_a_folder_that_goes_away(tmp_path, written):
    path = tmp_path / "runs" / "found.jsonl"
    path.parent.mkdir()
    with JsonLinesSink(str(path)) as sink:
        if written:
            put(sink, 0)
            path.unlink()
        path.parent.rmdir()
        sink.reopen()
        with pytest.raises(OutputError, match="cannot write"):
            put(sink, 1)


def test_a_disk_that_fills_up_leaves_whole_lines(path):
    written = 0
    with JsonLinesSink(str(path)) as sink, room_for(1000):
        with pytest.raises(OutputError, match="disk is full"):
            while written < 100:
                put(sink, written)
                written += 1
    assert 1 < written < 100
    assert path.read_bytes().endswith(b"\n")
    assert numbers(path) == list(range(written))
