import json
import threading
import time
from contextlib import ExitStack

import numpy as np
import pytest
from support.fakes import LIMIT
from support.heads import CARD, LABELS, plant, quiet_heads
from support.video import picture

from app import __version__
from app.backends.fake import FakeBackend
from app.detections import Detections
from app.detector import Detector
from app.errors import ModelError, OutputError, SourceError
from app.frame import Frame, Source
from app.loop.channel import Channel
from app.loop.output import FRAMES_AHEAD
from app.pipeline import Pipeline
from app.sinks import Sink
from app.sources import open_source
from app.sources.readahead import ReadAhead
from app.stop import Stop
from app.timing import STAGES
from app.timing.tally import Tally

SYNTHETIC = "test://64x48?frames=7"


class Recorder(Sink):
    """Keeps what it was given; `then` is called after every frame."""

    def __init__(self, wants_canvas=False, then=lambda recorder: None):
        self.wants_canvas = wants_canvas
        self.then = then
        self.frames = []
        self.canvases = []
        self.detections = []
        self.closed = False

    def close(self):
        self.closed = True

    def write(self, frame, canvas, detections):
        self.frames.append(frame)
        self.canvases.append(canvas.copy())
        self.detections.append(detections)
        self.then(self)

    @property
    def indices(self):
        return [frame.index for frame in self.frames]


def person_and_car():
    heads = quiet_heads(64, 64)
    plant(heads, 0, (20, 30), (16, 16), 0.9)
    plant(heads, 2, (50, 34), (16, 16), 0.5)
    return heads


def small_detector(seconds=0, backend=FakeBackend, workers=1):
    return Detector(backend(person_and_car(), seconds=seconds, workers=workers), CARD, size=64)


def go(*sinks, **options):
    """Run over a source; its report."""
    seconds, stop = options.pop("seconds", 0), options.pop("stop", None)
    detector = small_detector(seconds, workers=options.pop("workers", 1))
    with open_source(options.pop("uri", SYNTHETIC)) as source:
        pipeline = Pipeline([Channel(source, detector, sinks=sinks, **options)], stop=stop)
        pipeline.run()
        return pipeline.report()


def clean_frames(uri=SYNTHETIC):
    with open_source(uri) as source:
        return [frame.image for frame in source if frame is not None]


def test_every_frame_goes_to_every_sink_in_order():
    first, second = Recorder(), Recorder()
    go(first, second)
    assert first.indices == second.indices == list(range(7))
    assert all(len(detections) == 2 for detections in first.detections)
    times = [frame.captured_at for frame in first.frames]
    assert times == sorted(times)


def test_frames_that_did_not_decode_are_in_the_report():
    source = ReadAhead("film", lambda: iter([None, Frame(picture(1), 1), None, None, Frame(picture(2), 4)]), loop=False)
    recorder = Recorder()
    with source:
        pipeline = Pipeline([Channel(source, small_detector(), sinks=[recorder])])
        pipeline.run()
    assert recorder.indices == [1, 4]
    fields = pipeline.report()
    assert [fields[name] for name in ("frames", "captured", "dropped", "undecoded")] == [2, 2, 0, 3]


def test_no_sinks():
    assert go()["frames"] == 7


@pytest.mark.parametrize("limit, frames", [(1, 1), (3, 3), (7, 7), (100, 7), (None, 7)])
def test_max_frames(limit, frames):
    recorder = Recorder()
    assert go(recorder, max_frames=limit)["frames"] == frames
    assert recorder.indices == list(range(frames))


def test_stop_ends_the_run_after_the_frames_in_hand():
    stop = Stop()
    first = Recorder(then=lambda recorder: stop.request() if len(recorder.frames) == 3 else None)
    second = Recorder()
    fields = go(first, second, stop=stop, uri="test://64x48")
    assert first.indices == second.indices == list(range(fields["frames"]))
    assert 3 <= fields["frames"] <= 3 + FRAMES_AHEAD + 2, "what inference had begun is finished"


