"""What an earlier run has left at the broker: counts that are not true any more, of things that may be no more."""

import time
from typing import Callable, Optional, Sequence, Set

from app.notify.camera import CameraState
from app.notify.retained import Retained

BELOW = ("/+/+", "/+/zones/+/+", "/+/lines/+/+")  # the machine's topic
WAIT = 3.0  # seconds for the broker to tell what it keeps
MOST = 1000  # topics


class Leftovers:
    """Puts into `retained` what makes them true: zeros, and removals.

    topics: those to subscribe to, for a while.
    """

    def __init__(
        self,
        root: str,
        retained: Retained,
        cameras: Callable[[], Sequence[CameraState]],
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        """root: the topic of this machine. cameras: those that there are now. now: the monotonic clock."""
        self.topics = [root + below for below in BELOW]
        self._start = len(root) + 1
        self._retained = retained
        self._cameras = cameras
        self._now = now
        self._until: Optional[float] = None
        self._strangers: Set[str] = set()  # of no camera that there is
        self._found = 0

    def begin(self) -> None:
        """The broker begins to tell what it keeps."""
        self._until = self._now() + WAIT

    def take(self, topic: str) -> None:
        """It keeps a value there."""
        if self._retained.has(topic) or self._found >= MOST:
            return
        self._found += 1
        name = topic[self._start :].split("/")[0]
        for camera in self._cameras():
            if camera.topics.level == name:
                camera.earlier(topic)
                return
        self._strangers.add(topic)

    def settle(self) -> bool:
        """Whether it is time to unsubscribe: all is known. Cameras that are no more are offline, and count nothing."""
        if self._until is None or self._now() < self._until:
            return False
        self._until = None
        for topic in self._strangers:
            if not self._retained.has(topic):
                self._retained.set(topic, b"offline" if topic.endswith("/status") else b"")
        self._strangers.clear()
        return True
