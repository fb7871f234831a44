"""The checks of `python -m app.doctor`: one function each, which takes the Machine and returns a Result.

A check that raises counts as failed. None of these modules imports numpy, OpenCV or a runtime: checks of those run in
a process of their own, since a broken one may kill it.
"""

import re
from typing import NamedTuple, Optional, Tuple

PASS, WARN, FAIL, SKIP = STATES = ("pass", "warn", "fail", "skip")


class Result(NamedTuple):
    """The result of a check. fix: the command to type, which every warning and every failure has."""

    state: str
    message: str
    fix: Optional[str] = None
    name: str = ""


def passed(message: str) -> Result:
    """It works."""
    return Result(PASS, message)


def warned(message: str, fix: str) -> Result:
    """It works, but more slowly than it could, or it may fail later."""
    return Result(WARN, message, fix)


def failed(message: str, fix: str) -> Result:
    """It does not work."""
    return Result(FAIL, message, fix)


def skipped(message: str) -> Result:
    """It is not needed here, or cannot be checked until something else is fixed."""
    return Result(SKIP, message)


def advised(text: str, otherwise: str) -> Tuple[str, str]:
    """Split one of this project's error messages into what failed and the command after `...; build it with: `.

    otherwise: the command where the message has none.
    """
    parts = re.match(r"(.*); [^;]* with: (.+)$", text)
    if parts is None:
        return text, otherwise
    return parts.group(1), re.sub(r" \([^()]*\)$", "", parts.group(2))  # without a remark after the command
