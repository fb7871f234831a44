"""The pictures of events, in the store's folder `pictures`. Where the disk is full, the oldest make room for others."""

import os
import re
from typing import List

from app.errors import OutputError, warn
from app.files import remove_file, write_file

FOLDER = "pictures"
LITTLE = 1 << 20  # bytes that are left of a disk that is full
ROOM = 32  # pictures that are removed at once
NEWEST = 32  # that stay in any case

_NAME = re.compile(r"[0-9]{1,12}\.[0-9]{3}-[a-z0-9]{6}\.jpg")  # see `incident.new_id`; sorts by time


def path_of(identity: str) -> str:
    """Where the picture of an event is, relative to the store."""
    return f"{FOLDER}/{identity}.jpg"


class Pictures:
    """The folder. removed: ids of events whose picture went because the disk was full, until that is noted."""

    def __init__(self, store: str) -> None:
        """store: the folder that this one is in."""
        self.removed: List[str] = []
        self._folder = os.path.join(store, FOLDER)
        self._told = False

    def save(self, identity: str, jpeg: bytes) -> None:
        """Write the picture of an event, in the place of an earlier one. Raises OutputError."""
        path = os.path.join(self._folder, identity + ".jpg")
        try:
            write_file(path, jpeg)
        except OutputError:
            if not self.make_room():
                raise
            write_file(path, jpeg)

    def remove(self, identity: str) -> None:
        """Remove the picture of an event, if there is one."""
        try:
            remove_file(os.path.join(self._folder, identity + ".jpg"))
        except OutputError as error:
            warn(str(error))

    def make_room(self) -> bool:
        """Remove the oldest where the disk is full; whether there was something to remove. Other files stay."""
        try:
            room = os.statvfs(self._folder)
            if room.f_bavail * room.f_frsize >= LITTLE:
                return False
            oldest = sorted(filter(_NAME.fullmatch, os.listdir(self._folder)))[:-NEWEST][:ROOM]
        except OSError:
            return False
        if oldest and not self._told:
            self._told = True
            warn(f"{self._folder}: the disk is full; the oldest pictures of events make room for new ones")
        for name in oldest:
            self.remove(name[: -len(".jpg")])
            self.removed.append(name[: -len(".jpg")])
        return bool(oldest)
