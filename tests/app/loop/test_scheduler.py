"""Which camera is next: with sources whose frames come when the test says, and a clock that the test moves."""

import threading
from collections import Counter

import numpy as np
import pytest
from support.fakes import LIMIT, FakeClock
from support.heads import CARD

from app.backends.fake import FakeBackend
from app.detector import Detector
from app.errors import SourceError
from app.frame import Frame, Source, nothing
from app.loop.channel import Channel
from app.loop.scheduler import Scheduler
from app.loop.sparing import Sparing

DETECTOR = Detector(FakeBackend([]), CARD, size=64)


class Script(Source):
    """A source whose frames the test puts in. A live one has only the newest."""

    def __init__(self, name="", live=True, fps=None):
        self.name, self.live, self.fps = name, live, fps
        self.ready = []
        self.error = None
        self.arrived = nothing
        self.ends = 0

    def start(self, prepare=None, arrived=nothing, low_priority=True):
        self.arrived = arrived

    def end(self):
        self.ends += 1

    def put(self, index=0):
        self.ready = ([] if self.live else self.ready) + [Frame(np.zeros((4, 4, 3), np.uint8), index)]
        self.arrived()

    def take(self, seconds=0.0):
        if self.error:
            raise self.error
        return self.ready.pop(0) if self.ready else None


def channel(source, **options):
    return Channel(source, DETECTOR, name=source.name, **options)


@pytest.fixture
def clock():
    return FakeClock()


@pytest.fixture
def schedule(clock):
    """Make a scheduler of channels."""

    def make(*channels, stopped=lambda: False):
        scheduler = Scheduler(stopped, now=clock.now)
        for one in channels:
            scheduler.add(one)
        return scheduler

    return make


def served(scheduler, channels, clock, turns, seconds=0.01, fresh=lambda channel: True):
    """How often each of the cameras is looked at in so many turns of one worker, by name."""
    counts = Counter()
    for turn in range(turns):
        for one in channels:
            if fresh(one):
                one.source.put(turn)
        job = scheduler.take(9)
        counts[job.channel.name] += 1
        clock.sleep(seconds)
        scheduler.done(job.channel)
    return counts


def test_cameras_of_one_rate_are_served_alike(schedule, clock):
    channels = [channel(Script(name, fps=30.0)) for name in "abcd"]
    assert served(schedule(*channels), channels, clock, 400) == dict.fromkeys("abcd", 100)


def test_too_much_work_is_shared_by_the_rates(schedule, clock):
    """The one of 20 FPS is due twice as often as those of 10: it is behind first, and served as far as possible."""
    channels = [channel(Script("fast"), fps=20), channel(Script("slow"), fps=10), channel(Script("other"), fps=10)]
    counts = served(schedule(*channels), channels, clock, 400, seconds=0.05)
    assert counts["slow"] == counts["other"] > 90
    assert counts["fast"] >= counts["slow"]


def test_a_camera_without_images_costs_the_others_nothing(schedule, clock):
    channels = [channel(Script(name, fps=10.0)) for name in ("gone", "a", "b")]
    counts = served(schedule(*channels), channels, clock, 100, fresh=lambda one: one.name != "gone")
    assert counts == {"a": 50, "b": 50}


def test_one_that_comes_back_is_next_and_gets_no_burst(schedule, clock):
    channels = [channel(Script(name, fps=10.0)) for name in ("gone", "a")]
    scheduler = schedule(*channels)
    served(scheduler, channels, clock, 100, fresh=lambda one: one.name == "a")
    assert served(scheduler, channels, clock, 100) == {"gone": 50, "a": 50}


def test_of_a_camera_the_newest_frame_is_taken(schedule):
    one = channel(Script("a"))
    scheduler = schedule(one)
    one.source.put(1)
    assert [(first.index) for _, first in scheduler.first_frames(1)] == [1]
    one.source.put(2)
    assert scheduler.take(9).frame.index == 2


def test_of_a_file_every_frame_is_taken(schedule):
    one = channel(Script("a", live=False))
    scheduler = schedule(one)
    for index in range(3):
        one.source.put(index)
    assert [frame.index for _, frame in scheduler.first_frames(1)] == [0]
    jobs = [scheduler.take(9) for _ in range(3)]
    assert [(job.number, job.frame.index) for job in jobs] == [(0, 0), (1, 1), (2, 2)]


