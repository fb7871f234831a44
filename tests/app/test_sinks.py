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
from app.sinks import JsonLinesSink, ProgressSink

LABELS = ("person", "dog")
NONE = Detections.empty()


def frame(index, captured_at=0.0):
    return Frame(np.zeros((48, 64, 3), np.uint8), index, captured_at)


def write(sink, *frames, **also):
    for each in frames:
        sink.write(each, each.image, also.get("detections", NONE))


def test_json_lines(tmp_path):
    found = Detections(np.array([[1, 2, 30.123, 40], [0, 0, 9, 9]]), np.array([0.91276, 0.5]), np.array([1, 0]))
    path = tmp_path / "found.jsonl"
    with JsonLinesSink(str(path), LABELS) as sink:
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
    with JsonLinesSink(str(path), labels) as sink:
        write(sink, frame(0), detections=Detections(np.zeros((2, 4)), np.ones(2), np.arange(2)))
    (line,) = path.read_bytes().splitlines()
    assert [found["label"] for found in json.loads(line.decode())["detections"]] == list(labels)


def test_a_line_is_in_the_file_when_write_returns(tmp_path):
    path = tmp_path / "found.jsonl"
    with JsonLinesSink(str(path), LABELS) as sink:
        for index in range(3):
            write(sink, frame(index))
            assert path.read_bytes().endswith(b"\n")
            assert len(path.read_bytes().splitlines()) == index + 1


def test_an_older_file_is_replaced_at_the_first_frame(tmp_path):
    path = tmp_path / "found.jsonl"
    path.write_text("older\n" * 100)
    with JsonLinesSink(str(path), LABELS) as sink:
        assert path.read_text().startswith("older"), "not before there is something to write"
        write(sink, frame(0))
    assert len(path.read_text().splitlines()) == 1


def test_standard_output(monkeypatch):
    buffer = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(buffer))
    with JsonLinesSink("-", LABELS) as sink:
        write(sink, frame(0), frame(1))
    assert [json.loads(line)["frame"] for line in buffer.getvalue().decode().splitlines()] == [0, 1]
    assert not buffer.closed, "standard output is not ours to close"


@pytest.mark.parametrize("path, phrase", [("absent/found.jsonl", "no folder"), (".", "is a folder")])
def test_a_path_that_cannot_be_written(tmp_path, path, phrase):
    with pytest.raises(OutputError, match=phrase):
        JsonLinesSink(str(tmp_path / path), LABELS)


def test_a_device_that_is_full():
    with JsonLinesSink("/dev/full", LABELS) as sink:
        with pytest.raises(OutputError, match="No space left"):
            write(sink, frame(0))


def test_a_folder_that_goes_away(tmp_path):
    folder = tmp_path / "runs"
    folder.mkdir()
    with JsonLinesSink(str(folder / "found.jsonl"), LABELS) as sink:
        folder.rmdir()
        with pytest.raises(OutputError, match="cannot be written"):
            write(sink, frame(0))


def test_a_disk_that_fills_up_leaves_whole_lines(tmp_path):
    path = tmp_path / "found.jsonl"
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    sink = JsonLinesSink(str(path), LABELS)
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
    assert not JsonLinesSink(str(tmp_path / "found.jsonl"), LABELS).wants_canvas
    assert os.listdir(str(tmp_path)) == [], "a sink that gets no frame makes no file"


def test_progress_counts_frames(capsys):
    with ProgressSink(3) as sink:
        assert not sink.wants_canvas
        write(sink, frame(0), frame(1), frame(2))
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "0/3" in captured.err
