"""Pictures and videos for tests, how a sink gets them, and a file system without room for them."""

import contextlib
import resource
from fractions import Fraction

import cv2
import numpy as np

from app.detections import Detections
from app.frame import Frame
from app.sources.container import Track

NOTHING = Detections.empty()


def picture(value, size=(64, 48)):
    """An image of one brightness, or one BGR colour."""
    return np.full((size[1], size[0], 3), value, np.uint8)


def write(sink, canvas, index=0, name="", time=0.0, detections=NOTHING, size=None):
    """Give a sink one frame."""
    sink.write(Frame(canvas, index, name=name, time=time, size=size), canvas, detections)


def write_video(path, images, fps=25, code="MJPG"):
    """A video of these images, which have one size."""
    images = list(images)
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*code), fps, images[0].shape[1::-1])
    assert writer.isOpened()
    for image in images:
        writer.write(image)
    writer.release()
    return path


def kill_frames(path, dead):
    """Overwrite frames of a Motion JPEG in AVI with zeros, so that they cannot be decoded; its path."""
    data = bytearray(path.read_bytes())
    at, number = data.index(b"movi") + 4, 0
    while data[at : at + 4] == b"00dc":
        size = int.from_bytes(data[at + 4 : at + 8], "little")
        if number in dead:
            data[at + 8 : at + 8 + size] = bytes(size)
        at, number = at + 8 + size + size % 2, number + 1
    path.write_bytes(data)
    return path


def track(times, **fields):
    """What a container would say of a film whose frames are shown at these times."""
    plain = Track("mjpeg", None, None if times is None else iter(times), None, 1, Fraction(1), variable=False)
    return plain._replace(**fields)


def play(path):
    """The images of a video, and their times in seconds."""
    capture = cv2.VideoCapture(str(path))
    images, times = [], []
    while True:
        good, image = capture.read()
        if not good:
            capture.release()
            return images, times
        images.append(image)
        times.append(capture.get(cv2.CAP_PROP_POS_MSEC) / 1000)


@contextlib.contextmanager
def room_for(size):
    """No file may grow beyond `size` bytes: a write across that is cut short, as on a full disk."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


class Position:
    """A capture that tells a frame's time in milliseconds."""

    def __init__(self, seconds):
        self._seconds = seconds

    def get(self, prop):
        assert prop == cv2.CAP_PROP_POS_MSEC
        return 1000 * self._seconds
