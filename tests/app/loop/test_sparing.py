"""Which frames are inferred and what the others show. A thing moves 2 pixels a frame over a background."""

from functools import partial

import cv2
import numpy as np
import pytest
from support.heads import CARD

from app.backends.fake import FakeBackend
from app.detections import Detections
from app.frame import Frame, Source
from app.loop import steps, work
from app.loop.channel import Channel
from app.loop.sparing import Sparing
from app.sinks import Sink
from app.tracking.watch import Watch


def texture(height, width, seed):
    smooth = cv2.GaussianBlur(np.random.default_rng(seed).normal(0, 1, (height, width)), (0, 0), 3)
    return np.clip(128 + 40 * smooth / smooth.std(), 0, 255).astype(np.uint8)


GROUND, THING = texture(120, 160, 0), texture(48, 24, 1)


def frame(index, moved=None, height=120):
    """A frame at index / 10 seconds. moved: by how many steps the thing has moved, by default one in each frame."""
    image, x = GROUND.copy(), 20 + 2 * (index if moved is None else moved)
    image[40:88, x : x + 24] = THING
    return Frame(cv2.cvtColor(image, cv2.COLOR_GRAY2BGR)[:height], index, time=index / 10)


def box(moved):
    return [20 + 2 * moved, 40, 44 + 2 * moved, 88]


def inferred(sparing, frames, free=True):
    decided = []
    for one in frames:
        sparing.plan(one, free)
        decided.append(one.times.inferred)
    return decided


class Finder:
    """In the place of a detector: finds the thing. `during` is called while it infers, with the record's index."""

    def __init__(self):
        self.backend, self.card, self.input_shape = FakeBackend([]), CARD, (64, 64)
        self.during = lambda index: None

    def preprocess(self, frame):
        frame.tensor = np.zeros((1, 3, 64, 64), np.float32)

    def warm_up(self, frame):
        pass

    def infer(self, frame):
        assert frame.tensor is not None
        frame.tensor = None
        self.during(frame.index)

    def postprocess(self, frame):
        found = np.array([box(frame.index)], np.float32)
        frame.detections = Detections(found, np.array([0.9]), np.zeros(1, int), ("person",))


class Silent(Source):
    """A camera whose frames the test hands out."""

    name, live = "camera", True


class Seen(Sink):
    wants_canvas = False

    def __init__(self):
        self.frames = []

    def write(self, frame, canvas, detections):
        self.frames.append(frame)


class Run:
    """A channel, and what its sink was given. hand: a frame to a worker, which does it."""

    def __init__(self, every, **options):
        self.sink, self.finder = Seen(), Finder()
        sparing = Sparing(every, live=True, motion=options.pop("motion", False))
        self.channel = Channel(Silent(), self.finder, sinks=[self.sink], sparing=sparing, **options)
        decode, finish = (partial(step, self.channel) for step in (steps.decode, steps.finish))
        self.channel.open_output(decode, finish, stopped=lambda: False, done=lambda: None, beside=False)

    def hand(self, one, free=True):
        number = self.channel.hand_out(0.0, one, free)
        (work.infer if one.times.inferred else work.show)(self.channel, number, one)

    @property
    def shown(self):
        """Of each frame its index, whether its boxes were predicted, and by how many steps they are moved."""
        return [
            (one.index, one.predicted, [round((x - 20) / 2, 1) for x, *_ in one.detections.boxes.tolist()])
            for one in self.sink.frames
        ]


def test_every_third_frame():
    assert inferred(Sparing(3), map(frame, range(7))) == [True, False, False, True, False, False, True]


def test_a_frame_of_another_size_is_inferred():
    frames = [frame(0), frame(1), frame(2, height=100), frame(3, height=100)]
    assert inferred(Sparing(10), frames) == [True, False, True, False]


def test_of_a_film_auto_infers_all():
    sparing = Sparing(None, live=False)
    assert not sparing.auto
    assert inferred(sparing, map(frame, range(3))) == [True] * 3


def test_nothing_is_inferred_for_which_there_is_no_time():
    sparing = Sparing(None, live=True)
    assert inferred(sparing, [frame(0), frame(1)], free=False) == [False] * 2
    assert inferred(sparing, [frame(2)]) == [True]


