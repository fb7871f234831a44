"""A folder of recordings: which files are its own, what they take, and how one of them is deleted."""

import os
import stat
import threading
from collections import deque
from typing import Callable, Deque

from app.clips.manifest import Entry, Manifest
from app.errors import warn
from app.files import make_folder

LOCK = threading.RLock()  # of all folders: where a disk gets short, one camera's thread deletes files of others
MOST_GONE = 4096  # names of deleted files that are remembered


class Folder:
    """folder: its path. taken: bytes of its files. deleted: files so far. gone: the names of the last of them, for
    whoever wants to know. manifest: names the files.
    """

    def __init__(self, folder: str, now: Callable[[], float], monotonic: Callable[[], float]) -> None:
        """now: seconds since 1970. Raises OutputError where it cannot be written, or another program has it."""
        make_folder(folder)
        self.folder = folder
        self.deleted = 0
        self.gone: Deque[str] = deque(maxlen=MOST_GONE)
        self.now, self.monotonic = now, monotonic
        self.manifest = Manifest(folder)
        self.taken = sum(entry.nbytes for entry in self.manifest.entries.values())

    def delete_oldest(self) -> bool:
        """Delete the finished file that was begun first; False where there is none."""
        with LOCK:
            oldest = next((entry for entry in self.manifest.entries.values() if entry.end is not None), None)
            if oldest is not None:
                self.delete(oldest)
            return oldest is not None

    def grew(self, entry: Entry, nbytes: int) -> None:
        """Note how large a file is now."""
        with LOCK:
            self.taken += nbytes - entry.nbytes
            entry.nbytes = nbytes

    def finished(self, entry: Entry) -> None:
        """Note that a file is complete."""
        with LOCK:
            self.manifest.end(entry, self.now(), self.monotonic())

    def delete(self, entry: Entry) -> None:
        """Delete a finished file, if it is still there."""
        with LOCK:
            self.deleted += self.remove(entry)
            self.gone.append(entry.name)

    def holds(self, name: str) -> bool:
        """Whether the place of a file is in this folder, and not behind a link in it."""
        place = os.path.dirname(name)
        return os.path.realpath(os.path.join(self.folder, place)) == os.path.join(os.path.realpath(self.folder), place)

    def remove(self, entry: Entry) -> bool:
        """Remove a file of this folder; whether it was there. Through no link: what is there is no longer ours."""
        path = os.path.join(self.folder, entry.name)
        place, found = os.path.dirname(path), False
        with LOCK:
            self.manifest.forget(entry, self.now())
            self.taken -= entry.nbytes
            try:
                if self.holds(entry.name) and stat.S_ISREG(os.lstat(path).st_mode):
                    os.remove(path)
                    found = True
            except FileNotFoundError:
                pass
            except OSError as error:
                warn(f"{path}: cannot be deleted: {error.strerror}; it stays there, and is not counted any more")
            try:
                os.rmdir(place)
            except OSError:
                pass  # there are other files
        return found
