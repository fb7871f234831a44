import itertools
import threading
import time

import numpy as np
import pytest
from support.fakes import LIMIT, FakeClock
from support.heads import CARD, plant, quiet_heads

from app import overlay
from app.backends.fake import FakeBackend
from app.detector import Detector
from app.errors import ModelError, OutputError
from app.frame import Frame
from app.letterbox import Letterbox
from app.loop import output
from app.loop.output import BLANK, FRAMES_AHEAD, OUTAGE_PERIOD, Output
from app.sinks import Sink
from app.timing import Timing
from app.timing.tally import Tally

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

    def __init__(self, name="quick", queue_size=0, lossless=False, before=lambda index: None, fail=None):
        self.name = name
        self.queue_size = queue_size
        self.lossless = lossless
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


def start(*sinks, timing=None, tally=None, draw=False, live=True, threaded=True):
    def finish(frame):
        DETECTOR.postprocess(frame)
        if tally is not None:
            tally.add(frame.detections)
        if draw:
            overlay.draw(frame.image, frame.detections)

    out = Output(sinks, timing or Timing(), finish, lossless=not live, threaded=threaded)
    out.numbers = itertools.count()
    return out


# Whether the output works beside inference, in a thread, or between two inferences, in the thread that calls it.
either_way = pytest.mark.parametrize("threaded", [True, False], ids=["beside", "between"])


def frame(index, captured_at=None, outputs=None, image=None):
    """A frame that comes from the network."""
    image = np.zeros((48, 64, 3), np.uint8) if image is None else image
    frame = Frame(image, index, time.monotonic() if captured_at is None else captured_at)
    frame.outputs, frame.letterbox = heads() if outputs is None else outputs, LETTERBOX
    return frame


def put(out, *indices):
    for index in indices:
        out.put(frame(index), next(out.numbers))


def put_until_it_fails(out, index=0):
    deadline = time.monotonic() + LIMIT
    while time.monotonic() < deadline:
        put(out, index)
        index += 1
        time.sleep(0.001)
    raise AssertionError("no error within {} s".format(LIMIT))


def wait_until(condition):
    deadline = time.monotonic() + LIMIT
    while not condition():
        assert time.monotonic() < deadline, "not within {} s".format(LIMIT)
        time.sleep(0.001)


# A slow sink, and the others


@either_way
def test_a_slow_sink_skips_frames_of_a_camera_and_nobody_else_does(gate, threaded):
    timing = Timing()
    quick, slow, other = Recorder(), Recorder("slow", queue_size=2, before=gate), Recorder("other", queue_size=100)
    with start(quick, slow, other, timing=timing, threaded=threaded) as out:
        put(out, 0)
        assert gate.reached.wait(LIMIT)
        put(out, *range(1, 20))
        wait_until(lambda: timing.sink_dropped == 17)
        assert timing.frames == 20, "the slow one holds up nothing"
        other.wait_for(19)
        assert slow.events == []
        wait_until(lambda: timing.current_latency(100) is not None)  # of those that were skipped
        gate.opened.set()
    assert quick.events == other.events == list(range(20)) + ["close"]
    assert slow.events == [0, 18, 19, "close"], "the newest that had room to wait"
    assert timing.sink_dropped == 17
    assert timing.report()["sink_dropped"] == 17
    assert timing.dropped == 0, "all were processed"


@either_way
def test_a_slow_sink_that_lossless_gets_every_frame_of_a_file(gate, threaded):
    timing = Timing()
    quick, slow = Recorder(), Recorder("slow", queue_size=2, lossless=True, before=gate)
    with start(quick, slow, timing=timing, live=False, threaded=threaded) as out:
        giving = threading.Thread(target=put, args=(out,) + tuple(range(20)), daemon=True)
        giving.start()
        assert gate.reached.wait(LIMIT)
        giving.join(0.3)
        assert giving.is_alive(), "everybody waits for the slow one"
        assert timing.frames <= 1 + slow.queue_size + 1, "one in the sink, those that wait, and one that has no room"
        gate.opened.set()
        giving.join(LIMIT)
        assert not giving.is_alive()
    assert quick.events == slow.events == list(range(20)) + ["close"]
    assert timing.sink_dropped == 0


