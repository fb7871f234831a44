import threading
import time

import numpy as np
import pytest
from fakes import LIMIT, FakeClock
from heads import CARD, plant, quiet_heads

from app import output
from app.backends.fake import FakeBackend
from app.detector import Detector
from app.errors import OutputError
from app.frame import Frame
from app.letterbox import Letterbox
from app.output import BLANK, FRAMES_AHEAD, IDLE_PERIOD, Output
from app.sinks import Sink
from app.tally import Tally
from app.timing import Timing

LETTERBOX = Letterbox.fit(64, 48, 64)
DETECTOR = Detector(FakeBackend([]), CARD, size=64)


def heads():
    heads = quiet_heads(64, 64)
    plant(heads, 0, (20, 30), (16, 16), 0.9)
    return heads


class Recorder(Sink):
    """Remembers what was asked of it, and by which thread. A frame is its index, an outage its words.

    before: called before each frame is taken, with its index. fail: the index, or the verb, that raises.
    """

    def __init__(self, name="quick", waiting=0, keeps_all=False, before=lambda index: None, fail=None):
        self.name = name
        self.waiting = waiting
        self.keeps_all = keeps_all
        self.before = before
        self.fail = fail
        self.events = []
        self.canvases = []
        self.threads = set()
        self._changed = threading.Condition()

    def _add(self, event, canvas=None):
        self.threads.add(threading.current_thread())
        with self._changed:
            self.events.append(event)
            self.canvases.append(canvas)
            self._changed.notify_all()
        if event == self.fail:
            raise OutputError("{} cannot {}".format(self.name, event))

    def write(self, frame, canvas, detections):
        assert len(detections) == 1
        self.before(frame.index)
        self._add(frame.index, canvas)

    def idle(self, canvas, outage):
        self._add(outage, canvas)

    def reopen(self):
        self._add("reopen")

    def close(self):
        self._add("close")

    def wait_for(self, event):
        with self._changed:
            assert self._changed.wait_for(lambda: event in self.events, LIMIT), "{} not in {}".format(
                event, self.events
            )


class Gate:
    """Stops a sink at its first frame, or at the one of this index, until it is opened."""

    def __init__(self, index=0):
        self.index = index
        self.reached = threading.Event()
        self.opened = threading.Event()

    def __call__(self, index):
        if index == self.index:
            self.reached.set()
            assert self.opened.wait(2 * LIMIT)


@pytest.fixture
def gate():
    gate = Gate()
    yield gate
    gate.opened.set()


def start(*sinks, **options):
    timing = options.pop("timing", None) or Timing()
    also = [options.pop("draw", False), options.pop("live", True), options.pop("beside", True)]
    return Output(DETECTOR, sinks, timing, Tally(CARD.labels), *also)


def frame(index, captured_at=None):
    return Frame(np.zeros((48, 64, 3), np.uint8), index, time.monotonic() if captured_at is None else captured_at)


def put(out, *indices):
    for index in indices:
        out.put(frame(index), heads(), LETTERBOX)


def put_until_it_fails(out):
    deadline = time.monotonic() + LIMIT
    index = 0
    while time.monotonic() < deadline:
        put(out, index)
        index += 1
        time.sleep(0.001)
    raise AssertionError("no error within {} s".format(LIMIT))


# A slow sink, and the others


def test_a_slow_sink_skips_frames_of_a_camera_and_nobody_else_does(gate):
    timing = Timing()
    quick, slow = Recorder(), Recorder("slow", waiting=2, before=gate)
    with start(quick, slow, timing=timing) as out:
        put(out, 0)
        assert gate.reached.wait(LIMIT)
        put(out, *range(1, 20))
        quick.wait_for(19)
        assert timing.frames == 20, "the slow one holds up nothing"
        gate.opened.set()
    assert quick.events == list(range(20)) + ["close"]
    assert slow.events == [0, 18, 19, "close"], "the newest that had room to wait"
    assert timing.sink_dropped == 17
    assert timing.report()["sink_dropped"] == 17
    assert timing.dropped == 0, "all were processed"


