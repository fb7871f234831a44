"""What the threads beside the loop share."""

import ctypes
import os
import sys
import threading
from collections import deque
from typing import Deque, Generic, Optional, TypeVar

Item = TypeVar("Item")

WAIT = 0.1  # seconds after which whoever waits looks whether the program is to end
M_ARENA_MAX = -8  # of mallopt(3), in malloc.h
CLOSE_LIMIT = 0.8  # seconds that a thread has to end: SIGTERM is obeyed within two


class Mailbox(Generic[Item]):
    """Between two threads: the newest few of what one gives and the other takes.

    Holds up to `size` items. What is put into a full one pushes the oldest out, so nobody ever waits to put.
    """

    def __init__(self, size: int) -> None:
        self._size = size
        self._items: Deque[Item] = deque()
        self._changed = threading.Condition()
        self._closed = False

    def put(self, item: Item) -> Optional[Item]:
        """Put an item; the one that had to go for it, or that came after the end."""
        with self._changed:
            if self._closed:
                return item
            pushed_out = self._items.popleft() if len(self._items) >= self._size else None
            self._items.append(item)
            self._changed.notify_all()
            return pushed_out

    def wait_for_room(self, seconds: float) -> bool:
        """Wait until an item would push nothing out; whether that came in time."""
        with self._changed:
            return self._changed.wait_for(lambda: len(self._items) < self._size or self._closed, seconds)

    def get(self, seconds: Optional[float] = None) -> Optional[Item]:
        """The oldest item; None after so many seconds, or when there is none and none will come."""
        with self._changed:
            self._changed.wait_for(lambda: self._items or self._closed, seconds)
            item = self._items.popleft() if self._items else None
            self._changed.notify_all()
            return item

    @property
    def ended(self) -> bool:
        """Whether nothing is left and nothing will come."""
        with self._changed:
            return self._closed and not self._items

    def close(self) -> None:
        """Take no more. What is in it can still be got."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()


def yield_to_inference() -> None:
    """Let this thread, and those that it will start, run where a core would be idle, and only there.

    Inference fills every core, but between two inferences all but one are free: time enough to decode or encode a
    frame. On Linux a thread has a priority of its own; elsewhere this would slow the whole process down.
    """
    if sys.platform.startswith("linux"):
        try:
            os.setpriority(os.PRIO_PROCESS, 0, 10)
        except OSError:
            pass  # a sandbox that forbids it costs a little speed


def share_heaps() -> None:
    """Have all threads allocate from two heaps. For before there are threads.

    glibc gives each new thread a heap of its own, up to eight for each core, and memory that the readers of a camera
    have freed stays in theirs. Measured by `python -m tools.soak faults --faults 100`: 50 faults of an RTSP camera grew
    the process by 4.3 % without this, and by 0.4 % with it.
    """
    try:
        ctypes.CDLL(None).mallopt(M_ARENA_MAX, 2)
    except (AttributeError, OSError, TypeError):
        pass  # not glibc
