"""The camera at the seam of cv2.VideoCapture: every misbehaviour of which cameras are known, on a clock of its own."""

import threading
import time

import cv2
import numpy as np
import pytest
from support.fakes import LIMIT, FakeClock, FakeVideoCapture

from app import frame as frame_module
from app.errors import SourceError
from app.sources import camera as camera_module
from app.sources.camera import FIRST_LIMIT, LONGEST_DELAY, MOST_CONNECTIONS, STALE, Camera
from app.sources.capture import CameraOptions, UsbCamera

SHORT = 0.001  # seconds


@pytest.fixture(autouse=True)
def short_waits(monkeypatch):
    """Nothing comes of its own accord here, so there is no use in waiting for it."""
    monkeypatch.setattr(frame_module, "WAIT", SHORT)


@pytest.fixture
def device(tmp_path):
    """The path of a camera."""
    path = tmp_path / "camera"
    path.write_bytes(b"")
    return path


class Captures(list):
    """What was opened, in order. `refuse`: what is opened from now on does not open; `hang`: nor does it return."""

    def __init__(self):
        self.refuse = False
        self.shape = (48, 64)
        self.changed = threading.Condition()
        self.hang = threading.Event()
        self.hang.set()

    def open(self, *arguments):
        capture = FakeVideoCapture(*arguments)
        capture.opens = not self.refuse
        capture.shape = self.shape
        with self.changed:
            self.append(capture)
            self.changed.notify_all()
        assert self.hang.wait(LIMIT)
        return capture

    def run_free(self):
        """Let every thread go on to its end."""
        self.hang.set()
        for capture in self:
            capture.run_free()

    def wait(self, count):
        """The one that was opened as number `count`."""
        with self.changed:
            assert self.changed.wait_for(lambda: len(self) >= count, LIMIT), "{} opened".format(len(self))
        return self[count - 1]


@pytest.fixture
def captures(monkeypatch):
    captures = Captures()
    monkeypatch.setattr(cv2, "VideoCapture", captures.open)
    return captures


@pytest.fixture
def clock():
    return FakeClock()


@pytest.fixture
def connect(device, captures, clock):
    """Opens the camera, with options."""
    opened = []

    def open_camera(**options):
        opened.append(Camera(UsbCamera(str(device)), CameraOptions(**options), now=clock.now))
        return opened[-1]

    yield open_camera
    captures.run_free()
    for camera in opened:
        camera.close()


@pytest.fixture
def camera(connect, captures):
    camera = connect()
    captures.wait(1)
    return camera


def next_frame(frames):
    for _ in range(int(LIMIT / SHORT)):
        frame = next(frames)
        if frame is not None:
            return frame
    raise AssertionError("no frame")


def look(frames, times=3):
    """What the loop does while there is nothing: it comes by again and again."""
    for _ in range(times):
        assert next(frames) is None


def wait_until(frames, condition):
    """Come by until something has happened in a thread."""
    for _ in range(int(LIMIT / SHORT)):
        next(frames)
        if condition():
            return
    raise AssertionError("it did not happen")


def brightness(frame):
    return int(frame.image[0, 0, 0])


# Newest frame only


def test_the_newest_frame_is_handed_out_once(camera, captures, clock):
    frames = iter(camera)
    taken = []
    value = 0
    for burst in (3, 1, 3, 1, 2):
        clock.time += 0.5
        for _ in range(burst):
            value += 1
            captures[0].give(value)
        frame = next_frame(frames)
        assert (brightness(frame), frame.captured_at) == (value, clock.time)
        look(frames)
        taken.append(frame.index)
    assert taken == [2, 3, 6, 7, 9], "gaps are drops"
    assert camera.captured == 10


def test_a_frame_wakes_the_loop(camera, captures, monkeypatch):
    """The loop waits in the source; a frame that comes meanwhile ends the wait."""
    monkeypatch.setattr(frame_module, "WAIT", 10 * LIMIT)
    taken = []
    waiting = threading.Thread(target=lambda: taken.append(next(iter(camera))), daemon=True)
    waiting.start()
    captures[0].give(10)
    waiting.join(LIMIT)
    assert [brightness(frame) for frame in taken] == [10]


def test_frames_are_prepared_in_the_thread_that_reads(camera, captures):
    threads = []
    camera.start(lambda frame: threads.append(threading.current_thread().name))
    captures[0].give(10)
    assert camera.take(LIMIT) is not None
    assert threads == ["camera"]


def test_it_says_when_there_is_something_to_take(camera, captures):
    arrived = threading.Event()
    camera.start(arrived=arrived.set)
    assert camera.take() is None
    captures[0].give(10)
    assert arrived.wait(LIMIT)
    assert brightness(camera.take()) == 10
    assert not camera.ended
    camera.close()
    assert camera.ended