def test_a_slow_sink_that_keeps_all_gets_every_frame_of_a_file(gate):
    timing = Timing()
    quick, slow = Recorder(), Recorder("slow", waiting=2, keeps_all=True, before=gate)
    with start(quick, slow, timing=timing, live=False) as out:
        giving = threading.Thread(target=put, args=(out,) + tuple(range(20)), daemon=True)
        giving.start()
        assert gate.reached.wait(LIMIT)
        giving.join(0.3)
        assert giving.is_alive(), "everybody waits for the slow one"
        assert timing.frames <= 1 + slow.waiting + 1, "one in the sink, those that wait, and one that has no room"
        gate.opened.set()
        giving.join(LIMIT)
        assert not giving.is_alive()
    assert quick.events == slow.events == list(range(20)) + ["close"]
    assert timing.sink_dropped == 0


@pytest.mark.parametrize("live, keeps_all", [(True, True), (False, False)], ids=["of a camera", "a window"])
def test_what_need_not_keep_all_skips(gate, live, keeps_all):
    timing = Timing()
    slow = Recorder("slow", waiting=1, keeps_all=keeps_all, before=gate)
    with start(slow, timing=timing, live=live) as out:
        put(out, 0)
        assert gate.reached.wait(LIMIT)
        put(out, *range(1, 10))
        deadline = time.monotonic() + LIMIT
        while timing.sink_dropped < 8 and time.monotonic() < deadline:
            time.sleep(0.001)
        gate.opened.set()
    assert slow.events == [0, 9, "close"]
    assert timing.sink_dropped == 8


def test_a_slow_sink_does_not_hold_up_another(gate):
    stuck, other = Recorder("stuck", waiting=1, before=gate), Recorder("other", waiting=100)
    with start(stuck, other) as out:
        put(out, 0)
        assert gate.reached.wait(LIMIT)
        put(out, *range(1, 20))
        other.wait_for(19)
        assert stuck.events == []
        gate.opened.set()
    assert other.events == list(range(20)) + ["close"]


def test_what_waits_at_the_end_is_written():
    slow = Recorder("slow", waiting=50, before=lambda index: time.sleep(0.002))
    with start(slow) as out:
        put(out, *range(30))
    assert slow.events == list(range(30)) + ["close"]


# Errors


@pytest.mark.parametrize("waiting", [0, 2], ids=["quick", "slow"])
def test_the_error_of_a_sink_reaches_the_loop_once(waiting, capsys):
    bad = Recorder("bad", waiting=waiting, fail=2, keeps_all=True)
    good, other = Recorder("good"), Recorder("other", waiting=100)
    out = start(bad, good, other, live=False)
    with pytest.raises(OutputError, match="bad cannot 2"):
        put_until_it_fails(out)
    out.close()  # raises it no second time
    assert bad.events == [0, 1, 2, "close"], "nothing after its failure"
    assert good.events[-1] == other.events[-1] == "close"
    assert good.events[:2] == other.events[:2] == [0, 1]
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("waiting", [0, 2], ids=["quick", "slow"])
def test_the_error_of_the_last_frame_is_raised_at_the_end(waiting, capsys):
    with pytest.raises(OutputError, match="bad cannot 1"):
        with start(Recorder("bad", waiting=waiting, fail=1)) as out:
            put(out, 0, 1)
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("waiting", [0, 2], ids=["quick", "slow"])
def test_an_error_of_closing_is_raised(waiting, capsys):
    bad, good = Recorder("bad", waiting=waiting, fail="close"), Recorder("good", waiting=waiting)
    with pytest.raises(OutputError, match="bad cannot close"):
        with start(bad, good) as out:
            put(out, 0)
    assert good.events == [0, "close"]
    assert capsys.readouterr().err == ""


def test_of_several_errors_one_is_raised_and_the_others_are_told(capsys):
    sinks = [Recorder("one", fail="close"), Recorder("two", fail="close"), Recorder("three", waiting=1, fail="close")]
    with pytest.raises(OutputError) as caught:
        with start(*sinks):
            pass
    told = [str(caught.value)] + [line[len("warning: ") :] for line in capsys.readouterr().err.splitlines()]
    assert sorted(told) == ["one cannot close", "three cannot close", "two cannot close"]


def test_an_error_of_closing_does_not_hide_what_ended_the_loop(capsys):
    with pytest.raises(KeyError):
        with start(Recorder("bad", fail="close")):
            raise KeyError("loop")
    assert capsys.readouterr().err == "warning: bad cannot close\n"


