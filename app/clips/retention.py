"""Which recordings have to go, and when: by size, by age, and by what is left of the disk. The first limit wins."""

import os
from typing import Iterable, NamedTuple, Optional, Tuple

from app.clips.arguments import Free
from app.clips.manifest import Entry

CLOCK_SET = 1577836800.0  # 2020 began: earlier times are those of a board that did not know the time yet
DAY = 86400.0
PARTS = 4  # a file takes at most this part of what all may take, so that there is always one to delete
LEAST_PART = 1 << 20  # bytes


class Limits(NamedTuple):
    """What a folder of recordings keeps to. None: no such limit. nbytes: of its files together. days: age of a file."""

    nbytes: Optional[int] = None
    days: Optional[float] = None
    free: Free = Free(0)


class Room(NamedTuple):
    """A disk, in bytes. free: for this program."""

    free: int
    size: int


def room_at(folder: str) -> Room:
    """What the disk of a folder has. Raises OSError."""
    status = os.statvfs(folder)
    return Room(status.f_bavail * status.f_frsize, status.f_blocks * status.f_frsize)


def most_of_a_file(limits: Limits, room: Room, taken: int, others: int) -> int:
    """How many bytes a file may have before the next one begins. taken: bytes of the folder's files. others: how many
    are being written besides.
    """
    most = room.free + taken - limits.free.of(room.size)
    if limits.nbytes is not None:
        most = min(most, limits.nbytes)
    return max(LEAST_PART, most // (PARTS * (1 + others)))


def too_old(entries: Iterable[Entry], days: float, now: float, monotonic: float) -> "Tuple[Entry, ...]":
    """The finished files of more than so many days. now: seconds since 1970. monotonic: the same moment on that clock.

    A file of this run is as old as the monotonic clock says, since the clock may be set meanwhile. One from before the
    clock was set is of an unknown age, and so stays until its turn by size.
    """
    return tuple(entry for entry in entries if entry.end is not None and _age(entry, now, monotonic) > days * DAY)


def _age(entry: Entry, now: float, monotonic: float) -> float:
    if entry.ended_at is not None:
        return monotonic - entry.ended_at
    assert entry.end is not None
    return now - entry.end if entry.end >= CLOCK_SET else 0.0