def test_stop_ends_the_wait_for_a_frame_that_never_comes():
    stop = Stop()

    class Silent(Source):
        name = "silent"

        def start(self, prepare=None, arrived=None, low_priority=True):
            pass

        def take(self, seconds=0.0):
            stop.request()

    recorder = Recorder()
    Pipeline([Channel(Silent(), small_detector(), sinks=[recorder])], stop=stop).run()
    assert recorder.frames == []


def test_stop_ends_the_wait_for_the_next_frame_to_be_due():
    stop = Stop()
    recorder = Recorder(then=lambda recorder: threading.Timer(0.05, stop.request).start())
    options = {"stop": stop, "fps": 0.001, "uri": "test://64x48"}  # a frame in 1000 seconds
    running = threading.Thread(target=go, args=[recorder], kwargs=options, daemon=True)
    running.start()
    running.join(LIMIT)
    assert not running.is_alive()
    assert recorder.indices[0] == 0


@pytest.mark.parametrize(
    "wanted, draw, drawn",
    [
        pytest.param([False], None, False, id="nobody wants it"),
        pytest.param([True], None, True, id="somebody wants it"),
        pytest.param([False, True], None, True, id="one of two wants it"),
        pytest.param([False], True, True, id="drawn anyway"),
        pytest.param([True], False, False, id="not drawn for anybody"),
    ],
)
def test_drawing(wanted, draw, drawn):
    sinks = [Recorder(wants) for wants in wanted]
    go(*sinks, draw=draw, max_frames=3)
    clean = clean_frames()
    for sink in sinks:
        for index, canvas in enumerate(sink.canvases):
            assert (canvas != clean[index]).any() == drawn


def test_the_network_does_not_see_the_overlay():
    class Eye(FakeBackend):
        def infer(self, tensor):
            seen[-1].append(tensor.copy())
            return super().infer(tensor)

    seen = []
    for wants_canvas in (True, False):
        seen.append([])
        with open_source(SYNTHETIC) as source:
            Pipeline([Channel(source, small_detector(backend=Eye), sinks=[Recorder(wants_canvas)])]).run()
    drawn, clean = map(np.concatenate, seen)
    assert len(drawn) == len(clean) == 8  # one to warm up
    assert (drawn == clean).all()


def test_a_sink_that_fails_stops_the_run():
    def fail(recorder):
        if len(recorder.frames) == 2:
            raise OutputError("full")

    first, second = Recorder(then=fail), Recorder()
    with pytest.raises(OutputError, match="full"):
        go(first, second)
    assert first.indices == [0, 1]
    assert second.indices == [0]


def test_a_frame_that_a_sink_failed_to_take_is_counted_nowhere():
    def fail(recorder):
        if len(recorder.frames) == 5:
            raise OutputError("full")

    with open_source(SYNTHETIC) as source:
        pipeline = Pipeline([Channel(source, small_detector(), sinks=[Recorder(then=fail)])])
        with pytest.raises(OutputError, match="full"):
            pipeline.run()
        fields = pipeline.report()
    assert (fields["frames"], fields["detections"]["count"]) == (4, 8)


def test_a_source_that_breaks_stops_the_run(tmp_path):
    (tmp_path / "broken.png").write_bytes(b"broken")
    with pytest.raises(SourceError):
        go(Recorder(), uri=str(tmp_path / "broken.png"))


def test_report_fields():
    fields = go(Recorder(), fps=500)
    assert fields["kind"] == "detect"
    assert (fields["frames"], fields["dropped"], fields["fps"]["configured"]) == (7, 0, 500)
    assert set(fields["stages_ms"]) == set(STAGES)
    assert (fields["model"], fields["backend"], fields["source"]) == ("small", "fake", SYNTHETIC)
    assert (list(fields["input"]), fields["version"]) == ([64, 64], __version__)
    assert fields["detections"]["count"] == 14
    assert fields["detections"]["mean_score"] == pytest.approx(0.7, abs=1e-3)
    assert fields["detections"]["by_label"] == {"person": 7, "car": 7}
    assert json.loads(json.dumps(fields))["frames"] == 7


def test_latency_covers_the_inference():
    latency = go(Recorder(), seconds=0.005)["latency_ms"]
    assert 4.9 <= latency["p50"] <= latency["p95"] <= latency["p99"]