@pytest.mark.parametrize("waiting", [0, 10**6], ids=["quick", "slow"])
@pytest.mark.parametrize("verb", ["reopen", "gone"])
def test_errors_of_other_verbs(waiting, verb):
    clock = FakeClock()
    out = start(Recorder("bad", waiting=waiting, fail=verb), timing=Timing(now=clock.now))
    put(out, 0)
    clock.sleep(IDLE_PERIOD)
    with pytest.raises(OutputError, match="bad cannot " + verb):
        if verb == "reopen":
            out.reopen()
        else:
            out.idle("gone")
        put_until_it_fails(out)
    out.close()


# Threads


@pytest.mark.parametrize(
    "waiting",
    [
        pytest.param(0, id="quick"),
        pytest.param(2, id="slow"),
    ],
)
def test_a_sink_lives_in_one_thread(waiting):
    clock = FakeClock()
    sink = Recorder(waiting=waiting)
    with start(sink, timing=Timing(now=clock.now)) as out:
        put(out, 0)
        sink.wait_for(0)
        clock.sleep(IDLE_PERIOD)
        out.idle("gone")
        sink.wait_for("gone")
        out.reopen()
        put(out, 1)
    assert sink.events == [0, "gone", "reopen", 1, "close"]
    (thread,) = sink.threads
    assert thread is not threading.main_thread()
    assert not thread.is_alive()


def test_where_inference_fills_the_cpu_the_main_thread_does_the_quick_work():
    quick, slow = Recorder(), Recorder("slow", waiting=5)
    with start(quick, slow, beside=False) as out:
        put(out, 0, 1)
        assert quick.events == [0, 1], "when put() returns"
        out.reopen()
    assert quick.events == [0, 1, "reopen", "close"]
    assert slow.events[-1] == "close"
    assert quick.threads == {threading.main_thread()}
    assert threading.main_thread() not in slow.threads


def test_an_error_in_the_main_thread_is_raised_by_put():
    bad, good = Recorder("bad", fail=1), Recorder("good", waiting=5)
    with pytest.raises(OutputError, match="bad"):
        with start(bad, good, beside=False) as out:
            put(out, 0)
            put(out, 1)
    assert good.events == [0, "close"]
    assert bad.events[-1] == "close"


def test_no_thread_is_left():
    before = set(threading.enumerate())
    with start(Recorder(), Recorder(waiting=1), Recorder(waiting=1)) as out:
        put(out, 0)
    assert set(threading.enumerate()) == before


def test_without_sinks_frames_are_counted():
    timing = Timing()
    with start(timing=timing) as out:
        put(out, *range(5))
    assert timing.frames == 5
    assert timing.report()["latency_ms"]["p50"] is not None


# Without a picture, and with a new file


def test_an_outage_is_shown_now_and_then():
    clock = FakeClock()
    quick, slow = Recorder(), Recorder("slow", waiting=50)
    with start(quick, slow, timing=Timing(now=clock.now)) as out:
        for number in range(17):
            out.idle("gone {}".format(number))
            clock.sleep(IDLE_PERIOD / 4)
    expected = ["gone 4", "gone 8", "gone 12", "gone 16", "close"]
    assert quick.events == expected
    assert slow.events == expected
    assert quick.canvases[0].shape == BLANK, "there was no frame yet"
    assert len(np.unique(quick.canvases[0])) > 2, "words on it"


def test_an_outage_is_shown_on_the_last_picture_which_stays_clean():
    clock = FakeClock()
    sink = Recorder()
    with start(sink, timing=Timing(now=clock.now)) as out:
        image = np.full((480, 640, 3), 77, np.uint8)
        out.put(Frame(image, 0, clock.now()), heads(), LETTERBOX)
        for words in ("gone", "still gone"):
            clock.sleep(IDLE_PERIOD)
            out.idle(words)
    assert sink.events == [0, "gone", "still gone", "close"]
    first, second = sink.canvases[1:3]
    assert (image == 77).all(), "a sink may still hold it"
    for canvas in (first, second):
        assert canvas.shape == image.shape
        assert (canvas != image).any()
    assert first is not second, "a sink may still hold that, too"
    assert (first == second).mean() > 0.9, "it gets no darker each time"


