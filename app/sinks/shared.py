"""One sink for several cameras, each of which writes in a thread of its own."""

import threading
from typing import TYPE_CHECKING

from app.sinks import Sink

if TYPE_CHECKING:
    import numpy as np

    from app.detections import Detections
    from app.frame import Frame


class Shared:
    """A context manager that lends a quick sink to several cameras. One at a time writes to it.

    The sink is closed once: when the last camera and the owner of this object have closed it, in any order. So it stays
    open while the owner replaces all cameras.
    """

    def __init__(self, sink: Sink) -> None:
        """sink: one without a queue, since a queue's thread would be one per camera."""
        assert not sink.queue_size, "share a quick sink"
        self.sink = sink
        self.lock = threading.Lock()
        self._users = 1  # the owner
        self._counting = threading.Lock()

    def part(self) -> Sink:
        """The sink for one more camera."""
        with self._counting:
            self._users += 1
        return _Part(self)

    def close(self) -> None:
        """One user fewer. Raises OutputError where the sink does when it is closed."""
        with self._counting:
            self._users -= 1
            last = not self._users
        if last:  # nobody writes any more, so this waits for nobody
            self.sink.close()

    def __enter__(self) -> "Shared":
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()


class _Part(Sink):
    def __init__(self, shared: Shared) -> None:
        sink = shared.sink
        self.name, self.wants_canvas, self.may_block = sink.name, sink.wants_canvas, sink.may_block
        self._shared = shared
        self._closed = False

    def write(self, frame: "Frame", canvas: "np.ndarray", detections: "Detections") -> None:
        with self._shared.lock:
            self._shared.sink.write(frame, canvas, detections)

    def idle(self, canvas: "np.ndarray", outage: str) -> None:
        with self._shared.lock:
            self._shared.sink.idle(canvas, outage)

    def reopen(self) -> None:
        with self._shared.lock:
            self._shared.sink.reopen()

    def close(self) -> None:
        if not self._closed:
            self._closed = True
            self._shared.close()