@pytest.mark.parametrize("live, lossless", [(True, True), (False, False)], ids=["of a camera", "a window"])
def test_what_need_not_keep_all_skips(gate, live, lossless, capsys):
    timing = Timing()
    slow = Recorder("slow", queue_size=1, lossless=lossless, before=gate)
    with start(slow, timing=timing, live=live) as out:
        put(out, 0)
        assert gate.reached.wait(LIMIT)
        put(out, *range(1, 10))
        wait_until(lambda: timing.sink_dropped == 8)
        gate.opened.set()
    assert slow.events == [0, 9, "close"]
    assert timing.sink_dropped == 8
    said = "warning: slow: frames come faster than it takes them; some are left out, see sink_dropped\n"
    assert capsys.readouterr().err == (said if lossless else ""), "of a recording once, of a window never"


# Errors


@either_way
@pytest.mark.parametrize("queue_size", [0, 2], ids=["quick", "slow"])
def test_the_error_of_a_sink_reaches_the_loop_once(queue_size, threaded, capsys):
    bad = Recorder("bad", queue_size=queue_size, fail=2, lossless=True)
    good, other = Recorder("good"), Recorder("other", queue_size=100)
    out = start(bad, good, other, live=False, threaded=threaded)
    with pytest.raises(OutputError, match="bad cannot 2"):
        put_until_it_fails(out)
    out.close()  # raises it no second time
    assert bad.events == [0, 1, 2, "close"], "nothing after its failure"
    assert good.events[-1] == other.events[-1] == "close"
    assert good.events[:2] == other.events[:2] == [0, 1]
    assert capsys.readouterr().err == ""


@either_way
@pytest.mark.parametrize("queue_size", [0, 2], ids=["quick", "slow"])
@pytest.mark.parametrize("fail", [1, "close"])
def test_an_error_of_the_last_frame_or_of_closing_is_raised_at_the_end(queue_size, fail, threaded, capsys):
    bad, good = Recorder("bad", queue_size=queue_size, fail=fail), Recorder("good", queue_size=9)
    with pytest.raises(OutputError, match="bad cannot {}".format(fail)):
        with start(bad, good, threaded=threaded) as out:
            put(out, 0, 1)
    assert bad.events == [0, 1, "close"], "each once"
    assert good.events[-1] == "close"
    assert capsys.readouterr().err == ""


def test_of_several_errors_one_is_raised_and_the_others_are_told(capsys):
    sinks = [
        Recorder("one", fail="close"),
        Recorder("two", fail="close"),
        Recorder("three", queue_size=1, fail="close"),
    ]
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


@either_way
@pytest.mark.parametrize("queue_size", [0, 2], ids=["quick", "slow"])
@pytest.mark.parametrize("verb", ["reopen", "gone"])
def test_errors_of_other_verbs(queue_size, verb, threaded):
    clock = FakeClock()
    bad = Recorder("bad", queue_size=queue_size, fail=verb)
    out = start(bad, timing=Timing(now=clock.now), threaded=threaded)
    put(out, 0)
    bad.wait_for(0)
    clock.sleep(OUTAGE_PERIOD)
    with pytest.raises(OutputError, match="bad cannot " + verb):
        if verb == "reopen":
            out.reopen()
            put(out, 1)
        else:
            out.idle("gone")
        bad.wait_for(verb)  # before newer pictures push it out
        put_until_it_fails(out, 2)
    out.close()
    assert bad.events == [0, verb, "close"]


@either_way
def test_nobody_waits_for_room_in_a_sink_that_has_failed(gate, threaded, monkeypatch, capsys):
    monkeypatch.setattr(output, "FILE_CLOSE_LIMIT", 0.5)
    bad, good = Recorder("bad", queue_size=1, lossless=True, before=gate, fail=0), Recorder("good")
    out = start(bad, good, live=False, threaded=threaded)
    errors = []

    def put_all():
        try:
            put_until_it_fails(out)
        except OutputError as error:
            errors.append(str(error))

    giving = threading.Thread(target=put_all, daemon=True)
    giving.start()
    assert gate.reached.wait(LIMIT)
    good.wait_for(2)  # then the output waits for room
    gate.opened.set()
    giving.join(LIMIT)
    assert errors == ["bad cannot 0"]
    out.close()
    assert capsys.readouterr().err == ""
    assert bad.events == [0, "close"]
    assert good.events[-1] == "close"


