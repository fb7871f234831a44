"""One program at a time writes to a file or a folder: the second is refused, and neither is damaged.

A lock is flock(2)'s. It belongs to the open file, so it ends with `close` and with the process, however that ends, and
a restarted service finds nothing to clear away. It binds those who ask for it, which are this project's own programs.
"""

import fcntl
import os
import stat
import time
from typing import BinaryIO

from app.errors import OutputError

CHECK_TIME = 0.02  # seconds in which another program's `check_unlocked`, which is a lock too, has ended


def lock(number: int, path: str, advice: str = "") -> None:
    """Lock an open file or folder until it is closed. number: its descriptor. advice: ends the error, instead of
    naming another file or folder.

    Raises OutputError if another program has locked it. Pipes and devices are not locked, and a file system without
    locks, as some network ones are, has none.
    """
    _take(number, path, advice, fcntl.LOCK_EX)


def check_unlocked(path: str, advice: str = "") -> None:
    """Raise OutputError if another program has locked the file or the folder `path`, which need not exist."""
    if not (os.path.isfile(path) or os.path.isdir(path)):
        return
    try:
        number = os.open(path, os.O_RDONLY)
    except OSError:
        return  # reported by whoever opens it to write
    try:
        _take(number, path, advice, fcntl.LOCK_SH)
    finally:
        os.close(number)


def open_locked(path: str, *, append: bool = False) -> BinaryIO:
    """Create a file, or empty it unless `append`, and lock it until it is closed. It is unbuffered.

    Raises OutputError if it cannot be opened or, without a change to the file, if another program has locked it.
    """
    flags = os.O_WRONLY | os.O_CREAT | (os.O_APPEND if append else 0)
    while True:
        try:
            number = os.open(path, flags, 0o666)
        except OSError as error:
            raise OutputError(f"{path}: cannot write to it: {error.strerror}") from error
        file = os.fdopen(number, "ab" if append else "wb", buffering=0)  # which does not empty it
        try:
            lock(number, path)
            status = os.fstat(number)
            if not stat.S_ISREG(status.st_mode):
                return file
            if _is_at(path, status):
                if not append:
                    file.truncate(0)
                return file
        except BaseException:
            file.close()
            raise
        file.close()  # its owner removed or renamed it just before the lock was ours


def lock_folder(path: str, advice: str = "") -> int:
    """Lock an existing folder until the descriptor that this returns is closed. Raises OutputError."""
    try:
        number = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    except OSError as error:
        raise OutputError(f"{path}: cannot write to it: {error.strerror}") from error
    try:
        lock(number, path, advice)
    except BaseException:
        os.close(number)
        raise
    return number


def _take(number: int, path: str, advice: str, kind: int) -> None:
    mode = os.fstat(number).st_mode
    if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
        return
    for attempt in range(2):
        try:
            fcntl.flock(number, kind | fcntl.LOCK_NB)
            return
        except BlockingIOError as error:
            if attempt:
                advice = advice or "name another " + ("folder" if stat.S_ISDIR(mode) else "file")
                raise OutputError(f"{path}: another program is writing to it; {advice}") from error
            time.sleep(CHECK_TIME)
        except OSError:
            return  # ENOLCK, EOPNOTSUPP: no locks there


def _is_at(path: str, status: os.stat_result) -> bool:
    """Whether a path still leads to the open file."""
    try:
        return os.path.samestat(os.stat(path), status)
    except FileNotFoundError:
        return False
