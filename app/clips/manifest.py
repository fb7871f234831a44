"""Which files belong to a folder of recordings: no other file in it is ever deleted.

    {"file": "yard/2026-11-29/14-00-00.mkv", "start": 1795960800.0}
    {"file": "yard/2026-11-29/14-00-00.mkv", "end": 1795961400.0, "bytes": 4711}
    {"file": "yard/2026-11-29/14-00-00.mkv", "deleted": 1797170400.0}

Lines are only added, each with one write, so a killed program or a full disk damages none but the last, which is then
left out. When a folder is opened, what is over is cleared away.
"""

import json
import os
import re
from collections import OrderedDict
from typing import Any, Dict, Optional

from app.errors import OutputError, warn
from app.files import remove_unfinished, write_file
from app.lock import check_unlocked, open_locked

NAME = "manifest.jsonl"
MOST_BYTES = 64 << 20  # of a manifest that is read: a million lines
_FILE = re.compile(r"[a-z][a-z0-9_-]*/[0-9]{4}-[0-9]{2}-[0-9]{2}/[0-9]{2}-[0-9]{2}-[0-9]{2}(?:-[0-9]{1,6})?\.mkv")


class Entry:
    """A file. name: relative to the folder. start, end: in seconds since 1970; no end while it is being written.

    nbytes: its size. ended_at: on the monotonic clock, for one of this run.
    """

    __slots__ = ("name", "start", "end", "nbytes", "ended_at")

    def __init__(self, name: str, start: float) -> None:
        self.name = name
        self.start = start
        self.end: Optional[float] = None
        self.nbytes = 0
        self.ended_at: Optional[float] = None


class Manifest:
    """The manifest of a folder, which is this program's alone until it is closed.

    entries: by name, in the order in which the files were begun, which no clock can change.
    """

    def __init__(self, folder: str) -> None:
        """Raises OutputError where it cannot be read or written, or another program has it."""
        self._folder = folder
        self._path = os.path.join(folder, NAME)
        self.entries: "OrderedDict[str, Entry]" = OrderedDict()
        check_unlocked(self._path, "choose another folder")
        remove_unfinished(self._path)
        lines = self._read()
        self._find()
        if lines > 2 * len(self.entries):
            self._write_again()
        self._file = open_locked(self._path, append=True)

    def begin(self, name: str, start: float) -> Entry:
        """Name a file that was created just now. Raises OSError where the disk does not take the line."""
        self._add({"file": name, "start": round(start, 3)})
        entry = self.entries[name] = Entry(name, start)
        return entry

    def end(self, entry: Entry, end: float, ended_at: float) -> None:
        """Note that a file is finished: from now on it may be deleted."""
        entry.end, entry.ended_at = end, ended_at
        self._try_to_add({"file": entry.name, "end": round(end, 3), "bytes": entry.nbytes})

    def forget(self, entry: Entry, now: float) -> None:
        """Note that a file was deleted."""
        del self.entries[entry.name]
        self._try_to_add({"file": entry.name, "deleted": round(now, 3)})

    def close(self) -> None:
        """Let others have the folder. Closing twice is allowed."""
        self._file.close()

    def _add(self, fields: Dict[str, Any]) -> None:
        line = json.dumps(fields).encode() + b"\n"
        end = os.fstat(self._file.fileno()).st_size
        written = 0
        try:
            written = self._file.write(line)
        finally:
            if written != len(line):
                self._file.truncate(end)
        if written != len(line):
            raise OSError(28, os.strerror(28))

    def _try_to_add(self, fields: Dict[str, Any]) -> None:
        """Without the line nothing is lost: when the folder is opened again, the files themselves are looked at."""
        try:
            self._add(fields)
        except OSError:
            pass

    def _read(self) -> int:
        """Read the lines; how many there are. An incomplete last one is cut off."""
        try:
            with open(self._path, "rb") as file:
                data = file.read(MOST_BYTES)
            end = data.rfind(b"\n") + 1
            if end < len(data) < MOST_BYTES:
                os.truncate(self._path, end)
        except FileNotFoundError:
            return 0
        except OSError as error:
            raise OutputError(f"{self._path}: cannot be read: {error.strerror}") from error
        lines = data[:end].splitlines()
        damaged = sum(not self._take(line) for line in lines)
        if damaged:
            warn(f"{self._path}: {damaged} lines are damaged; the files that they name are never deleted")
        return len(lines)

    def _take(self, line: bytes) -> bool:
        """Take in a line; whether it is one."""
        try:
            fields = json.loads(line.decode())
            name = fields["file"]
            if not _FILE.fullmatch(name):
                return False
            if "deleted" in fields:
                self.entries.pop(name, None)
            elif "end" in fields:
                if name in self.entries:
                    self.entries[name].end = float(fields["end"])
            else:
                self.entries[name] = Entry(name, float(fields["start"]))
        except (KeyError, TypeError, ValueError, RecursionError):
            return False
        return True

    def _find(self) -> None:
        """Look at the files: some are gone; of one that was being written, the last change is the end."""
        for entry in list(self.entries.values()):
            try:
                status = os.lstat(os.path.join(self._folder, entry.name))
            except OSError:
                del self.entries[entry.name]
                continue
            entry.nbytes = status.st_size
            entry.end = status.st_mtime if entry.end is None else entry.end

    def _write_again(self) -> None:
        lines = []
        for entry in self.entries.values():
            lines.append(json.dumps({"file": entry.name, "start": round(entry.start, 3)}))
            lines.append(json.dumps({"file": entry.name, "end": round(entry.end or 0.0, 3), "bytes": entry.nbytes}))
        try:
            write_file(self._path, "".join(line + "\n" for line in lines).encode())
        except OutputError:
            pass  # a full disk: it stays as long as it is
