"""What all commands share: a parser with one-line errors, printing, and exit codes for exceptions."""

import argparse
import os
import sys
import threading
from typing import Any, Callable, NoReturn, Sequence, Tuple

from app.errors import NanoyoloError, OutputError, UsageError

FLUSH_LIMIT = 0.3  # seconds


class Parser(argparse.ArgumentParser):
    """An argument parser that raises UsageError, where argparse prints its usage and exits."""

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


def size(name: str, least: Tuple[int, int], most: int) -> Any:
    """An argparse type: WIDTHxHEIGHT in pixels as a pair, from `least` to `most` a side; errors call it `name`."""

    def parse(text: str) -> Tuple[int, int]:
        sides = text.split("x")
        if len(sides) == 2 and all(side.isdecimal() for side in sides):
            width, height = map(int, sides)
            if least[0] <= width <= most and least[1] <= height <= most:
                return width, height
        limits = f"from {least[0]}x{least[1]} to {most}x{most}"
        raise argparse.ArgumentTypeError(f"{name} should be WIDTHxHEIGHT, as 640x480, {limits}, is {text}")

    return parse


def print_lines(lines: Sequence[str]) -> None:
    """Print lines on standard output at once. Raises OutputError if it is closed, as when a pipe's reader ended."""
    try:
        encoding = getattr(sys.stdout, "encoding", None) or "utf-8"
        print("\n".join(lines).encode(encoding, "backslashreplace").decode(encoding), flush=True)
    except OSError as error:
        sys.stdout = open(os.devnull, "w")  # noqa: SIM115  # Python flushes it on exit, which must not fail again
        raise OutputError(f"cannot write to standard output: {error.strerror}") from error


def exit_code(work: Callable[[], None]) -> int:
    """Run a command's work; its exit code. A NanoyoloError becomes one line on standard error, a bug a traceback."""
    if sys.stderr is None:  # closed by the caller: the next file opened must not become standard error
        sys.stderr = open(os.devnull, "w")  # noqa: SIM115
    try:
        work()
    except NanoyoloError as error:
        print(f"error: {error}", file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        print("interrupted; run it again at any time", file=sys.stderr)
        return 130
    return 0


def leave(code: int) -> NoReturn:
    """End the process. While a thread hangs in a driver or a decoder, do not unload the libraries that it is in."""
    if threading.active_count() > 1:
        flushing = threading.Thread(target=_flush, daemon=True)  # which blocks where a hanging thread holds a stream
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
