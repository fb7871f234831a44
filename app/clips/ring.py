"""The last pictures of a camera, as JPEGs: what a clip begins with."""

from collections import deque
from typing import Deque, List, NamedTuple, Tuple

from app.errors import warn


class Shot(NamedTuple):
    """A picture. seconds: when it was captured, on a clock of its camera. size: width and height in pixels."""

    seconds: float
    jpeg: bytes
    size: Tuple[int, int]


class Ring:
    """The newest shots, as far back as asked for, in a bounded part of the memory.

    nbytes: what the JPEGs take.
    """

    def __init__(self, name: str, seconds: float, most_bytes: int) -> None:
        """name: for people. seconds: how far back to keep. most_bytes: of the JPEGs; one shot is kept always."""
        self.nbytes = 0
        self._name = name
        self._seconds = seconds
        self._most_bytes = most_bytes
        self._shots: Deque[Shot] = deque()
        self._told = False

    def add(self, shot: Shot) -> None:
        """Take a shot that is newer than the others, and forget those that are too old, or have no room."""
        self._shots.append(shot)
        self.nbytes += len(shot.jpeg)
        oldest = shot.seconds - self._seconds
        while self._shots[0].seconds < oldest:
            self._forget()
        while self.nbytes > self._most_bytes and len(self._shots) > 1:
            self._forget()
            self._tell(shot.seconds - self._shots[0].seconds)

    def since(self, seconds: float) -> List[Shot]:
        """The shots from this time on, the oldest first."""
        return [shot for shot in self._shots if shot.seconds >= seconds]

    def clear(self) -> None:
        """Forget all: who asks for figures later holds this still."""
        self._shots.clear()
        self.nbytes = 0

    def _forget(self) -> None:
        self.nbytes -= len(self._shots.popleft().jpeg)

    def _tell(self, reach: float) -> None:
        if not self._told:
            self._told = True
            warn(
                f"{self._name}: the last {self._seconds:.1f} s of pictures take more than {self._most_bytes >> 20} MB; "
                f"clips begin with what fits, now {reach:.1f} s; choose a smaller --pre-roll or --width"
            )
