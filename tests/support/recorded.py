"""Frames as a camera gives them, archives with a clock and a disk of the test's own, and what was recorded."""

import cv2
import numpy as np

from app.clips.archive import open_archive
from app.clips.replay import Film
from app.clips.retention import Limits, Room
from app.detections import Detections
from app.frame import Frame
from app.sinks.picture import Picture

NOTHING = Detections.empty()
NOON = 1795953600.0  # in November 2026


def frame(time, index=None, size=(16, 8), captured_at=None):
    """A frame captured at this time, whose brightness is that of its index."""
    index = int(round(10 * time)) if index is None else index
    image = np.full((size[1], size[0], 3), index % 200 + 20, np.uint8)
    made = Frame(image, index, time if captured_at is None else captured_at, time=time)
    made.picture = Picture(image)
    return made


def put(sink, made):
    sink.write(made, made.image, NOTHING)


def brightness(jpeg):
    return cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR).mean() - 20


class Disk:
    """Its clock, and its room for others' files: as much as is set. The monotonic clock is the frames'."""

    def __init__(self, size=1 << 40):
        self.wall, self.seconds = NOON, 1000.0
        self.size = size
        self.others = 0
        self.archives = []

    def sleep(self, seconds):
        self.wall += seconds
        self.seconds += seconds

    def room(self, folder):
        return Room(self.size - self.others - sum(archive.taken for archive in self.archives), self.size)

    def archive(self, folder, limits=None, rank=0):
        archive = open_archive(
            str(folder), limits or Limits(), rank, now=lambda: self.wall, monotonic=lambda: self.seconds, room=self.room
        )
        self.archives.append(archive)
        return archive


def files(folder):
    """The recordings in a folder, oldest name first."""
    return sorted(folder.rglob("*.mkv"))


def times(path):
    with Film(str(path)) as film:
        return film.times


def indices(path, step=1):
    """The indices of the frames that were recorded, below 200."""
    with Film(str(path)) as film:
        return [int(round(brightness(jpeg))) for _, jpeg in film]
