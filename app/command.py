"""What all commands share: a parser with one-line errors, printing, and exit codes for exceptions."""

import argparse
import os
import re
import sys
import threading
from typing import Any, Callable, NoReturn, Sequence, Tuple

from app.errors import NanoyoloError, OutputError, UsageError, say, showable

FLUSH_LIMIT = 0.3  # seconds


class Parser(argparse.ArgumentParser):
    """An argument parser that raises UsageError, where argparse prints its usage and exits."""

    def __init__(self, **options: Any) -> None:
        super().__init__(formatter_class=argparse.RawDescriptionHelpFormatter, **options)

    def error(self, message: str) -> NoReturn:
        raise UsageError(f"{message}; see --help")

    def _print_message(self, message: str, file: Any = None) -> None:
        """Print the answer to --help or --version: argparse would end with 0 where that fails."""
        print_lines([message.rstrip("\n")])


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


def duration(text: str) -> float:
    """An argparse type: a time such as 90s, 10m or 1.5h, in seconds."""
    match = re.fullmatch(r"([0-9]+(?:\.[0-9]+)?)([smh])", text)
    value = float(match.group(1)) * {"s": 1, "m": 60, "h": 3600}[match.group(2)] if match else 0.0
    if not value:
        raise argparse.ArgumentTypeError(f"a time should be as 90s, 10m or 2h, is {text}")
    return value


def byte_count(text: str) -> int:
    """An argparse type: a size such as 500MB or 20GB, which count by 1000, or 8G or 8GiB, which count by 1024."""
    match = re.fullmatch(r"([0-9]+(?:\.[0-9]+)?)([KMGT])(B|iB)?", text)
    value = 0
    if match is not None:
        step = 1000 if match.group(3) == "B" else 1024
        value = int(float(match.group(1)) * step ** (1 + "KMGT".index(match.group(2))))
    if not value:
        raise argparse.ArgumentTypeError(f"a size should be as 500MB, 20GB or 8G, is {text}")
    return value


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
    """Print lines on standard output at once, the one way in which results get there.

    What its encoding lacks is escaped. Raises OutputError if it takes nothing: closed, on a full disk, a pipe whose
    reader ended.
    """
    if sys.stdout is None:
        raise OutputError("cannot write to standard output: it is closed")
    try:
        print(showable("\n".join(lines), sys.stdout), flush=True)
    except (OSError, ValueError) as error:  # ValueError: closed in the meantime
        raise OutputError(f"cannot write to standard output: {getattr(error, 'strerror', None) or error}") from error


def exit_code(work: Callable[[], None]) -> int:
    """Run a command's work; its exit code. A NanoyoloError becomes one line on standard error, a bug a traceback."""
    _keep_descriptors()
    try:
        work()
    except NanoyoloError as error:
        say("error: " + str(error).replace("\n", "\\n"))  # a file's name may have a line break
        return error.exit_code
    except KeyboardInterrupt:
        say("interrupted; run it again at any time")
        return 130
    finally:
        _flush()
    return 0


def leave(code: int) -> NoReturn:
    """End the process. While a thread hangs in a driver or a decoder, do not unload the libraries that it is in."""
    if threading.active_count() > 1:
        _flush()
        os._exit(code)
    sys.exit(code)


def _keep_descriptors() -> None:
    """Open the standard streams that the caller closed, so that no file of ours becomes one of them."""
    while True:
        number = os.open(os.devnull, os.O_RDWR)  # the lowest that is free
        if number > 2:
            os.close(number)
            break
        os.set_inheritable(number, True)
    if sys.stderr is None:  # which is written to without a question, by others too
        sys.stderr = open(os.devnull, "w")  # noqa: SIM115


def _flush() -> None:
    """Flush what was printed, and give up a stream that does not take it: Python flushes once more when it ends, and
    would then complain, and change the exit code.
    """
    if threading.active_count() == 1:
        _flush_streams()
        return
    flushing = threading.Thread(target=_flush_streams, daemon=True)  # blocks where a hanging thread holds a stream
    flushing.start()
    flushing.join(FLUSH_LIMIT)


def _flush_streams() -> None:
    for name in ("stderr", "stdout"):
        stream = getattr(sys, name)
        try:
            if stream is not None:
                stream.flush()
        except (OSError, ValueError):
            setattr(sys, name, open(os.devnull, "w"))  # noqa: SIM115