def test_the_loop_may_draw_on_what_it_gets(camera, captures):
    """And the next picture is still seen to be another, or the same."""
    frames = iter(camera)
    captures[0].give(10)
    next_frame(frames).image[:] = 99
    captures[0].give(10)
    look(frames)
    captures[0].give(99)
    assert brightness(next_frame(frames)) == 99


# The first connection


def test_opening_does_not_wait_for_the_driver(connect, captures):
    captures.hang.clear()
    look(iter(connect()))


def test_a_camera_that_opens_and_gives_nothing(camera, captures):
    captures[0].fail()
    with pytest.raises(SourceError, match="delivers no frames"):
        next_frame(iter(camera))


def test_a_camera_that_never_gives_a_first_frame(camera, clock):
    frames = iter(camera)
    look(frames)
    clock.time += FIRST_LIMIT + 0.1
    with pytest.raises(SourceError, match="no image within"):
        next(frames)


@pytest.mark.parametrize("retry, hint", [(None, True), (3, True), (0, False)])
def test_a_first_failure_says_what_would_keep_trying(connect, captures, retry, hint):
    captures.refuse = True
    with pytest.raises(SourceError, match="cannot be opened") as caught:
        look(iter(connect(retry=retry)), int(LIMIT / SHORT))
    assert ("--wait" in str(caught.value)) == hint


def test_waiting_for_a_camera_that_is_in_use(connect, captures, clock):
    captures.refuse = True
    frames = iter(connect(wait=True))
    captures.wait(1)
    for count in range(2, 5):
        clock.time += LONGEST_DELAY
        wait_until(frames, lambda count=count: len(captures) >= count)
    captures.refuse = False
    clock.time += LONGEST_DELAY
    wait_until(frames, lambda: captures[-1].opens)
    captures[-1].give(10)
    assert brightness(next_frame(frames)) == 10


def test_waiting_for_a_camera_that_is_not_plugged_in(connect, captures, clock, device):
    device.unlink()
    camera = connect(wait=True)
    frames = iter(camera)
    clock.time += 100
    look(frames)
    assert "does not exist" in camera.outage
    assert not captures, "nothing is opened that is not there"
    device.write_bytes(b"")
    look(frames, 1)
    captures.wait(1).give(10)
    assert brightness(next_frame(frames)) == 10


# It never stops


def playing(camera, captures, count=3):
    """The camera's frames, after the first few."""
    frames = iter(camera)
    for value in range(1, count + 1):
        captures[-1].give(value)
        next_frame(frames)
    return frames


def regained(frames, captures, clock, count):
    """A frame from the connection with this number."""
    for _ in range(400):
        clock.time += 0.05
        next(frames)
        if len(captures) >= count:
            break
    captures.wait(count).give(100)
    return next_frame(frames)


def test_an_unplugged_camera_is_opened_again(camera, captures, clock, capsys):
    frames = playing(camera, captures)
    captures.shape = (30, 40)
    captures[0].fail()
    frame = regained(frames, captures, clock, 2)
    assert (brightness(frame), frame.index, frame.image.shape) == (100, 3, (30, 40, 3))
    assert captures[0].released
    assert camera.reconnects == 1
    assert camera.outage is None
    lost, back = capsys.readouterr().err.splitlines()[-2:]
    assert "the stream ended; trying again" in lost
    assert "the image is back after 0." in back


def test_a_driver_that_hangs_in_read(camera, captures, clock):
    """The thread cannot be freed; another one opens the camera beside it."""
    frames = playing(camera, captures)
    clock.time += STALE - 0.1
    look(frames)
    assert len(captures) == 1
    clock.time += 0.2
    assert brightness(regained(frames, captures, clock, 2)) == 100
    assert not captures[0].released, "it still hangs"
    captures[0].run_free()  # the driver returns after all: nobody wants its frames now
    look(frames)
    assert camera.captured == 4


def test_a_stall_that_passes(camera, captures, clock):
    """The old connection may be the first to give a picture again."""
    frames = playing(camera, captures)
    captures.hang.clear()
    clock.time += STALE + 0.1
    look(frames)
    clock.time += 1
    look(frames)
    assert "no new frame" in camera.outage
    captures[0].give(50)
    assert brightness(next_frame(frames)) == 50
    assert camera.outage is None
    assert camera.reconnects == 1
    captures.hang.set()
    captures.wait(2).run_free()
    look(frames)


