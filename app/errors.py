"""The failures that a user can cause or fix. Each is one line that says what failed and what to do next.

    NanoyoloError
    +-- UsageError    2  an option or argument that is wrong
    +-- SourceError   3  a camera, video, image or data set that cannot be read
    +-- ModelError    4  a model, its card or its backend
    |   +-- ShapeError   a tensor whose shape the model does not take
    +-- OutputError   5  a file, disk or display that cannot be written to

The number is the exit code of the command. Any other exception is a bug: it ends with a traceback and exit code 1.
"""

import sys
from typing import Any


class NanoyoloError(Exception):
    """Root of the tree; never raised itself."""

    exit_code = 1


class UsageError(NanoyoloError, ValueError):
    """An option or argument is wrong."""

    exit_code = 2


class SourceError(NanoyoloError, OSError):
    """The source cannot be opened, or failed while it was read."""

    exit_code = 3


class ModelError(NanoyoloError):
    """The model, its card or its backend cannot be used."""

    exit_code = 4


class ShapeError(ModelError, ValueError):
    """The model does not take a tensor of this shape."""


class OutputError(NanoyoloError, OSError):
    """An output cannot be written."""

    exit_code = 5


def warn(message: str) -> None:
    """Print a warning on standard error: something is wrong, and the program continues."""
    say("warning: " + message)


def say(message: str) -> None:
    """Print a line on standard error; where nobody reads that, or the disk that takes it is full, drop it."""
    if sys.stderr is None:  # closed by the caller; print would take standard output instead
        return
    try:
        print(showable(message, sys.stderr), file=sys.stderr, flush=True)
    except (OSError, ValueError):
        pass


def showable(text: str, stream: Any) -> str:
    """The text as a stream's encoding can show it: what it lacks is escaped, as in Python's literals."""
    encoding, errors = getattr(stream, "encoding", None) or "utf-8", getattr(stream, "errors", None) or "strict"
    try:
        text.encode(encoding, errors)
    except UnicodeEncodeError:
        return text.encode(encoding, "backslashreplace").decode(encoding)
    return text
