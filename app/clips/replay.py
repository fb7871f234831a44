"""The pictures of a recording, without decoding one: for a page that plays it, and for other formats.

Reads what `app/sinks/matroska.py` writes, also while it does, and after a kill in the middle of a frame.

    with Film("runs/store/clips/yard/2026-11-29/14-00-00.mkv") as film:
        for seconds, jpeg in film:
            ...
"""

import bisect
import time
from typing import Any, BinaryIO, Callable, Iterator, List, Optional, Tuple

from app.errors import SourceError
from app.files import reading
from app.sources.container.ebml import UNKNOWN, content, read_element, unsigned
from app.sources.container.matroska import CLUSTER, SEGMENT, SIMPLE_BLOCK, TIMESTAMP
from app.sources.pictures.jpeg import jpeg_facts

MOST_FRAMES = 1 << 20  # of a file: ten hours at 30 FPS
MOST_BYTES = 32 << 20  # of a frame; a longer one is damage
BLOCK_HEAD = 4  # bytes: the track's number, the time from the cluster's, flags


class Film:
    """A context manager: a recording, to be read in any order.

    times: when each frame was captured, in seconds from the first one's, increasing. size: width and height in pixels.
    """

    def __init__(self, path: str) -> None:
        """Raises SourceError for what is no recording of this program, or has no complete frame yet."""
        self._path = path
        self._places: List[Tuple[int, int]] = []  # of each JPEG: where it begins and ends
        milliseconds: List[int] = []
        with reading(path):
            self._file = open(path, "rb")  # noqa: SIM115
        try:
            with reading(path):
                for at, begin, end in _blocks(self._file):
                    milliseconds.append(at)
                    self._places.append((begin, end))
                    if len(milliseconds) == MOST_FRAMES:
                        break
                first = self.jpeg(0) if milliseconds else b""
            if first[:3] != b"\xff\xd8\xff":
                raise SourceError(f"{path}: is no recording of this program, or has no frame")
        except BaseException:
            self._file.close()
            raise
        self.times = [(at - milliseconds[0]) / 1000 for at in milliseconds]
        width, height, _, _ = jpeg_facts(first)
        self.size = width, height

    def jpeg(self, index: int) -> bytes:
        """A frame, as it was encoded. Raises SourceError where the file cannot be read any more."""
        begin, end = self._places[index]
        with reading(self._path):
            self._file.seek(begin)
            return self._file.read(end - begin)

    def at(self, seconds: float) -> int:
        """The index of the frame that is shown at a time: the last one that was captured by then."""
        return max(0, bisect.bisect_right(self.times, seconds) - 1)

    def __len__(self) -> int:
        return len(self.times)

    def __iter__(self) -> Iterator[Tuple[float, bytes]]:
        """Seconds from the first frame, and JPEG, of each."""
        return ((seconds, self.jpeg(index)) for index, seconds in enumerate(self.times))

    def close(self) -> None:
        """Close the file. Closing twice is allowed."""
        self._file.close()

    def __enter__(self) -> "Film":
        return self

    def __exit__(self, *exception: Any) -> None:
        self.close()


class StoredPicture:
    """A picture that is a JPEG already; takes the place of a `Picture` in a stream.

    number: of the frame, from 1.
    """

    def __init__(self, number: int, jpeg: bytes) -> None:
        self.number = number
        self._jpeg = jpeg

    def jpeg(self, width: Optional[int] = None) -> bytes:
        """The JPEG, whatever width is asked for: nothing is decoded."""
        return self._jpeg


class Replay:
    """Plays a film from now on, for who asks again and again for the picture that is due."""

    def __init__(
        self, film: Film, speed: float = 1.0, now: Callable[[], float] = time.monotonic, *, begin: float = 0.0
    ) -> None:
        """begin: seconds from the film's start at which to start."""
        self.film = film
        self._begin = begin
        self._speed = speed
        self._now = now
        self._start: Optional[float] = None
        self._shown: Optional[StoredPicture] = None

    def picture(self) -> StoredPicture:
        """The picture that is due; the first call starts the film. The last one stays. Raises SourceError."""
        if self._start is None:
            self._start = self._now()
        index = self.film.at(self._begin + (self._now() - self._start) * self._speed)
        if self._shown is None or self._shown.number != index + 1:
            self._shown = StoredPicture(index + 1, self.film.jpeg(index))
        return self._shown

    @property
    def ended(self) -> bool:
        """Whether the last picture is due."""
        if self._start is None:
            return False
        return self._begin + (self._now() - self._start) * self._speed >= self.film.times[-1]


def _blocks(file: BinaryIO) -> Iterator[Tuple[int, int, int]]:
    """Of each complete frame its time in milliseconds, and where its JPEG begins and ends.

    Sizes of clusters do not matter, that of the last one may be unknown: each is entered.
    """
    length = file.seek(0, 2)
    header = read_element(file, 0, length)
    segment = read_element(file, header.end, length) if header is not None and header.end != UNKNOWN else None
    if segment is None or segment.name != SEGMENT:
        return
    place, cluster, last = segment.start, 0, -1
    while True:
        element = read_element(file, place, length)
        if element is None:
            return
        if element.name == CLUSTER:
            place = element.start
            continue
        if element.end == UNKNOWN or element.end > length:
            return
        place = element.end
        if element.name == TIMESTAMP:
            cluster = unsigned(file, element)
        elif element.name == SIMPLE_BLOCK and BLOCK_HEAD < element.end - element.start <= MOST_BYTES:
            at = cluster + int.from_bytes(content(file, element, BLOCK_HEAD)[1:3], "big", signed=True)
            if at > last:
                last = at
                yield at, element.start + BLOCK_HEAD, element.end
