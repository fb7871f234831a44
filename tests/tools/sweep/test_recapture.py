import threading

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from app.frame import Frame, Source
from app.sources import open_source
from tools.sweep.recapture import Recaptured, shrink


def picture(width, height):
    return np.zeros((height, width, 3), np.uint8)


class Album(Source):
    """Prepares its frames as a source's thread does, but in the loop; the first `ahead` before anybody has asked."""

    name, fps, count, files = "album", 25.0, 3, ("a", "b")

    def __init__(self, sizes, ahead=0):
        self.album = [Frame(picture(*size), index, 0.0) for index, size in enumerate(sizes)]
        self.ahead = ahead
        self.closed = False

    def start(self, prepare=None, arrived=None, low_priority=True):
        self.prepare = prepare
        self.turns = iter([turn for frame in self.album for turn in (None, frame)])

    def take(self, seconds=0.0):
        frame = next(self.turns, None)
        self.ended = frame is None and self.captured == 2 * len(self.album)
        self.outage = None if frame else "no picture"
        if frame is None and not self.ended:
            self.captured += 2
            self.reconnects = 7
        elif frame is not None and self.prepare is not None and frame.index >= self.ahead:
            self.prepare(frame)
        return frame

    def close(self):
        self.closed = True


def size_of(frame):
    return frame.image.shape[1], frame.image.shape[0]


def test_frames_fit_within_the_capture_in_their_own_proportions():
    sizes = [(640, 480), (1280, 720), (480, 640), (320, 240), (100, 50), (1, 1), (5000, 1)]
    frames = [frame for frame in Recaptured(Album(sizes), 320, 240) if frame is not None]
    assert list(map(size_of, frames)) == [(320, 240), (320, 180), (180, 240), (320, 240), (100, 50), (1, 1), (320, 1)]


def test_by_area():
    """Of 2x2 pixels the mean: nothing is left out, as by nearest neighbours, and nothing rings."""
    image = np.zeros((4, 4, 3), np.uint8)
    image[::2, ::2] = 200
    assert (shrink(image, 2, 2) == 50).all()


@given(st.integers(1, 2000), st.integers(1, 2000), st.integers(10, 2000), st.integers(10, 2000))
def test_any_size(width, height, most_width, most_height):
    small = shrink(np.broadcast_to(np.zeros(3, np.uint8), (height, width, 3)), most_width, most_height)
    assert 1 <= small.shape[1] <= min(width, most_width)
    assert 1 <= small.shape[0] <= min(height, most_height)
    scale = min(1, most_width / width, most_height / height)
    assert abs(small.shape[1] - width * scale) <= 1
    assert abs(small.shape[0] - height * scale) <= 1
    assert shrink(small, most_width, most_height) is small


def test_what_was_read_ahead_before_it_was_there_is_shrunk_too():
    frames = [frame for frame in Recaptured(Album([(64, 48)] * 3, ahead=2), 32, 32) if frame is not None]
    assert list(map(size_of, frames)) == [(32, 24)] * 3


def test_it_is_prepared_when_it_has_been_shrunk():
    source = Recaptured(Album([(64, 48), (16, 16)]), 32, 32)
    prepared = []
    source.start(lambda frame: prepared.append(size_of(frame)))
    assert [source.take() is not None for _ in range(5)] == [False, True, False, True, False]
    assert source.ended
    assert prepared == [(32, 24), (16, 16)]


def test_what_is_told_of_the_source_is_told_of_this_one():
    album = Album([(64, 48)])
    source = Recaptured(album, 32, 32)
    assert (source.name, source.fps, source.count, source.files, source.live) == ("album", 25.0, 3, ("a", "b"), False)
    frames = iter(source)
    assert next(frames) is None
    assert (source.captured, source.outage, source.reconnects) == (2, "no picture", 7)
    assert next(frames) is not None
    assert source.outage is None
    with source:
        assert not album.closed
    assert album.closed


def test_a_camera():
    before = set(threading.enumerate())
    with Recaptured(open_source("test://320x240@30?live"), 64, 64) as source:
        assert source.live
        prepared = []
        taken = []
        source.start(lambda frame: prepared.append(size_of(frame)))
        while len(taken) < 3:
            frame = source.take(0.1)
            if frame is not None:
                taken.append(frame)
        assert source.captured > taken[-1].index
    assert {size_of(frame) for frame in taken} == {(64, 48)} == set(prepared)
    assert taken[0].index < taken[1].index < taken[2].index
    assert set(threading.enumerate()) == before


def test_the_end_is_passed_on():
    album, ended = Album([(64, 48)]), []
    album.end = lambda: ended.append(True)
    Recaptured(album, 32, 32).end()
    assert ended == [True]
