"""A folder of recordings that keeps to its limits: one file for each camera is being written, the oldest others go.

Archives on one disk share its room: where it gets short, continuous recordings go before time-lapses, and these before
the clips of events.
"""

import contextlib
import os
import time
from typing import Any, Callable, Dict, Optional, Tuple

from app.clips.folder import LOCK, Folder
from app.clips.manifest import Entry
from app.clips.retention import Limits, Room, most_of_a_file, room_at, too_old
from app.errors import warn
from app.files import make_folder, numbered
from app.sinks.matroska import MAX_CUES, NO_SPACE, MatroskaWriter

BLOCK_BYTES = 64  # that a file grows by at most for each frame, beside its JPEG
HEADER_BYTES = 4096  # more than the beginning of a file and its lines in the manifest
INDEX_BYTES = 32  # of its index, for each frame at most
CHECK_PERIOD = 60.0  # seconds between two looks at the ages of files
RETRY = 5.0  # seconds after which a disk that fails, and is not full, is tried again

_OPEN: "Dict[str, Archive]" = {}  # by folder


class NotWrittenError(Exception):
    """A frame could not be written. The reason is a text for people; later frames may be."""


class Archive(Folder):
    """A folder with limits, shared by the cameras that record there. Open it with `open_archive`, and `release` it."""

    def __init__(
        self,
        folder: str,
        limits: Limits,
        rank: int = 0,
        *,
        now: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
        room: Callable[[str], Room] = room_at,
    ) -> None:
        """rank: archives of a lower one go first where the disk gets short. now: seconds since 1970. room: of the disk
        of a folder. Raises OutputError.
        """
        super().__init__(folder, now, monotonic)
        self.limits = limits
        self.rank = rank
        self.users = 0
        self._room = room
        self._checked_at = float("-inf")
        self._failed_at = float("-inf")

    def create(self, camera: str, size: Tuple[int, int], fps: Optional[float] = None, age: float = 0.0) -> "Recording":
        """Begin a file: CAMERA/DATE/TIME.mkv, in local time.

        size: width and height in pixels. fps: of a constant rate, else None. age: seconds since its first frame was
        captured. Raises NotWrittenError.
        """
        with LOCK:
            if self.monotonic() - self._failed_at < RETRY:
                raise NotWrittenError(f"{self.folder}: cannot be written to")
            self.check_ages()
            self.make_room(HEADER_BYTES)
            while True:
                try:
                    return self._create(camera, size, fps, self.now() - age)
                except OSError as error:
                    if error.errno not in NO_SPACE or not self.delete_any():
                        raise self.failed(error) from error

    def _create(self, camera: str, size: Tuple[int, int], fps: Optional[float], start: float) -> "Recording":
        wanted = f"{camera}/{time.strftime('%Y-%m-%d/%H-%M-%S', time.localtime(start))}.mkv"
        path = os.path.join(self.folder, wanted)
        if not self.holds(wanted):  # there `remove` deletes nothing, so that the disk would fill
            raise NotWrittenError(f"{self.folder}: {camera} in it is a link; make the whole folder one")
        os.makedirs(os.path.dirname(path), exist_ok=True)
        name, number = wanted, 0
        while True:
            try:  # never a file that is there already, whoever made it
                descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666)
                break
            except FileExistsError:
                number += 1
                name = numbered(wanted, number)
                path = os.path.join(self.folder, name)
        file = os.fdopen(descriptor, "wb", buffering=0)
        entry = None
        try:
            writer = MatroskaWriter(file, size[0], size[1], fps)
            entry = self.manifest.begin(name, start)
            others = sum(other.end is None for other in self.manifest.entries.values()) - 1
            most = most_of_a_file(self.limits, self._room(self.folder), self.taken, others)
        except BaseException:
            file.close()
            os.remove(path)
            if entry is not None:
                self.manifest.forget(entry, self.now())
            raise
        return Recording(self, entry, file, writer, size, most)

    def make_room(self, need: int) -> None:
        """Delete the oldest files until there is room for so many bytes. Raises NotWrittenError."""
        with LOCK:
            while self.limits.nbytes is not None and self.taken + need > self.limits.nbytes and self.delete_oldest():
                pass
            while self._is_short(need):
                if not self.delete_any():
                    raise NotWrittenError(f"{self.folder}: the disk is as full as --keep-free allows")

    def check_ages(self) -> None:
        """Delete what is too old, at most once a minute."""
        with LOCK:
            monotonic = self.monotonic()
            if self.limits.days is None or monotonic - self._checked_at < CHECK_PERIOD:
                return
            self._checked_at = monotonic
            for entry in too_old(self.manifest.entries.values(), self.limits.days, self.now(), monotonic):
                self.delete(entry)

    def delete_any(self) -> bool:
        """Delete the oldest file of the archive on this disk that has to give way first; False where there is none."""
        with LOCK:
            device = _device(self.folder)
            others = [one for one in _OPEN.values() if one is not self and _device(one.folder) == device]
            return any(one.delete_oldest() for one in sorted([self, *others], key=lambda one: one.rank))

    def failed(self, error: OSError) -> NotWrittenError:
        """Note that the disk did not take something; why, for people."""
        if error.errno in NO_SPACE:
            return NotWrittenError(f"{self.folder}: the disk is full, and there is nothing left to delete")
        self._failed_at = self.monotonic()
        return NotWrittenError(f"{self.folder}: cannot be written to: {error.strerror or error}")

    def release(self) -> None:
        """One user fewer; the last one closes the archive."""
        with LOCK:
            self.users -= 1
            if self.users <= 0:
                self.manifest.close()
                _OPEN.pop(os.path.realpath(self.folder), None)

    def _is_short(self, need: int) -> bool:
        try:
            room = self._room(self.folder)
        except OSError:
            return False  # the write itself will say what is wrong
        return room.free - need < self.limits.free.of(room.size)