@either_way
def test_heads_that_do_not_fit_are_an_error(threaded):
    sink = Recorder()
    out = start(sink, threaded=threaded)
    with pytest.raises(ModelError, match="2 heads"):
        out.put(frame(0, outputs=heads()[:1]), next(out.numbers))
        put_until_it_fails(out, 1)
    out.close()
    assert sink.events == ["close"]


# Threads


@pytest.mark.parametrize(
    "queue_size, threaded, in_the_main_one",
    [
        pytest.param(0, True, False, id="quick, beside inference"),
        pytest.param(0, False, True, id="quick, between two inferences"),
        pytest.param(2, True, False, id="slow, beside inference"),
        pytest.param(2, False, False, id="slow, between two inferences"),
    ],
)
def test_a_sink_lives_in_one_thread(queue_size, threaded, in_the_main_one):
    clock = FakeClock()
    sink = Recorder(queue_size=queue_size)
    with start(sink, timing=Timing(now=clock.now), threaded=threaded) as out:
        put(out, 0)
        sink.wait_for(0)
        clock.sleep(OUTAGE_PERIOD)
        out.idle("gone")
        sink.wait_for("gone")
        out.reopen()
        put(out, 1)
    assert sink.events == [0, "gone", "reopen", 1, "close"]
    (thread,) = sink.threads
    assert (thread is threading.main_thread()) == in_the_main_one
    assert in_the_main_one or not thread.is_alive()


def test_slow_sinks_share_no_thread():
    one, two = Recorder("one", queue_size=1), Recorder("two", queue_size=1)
    with start(one, two) as out:
        put(out, 0)
    assert not one.threads & two.threads


def test_between_two_inferences_the_quick_work_is_done_at_once():
    clock = FakeClock()
    timing, tally = Timing(now=clock.now), Tally()
    sink = Recorder()
    with start(sink, timing=timing, tally=tally, threaded=False) as out:
        for index in range(3):
            put(out, index)
            assert sink.events == list(range(index + 1)), "when put() returns"
            assert timing.frames == tally.report()["count"] == index + 1
        clock.sleep(OUTAGE_PERIOD)
        out.idle("gone")
        assert sink.events[-1] == "gone"
        out.reopen()
        assert sink.events[-1] == "reopen"


def test_beside_inference_put_returns_while_a_quick_sink_writes(gate):
    sink = Recorder(before=gate)
    with start(sink) as out:
        put(out, *range(1 + FRAMES_AHEAD))
        assert gate.reached.wait(LIMIT)
        assert sink.events == []
        gate.opened.set()
    assert sink.events == list(range(1 + FRAMES_AHEAD)) + ["close"]


@pytest.mark.parametrize(
    "threaded, may_block", [(True, False), (False, True)], ids=["a GPU infers", "a pipe is written"]
)
def test_heads_may_be_used_again_while_a_frame_is_finished(gate, threaded, may_block):
    """A backend writes the next frame's heads into the same memory; the Recorder wants one detection in each."""
    sink, shared = Recorder(before=gate), heads()
    sink.may_block = may_block
    out = start(sink, threaded=threaded)
    out.put(frame(0, outputs=shared), next(out.numbers))
    assert gate.reached.wait(LIMIT)
    out.put(frame(1, outputs=shared), next(out.numbers))
    for head in shared:
        head[:] = -20
    gate.opened.set()
    out.close()
    assert sink.events == [0, 1, "close"]


@either_way
@pytest.mark.parametrize("draw", [True, False])
def test_all_sinks_get_the_same_picture(draw, threaded):
    quick, slow = Recorder(), Recorder("slow", queue_size=2)
    taken = frame(0)
    with start(quick, slow, draw=draw, threaded=threaded) as out:
        out.put(taken, next(out.numbers))
    assert quick.canvases[0] is slow.canvases[0] is taken.image
    assert taken.image.any() == draw


