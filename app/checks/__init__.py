"""What `python -m app.doctor` looks at. One function per check, each takes the Machine and returns a Result.

A check may raise: the doctor makes a fail of it. None of these modules imports numpy, OpenCV or a runtime; what does is
run in a process of its own, which a broken one may kill.
"""

import re
from typing import NamedTuple, Optional, Tuple

PASS, WARN, FAIL, SKIP = STATES = ("pass", "warn", "fail", "skip")


class Result(NamedTuple):
    """What a check has found. fix: the command to type, which every warning and every failure has."""

    state: str
    found: str
    fix: Optional[str] = None
    name: str = ""


def passed(found: str) -> Result:
    """All is well."""
    return Result(PASS, found)


def warned(found: str, fix: str) -> Result:
    """It works, but is slower than it might be, or may fail later."""
    return Result(WARN, found, fix)


def failed(found: str, fix: str) -> Result:
    """It does not work."""
    return Result(FAIL, found, fix)


def skipped(found: str) -> Result:
    """It is not needed here, or cannot be told before something else is mended."""
    return Result(SKIP, found)


def advised(text: str, otherwise: str) -> Tuple[str, str]:
    """Take one of this project's messages apart: what failed, and the command after `...; build it with: `.

    otherwise: the command, where the message has none.
    """
    parts = re.match(r"(.*); [^;]* with: (.+)$", text)
    if parts is None:
        return text, otherwise
    return parts.group(1), re.sub(r" \([^()]*\)$", "", parts.group(2))  # a remark after a command is not typed
