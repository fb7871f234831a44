"""Tracking in the loop: through channels and the command, with a detector that finds what a script says."""

import json
import os
import subprocess
import sys

import cv2
import numpy as np
import pytest
from support.heads import CARD
from support.program import ROOT

from app import cameras as cameras_module
from app import detect as detect_module
from app.backends.fake import FakeBackend
from app.detections import Detections
from app.errors import UsageError
from app.frame import Frame
from app.loop import opening, steps
from app.loop.channel import Channel
from app.pipeline import Pipeline
from app.sinks import Sink
from app.sources import open_source
from app.tracking.masks import Masks
from app.tracking.places import read_line, read_mask, read_zone
from app.tracking.watch import Watch

FILM = "test://200x200@10?frames=20"


class Script:
    """In the place of a detector: somebody who walks down, 5 pixels a frame, and crosses y = 100 in frame 10."""

    def __init__(self, workers=1):
        self.backend = FakeBackend([], seconds=0.002, workers=workers)
        self.card = CARD
        self.input_shape = (64, 64)
        self.seen = []

    def choose(self, **options):
        self.options = options

    def preprocess(self, frame):
        self.seen.append(frame.image.copy())
        frame.tensor = np.zeros((1, 3, 64, 64), np.float32)

    def warm_up(self, frame):
        pass

    def infer(self, frame):
        self.backend.infer(frame.tensor)
        frame.outputs = []

    def postprocess(self, frame):
        y = 52 + 5 * frame.index
        boxes = np.array([[90, y - 40, 110, y]], np.float32)
        frame.detections = Detections(boxes, np.array([0.9]), np.zeros(1, int), ("person",))

    def free_tensors(self):
        pass


class Recorder(Sink):
    def __init__(self):
        self.frames = []
        self.images = []

    def write(self, frame, canvas, detections):
        self.frames.append(frame)
        self.images.append(canvas.copy())


def run(uri=FILM, workers=1, **given):
    recorder = Recorder()
    with open_source(uri) as source:
        channel = Channel(source, Script(workers), sinks=[recorder], **given)
        pipeline = Pipeline([channel])
        pipeline.run()
    return recorder, pipeline.report()


@pytest.mark.parametrize("workers", [1, 3])
def test_frames_are_tracked_in_their_order(workers):
    watch = Watch([read_line("door:0,100-200,100")], [read_zone("yard:0,100-200,100-200,200-0,200")], inertia=0)
    recorder, report = run(workers=workers, watch=watch)
    assert [frame.detections.tracks.tolist() for frame in recorder.frames] == [[0]] + [[1]] * 19
    events = [(frame.index, event.type) for frame in recorder.frames for event in frame.events]
    assert events == [(1, "appear"), (10, "enter"), (11, "cross")]
    assert (report["tracks"], report["lines"]) == (1, {"door": {"in": {"person": 1}, "out": {}}})
    assert report["zones"]["yard"]["inside"] == 1


def test_without_tracking_nothing_of_it_is_there():
    recorder, report = run()
    assert {frame.events for frame in recorder.frames} == {None}
    assert not {"tracks", "lines", "zones"} & set(report)


def test_a_mask_hides_what_it_should():
    masks = Masks([read_mask("upper:0,0-200,0-200,100-0,100:black"), read_mask("corner:0,180-20,180-20,200")])
    recorder, _ = run(masks=masks, draw=False)
    assert [len(frame.detections) for frame in recorder.frames] == [0] * 10 + [1] * 10
    assert not any(image[:100].any() for image in recorder.images), "neither is it recorded"
    assert all(image[102:].any() for image in recorder.images)


def test_the_network_does_not_see_what_is_black():
    with open_source(FILM) as source:
        detector = Script()
        channel = Channel(source, detector, masks=Masks([read_mask("all:0,0-199,0-199,199-0,199:black")]))
        Pipeline([channel]).run()
    assert len(detector.seen) == 20
    assert not any(image[:199, :199].any() for image in detector.seen)


