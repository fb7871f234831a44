import argparse
import json
import os
import sys

import pytest
from support.fakes import FakeClock
from support.video import picture

from app.errors import OutputError, UsageError
from app.frame import Frame, Source
from app.lock import open_locked
from app.sinks import Sink, opening
from app.sinks.opening import Outputs, check_outputs, frames_of, protect_inputs
from app.timing.total import Total


@pytest.fixture(autouse=True)
def unsupervised(monkeypatch):
    monkeypatch.delenv("NOTIFY_SOCKET", raising=False)
    monkeypatch.setenv("DISPLAY", "")


def options(name="cam0", **given):
    keys = ("jsonl", "events", "totals", "save", "fps", "max_frames", "record", "time_lapse")
    return argparse.Namespace(**{**dict.fromkeys(keys), "name": name, **given})


def source(files=(), names=(), **fields):
    made = Source()
    made.name, made.files, made.names, made.fps = "a source", files, names, 25.0
    for name, value in fields.items():
        setattr(made, name, value)
    return made


def outputs(show=False, **given):
    return Outputs(show, Total([], FakeClock().now), lambda: None, **given)


def put(sinks, index=0, camera=""):
    frame = Frame(picture(0), index)
    frame.camera = camera
    for sink in sinks:
        sink.write(frame, frame.image, frame.detections)


def close(sinks):
    for sink in sinks:
        sink.close()


def lines(path):
    return [(line.get("camera"), line["frame"]) for line in map(json.loads, path.read_text().splitlines())]


@pytest.mark.parametrize(
    "limit, count, expected", [(None, None, None), (3, None, 3), (None, 5, 5), (3, 5, 3), (9, 5, 5)]
)
def test_frames_of(limit, count, expected):
    assert frames_of((options(max_frames=limit), source(count=count))) == expected


def test_nothing_is_asked_for():
    with outputs() as opened:
        assert opened.open((options(), source())) == []


def test_cameras_share_a_file_of_lines(tmp_path):
    path, own = tmp_path / "all.jsonl", tmp_path / "own.jsonl"
    with outputs() as opened:
        one = opened.open((options("front", jsonl=str(path)), source()))
        two = opened.open((options("yard", jsonl=str(path)), source()))
        three = opened.open((options("door", jsonl=str(own)), source()))
        put(one, 0, "front")
        close(one)
        put(two, 0, "yard")
        put(three, 7, "door")
        close(two)
        close(three)
        put(opened.open((options("late", jsonl=str(path)), source()), keep=True), 3, "late")
    assert lines(path) == [("front", 0), ("yard", 0), ("late", 3)]
    assert lines(own) == [("door", 7)]


def test_a_file_of_lines_that_is_no_longer_used_is_given_up(tmp_path):
    used, unused = tmp_path / "used.jsonl", tmp_path / "unused.jsonl"
    with outputs() as opened:
        for path in (used, unused):
            sinks = opened.open((options(jsonl=str(path)), source()))
            put(sinks)
            close(sinks)
        opened.release([options(jsonl=str(used))])
        open_locked(str(unused), append=True).close()
        with pytest.raises(OutputError, match="another program"):
            open_locked(str(used), append=True)


def test_keep_adds_lines_and_records_under_another_name(tmp_path):
    path, film = tmp_path / "found.jsonl", tmp_path / "film.avi"
    path.write_text('{"frame": 1}\n')
    film.write_text("older")
    with outputs() as opened:
        sinks = opened.open((options(jsonl=str(path), save=str(film)), source()), keep=True)
        put(sinks, 2)
        close(sinks)
    assert lines(path) == [(None, 1), (None, 2)]
    assert film.read_text() == "older"
    assert sorted(os.listdir(str(tmp_path))) == ["film-1.avi", "film.avi", "found.jsonl"]


def test_what_cannot_be_opened_leaves_nothing_open(tmp_path):
    path = tmp_path / "found.jsonl"
    with outputs() as opened:
        with pytest.raises(UsageError, match="should end in"):
            opened.open((options(jsonl=str(path), save="film.txt"), source()))
        sinks = opened.open((options(jsonl=str(path)), source()))
        put(sinks)
        close(sinks)
    open_locked(str(path)).close()  # so it was closed


def test_one_announcement_for_all_cameras(capsys):
    with outputs(announcement="tiny on fake") as opened:
        one, two = (opened.open((options(name), source())) for name in ("front", "yard"))
        put(two)
        assert capsys.readouterr().err == "tiny on fake\n"
        put(one)
        put(two)
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("terminal", [True, False])
def test_one_progress_bar_for_all_files(capsys, monkeypatch, terminal):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: terminal, raising=False)
    with outputs(frames=6) as opened:
        one, two = (opened.open((options(name), source())) for name in ("front", "yard"))
        put(one)
        put(two)
        close(one)
        close(two)
    assert ("/6" in capsys.readouterr().err) is terminal


