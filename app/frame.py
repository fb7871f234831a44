"""What the loop reads: frames, from a source."""

from typing import Any, Callable, Iterator, Optional, Sequence

import numpy as np

from app.timing import StageClock


class Frame:
    """One captured picture.

    image: (height, width, 3) uint8, BGR, owned by whoever holds the frame: the overlay draws on it.
    index: number of this frame among all that were captured, from 0; a gap is a dropped frame.
    captured_at: seconds on the monotonic clock.
    name: file name of a still image, else empty.
    prepared: what the detector has made of the image ahead of time, in the source's thread; None where it has not.
    clock: what each stage took for this frame.
    """

    __slots__ = ("image", "index", "captured_at", "name", "prepared", "clock")

    def __init__(self, image: np.ndarray, index: int, captured_at: float, name: str = "") -> None:
        self.image = image
        self.index = index
        self.captured_at = captured_at
        self.name = name
        self.prepared: Any = None
        self.clock = StageClock()


class Source:
    """A context manager that iterates over frames.

    Iterating gives None when no frame came for a tenth of a second, so that the loop is never stuck in here. A live
    source drops frames that nobody took; any other loses none. Raises SourceError when it breaks.

    name: for people, without passwords. fps: nominal rate, None where there is none. count: frames in all, None where
    nobody knows. files: the files that are read, which nobody may write to.
    prepare: called with every frame, in the source's own thread, before it is handed out; set by the loop.
    captured: frames captured so far, also those that were dropped.
    outage: what to tell people while there is no picture, None while there is. reconnects: how often it came back.
    """

    name: str
    files: Sequence[str] = ()
    live = False
    fps: Optional[float] = None
    count: Optional[int] = None
    prepare: Optional[Callable[[Frame], None]] = None
    captured = 0
    outage: Optional[str] = None
    reconnects = 0

    def __iter__(self) -> Iterator[Optional[Frame]]:
        raise NotImplementedError

    def close(self) -> None:
        """Stop the source's thread and free its device. Closing twice is allowed."""

    def __enter__(self) -> "Source":
        return self

    def __exit__(self, *exception: Any) -> None:
        self.close()