@pytest.mark.parametrize(
    "given",
    [
        {"watch": Watch([read_line("door:0,100-201,100")])},
        {"masks": Masks([read_mask("sky:0,0-201,0-50,50:black")])},
    ],
    ids=["a line", "a mask"],
)
@pytest.mark.parametrize("beside", [False, True])
def test_what_does_not_fit_ends_the_run_before_the_first_frame_is_written(given, beside, monkeypatch):
    monkeypatch.setattr(FakeBackend, "fills_cpu", not beside)
    recorder = Recorder()
    with open_source(FILM) as source:
        pipeline = Pipeline([Channel(source, Script(), sinks=[recorder], **given)])
        with pytest.raises(UsageError, match="is outside the picture, which is 200x200"):
            pipeline.run()
    assert recorder.frames == []


def test_a_camera_that_comes_later_and_does_not_fit_is_left_out_and_shows_nothing():
    channel = Channel(open_source(FILM), Script(), masks=Masks([read_mask("sky:0,0-201,0-50,50:black")]))
    frame = Frame(np.full((200, 200, 3), 255, np.uint8))
    steps.preprocess(channel, frame)
    assert not frame.image.any()
    assert channel.ended
    assert isinstance(channel.failure, UsageError)


@pytest.fixture
def command(tmp_path, monkeypatch):
    """Runs the command over the script; its exit code."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("NOTIFY_SOCKET", raising=False)
    monkeypatch.setattr(cameras_module, "open_backend", lambda *given: FakeBackend([]))
    monkeypatch.setattr(cameras_module, "read_card", lambda model: CARD)
    monkeypatch.setattr(detect_module, "find_model", lambda name: name)
    monkeypatch.setattr(opening, "Detector", lambda *given, **options: Script())

    def command(*words, cam=FILM):
        return detect_module.main(["--model", "small.onnx", "--no-show", "--cam", cam, *words])

    return command


def lines(path):
    with open(path) as file:
        return [json.loads(line) for line in file]


def test_the_command(command, capsys):
    words = ["--line", "door:0,50%-100%,50%", "--zone", "yard:0,100-200,100-200,200-0,200", "--line-names", "down,up"]
    outputs = ["--events", "{camera}.jsonl", "--jsonl", "all.jsonl", "--report", "report.json", "--save", "a.avi"]
    assert command(*words, "--inertia", "0.3", "--loiter", "0.5", *outputs) == 0
    assert "1 track; door: 1 down, 0 up; yard: 1 entered" in capsys.readouterr().err
    assert [line["detections"][0]["track"] for line in lines("all.jsonl")] == [0] + [1] * 19
    events = [(event["type"], event["t"]) for event in lines("cam0.jsonl")]
    assert events == [("appear", 0.1), ("cross", 1.1), ("enter", 1.3), ("loiter", 1.5)]
    assert lines("cam0.jsonl")[1] == {
        "type": "cross",
        "t": 1.1,
        "camera": "",
        "track": 1,
        "label": "person",
        "class": 0,
        "score": 0.9,
        "box": [90, 67, 110, 107],
        "line": "door",
        "direction": "down",
    }
    with open("report.json") as file:
        assert json.load(file)["tracks"] == 1
    assert sorted(os.listdir(".")) == ["a.avi", "all.jsonl", "cam0.jsonl", "report.json"], "a film keeps no totals"


def test_without_an_option_of_tracking_lines_are_as_before(command):
    assert command("--jsonl", "all.jsonl", "--report", "report.json") == 0
    assert all(
        set(found) == {"label", "class", "score", "box"} for line in lines("all.jsonl") for found in line["detections"]
    )
    with open("report.json") as file:
        assert "tracks" not in json.load(file)


def test_totals_of_a_file_that_is_named(command):
    words = ["--line", "door:0,100-200,100", "--totals", "totals.json", "--report", "report.json"]
    for count in (1, 2):
        assert command(*words) == 0
        with open("totals.json") as file:
            assert json.load(file)["lines"] == {"door": {"in": {"person": count}, "out": {}}}
        with open("report.json") as file:
            assert json.load(file)["lines"]["door"]["in"] == {"person": count}


@pytest.mark.slow
def test_totals_of_a_camera_are_beside_its_events(command):
    words = ["--line", "door:0,100-200,100", "--events", "events.jsonl", "--max-frames", "18"]
    assert command(*words, cam="front=test://200x200@50?live") == 0
    with open("events.front.totals.json") as file:
        assert json.load(file)["lines"]["door"]["in"] == {"person": 1}


@pytest.mark.parametrize(
    "words, message",
    [
        (["--line", "door:1,1-1,1"], "line door: both ends are the same point"),
        (["--line", "door:1,1"], "has 1 points instead of 2"),
        (["--line", "door:0,0-300,0"], "door: 300,0 is outside the picture, which is 200x200"),
        (["--zone", "yard:0,0-9,9"], "has 2 corners"),
        (["--zone", "yard:0,0-9,9-9,0-0,9"], "its sides cross or touch"),
        (["--zone", "yard:0,0-9%,9-9,0"], ""),
        (["--zone", "a b:0,0-9,9-9,0"], "begin with a name"),
        (["--zone", "yard:0,0-101%,9-9,0"], "a share is at most 100%"),
        (["--mask", "sky:0,0-9,9-9,0:red"], "ends with ignore or black"),
        (["--mask", "sky:0,0-9,9-9,999"], "9,999 is outside the picture"),
        (["--line", "a:0,0-9,9", "--zone", "a:0,0-9,9-9,0"], "--line: a: two lines, zones or masks have this name"),
        (["--line-names", "in,in"], "two different words"),
        (["--anchor", "left"], "invalid choice"),
        (["--loiter", "-1"], "from 0"),
        (["--inertia", "nan"], "from 0"),
        (["--events", "a", "--jsonl", "a"], "would overwrite a"),
        (["--events", "a", "--totals", "a"], "would overwrite a"),
    ],
)
def test_what_is_wrong_is_one_line(command, capsys, words, message):
    code = command(*words, "--jsonl", "all.jsonl") if "--jsonl" not in words else command(*words)
    err = capsys.readouterr().err
    if not message:
        assert code == 0, err
        return
    assert code == 2
    assert err.startswith("error: ")
    assert message in err
    assert err.count("\n") == 1
    assert os.listdir(".") == []


def test_damaged_totals(command, capsys):
    with open("totals.json", "w") as file:
        file.write("{")
    assert command("--line", "door:0,0-9,9", "--totals", "totals.json") == 3
    assert "mv totals.json totals.json.old" in capsys.readouterr().err
    assert command("--line", "door:0,0-9,9", "--totals", "none/totals.json") == 5


@pytest.mark.slow
def test_nothing_of_it_is_imported_without_an_option(tmp_path):
    code = (
        "import sys; from app import detect; detect.read_settings(['--cam', '0']);"
        "print(sorted(name for name in sys.modules if name.startswith('app.tracking')))"
    )
    out = subprocess.check_output([sys.executable, "-c", code], cwd=ROOT, universal_newlines=True)
    assert out == "['app.tracking', 'app.tracking.arguments']\n"


def test_the_overlay_has_the_tracks_number():
    image = np.zeros((200, 200, 3), np.uint8)
    found = Detections(np.array([[20, 80, 90, 150]]), np.array([0.9]), np.zeros(1, int), ("person",), np.array([17]))
    written = []
    put = cv2.putText
    try:
        cv2.putText = lambda image, text, *given: written.append(text)
        from app.overlay import draw

        draw(image, found)
    finally:
        cv2.putText = put
    assert written == ["person #17 90%"]
