"""The time of day of frames where the clock is set, and of films."""

import numpy as np

from app.events.wall import CameraClock, Moment, Wall
from app.frame import Frame

IMAGE = np.zeros((8, 8, 3), np.uint8)


class Clocks:
    """The time of day and the monotonic clock, which go on together, and the first of which can be set."""

    def __init__(self):
        self.day, self.monotonic = 1.7e9, 50.0
        self.wall = Wall(lambda: self.day, lambda: self.monotonic)

    def go_on(self, seconds):
        self.day += seconds
        self.monotonic += seconds


def test_a_clock_that_is_set_back_changes_nothing():
    clocks = Clocks()
    clocks.go_on(10)
    clocks.day -= 3600
    assert clocks.wall.now() == 1.7e9 + 10
    clocks.go_on(5)
    assert clocks.wall.now() == 1.7e9 + 15


def test_a_clock_that_is_set_forward_is_followed():
    clocks = Clocks()
    clocks.day += 3600
    clocks.go_on(1)
    assert clocks.wall.now() == 1.7e9 + 3601
    clocks.day += 0.5  # it drifts, or is adjusted slowly
    assert clocks.wall.now() == 1.7e9 + 3601


def test_moments_of_a_camera():
    clocks = Clocks()
    clock = CameraClock(clocks.wall)
    clocks.go_on(2)
    assert clock(Frame(IMAGE, captured_at=51.5, time=0.0)) == Moment(0.0, 1.7e9 + 1.5)
    clocks.go_on(1)
    assert clock(Frame(IMAGE, captured_at=52.5, time=1.0)) == Moment(1.0, 1.7e9 + 2.5)
    clocks.day -= 3600
    assert clock(Frame(IMAGE, captured_at=53.5, time=2.0)) == Moment(2.0, 1.7e9 + 3.5)


def test_the_frames_of_a_film_are_as_far_apart_as_in_the_film_also_where_it_starts_again():
    clock = CameraClock(Clocks().wall)
    moments = [
        clock(Frame(IMAGE, captured_at=50.0 + 0.01 * index, time=time)) for index, time in enumerate([0, 4, 8, 0, 4])
    ]
    assert [moment.now for moment in moments] == [0, 4, 8, 8, 12]
    assert [moment.wall - 1.7e9 for moment in moments] == [0, 4, 8, 8, 12]
