import threading

import cv2
import pytest
from fakes import LIMIT, FakeVideoCapture

from app.camera import Camera
from app.errors import SourceError
from app.sources import open_source


@pytest.fixture
def device(tmp_path):
    """The path of a camera."""
    path = tmp_path / "camera"
    path.write_bytes(b"")
    return str(path)


@pytest.fixture
def captures(monkeypatch):
    """What was opened, in order; every one is let go at the end, so that no thread is left."""
    opened = []

    def open_capture(*arguments):
        opened.append(FakeVideoCapture(*arguments))
        return opened[-1]

    monkeypatch.setattr(cv2, "VideoCapture", open_capture)
    yield opened
    for capture in opened:
        capture.run_free()


@pytest.fixture
def camera(device, captures):
    with Camera(device) as camera:
        yield camera
        captures[0].run_free()


def next_frame(frames):
    return next(frame for frame in frames if frame is not None)


def brightness(frame):
    return int(frame.image[0, 0, 0])


def test_only_the_newest_frame_is_handed_out(camera, captures):
    for value in (10, 11, 12):
        captures[0].give(value)
    frame = next_frame(iter(camera))
    assert brightness(frame) == 12
    assert frame.index == 2, "the two before it were dropped"


def test_no_frame_twice(camera, captures):
    frames = iter(camera)
    captures[0].give(10)
    assert brightness(next(frames)) == 10
    assert next(frames) is None, "none has come since"
    captures[0].give(11)
    assert brightness(next(frames)) == 11


def test_gaps_in_the_index_are_drops(camera, captures):
    frames = iter(camera)
    indices = []
    for burst in (1, 3, 1, 2):
        for _ in range(burst):
            captures[0].give(0)
        indices.append(next(frames).index)
    assert indices == [0, 3, 4, 6]


def test_frames_carry_the_time_of_capture(camera, captures):
    frames = iter(camera)
    times = []
    for _ in range(3):
        captures[0].give(0)
        times.append(next(frames).captured_at)
    assert times == sorted(times)
    assert len(set(times)) == 3


def test_a_frame_wakes_the_loop(camera, captures, monkeypatch):
    """The loop waits in the source; a frame that comes meanwhile ends the wait."""
    monkeypatch.setattr("app.camera.WAIT", 10 * LIMIT)
    taken = []
    waiting = threading.Thread(target=lambda: taken.append(next_frame(iter(camera))), daemon=True)
    waiting.start()
    captures[0].give(10)
    waiting.join(LIMIT)
    assert [brightness(frame) for frame in taken] == [10]


def test_an_unplugged_camera_is_an_error_after_its_last_frame(camera, captures):
    frames = iter(camera)
    captures[0].give(10)
    captures[0].fail()
    assert brightness(next_frame(frames)) == 10
    with pytest.raises(SourceError, match="unplugged"):
        next_frame(frames)


def test_missing_camera():
    with pytest.raises(SourceError, match="no /dev/video977"):
        Camera("977")


def test_missing_camera_by_path():
    with pytest.raises(SourceError, match="camera"):
        open_source("/dev/v4l/by-id/absent")


def test_camera_in_use(device, monkeypatch):
    class BusyVideoCapture(FakeVideoCapture):
        def isOpened(self):
            return False

    monkeypatch.setattr(cv2, "VideoCapture", BusyVideoCapture)
    with pytest.raises(SourceError, match="in use"):
        Camera(device)


def test_asked_for_properties(device, captures):
    with Camera(device, width=1280, height=720, fps=15.0) as camera:
        settings = captures[0].settings
        assert settings[cv2.CAP_PROP_FRAME_WIDTH] == 1280
        assert settings[cv2.CAP_PROP_FRAME_HEIGHT] == 720
        assert camera.fps == 15
        captures[0].run_free()


def test_nothing_asked_for_nothing_set(camera, captures):
    assert captures[0].settings[cv2.CAP_PROP_FRAME_WIDTH] == 640
    assert (camera.fps, camera.live, camera.count) == (30, True, None)


@pytest.mark.parametrize("claimed", [0.0, -1.0, 1e6])
def test_a_camera_that_knows_no_rate(device, captures, monkeypatch, claimed):
    monkeypatch.setattr(FakeVideoCapture, "get", lambda self, setting: claimed)
    with Camera(device) as camera:
        assert camera.fps is None
        captures[0].run_free()


def test_close_ends_the_thread_and_frees_the_camera(device, captures):
    before = set(threading.enumerate())
    camera = Camera(device)
    assert len(set(threading.enumerate()) - before) == 1
    captures[0].run_free()
    camera.close()
    assert set(threading.enumerate()) <= before
    assert captures[0].released
    camera.close()


def test_a_frame_that_breaks_the_decoder_ends_the_source(camera, captures):
    captures[0].break_down()
    with pytest.raises(SourceError, match="no more frames"):
        next_frame(iter(camera))