def test_an_outage_counts_as_no_frame(gate):
    clock = FakeClock()
    timing = Timing(now=clock.now)
    slow = Recorder("slow", waiting=1, before=gate)
    with start(slow, timing=timing) as out:
        put(out, 0)
        assert gate.reached.wait(LIMIT)
        for number in range(5):
            clock.sleep(IDLE_PERIOD)
            out.idle("gone {}".format(number))
        out.reopen()  # comes after them in the output's queue, which has room for few: so they are through
        put(out, 1)
        gate.opened.set()
    assert (timing.frames, timing.sink_dropped) == (2, 0)


@pytest.mark.parametrize("waiting", [0, 5], ids=["quick", "slow"])
def test_reopen_comes_between_the_frames(waiting):
    sink = Recorder(waiting=waiting)
    with start(sink) as out:
        put(out, 0)
        sink.wait_for(0)
        out.reopen()
        put(out, 1, 2)
    assert sink.events == [0, "reopen", 1, 2, "close"]


# Sinks that hang


def test_a_slow_sink_that_hangs_is_left_behind(gate, monkeypatch, capsys):
    monkeypatch.setattr(output, "CLOSE_LIMIT", 0.3)
    hung, other, quick = Recorder("hung", waiting=1, before=gate), Recorder("other", waiting=9), Recorder()
    out = start(hung, other, quick)
    put(out, 0)
    assert gate.reached.wait(LIMIT)
    begun = time.monotonic()
    out.close()
    assert 0.2 < time.monotonic() - begun < 2, "about the limit"
    assert capsys.readouterr().err == "warning: hung hangs, and is left behind\n"
    assert other.events == quick.events == [0, "close"]
    gate.opened.set()
    hung.wait_for("close")
    assert hung.events == [0, "close"], "it was only slow, and ends well"


def test_a_quick_sink_that_hangs_is_left_behind(gate, monkeypatch, capsys):
    monkeypatch.setattr(output, "CLOSE_LIMIT", 0.3)
    out = start(Recorder("hung", before=gate))
    put(out, *range(1 + FRAMES_AHEAD))
    assert gate.reached.wait(LIMIT)
    begun = time.monotonic()
    out.close()
    assert 0.2 < time.monotonic() - begun < 2
    assert "hangs" in capsys.readouterr().err


def test_a_quick_sink_that_hangs_costs_no_other_its_end(gate, monkeypatch, capsys):
    monkeypatch.setattr(output, "CLOSE_LIMIT", 0.3)
    hung = Recorder("hung", before=lambda index: gate(index - 1))
    slow = Recorder("slow", waiting=5)
    slow_close = slow.close
    monkeypatch.setattr(slow, "close", lambda: (time.sleep(0.05), slow_close()))  # the index of a recording
    out = start(hung, slow)
    put(out, 0, 1)
    slow.wait_for(0)
    assert gate.reached.wait(LIMIT)
    out.close()
    assert slow.events == [0, "close"]
    assert "slow hangs" not in capsys.readouterr().err


# Latency


def test_latency_is_measured_up_to_the_slowest_sink():
    clock = FakeClock()
    timing = Timing(now=clock.now)
    quick = Recorder(before=lambda index: clock.sleep(0.05))
    slow = Recorder("slow", waiting=5, before=lambda index: clock.sleep(0.25))
    captured_at = clock.now()
    with start(quick, slow, timing=timing) as out:
        out.put(frame(0, captured_at), heads(), LETTERBOX)
    fields = timing.report()
    assert fields["latency_ms"]["p50"] == pytest.approx(300, rel=0.01)
    assert 248 < fields["stages_ms"]["sink"]["mean"] < 300, "what the slow one took is in it"


def test_a_skipped_frame_is_done_when_it_is_skipped(gate):
    timing = Timing()
    slow = Recorder("slow", waiting=1, before=gate)
    with start(slow, timing=timing) as out:
        put(out, 0)
        assert gate.reached.wait(LIMIT)
        put(out, *range(1, 6))
        deadline = time.monotonic() + LIMIT
        while timing.sink_dropped < 4 and time.monotonic() < deadline:
            time.sleep(0.001)
        assert timing.current_latency(100) is not None, "of those that were skipped"
        gate.opened.set()
    assert slow.events == [0, 5, "close"]
