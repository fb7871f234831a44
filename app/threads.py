"""What threads share: mailboxes, the order of what they bring, limits, priority, and heaps."""

import ctypes
import os
import sys
import threading
from collections import deque
from typing import Callable, Deque, Dict, Generic, List, Optional, TypeVar

Item = TypeVar("Item")

WAIT = 0.1  # seconds: how often a waiting thread checks whether the program is to stop
QUEUE_BYTES = 64 << 20  # of images that wait between two threads: three of 4K, but only one of 100 megapixels
M_ARENA_MAX = -8  # of mallopt(3), in malloc.h
CLOSE_LIMIT = 0.8  # seconds that a thread has to stop, since the program obeys SIGTERM within two


class Mailbox(Generic[Item]):
    """A queue between two threads that holds the newest `size` items.

    It is also full where its items, by their attribute `nbytes`, take `QUEUE_BYTES` of memory; one item fits always. An
    item put into a full mailbox displaces the oldest, so `put` never blocks.
    """

    def __init__(self, size: int) -> None:
        self._size = size
        self._items: Deque[Item] = deque()
        self._changed = threading.Condition()
        self._closed = False

    def put(self, item: Item) -> List[Item]:
        """Put an item; returns the items that were displaced: the oldest, or this one where the mailbox is closed."""
        with self._changed:
            if self._closed:
                return [item]
            displaced = []
            while not self._has_room():
                displaced.append(self._items.popleft())
            self._items.append(item)
            self._changed.notify_all()
            return displaced

    def wait_for_room(self, seconds: float) -> bool:
        """Wait until there is room, or the mailbox is closed; whether that happened within so many seconds."""
        with self._changed:
            return self._changed.wait_for(lambda: self._closed or self._has_room(), seconds)

    def _has_room(self) -> bool:
        held = sum(getattr(item, "nbytes", 0) for item in self._items)
        return not self._items or (len(self._items) < self._size and held < QUEUE_BYTES)

    def get(self, seconds: Optional[float] = None) -> Optional[Item]:
        """The oldest item, waiting for one; None after so many seconds, or where the mailbox is closed and empty."""
        with self._changed:
            self._changed.wait_for(lambda: self._items or self._closed, seconds)
            item = self._items.popleft() if self._items else None
            self._changed.notify_all()
            return item

    @property
    def ended(self) -> bool:
        """Whether the mailbox is closed and empty."""
        with self._changed:
            return self._closed and not self._items

    def close(self) -> None:
        """Accept no more items. Those in it can still be taken."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()


class InOrder(Generic[Item]):
    """Hands items on in the order of their numbers, one at a time, whichever threads bring them.

    The thread that brings the next one hands it on, and then those that came too early. The others never wait.
    """

    def __init__(self, hand_on: Callable[[Item], None]) -> None:
        """hand_on: if it raises, the exception goes to the thread that called, and nothing more is handed on."""
        self._hand_on = hand_on
        self._lock = threading.Lock()
        self._next = 0
        self._early: Dict[int, Item] = {}
        self._between: Deque[Item] = deque()
        self._busy = False

    def put(self, number: int, item: Item) -> None:
        """Take an item; its number is that of the item before it plus one, the first one's is 0."""
        with self._lock:
            self._early[number] = item
        self._hand_on_all()

    def put_between(self, item: Item) -> None:
        """Take one without a number: it is handed on before the next one that has."""
        with self._lock:
            self._between.append(item)
        self._hand_on_all()

    def _hand_on_all(self) -> None:
        with self._lock:
            if self._busy:  # the thread that is at it goes on with this one
                return
            self._busy = True
        while True:
            with self._lock:
                if self._between:
                    item = self._between.popleft()
                elif self._next in self._early:
                    item = self._early.pop(self._next)
                    self._next += 1
                else:
                    self._busy = False
                    return
            self._hand_on(item)


def yield_to_inference() -> None:
    """Lower the priority of this thread, and of those it will start, so that it runs where a core is idle.

    Inference keeps every core busy, but between two inferences all cores but one are idle: time enough to decode or
    encode a frame. Only on Linux, where each thread has its own priority; elsewhere it would slow the whole process.
    """
    if sys.platform.startswith("linux"):
        try:
            os.setpriority(os.PRIO_PROCESS, 0, 10)
        except OSError:
            pass  # forbidden in some sandboxes, which costs a little speed


def share_heaps() -> None:
    """Let all threads allocate from two heaps. Call it before the first thread starts.

    glibc gives each new thread its own heap, up to eight per core, and memory that a camera's reader threads have freed
    stays in their heaps. Measured by `python -m tools.soak faults --faults 100`: 50 faults of an RTSP camera grew
    the process by 4.3 % without this, and by 0.4 % with it.
    """
    try:
        ctypes.CDLL(None).mallopt(M_ARENA_MAX, 2)
    except (AttributeError, OSError, TypeError):
        pass  # not glibc
