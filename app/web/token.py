"""The token that lets a viewer in: 128 random bits, made once and kept in a file that only its owner can read."""

import os
import re
import secrets
import stat
from typing import Optional

from app.errors import OutputError

BYTES = 16
_TOKEN = re.compile(rb"[0-9a-f]{32}\n?")


def token_path() -> str:
    """Where the token is kept: in the folder of a service, else where programs keep the state of a user."""
    folder = os.environ.get("STATE_DIRECTORY", "").split(":")[0]  # by systemd, from 240 on
    if not folder:
        home = os.environ.get("XDG_STATE_HOME") or os.path.join(os.path.expanduser("~"), ".local", "state")
        folder = os.path.join(home, "nanoyolo")
    return os.path.join(folder, "token")


def read_token(path: Optional[str] = None) -> str:
    """The token in a file, which is made if there is none. Raises OutputError."""
    path = path or token_path()
    try:
        os.makedirs(os.path.dirname(os.path.abspath(path)), mode=0o700, exist_ok=True)
        _make(path)
        number = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)  # a pipe would wait for a writer
        try:
            status, data = os.fstat(number), os.read(number, 2 * BYTES + 2)
        finally:
            os.close(number)
    except OSError as error:
        raise OutputError(f"{path}: the viewers' token cannot be kept there: {error.strerror}") from error
    if not stat.S_ISREG(status.st_mode):
        raise OutputError(f"{path}: is not a file; to make a new token: rm {path}")
    if status.st_mode & 0o077:
        raise OutputError(f"{path}: others can read this token; make a new one: rm {path}")
    if _TOKEN.fullmatch(data) is None:
        raise OutputError(f"{path}: is damaged or not a token; to make a new one: rm {path}")
    return data.decode().strip()


def _make(path: str) -> None:
    """Make a token unless there is one: of two programs that start at the same time, both use the first one's."""
    if os.path.lexists(path):
        return
    temporary = f"{path}.{secrets.token_hex(4)}"
    number = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(number, "wb") as file:
            file.write(secrets.token_hex(BYTES).encode() + b"\n")
            file.flush()
            os.fsync(number)
        os.link(temporary, path)  # fails where one is there by now
    except FileExistsError:
        pass
    finally:
        os.remove(temporary)
