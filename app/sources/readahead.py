"""Sources that can wait: a thread decodes a few frames ahead, and none is lost."""

import threading
import time
from typing import Callable, Iterator, Optional, Sequence

from app.errors import warn
from app.frame import Frame, Source, nothing
from app.threads import CLOSE_LIMIT, WAIT, Mailbox, yield_to_inference

READ_AHEAD = 3  # frames decoded before the loop asks for them

# With image, time, name, size and a number that begins at 0 in each file; None for each that could not be decoded.
Frames = Iterator[Optional[Frame]]


class ReadAhead(Source):
    """Frames that are read in a thread, as far ahead of the loop as the memory for them allows.

    A frame counts as captured when the loop takes it: how long it lay ready says nothing about the program's speed.
    """

    def __init__(
        self,
        name: str,
        read: Callable[[], Frames],
        *,
        loop: bool,
        fps: Optional[float] = None,
        count: Optional[int] = None,
        length: Optional[float] = None,
        files: Sequence[str] = (),
        names: Sequence[str] = (),
    ) -> None:
        """read: yields the frames from the first on; called in the thread, again for each turn of `loop`."""
        self.name = name
        self.files = files
        self.names = names
        self.fps = fps
        self.count = None if loop else count
        self.length = None if loop else length
        self._read = read
        self._loop = loop
        self._mail: Mailbox[Frame] = Mailbox(READ_AHEAD)
        self._closed = False
        self._deadline: Optional[float] = None  # of its thread, once it has ended
        self._error: Optional[BaseException] = None
        self._arrived: Callable[[], None] = nothing
        self._low_priority = True
        self._thread: Optional[threading.Thread] = None

    def start(
        self,
        prepare: Optional[Callable[[Frame], None]] = None,
        arrived: Callable[[], None] = nothing,
        *,
        low_priority: bool = True,
    ) -> None:
        if self._thread is None:
            self._arrived = arrived
            self._low_priority = low_priority
            self._thread = threading.Thread(target=self._run, args=[prepare], name="read-ahead", daemon=True)
            self._thread.start()

    @property
    def ended(self) -> bool:  # type: ignore[override]
        """Whether there is nothing more to take."""
        return self._closed or (self._mail.ended and self._error is None)

    def take(self, seconds: float = 0.0) -> Optional[Frame]:
        frame = None if self._closed else self._mail.get(seconds)
        if frame is not None:
            frame.times.captured_at = time.monotonic()
            self.captured += 1
        elif self._mail.ended and self._error is not None and not self._closed:
            raise self._error
        return frame

    def end(self) -> None:
        if self._deadline is None:
            self._deadline = time.monotonic() + CLOSE_LIMIT
        self._closed = True
        self._mail.close()

    def close(self) -> None:
        self.end()
        assert self._deadline is not None
        thread, self._thread = self._thread, None  # so that closing again says nothing again
        if thread is not None:
            thread.join(max(0.0, self._deadline - time.monotonic()))
            if thread.is_alive():
                warn(f"{self.name}: the reading thread did not stop in time and was abandoned")

    def _run(self, prepare: Optional[Callable[[Frame], None]]) -> None:
        try:
            if self._low_priority:
                yield_to_inference()
            self._read_all(prepare)
        except BaseException as error:  # handed to the loop, which raises it in the main thread
            self._error = error
        finally:
            self._mail.close()
            self._arrived()

    def _read_all(self, prepare: Optional[Callable[[Frame], None]]) -> None:
        decoded, turn = 0, True
        before, number, index = 0, -1, -1  # frames of the files before; of the last frame: its number there, and in all
        while turn and not self._closed:
            turn = False
            frames = self._read()
            while self._wait_for_room():  # before decoding: what waits for room takes memory, too
                try:
                    frame = next(frames)
                except StopIteration:
                    break
                if frame is None:
                    self.undecoded += 1
                    continue
                if frame.index <= number:  # the next file, or the next turn
                    before = index + 1
                number = frame.index
                frame.index = index = before + number
                frame.times.index = decoded
                if prepare is not None:
                    prepare(frame)
                self._mail.put(frame)
                self._arrived()
                decoded += 1
                turn = self._loop

    def _wait_for_room(self) -> bool:
        """Wait until there is room. Whether the source is still open then."""
        while not self._mail.wait_for_room(WAIT):
            pass
        return not self._closed