# Without a picture, and with a new file


@either_way
def test_an_outage_is_shown_now_and_then(threaded):
    clock = FakeClock()
    quick, slow = Recorder(), Recorder("slow", queue_size=50)
    with start(quick, slow, timing=Timing(now=clock.now), threaded=threaded) as out:
        for number in range(17):
            assert out._mail.wait_for_room(LIMIT)
            out.idle("gone {}".format(number))
            clock.sleep(OUTAGE_PERIOD / 4)
    expected = ["gone 4", "gone 8", "gone 12", "gone 16", "close"]
    assert quick.events == expected
    assert slow.events == expected
    for sink in (quick, slow):
        assert sink.canvases[0].shape == BLANK, "there was no frame yet"
        assert len(np.unique(sink.canvases[0])) > 2, "words on it"


def test_an_outage_is_shown_on_the_last_picture_which_stays_clean():
    clock = FakeClock()
    sink = Recorder()
    with start(sink, timing=Timing(now=clock.now)) as out:
        image = np.full((480, 640, 3), 77, np.uint8)
        out.put(frame(0, clock.now(), image=image), next(out.numbers))
        for words in ("gone", "still gone"):
            clock.sleep(OUTAGE_PERIOD)
            assert out._mail.wait_for_room(LIMIT)
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
    slow = Recorder("slow", queue_size=1, before=gate)
    with start(slow, timing=timing) as out:
        put(out, 0)
        assert gate.reached.wait(LIMIT)
        for number in range(5):
            clock.sleep(OUTAGE_PERIOD)
            out.idle("gone {}".format(number))
        put(out, 1)
        wait_until(lambda: timing.frames == 2)  # so those before it are through
        gate.opened.set()
    assert slow.events == [0, 1, "close"]
    assert (timing.frames, timing.sink_dropped) == (2, 0)


def test_reopen_loses_none_of_the_frames_that_wait(gate):
    slow = Recorder("slow", queue_size=5, before=gate)
    with start(slow) as out:
        put(out, 0)
        assert gate.reached.wait(LIMIT)
        put(out, 1, 2)
        out.reopen()
        put(out, 3)
        gate.opened.set()
    assert [event for event in slow.events if event != "reopen"] == [0, 1, 2, 3, "close"]
    assert slow.events.count("reopen") == 1
    assert slow.events.index("reopen") < slow.events.index(3), "what comes after it goes into the new file"


# Sinks that hang


@either_way
def test_slow_sinks_that_hang_share_one_limit_and_are_abandoned(gate, threaded, monkeypatch, capsys):
    monkeypatch.setattr(output, "CLOSE_LIMIT", 0.3)
    monkeypatch.setattr(output, "LAST_MOMENT", 0.05)
    hung = [Recorder("sink {}".format(number), queue_size=1, before=gate) for number in range(5)]
    other, quick = Recorder("other", queue_size=9), Recorder()
    out = start(*hung, other, quick, threaded=threaded)
    put(out, 0)
    assert gate.reached.wait(LIMIT)
    begun = time.monotonic()
    out.close()
    assert 0.2 < time.monotonic() - begun < 1, "not the limit five times"
    warning = "warning: {} did not finish in time; its thread was abandoned"
    assert capsys.readouterr().err.splitlines() == [warning.format(sink.name) for sink in hung]
    assert other.events == quick.events == [0, "close"]
    gate.opened.set()
    hung[0].wait_for("close")
    assert hung[0].events == [0, "close"], "it was only slow, and ends well"


def test_a_quick_sink_that_hangs_is_abandoned_and_costs_no_other_its_end(gate, monkeypatch, capsys):
    monkeypatch.setattr(output, "CLOSE_LIMIT", 0.3)
    hung = Recorder("hung", before=lambda index: gate(index - 1))
    slow = Recorder("slow", queue_size=5)
    slow_close = slow.close
    monkeypatch.setattr(slow, "close", lambda: (time.sleep(0.05), slow_close()))  # the index of a recording
    out = start(hung, slow)
    put(out, 0, 1)
    slow.wait_for(0)
    assert gate.reached.wait(LIMIT)
    put(out, *range(2, 2 + FRAMES_AHEAD))  # there is no room for the message that ends its thread
    begun = time.monotonic()
    out.close()
    assert 0.2 < time.monotonic() - begun < 2
    assert slow.events == [0, "close"]
    assert capsys.readouterr().err == "warning: the output did not finish in time; its thread was abandoned\n"