def test_frames_under_way_are_limited(schedule):
    """A camera whose output is stuck must not pile up its frames, nor take the workers from the others."""
    stuck, other = channel(Script("stuck", live=False)), channel(Script("other", live=False))
    scheduler = schedule(stuck, other)
    for index in range(9):
        stuck.source.put(index)
        other.source.put(index)
    jobs = []
    for _ in range(8):
        jobs.append(scheduler.take(2))
        if jobs[-1].channel is other:
            scheduler.done(other)
    assert Counter(job.channel.name for job in jobs) == {"stuck": 2, "other": 6}
    scheduler.done(stuck)
    assert any(scheduler.take(2).channel is stuck for _ in range(2))


def test_a_configured_rate_is_kept(schedule, clock):
    one = channel(Script("a", live=False), fps=10)
    scheduler = schedule(one)
    waits = []

    def wait(seconds):
        waits.append(seconds)
        clock.sleep(seconds)

    scheduler._changed.wait = wait
    for index in range(3):
        one.source.put(index)
    taken = []
    for _ in range(3):
        job = scheduler.take(9)
        taken.append(clock.time)
        clock.sleep(0.03)
    assert np.diff(taken) == pytest.approx([0.1, 0.1])
    assert job.frame.times.seconds["wait"] == pytest.approx(0.07)
    assert job.frame.times.seconds["capture"] == pytest.approx(0)


def test_waiting_for_a_frame_counts_as_capture(schedule, clock):
    one = channel(Script("a"))
    scheduler = schedule(one)

    def wait(seconds):
        clock.sleep(0.02)
        one.source.ready = [Frame(np.zeros((4, 4, 3), np.uint8))]

    scheduler._changed.wait = wait
    seconds = scheduler.take(9).frame.times.seconds
    assert (seconds["wait"], seconds["capture"]) == (0, pytest.approx(0.02))


def test_a_frame_wakes_a_worker(schedule):
    one = channel(Script("a"))
    scheduler = Scheduler()
    scheduler.add(one)
    jobs = []
    waiting = threading.Thread(target=lambda: jobs.append(scheduler.take(9)), daemon=True)
    waiting.start()
    one.source.put(5)
    waiting.join(LIMIT)
    assert jobs[0].frame.index == 5


def test_the_end_of_all_sources_ends_the_workers(schedule):
    one, other = channel(Script("a", live=False)), channel(Script("b", live=False))
    scheduler = schedule(one, other)
    one.source.put(0)
    one.source.ended = False
    other.source.ended = True
    assert scheduler.take(9).channel is one
    one.source.ended = True
    assert scheduler.take(9) is None


def test_a_source_that_breaks_is_left_out(schedule):
    broken, other = channel(Script("broken")), channel(Script("other"))
    scheduler = schedule(broken, other)
    broken.source.error = SourceError("gone for good")
    other.source.put(0)
    assert scheduler.take(9).channel is other
    assert str(broken.failure) == "gone for good"
    assert other.failure is None
    other.source.ended = True
    assert scheduler.take(9) is None


@pytest.mark.parametrize("how", ["stopped", "end"])
def test_nothing_is_handed_out_after_a_stop(schedule, how):
    stop = []
    one = channel(Script("a"))
    scheduler = schedule(one, stopped=lambda: bool(stop))
    one.source.put(0)
    stop.append(True) if how == "stopped" else scheduler.end()
    assert scheduler.take(9) is None


def test_max_frames_is_of_each_camera(schedule, clock):
    one, other = channel(Script("a"), max_frames=2), channel(Script("b"), max_frames=3)
    scheduler = schedule(one, other)
    counts = Counter()
    for index in range(9):
        one.source.put(index)
        other.source.put(index)
        job = scheduler.take(9)
        if job is None:
            break
        counts[job.channel.name] += 1
        clock.sleep(0.01)
    assert counts == {"a": 2, "b": 3}
    assert one.source.ends == other.source.ends == 1, "or its later frames would count as dropped"
    assert one.outage is None


def test_a_camera_can_come_and_go_during_a_run(schedule, clock):
    one, other = channel(Script("a", fps=10.0)), channel(Script("b", fps=10.0))
    scheduler = schedule(one)
    assert served(scheduler, [one], clock, 5) == {"a": 5}
    scheduler.add(other)
    assert served(scheduler, [one, other], clock, 10) == {"a": 5, "b": 5}
    assert scheduler.remove(one, 1)
    assert served(scheduler, [one, other], clock, 5) == {"b": 5}