@pytest.mark.parametrize("tiles", [True, False])
def test_a_window_of_several_cameras_is_one(monkeypatch, tiles):
    class Opened(str):
        """A sink that is only its name."""

        def __enter__(self):
            return self

        def __exit__(self, *exception):
            pass

    class FakeGrid:
        made = []

        def __init__(self, title, on_close):
            self.made.append(title)

        def tile(self, name):
            return Opened("tile of " + name)

        def __enter__(self):
            return self

        def __exit__(self, *exception):
            self.made.append("closed")

    monkeypatch.setattr(opening, "Grid", FakeGrid)
    monkeypatch.setattr(opening, "WindowSink", lambda title, on_close: Opened(title))
    with outputs(show=True, tiles=tiles) as opened:
        sinks = [opened.open((options(name), source())) for name in ("front", "yard")]
    expected = ["tile of front", "tile of yard"] if tiles else 2 * ["nanoyolo: a source"]
    assert sinks == [[one] for one in expected]
    assert FakeGrid.made == (["nanoyolo", "closed"] if tiles else [])


def test_outputs_are_checked_before_a_model_is_loaded(tmp_path):
    nowhere = str(tmp_path / "missing" / "out")
    for report, jsonl in ((nowhere, None), (None, nowhere)):
        with pytest.raises(OutputError, match="mkdir -p"):
            check_outputs(argparse.Namespace(report=report), [options(), options(jsonl=jsonl)])
    check_outputs(argparse.Namespace(report=None), [options(jsonl="-")])
    film = tmp_path / "film.mkv"
    with open_locked(str(film)), pytest.raises(OutputError, match="another program"):
        check_outputs(argparse.Namespace(report=None), [options(), options(save=str(film))])


@pytest.mark.parametrize(
    "first, second, report",
    [
        pytest.param({"save": "b.mkv"}, {}, None, id="a recording over the other camera's film"),
        pytest.param({}, {"jsonl": "a.mkv"}, None, id="lines over the other camera's film"),
        pytest.param({}, {}, "b.mkv", id="the report over a film"),
        pytest.param({}, {}, "m.onnx", id="the report over the model"),
        pytest.param({"save": "x.mkv"}, {"jsonl": "x.mkv"}, None, id="lines over the other camera's recording"),
        pytest.param({"save": "pictures"}, {}, None, id="images over the other camera's"),
    ],
)
def test_no_output_overwrites_an_input_of_any_camera(tmp_path, first, second, report):
    folder = tmp_path / "pictures"
    folder.mkdir()
    names = ["a.mkv", "b.mkv", "m.onnx", "pictures/0.png"]
    for name in names:
        (tmp_path / name).write_text("an input")
    place = lambda given: {key: str(tmp_path / name) for key, name in given.items()}  # noqa: E731
    cameras = [
        (options("front", **place(first)), source([str(tmp_path / "a.mkv")], ["0.png"])),
        (options("yard", **place(second)), source([str(tmp_path / "b.mkv"), str(folder / "0.png")], ["0.png"])),
    ]
    run = argparse.Namespace(report=report and str(tmp_path / report))
    with pytest.raises(UsageError, match="would overwrite"):
        protect_inputs(run, cameras, [str(tmp_path / "m.onnx")])


def test_two_cameras_may_share_lines_and_have_recordings_of_their_own(tmp_path):
    cameras = [
        (options(name, jsonl=str(tmp_path / "all.jsonl"), save=str(tmp_path / (name + ".mkv"))), source())
        for name in ("front", "yard")
    ]
    protect_inputs(argparse.Namespace(report=str(tmp_path / "report.json")), cameras, [])


class LiveView:
    """Counts what is asked of a live view."""

    def __init__(self):
        self.names, self.closed = [], 0

    def sink(self, name):
        self.names.append(name)
        return Sink()

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self.closed += 1


def test_each_camera_is_in_the_live_view():
    live = LiveView()
    with outputs(live=lambda: live) as opened:
        assert len(opened.open((options("front"), source()))) == 1
        opened.open((options("yard"), source()))
        assert live.closed == 0
    assert (live.names, live.closed) == (["front", "yard"], 1)


def test_a_live_view_that_cannot_be_opened_closes_what_was(monkeypatch):
    closed = []
    monkeypatch.setattr(opening.Announcement, "close", lambda self: closed.append(1))

    def fail():
        raise OutputError("another program has this port")

    with pytest.raises(OutputError, match="this port"):
        outputs(live=fail, announcement="a line")
    assert closed == [1]


def test_recording_all_the_time(tmp_path):
    wanted = {"pre_roll": 5, "post_roll": 5, "segment": "10m", "keep": "1GB", "keep_days": None, "keep_free": "0"}
    with outputs(store=str(tmp_path)) as opened:
        sinks = opened.open((options("front", record="", time_lapse="60x", keep_time_lapse="1GB", **wanted), source()))
        put(sinks)
        close(sinks)
    found = sorted(path.relative_to(tmp_path).parts[:2] for path in tmp_path.rglob("*.mkv"))
    assert found == [("recordings", "front"), ("time-lapse", "front")]