def test_at_the_end_what_hangs_is_waited_for_once(gate, monkeypatch):
    """And not once for each of the frames that came too early: there may be many workers."""
    waits = []
    monkeypatch.setattr(output, "CLOSE_LIMIT", 0.01)
    hung = Recorder("hung", before=gate)
    out = Output([hung], Timing(), DETECTOR.postprocess, lossless=True, threaded=True, stopped=lambda: bool(waits))
    out.put(frame(0), 0)
    assert gate.reached.wait(LIMIT)
    for number in (2, 3, 4, 5, 6):
        out.put(frame(number), number)
    wait_for_room = out._mail.wait_for_room
    monkeypatch.setattr(out._mail, "wait_for_room", lambda seconds: (waits.append(seconds), wait_for_room(0.0))[1])
    out.put(frame(1), 1)
    assert waits[FRAMES_AHEAD:] == [output.HANG_LIMIT] + [0.0] * (5 - FRAMES_AHEAD)
    out.close()


def test_an_outage_does_not_wait_for_a_sink_that_hangs(gate):
    clock = FakeClock()
    hung = Recorder("hung", before=gate)
    out = start(hung, timing=Timing(now=clock.now))
    put(out, 0)
    assert gate.reached.wait(LIMIT)
    put(out, *range(1, 1 + FRAMES_AHEAD))
    clock.time += OUTAGE_PERIOD
    out.idle("gone")  # in the main thread, which has other cameras to watch
    gate.opened.set()
    out.close()
    assert hung.events == [*range(1 + FRAMES_AHEAD), "close"]


# Latency


@either_way
def test_latency_is_measured_up_to_the_slowest_sink(threaded):
    clock = FakeClock()
    timing = Timing(now=clock.now)
    quick = Recorder(before=lambda index: clock.sleep(0.05))
    slow = Recorder("slow", queue_size=5, before=lambda index: clock.sleep(0.25))
    captured_at = clock.now()
    with start(quick, slow, timing=timing, threaded=threaded) as out:
        out.put(frame(0, captured_at), next(out.numbers))
    fields = timing.report()
    assert fields["latency_ms"]["p50"] == pytest.approx(300, rel=0.01)
    assert 248 < fields["stages_ms"]["sink"]["mean"] < 300, "what the slow one took is in it"


# Where frames have to be finished in order


@pytest.mark.parametrize("keep_outputs", [False, True])
def test_frames_are_decoded_at_once_and_finished_in_order(keep_outputs):
    """Decoded before the backend uses the outputs' memory again, so they are copied only for who reads them later."""
    calls = []
    out = Output(
        [],
        Timing(),
        lambda one: calls.append(("decode", one.index)),
        lambda one: calls.append(("finish", one.index)),
        lossless=True,
        in_order=True,
        keep_outputs=keep_outputs,
    )
    given = [np.zeros(1)]
    first, second = frame(0, outputs=given), frame(1, outputs=given)
    out.put(second, 1)
    assert calls == [("decode", 1)]
    out.put(first, 0)
    assert calls == [("decode", 1), ("decode", 0), ("finish", 0), ("finish", 1)]
    assert (second.outputs[0] is given[0]) == (not keep_outputs)


def test_a_thread_beside_the_workers_does_both_with_copies():
    calls = []
    with Output(
        [],
        Timing(),
        lambda one: calls.append((threading.current_thread().name, float(one.outputs[0][0]))),
        lambda one: calls.append((threading.current_thread().name, one.index)),
        lossless=True,
        threaded=True,
    ) as out:
        memory = np.ones(1)
        out.put(frame(7, outputs=[memory]), 0)
        memory[:] = 0
    assert calls == [("output", 1.0), ("output", 7)]
