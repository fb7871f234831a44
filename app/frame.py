"""What the loop reads: frames, from a source."""

from typing import Any, Iterator, Optional, Sequence

import numpy as np


class Frame:
    """One captured picture.

    image: (height, width, 3) uint8, BGR, owned by whoever holds the frame: the overlay draws on it.
    index: number of this frame among all that were captured, from 0; a gap is a dropped frame.
    captured_at: seconds on the monotonic clock.
    name: file name of a still image, else empty.
    """

    __slots__ = ("image", "index", "captured_at", "name")

    def __init__(self, image: np.ndarray, index: int, captured_at: float, name: str = "") -> None:
        self.image = image
        self.index = index
        self.captured_at = captured_at
        self.name = name


class Source:
    """A context manager that iterates over frames.

    Iterating gives None when no frame came for a tenth of a second, so that the loop is never stuck in here. A live
    source drops frames that nobody took; any other loses none. Raises SourceError when it breaks.

    name: for people. fps: nominal rate, None where there is none. count: frames in all, None where nobody knows.
    files: the files that are read, which nobody may write to.
    """

    name: str
    files: Sequence[str] = ()
    live = False
    fps: Optional[float] = None
    count: Optional[int] = None

    def __iter__(self) -> Iterator[Optional[Frame]]:
        raise NotImplementedError

    def close(self) -> None:
        """Stop the source's thread and free its device. Closing twice is allowed."""

    def __enter__(self) -> "Source":
        return self

    def __exit__(self, *exception: Any) -> None:
        self.close()


WAIT = 0.1  # seconds after which a source without a frame gives None
CLOSE_LIMIT = 2.0  # seconds that a source's thread has to end