def test_a_camera_that_repeats_its_last_picture(camera, captures, clock):
    """It is opened again. A picture that is still the same is the scene: a lens cap, or a virtual camera's slide."""
    frames = playing(camera, captures)
    captures[0].repeat(3)
    look(frames)
    clock.time += STALE + 0.1
    wait_until(frames, lambda: len(captures) == 2 or clock.sleep(0.1))
    for _ in range(2):
        captures[1].give(3)
        assert brightness(next_frame(frames)) == 3


def test_damaged_pictures_are_passed_over(camera, captures, clock):
    frames = playing(camera, captures)
    captures[0].break_down()
    captures[0].give(50)
    assert brightness(next_frame(frames)) == 50
    assert len(captures) == 1
    captures[0].break_down()
    captures[0].break_down()
    look(frames)
    clock.time += STALE + 0.1
    assert brightness(regained(frames, captures, clock, 2)) == 100, "nothing but damaged ones"


@pytest.mark.parametrize("count", [1, 15])
def test_images_of_a_stream_that_do_not_decode_are_counted(camera, captures, clock, capsys, count):
    frames = playing(camera, captures)
    for total in (count, 2 * count):
        for _ in range(count):
            captures[0].stumble()
        captures[0].give(50 + total)
        assert brightness(next_frame(frames)) == 50 + total
        assert camera.undecoded == total
    assert (len(captures), camera.reconnects) == (1, 0)
    assert capsys.readouterr().err.count("cannot be decoded") == 1


def test_a_live_frame_has_its_time_since_the_first(camera, captures, clock):
    frames, times = iter(camera), []
    for value in range(3):
        captures[-1].give(value)
        times.append(next_frame(frames).time)
        clock.time += 0.5
    assert times == pytest.approx([0, 0.5, 1.0])


def test_a_device_that_disappears_while_its_driver_hangs(camera, captures, clock, device):
    frames = playing(camera, captures)
    device.unlink()
    look(frames)
    clock.time += 1.5
    look(frames)
    assert "does not exist" in camera.outage
    clock.time += 60
    look(frames)
    assert len(captures) == 1, "nothing is opened that is not there"
    device.write_bytes(b"")
    look(frames, 1)
    captures.wait(2).give(100)
    assert brightness(next_frame(frames)) == 100


def test_a_bug_is_told_without_the_address(connect, captures, clock, monkeypatch):
    def fail(*arguments):
        raise RuntimeError("cannot\n open rtsp://user:s3cr3t@host/x")

    monkeypatch.setattr(cv2, "VideoCapture", fail)
    with pytest.raises(SourceError, match="RuntimeError: cannot open") as caught:
        next_frame(iter(connect()))
    assert "s3cr3t" not in str(caught.value)


def test_a_picture_that_is_not_bgr(camera, captures, clock):
    frames = playing(camera, captures)
    captures[0].give_image(np.zeros((48, 64), np.uint8))
    clock.time += 1.1
    wait_until(frames, lambda: camera.outage is not None and "not BGR" in camera.outage)


def test_tries_come_ever_more_seldom(camera, captures, clock):
    frames = playing(camera, captures)
    captures.refuse = True
    captures[0].fail()
    wait_until(frames, lambda: captures[0].released)
    start, times = clock.time, []
    while clock.time - start < 60:
        count = len(captures)
        clock.time += 0.1
        look(frames, 1)
        for thread in threading.enumerate():
            if thread.name == "camera":
                thread.join(LIMIT)  # an attempt is over at once
        if len(captures) > count:
            times.append(clock.time - start)
            look(frames, 1)
    gaps = [after - before for before, after in zip(times, times[1:])]
    assert times[0] == pytest.approx(0.5, abs=0.2)
    assert gaps[:7] == pytest.approx([0.75, 1.1, 1.7, 2.5, 3.8, 5.7, 8.5], abs=0.4)
    assert gaps[7:] == pytest.approx([10] * len(gaps[7:]), abs=0.4)


def test_the_delay_starts_anew_after_a_frame(camera, captures, clock):
    frames = playing(camera, captures)
    captures.refuse = True
    captures[0].fail()
    wait_until(frames, lambda: len(captures) >= 4 or clock.sleep(0.5))
    captures.refuse = False
    wait_until(frames, lambda: captures[-1].opens or clock.sleep(0.5))
    captures[-1].give(50)
    next_frame(frames)
    count = len(captures)
    captures[-1].fail()
    wait_until(frames, lambda: captures[count - 1].released)
    clock.time += 0.6
    wait_until(frames, lambda: len(captures) > count)


