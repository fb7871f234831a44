"""Runs in which not every frame is inferred."""

import json

import pytest
from support.heads import CARD, plant, quiet_heads

from app.arguments import make_parser
from app.backends.fake import FakeBackend
from app.config import read_settings
from app.detector import Detector
from app.errors import UsageError
from app.loop.channel import Channel
from app.loop.opening import make_channel
from app.loop.sparing import Sparing
from app.overlay import status
from app.pipeline import Pipeline
from app.sinks import Sink
from app.sinks.jsonl import JsonLinesSink
from app.sources import open_source
from app.timing.summary import summary
from app.tracking.masks import Masks
from app.tracking.places import read_mask

FILM = "test://64x48?frames=20"


class Recorder(Sink):
    def __init__(self):
        self.frames = []
        self.images = []

    def write(self, frame, canvas, detections):
        self.frames.append(frame)
        self.images.append(canvas.copy())


def detector(workers=1, seconds=0.002):
    heads = quiet_heads(64, 64)
    plant(heads, 0, (20, 30), (16, 16), 0.9)
    return Detector(FakeBackend(heads, seconds=seconds, workers=workers), CARD, size=64)


def run(uri=FILM, sparing=None, workers=1, sinks=(), seconds=0.002, **given):
    recorder = Recorder()
    with open_source(uri) as source:
        channel = Channel(
            source, detector(workers, seconds), sinks=[recorder, *sinks], sparing=sparing or Sparing(5), **given
        )
        pipeline = Pipeline([channel])
        pipeline.run()
    return recorder, pipeline


@pytest.mark.parametrize("workers", [1, 3])
@pytest.mark.parametrize("beside", [False, True])
def test_frames_come_in_their_order_whoever_infers_them(workers, beside, monkeypatch):
    monkeypatch.setattr(FakeBackend, "fills_cpu", not beside)
    recorder, pipeline = run(workers=workers)
    assert [frame.index for frame in recorder.frames] == list(range(20))
    assert [frame.predicted for frame in recorder.frames] == [index % 5 != 0 for index in range(20)]
    assert all(len(frame.detections) == 1 for frame in recorder.frames)
    assert pipeline.backend.calls == 4 + 1, "and one to warm up"


def test_what_was_skipped_is_in_the_report_the_summary_and_the_status_line():
    _, pipeline = run()
    report = pipeline.report()
    assert report["skipped"] == {"frames": 16, "share": 0.8}
    assert report["frames"] == 20
    assert "80 % not inferred" in summary(report)
    assert "inferred 20% " in status(pipeline.channels[0].timing)
    assert report["stages_ms"]["infer"]["p50"] >= 2, "the time of those that were"


def test_a_run_that_infers_all_says_nothing_of_it():
    with open_source(FILM) as source:
        pipeline = Pipeline([Channel(source, detector())])
        pipeline.run()
    assert "skipped" not in pipeline.report()
    assert not any("inferred" in part for part in status(pipeline.channels[0].timing))


def test_each_json_line_says_whether_it_was_predicted(tmp_path):
    path = str(tmp_path / "found.jsonl")
    run(sinks=[JsonLinesSink(path)])
    with open(path) as file:
        assert [json.loads(line)["predicted"] for line in file] == [index % 5 != 0 for index in range(20)]


def test_a_mask_also_blackens_frames_that_are_not_inferred():
    recorder, _ = run(masks=Masks([read_mask("all:0,0-63,0-63,47-0,47:black")]), draw=False)
    assert not any(image[:47, :63].any() for image in recorder.images)
    assert all(not len(frame.detections) for frame in recorder.frames)


def test_cameras_have_settings_of_their_own():
    recorders, channels = [Recorder(), Recorder()], []
    sources = [open_source(FILM) for _ in recorders]
    shared = detector()
    for number, (source, recorder) in enumerate(zip(sources, recorders)):
        sparing = Sparing(4) if number else None
        channels.append(Channel(source, shared, name=f"cam{number}", sinks=[recorder], sparing=sparing))
    pipeline = Pipeline(channels)
    pipeline.run()
    for source in sources:
        source.close()
    assert [frame.predicted for frame in recorders[0].frames] == [None] * 20
    assert [frame.predicted for frame in recorders[1].frames] == [index % 4 != 0 for index in range(20)]
    cameras = pipeline.report()["cameras"]
    assert "skipped" not in cameras["cam0"]
    assert cameras["cam1"]["skipped"] == {"frames": 15, "share": 0.75}


@pytest.mark.slow
@pytest.mark.parametrize("beside", [False, True])
def test_a_camera_whose_frames_are_shown_while_others_are_inferred(beside, monkeypatch):
    monkeypatch.setattr(FakeBackend, "fills_cpu", not beside)
    recorder, pipeline = run("test://64x48@50?live", Sparing(None, live=True), seconds=0.1, max_frames=150, sinks=[])
    indices = [frame.index for frame in recorder.frames]
    assert indices == sorted(indices)
    assert len(indices) == 150
    report = pipeline.report()
    assert 0.3 < report["skipped"]["share"] < 0.95, "the model takes five frames' time"
    assert report["captured"] < 1.5 * 150, "few are dropped"


@pytest.mark.parametrize(
    "given, every", [([], None), (["--detect-every", "5"], "5"), (["--detect-every", "auto"], "auto")]
)
def test_options(given, every):
    assert make_parser().parse_args(given).detect_every == every


@pytest.mark.parametrize("wrong", ["0", "-1", "10001", "often", "1.5"])
def test_wrong_options(wrong):
    with pytest.raises(UsageError, match="auto or from 1 to 10000"):
        make_parser().parse_args([f"--detect-every={wrong}"])


def test_they_are_keys_of_the_file_of_cameras(tmp_path):
    path = tmp_path / "cameras.toml"
    path.write_text(
        'detect_every = 3\n[camera.a]\ncam = "0"\nmotion = true\n[camera.b]\ncam = "1"\ndetect_every = "auto"\n'
    )
    first, second = read_settings(["--config", str(path)]).cameras
    assert (first.detect_every, first.motion) == ("3", True)
    assert (second.detect_every, second.motion) == ("auto", False)


def test_a_channel_is_made_with_what_the_options_say():
    settings = read_settings(["--cam", FILM, "--detect-every", "3"]).cameras[0]
    shared = detector()
    with open_source(FILM) as source:
        assert make_channel(settings, source, shared.backend, CARD).sparing.every == 3
        settings.detect_every = None
        assert make_channel(settings, source, shared.backend, CARD).sparing is None
        settings.motion = True
        assert make_channel(settings, source, shared.backend, CARD).sparing is not None