@pytest.mark.parametrize("threaded", [False, True])
def test_observers_see_what_the_network_saw(threaded):
    """Every frame once, with its raw outputs and its detections, before anything is drawn on it."""

    class Backend(FakeBackend):
        fills_cpu = not threaded

    seen = []
    with open_source(SYNTHETIC) as source:
        channel = Channel(
            source,
            small_detector(backend=Backend),
            observers=[
                lambda frame: seen.append((frame.index, frame.image.copy(), len(frame.outputs), len(frame.detections)))
            ],
            sinks=[Recorder(wants_canvas=True)],
        )
        Pipeline([channel]).run()
    assert [index for index, *_ in seen] == list(range(7))
    assert all((image == clean).all() for (_, image, _, _), clean in zip(seen, clean_frames()))
    assert {(outputs, found) for _, _, outputs, found in seen} == {(2, 2)}


def test_an_observer_that_fails_stops_the_run():
    def fail(frame):
        raise SourceError("no labels")

    with pytest.raises(SourceError, match="no labels"):
        go(Recorder(), observers=[fail])


def test_tally_of_nothing():
    tally = Tally()
    tally.add(Detections.empty())
    assert tally.report() == {"count": 0, "mean_score": None, "by_label": {}}


def test_tally_lists_the_commonest_label_first():
    tally = Tally()
    for classes in ([1], [2, 1], [1]):
        tally.add(Detections(np.zeros((len(classes), 4)), np.full(len(classes), 0.5), np.array(classes), LABELS))
    assert tally.report() == {"count": 4, "mean_score": 0.5, "by_label": {"dog": 3, "car": 1}}
    assert list(tally.report()["by_label"]) == ["dog", "car"]


# Several workers, and several cameras


class Slow(FakeBackend):
    """Takes longer for some tensors than for others, so that frames are done in another order than they came."""

    fills_cpu = True

    def infer(self, tensor):
        time.sleep(0.003 if int(tensor[0, 0].sum() * 1000) % 2 else 0.0)
        return super().infer(tensor)


@pytest.mark.slow
@pytest.mark.parametrize("workers", [1, 2, 5])
def test_frames_leave_in_order_and_none_is_lost_or_doubled(workers):
    quick, queued = Recorder(wants_canvas=True), Recorder()
    queued.queue_size, queued.lossless = 2, True
    with open_source("test://64x48?frames=60") as source:
        channel = Channel(source, small_detector(backend=Slow, workers=workers), sinks=[quick, queued])
        pipeline = Pipeline([channel])
        pipeline.run()
    assert quick.indices == queued.indices == list(range(60))
    assert pipeline.report()["workers"]["count"] == workers
    assert pipeline.report()["frames"] == 60


@pytest.mark.parametrize("workers", [1, 3])
def test_observers_see_frames_in_order_with_several_workers(workers):
    seen = []
    go(Recorder(wants_canvas=True), workers=workers, observers=[lambda frame: seen.append(frame.index)])
    assert seen == list(range(7))


def several(uris, workers=2, **options):
    """Run over several sources at once; the recorders, and the report."""
    detector = small_detector(workers=workers)
    with ExitStack() as stack:
        channels = [
            Channel(
                stack.enter_context(open_source(uri)),
                Detector(detector.backend, CARD, size=64),
                name=f"cam{number}",
                sinks=[Recorder()],
                **options,
            )
            for number, uri in enumerate(uris)
        ]
        pipeline = Pipeline(channels)
        try:
            pipeline.run()
        finally:
            several.report = pipeline.report()
    return [channel.sinks[0] for channel in channels]