class Recording:
    """A file that is being written. Frames survive the process as soon as they are written.

    name: relative to the folder. size: width and height in pixels. frames: so far. is_full: whether the next one should
    begin, so that old frames can be deleted in small parts.
    """

    def __init__(
        self, archive: Archive, entry: Entry, file: Any, writer: MatroskaWriter, size: Tuple[int, int], most: int
    ) -> None:
        self.name = entry.name
        self.size = size
        self.frames = 0
        self._archive = archive
        self._entry = entry
        self._file = file
        self._writer = writer
        self._most = most
        self._broken = False
        archive.grew(entry, os.fstat(file.fileno()).st_size)

    @property
    def is_full(self) -> bool:
        return self._broken or self._entry.nbytes >= self._most

    def write(self, jpeg: bytes, seconds: float) -> None:
        """Append a frame, so many seconds after the first. Raises NotWrittenError: then the file is as it was."""
        archive = self._archive
        archive.make_room(len(jpeg) + BLOCK_BYTES)
        while True:
            try:
                self._writer.write(jpeg, seconds)
                break
            except OSError as error:
                full = error.errno in NO_SPACE
                if not full or not archive.delete_any():
                    self._broken = not full
                    raise archive.failed(error) from error
        self.frames += 1
        archive.grew(self._entry, os.fstat(self._file.fileno()).st_size)

    def close(self) -> None:
        """Finish the file; without a frame there is none."""
        try:
            if self.frames and not self._broken:
                try:
                    self._archive.make_room(INDEX_BYTES * min(self.frames, MAX_CUES))
                except NotWrittenError:
                    pass  # the writer leaves out what has no room
                self._writer.close()
                self._archive.grew(self._entry, os.fstat(self._file.fileno()).st_size)
            self._file.close()
        except OSError as error:
            warn(f"{self._archive.folder}: {self.name}: its end is missing, and its frames are there: {error.strerror}")
            with contextlib.suppress(OSError):
                self._file.close()
        if self.frames:
            self._archive.finished(self._entry)
        else:
            self._archive.remove(self._entry)


def _device(folder: str) -> Optional[int]:
    try:
        return os.stat(folder).st_dev
    except OSError:
        return None


def open_archive(folder: str, limits: Limits, rank: int = 0, **given: Any) -> Archive:
    """The archive of a folder: one object for all cameras of this program. given: see `Archive`.

    The limits of whoever opens it last hold. Raises OutputError where it cannot be written, or another program has it.
    """
    with LOCK:
        make_folder(folder)
        key = os.path.realpath(folder)
        if key not in _OPEN:
            _OPEN[key] = Archive(folder, limits, rank, **given)
        archive = _OPEN[key]
        archive.limits = limits
        archive.users += 1
        archive.check_ages()
        try:
            archive.make_room(0)
        except NotWrittenError:
            pass  # said with the first frame
        return archive