@pytest.mark.parametrize("retry, count", [(0, "one attempt"), (1, "2 attempts"), (3, "4 attempts")])
@pytest.mark.parametrize("connected", [True, False], ids=["after it was there", "at the start"])
def test_attempts_have_an_end_if_asked_for(connect, captures, clock, connected, retry, count):
    captures.refuse = not connected
    camera = connect(wait=True, retry=retry)
    captures.wait(1)
    frames = playing(camera, captures) if connected else iter(camera)
    captures.refuse = True
    captures[0].fail()
    with pytest.raises(SourceError, match="gave up after " + count):
        for _ in range(int(LIMIT / SHORT)):
            next(frames)
            clock.time += 0.1
    assert len(captures) == retry + (2 if connected else 1)


def test_connections_that_all_hang_are_not_heaped_up(camera, captures, clock):
    frames = playing(camera, captures)
    captures.hang.clear()
    for _ in range(100):
        clock.time += 10
        look(frames, 1)
    assert len(captures) == MOST_CONNECTIONS
    assert "hang in the driver" in camera.outage


def test_the_log_does_not_grow_with_an_outage(camera, captures, clock, capsys):
    frames = playing(camera, captures)
    captures.refuse = True
    captures[0].fail()
    for _ in range(1000):
        clock.time += 1
        look(frames, 1)
    lines = capsys.readouterr().err.splitlines()
    assert 5 <= len(lines) <= 20
    assert "no image for 9" in lines[-1], "with the time since the last frame"


def test_the_log_does_not_grow_with_a_camera_that_comes_and_goes(camera, captures, clock, capsys):
    """An address that gives one picture for every connection, say."""
    frames = playing(camera, captures)
    for count in range(2, 102):
        captures[-1].fail()
        regained(frames, captures, clock, count)
    assert camera.reconnects == 100
    assert len(capsys.readouterr().err.splitlines()) <= 10


def test_a_camera_whose_frames_come_seldom_is_not_given_up(camera, captures, clock):
    """A timelapse of a frame in three seconds: slower than STALE."""
    frames = iter(camera)
    for value in range(1, 12):
        captures[0].give(value)
        assert brightness(next_frame(frames)) == value
        for _ in range(30):
            clock.time += 0.1
            captures_before = len(captures)
            look(frames, 1)
            if len(captures) > captures_before:
                captures.hang.clear()
    assert camera.captured == 11
    assert len(captures) <= 2, "tried once, until its rate was known"


# The outage in words, and the end


def test_outage_is_told_with_its_length(camera, captures, clock):
    frames = playing(camera, captures)
    assert camera.outage is None
    clock.time += 1.2
    assert camera.outage == "no image for 1 s: no new frame"
    captures.refuse = True
    captures[0].fail()
    clock.time += 6
    look(frames)
    assert camera.outage.startswith("no image for 7 s: ")


def test_close_ends_the_thread_and_frees_the_camera(device, captures):
    before = set(threading.enumerate())
    camera = Camera(UsbCamera(str(device)))
    captures.wait(1).run_free()
    assert len(set(threading.enumerate()) - before) == 1
    camera.close()
    assert set(threading.enumerate()) <= before
    assert captures[0].released
    camera.close()


def test_close_does_not_wait_for_a_driver_that_hangs(camera, captures, monkeypatch, capsys):
    monkeypatch.setattr(camera_module, "CLOSE_LIMIT", 0.05)
    camera.close()
    assert "abandoned" in capsys.readouterr().err
    camera.close()
    assert capsys.readouterr().err == "", "it has been said"


def test_cameras_that_hang_are_closed_side_by_side(device, captures, monkeypatch, capsys):
    monkeypatch.setattr(camera_module, "CLOSE_LIMIT", 0.2)
    captures.hang.clear()
    cameras = [Camera(UsbCamera(str(device))) for _ in range(5)]
    captures.wait(5)
    for one in cameras:
        one.end()
    begun = time.monotonic()
    for one in cameras:
        one.close()
    assert time.monotonic() - begun < 0.7, "not the limit five times"
    assert capsys.readouterr().err.count("abandoned") == 5
    captures.run_free()


def test_after_the_end_no_frame_is_captured(device, captures):
    with Camera(UsbCamera(str(device))) as camera:
        captures.wait(1)
        captures[0].give(10)
        assert next_frame(iter(camera)) is not None
        camera.end()
        captures[0].give_image(np.full((480, 640, 3), 20, np.uint8))
        camera.close()
        assert (camera.captured, camera.take(), camera.ended) == (1, None, True)


def test_what_the_camera_gives_is_said_once_it_does(camera, captures, capsys):
    assert capsys.readouterr().err == ""
    captures[0].give(10)
    next_frame(iter(camera))
    assert "640x480" in capsys.readouterr().err
    assert camera.fps == 30