def test_several_sources_in_one_run():
    recorders = several(["test://64x48?frames=5", "test://128x96?frames=7", "test://64x64?frames=3"])
    assert [recorder.indices for recorder in recorders] == [list(range(count)) for count in (5, 7, 3)]
    assert [{frame.camera for frame in recorder.frames} for recorder in recorders] == [{"cam0"}, {"cam1"}, {"cam2"}]
    report = several.report
    assert report["frames"] == report["captured"] == 15
    assert {name: camera["frames"] for name, camera in report["cameras"].items()} == {"cam0": 5, "cam1": 7, "cam2": 3}
    assert report["detections"]["by_label"] == {"person": 15, "car": 15}
    assert report["cameras"]["cam1"]["detections"]["by_label"] == {"person": 7, "car": 7}
    assert list(report["input"]) == [64, 64], "which they have in common"
    assert list(report["cameras"]["cam1"]["input"]) == [64, 64]
    assert set(report["stages_ms"]) == set(STAGES)
    assert json.loads(json.dumps(report)) is not None


def test_each_camera_stops_after_its_frames():
    assert [r.indices for r in several(["test://64x48", "test://64x48"], max_frames=4)] == [[0, 1, 2, 3]] * 2


def test_one_of_several_that_breaks_costs_the_others_nothing(tmp_path, capsys):
    (tmp_path / "broken.png").write_bytes(b"broken")
    with pytest.raises(SourceError, match="broken.png"):
        several(["test://64x48?frames=40", str(tmp_path / "broken.png")])
    assert several.report["cameras"]["cam0"]["frames"] == 40


def test_shapes_that_the_backend_has_not_are_fitted_into_the_one_it_has(capsys):
    class Fixed(FakeBackend):
        def __init__(self, *arguments, **options):
            super().__init__(*arguments, input_shape=(1, 3, 64, 64), **options)

    backend, recorders = Fixed(person_and_car()), [Recorder(), Recorder()]
    with open_source("test://64x48?frames=2") as one, open_source("test://128x16?frames=2") as other:
        channels = [
            Channel(source, Detector(backend, CARD, size=64), name=name, sinks=[recorder])
            for source, name, recorder in zip((other, one), "ab", recorders)
        ]
        Pipeline(channels).run()
    assert [frame.letterbox.height for recorder in recorders for frame in recorder.frames] == [64] * 4
    assert "fitting the frames into 64x64" in capsys.readouterr().err


def test_without_a_shape_for_any_camera_all_are_named():
    class Fixed(FakeBackend):
        def infer(self, tensor):
            raise ModelError(f"no engine for {tensor.shape[3]}x{tensor.shape[2]}")

    backend = Fixed(person_and_car())
    with open_source("test://64x48?frames=2") as one, open_source("test://128x16?frames=2") as other:
        channels = [Channel(source, Detector(backend, CARD, size=64), name=source.name) for source in (one, other)]
        with pytest.raises(ModelError, match="no engine for 64x64; no engine for 64x32"):
            Pipeline(channels).run()


def test_cameras_come_and_go_at_a_hangup():
    """As when the configuration is read again: the camera that stays loses no frame."""
    stop, detector = Stop(), small_detector()
    stays, goes, comes = Recorder(), Recorder(), Recorder(then=lambda recorder: stop.request())
    with open_source("test://64x48") as one, open_source("test://64x48") as two, open_source("test://64x48") as three:
        first = Channel(one, detector, name="stays", sinks=[stays])
        second = Channel(two, detector, name="goes", sinks=[goes])
        pipeline = Pipeline([first, second], stop=stop)

        def change():
            pipeline.remove(second)
            assert goes.closed
            pipeline.add(Channel(three, detector, name="comes", sinks=[comes]))

        goes.then = lambda recorder: setattr(stop, "_hangup", True)
        pipeline.run(change)
        report = pipeline.report()
    assert stays.indices == list(range(len(stays.indices)))
    assert report["cameras"]["stays"]["frames"] == len(stays.indices)
    assert list(report["cameras"]) == ["stays", "goes", "comes"]
    assert comes.frames
    assert goes.frames


@pytest.mark.parametrize("workers, low", [(1, True), (2, False)])
def test_a_file_is_decoded_in_the_gaps_only_where_there_are_some(monkeypatch, workers, low):
    """One worker per core leaves no core idle: it would wait for frames that are decoded at a low priority."""
    lowered = []
    monkeypatch.setattr("app.sources.readahead.yield_to_inference", lambda: lowered.append(True))
    go(workers=workers)
    assert bool(lowered) == low