def test_motion_and_every_together():
    sparing = Sparing(3, motion=True)
    decided = inferred(sparing, [frame(index, 0 if index < 34 else index - 34) for index in range(40)])
    assert decided[:20] == [index % 3 == 0 for index in range(20)], "at the beginning every third"
    assert not any(decided[22:34])
    assert any(decided[34:39])


def test_boxes_follow_between_two_inferences():
    run = Run(4)
    for index in range(6):
        run.hand(frame(index))
    assert run.shown == [
        (index, predicted, [pytest.approx(index, abs=0.1)])
        for index, predicted in enumerate([False, True, True, True, False, True])
    ]


def test_what_stands_is_shown_where_it_was_and_keeps_its_track():
    run = Run(1, motion=True, watch=Watch())
    for index in range(70):
        run.hand(frame(index, moved=0))
    # The detector says it is elsewhere in each frame; still frames repeat what it said in the last that was inferred.
    last = None
    for one in run.sink.frames:
        last = last if one.predicted else one.detections.boxes.tolist()
        assert one.detections.boxes.tolist() == last
    assert sum(not one.predicted for one in run.sink.frames) <= 23, "2 seconds at the beginning, then every 4"


def test_a_track_that_stands_for_longer_than_the_tracker_keeps_one():
    run = Run(1, motion=True, watch=Watch())

    def stands(one):
        one.detections = Detections(np.array([box(0)], np.float32), np.array([0.9]), np.zeros(1, int))

    run.finder.postprocess = stands
    for index in range(120):
        run.hand(frame(index, moved=0))
    assert {one.detections.tracks.tolist()[0] for one in run.sink.frames[5:]} == {1}
    assert [event.type for one in run.sink.frames for event in one.events] == ["appear"]


def test_a_model_that_keeps_up_infers_every_frame():
    run = Run(None)
    for index in range(3):
        run.hand(frame(index))
    assert run.shown == [(index, False, [float(index)]) for index in range(3)]
    assert run.channel.timing.skipped == 0


def test_frames_do_not_wait_for_an_inference_and_take_in_its_result_late():
    run = Run(None)
    run.hand(frame(0))

    def meanwhile(index):
        if index == 1:
            for later in (2, 3):
                run.hand(frame(later), free=False)

    run.finder.during = meanwhile
    run.hand(frame(1))
    run.finder.during = lambda index: None
    assert [index for index, _, _ in run.shown] == [0, 1, 2, 3]
    run.hand(frame(4), free=False)
    run.hand(frame(5))
    predicted = [False, True, True, True, True, False]
    assert run.shown == [(index, late, [pytest.approx(index, abs=0.2)]) for index, late in enumerate(predicted)]
    # Frame 4 shows what was found in frame 1, and counts its inference.
    assert [one.times.inferred for one in run.sink.frames] == [True, False, False, False, True, True]
    assert run.channel.timing.skipped == 3


def test_a_late_result_that_a_newer_one_has_overtaken_is_left_out():
    sparing = Sparing(None, live=True)
    records = []
    for index in range(3):
        one = frame(index)
        sparing.plan(one)
        records.append(sparing.begin(one, index))
        sparing.overtake(index + 1)
    sparing.late(records[1])
    (taken,) = sparing.take_late(frame(3))
    sparing.know(taken)
    sparing.late(records[0])
    sparing.late(records[2])
    assert [record.index for record in sparing.take_late(frame(4))] == [2]


def test_late_results_are_tracked_in_their_own_time():
    run = Run(None, watch=Watch())
    for start in range(0, 24, 3):
        run.finder.during = lambda index: [run.hand(frame(index + later), free=False) for later in (1, 2)]
        run.hand(frame(start))
    assert run.sink.frames[-1].detections.tracks.tolist() == [1]
    (track,) = run.channel.watch.tracker.confirmed().values()
    assert track.speed[0] == pytest.approx(20, abs=2), "2 pixels in a tenth of a second"


def test_nothing_is_known_before_the_first_result():
    run = Run(None)
    run.hand(frame(0), free=False)
    assert run.shown == [(0, True, [])]
