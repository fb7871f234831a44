"""The failures a user can cause or mend. Each is one line that says what failed and what to do next.

    NanoyoloError
    +-- UsageError    2  an option or argument that makes no sense
    +-- SourceError   3  a camera, video or image that cannot be read
    +-- ModelError    4  a model, its card or its backend
    |   +-- ShapeError   its input has another shape than the model's
    +-- OutputError   5  a file, disk or display that cannot be written to

The number is the exit code of the command. Anything else that escapes is a bug, and ends with a traceback and code 1.
"""

import sys


class NanoyoloError(Exception):
    """Root of the tree; never raised itself."""

    exit_code = 1


class UsageError(NanoyoloError, ValueError):
    """An option or argument is wrong."""

    exit_code = 2


class SourceError(NanoyoloError, OSError):
    """The source cannot be opened, or broke while it was read."""

    exit_code = 3


class ModelError(NanoyoloError):
    """The model, its card or its backend cannot be used."""

    exit_code = 4


class ShapeError(ModelError, ValueError):
    """A tensor's shape is not the one that the model takes."""


class OutputError(NanoyoloError, OSError):
    """An output cannot be written."""

    exit_code = 5


def warn(message: str) -> None:
    """Say on standard error what was not as it should be, when the program can go on."""
    say("warning: " + message)


def say(message: str) -> None:
    """Tell on standard error what has happened; or nobody, where the terminal has gone."""
    try:
        print(message, file=sys.stderr, flush=True)
    except OSError:
        pass
