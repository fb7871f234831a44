"""Stand-ins for what cannot be had in a test: time and a camera."""

import queue
import threading

import cv2
import numpy as np

LIMIT = 10  # seconds after which a test that waits has failed


class FakeClock:
    """A clock that moves only when told to, or when somebody sleeps by it."""

    def __init__(self):
        self.time = 100.0

    def now(self):
        return self.time

    def sleep(self, seconds):
        assert seconds > 0
        self.time += seconds


class FakeVideoCapture:
    """A camera that gives a frame when the test says so. What cv2.VideoCapture has and this has not, raises."""

    def __init__(self, device, api):
        assert api == cv2.CAP_V4L2
        self.device = device
        self.opens = True
        self.released = False
        self.shape = (48, 64)
        self.settings = {
            cv2.CAP_PROP_FRAME_WIDTH: 640.0,
            cv2.CAP_PROP_FRAME_HEIGHT: 480.0,
            cv2.CAP_PROP_FPS: 30.0,
            cv2.CAP_PROP_FOURCC: float(cv2.VideoWriter.fourcc(*"YUYV")),
        }
        self._frames = queue.Queue()
        self._reads = threading.Semaphore(0)
        self._free = threading.Event()

    def isOpened(self):
        return self.opens

    def set(self, setting, value):
        if setting not in self.settings:
            raise KeyError(setting)
        self.settings[setting] = float(value)
        return True

    def get(self, setting):
        return self.settings[setting]

    def read(self):
        assert not self.released, "read() after release()"
        self._reads.release()
        item = self._frames.get(timeout=LIMIT)
        if self._free.is_set():
            self._frames.put(item)
        if isinstance(item, Exception):
            raise item
        return item

    def release(self):
        self.released = True

    def give(self, brightness):
        """Deliver one frame, and return when the reader has put it away and asks for the next."""
        self.give_image(np.full(self.shape + (3,), brightness, np.uint8))
        assert self._reads.acquire(timeout=LIMIT)
        self._reads.release()

    def give_image(self, image):
        """Deliver a picture of any kind, and do not wait for what becomes of it."""
        assert self._reads.acquire(timeout=LIMIT)
        self._frames.put((True, image))

    def repeat(self, brightness):
        """From now on deliver the same frame as often as anybody reads."""
        self._free.set()
        self._frames.put((True, np.full(self.shape + (3,), brightness, np.uint8)))

    def break_down(self):
        """Deliver something that cannot be decoded."""
        self._frames.put(cv2.error("corrupt"))

    def stumble(self):
        """Deliver an image that cannot be decoded, as a stream does: this one read fails."""
        self._frames.put((False, None))

    def fail(self):
        """Be unplugged: from now on every read fails at once."""
        self._free.set()
        self._frames.put((False, None))

    def run_free(self):
        """From now on deliver as many frames as anybody reads, so that nobody waits."""
        self.repeat(0)
