"""What all commands share: a parser whose errors are one line, and the way from an exception to an exit code."""

import argparse
import os
import sys
import threading
from typing import Any, Callable, NoReturn

from app.errors import NanoyoloError, UsageError

FLUSH_LIMIT = 0.3  # seconds


class Parser(argparse.ArgumentParser):
    """An argument parser that raises UsageError instead of printing its usage and ending the program."""

    def __init__(self, **options: Any) -> None:
        super().__init__(formatter_class=argparse.RawDescriptionHelpFormatter, **options)

    def error(self, message: str) -> NoReturn:
        raise UsageError(f"{message}; see --help")


def number(kind: type, low: float, high: float, name: str) -> Any:
    """An argparse type: a number from `low` to `high`; errors call it `name`."""

    def parse(text: str) -> Any:
        try:
            value = kind(text)
        except ValueError:
            value = None
        if value is None or not low <= value <= high:  # also refuses NaN
            raise argparse.ArgumentTypeError(f"{name} should be from {low:g} to {high:g}, is {text}")
        return value

    return parse


def exit_code(work: Callable[[], None]) -> int:
    """Do the work of a command. What a user can mend is one line on standard error; a bug is a traceback."""
    if sys.stderr is None:  # closed by the caller: whatever is opened next must not become standard error
        sys.stderr = open(os.devnull, "w")  # noqa: SIM115
    try:
        work()
    except NanoyoloError as error:
        print(f"error: {error}", file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        print("interrupted; start it again at any time", file=sys.stderr)
        return 130
    return 0


def leave(code: int) -> NoReturn:
    """End the process. Where a thread still hangs in a driver or a decoder, do not tear down the libraries round it."""
    if threading.active_count() > 1:
        flushing = threading.Thread(target=_flush, daemon=True)  # which hangs if the one that hangs is in a stream
        flushing.start()
        flushing.join(FLUSH_LIMIT)
        os._exit(code)
    sys.exit(code)


def _flush() -> None:
    for stream in (sys.stderr, sys.stdout):
        try:
            stream.flush()
        except (AttributeError, OSError, ValueError):
            pass