def test_while_it_is_held_a_worker_waits_for_other_channels(schedule, clock):
    one, other = channel(Script("a")), channel(Script("b"))
    scheduler = schedule(one)

    def wait(seconds):
        scheduler.add(other)
        other.source.put(0)

    with scheduler.held():
        assert scheduler.remove(one, 1)
        scheduler._changed.wait = wait
        assert scheduler.take(9).channel is other
        scheduler.done(other)
        assert scheduler.remove(other, 1)
    assert scheduler.take(9) is None


def test_removing_waits_for_the_frames_under_way(schedule):
    one = channel(Script("a"))
    scheduler = Scheduler()
    scheduler.add(one)
    one.source.put(0)
    scheduler.take(9)
    assert not scheduler.remove(one, 0.01)
    scheduler.done(one)
    assert scheduler.remove(one, 0.01)


def test_removing_takes_no_notice_away_from_a_worker():
    """A frame of another camera may come while the program waits for those of the one that goes."""
    one, other = channel(Script("a")), channel(Script("b"))
    scheduler = Scheduler()
    scheduler.add(one)
    scheduler.add(other)
    one.source.put(0)
    scheduler.take(9)
    waiting = threading.Semaphore(0)

    def wait_for_notice(condition):
        wait = condition.wait
        condition.wait = lambda seconds: (waiting.release(), wait(LIMIT))[1]

    wait_for_notice(scheduler._changed)
    wait_for_notice(scheduler._idle)
    taken = []
    removing = threading.Thread(target=lambda: scheduler.remove(one, LIMIT), daemon=True)
    removing.start()
    assert waiting.acquire(timeout=LIMIT)
    working = threading.Thread(target=lambda: taken.append(scheduler.take(9)), daemon=True)
    working.start()
    assert waiting.acquire(timeout=LIMIT)
    other.source.put(0)
    working.join(LIMIT / 2)
    assert [job.channel.name for job in taken] == ["b"]
    scheduler.done(one)
    removing.join(LIMIT / 2)
    assert not removing.is_alive()


def test_cameras_without_an_image_are_not_waited_for_long(schedule, clock):
    one, other = channel(Script("a")), channel(Script("absent"))
    scheduler = schedule(one, other)
    scheduler._changed.wait = clock.sleep
    one.source.put(0)
    began = clock.time
    assert [found.name for found, _ in scheduler.first_frames(2)] == ["a"]
    assert clock.time - began == pytest.approx(2)


def auto(name):
    return channel(Script(name), sparing=Sparing(None, live=True))


def taken(schedule, spare=False):
    """The name of the camera whose frame a worker gets, and whether it is to infer it; None where it gets none."""
    job, _ = schedule._next(0.0, 3, spare)
    return job and (job.channel.name, job.frame.times.inferred)


def test_the_spare_worker_gets_what_nobody_has_time_to_infer(schedule):
    camera = auto("a")
    film = channel(Script("film", live=False))
    scheduler = schedule(camera, film)
    camera.source.put(0)
    film.source.put(0)
    assert taken(scheduler, spare=True) == ("a", False)
    assert taken(scheduler, spare=True) is None, "a frame of a film waits until it is inferred"
    camera.source.put(1)
    scheduler._waiting = 1
    assert taken(scheduler, spare=True) is None, "a worker is about to infer it"
    film.source.ready = []
    assert taken(scheduler) == ("a", True)


def test_cameras_take_turns_to_be_inferred(schedule, clock):
    cameras = [auto("a"), auto("b")]
    scheduler = schedule(*cameras)
    for camera in cameras:
        camera.source.put(0)
        assert taken(scheduler)[1]
        clock.sleep(0.1)
    cameras[1].source.put(1)
    assert taken(scheduler) is None, "it is the turn of a"
    scheduler._waiting = 1
    assert taken(scheduler, spare=True) == ("b", False)
    cameras[0].source.put(1)
    assert taken(scheduler) == ("a", True)
    clock.sleep(2)
    cameras[0].source.put(2)
    assert taken(scheduler) == ("a", True), "b has been silent, and is not waited for"


def test_as_many_frames_of_a_film_may_be_under_way_as_are_needed_to_infer_several(schedule):
    film = channel(Script("film", live=False), sparing=Sparing(5))
    scheduler = schedule(film)
    for index in range(20):
        film.source.put(index)
    found = [taken(scheduler) for _ in range(20)]
    assert [one[1] for one in found if one is not None] == [True, False, False, False, False] * 3
