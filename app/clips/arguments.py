"""The options of `app.detect` for clips and recording. What they need is imported only where they are given."""

import argparse
import re
from typing import Any, Callable, NamedTuple

from app.command import byte_count, duration, number

SHARE = re.compile(r"([0-9]+(?:\.[0-9]+)?)%")
FACTOR = re.compile(r"([0-9]+)x")


class Free(NamedTuple):
    """What is to be left of a disk. amount: bytes, or with `is_share` a share of its size."""

    amount: float
    is_share: bool = False

    def of(self, size: int) -> int:
        """In bytes, of a disk of this size."""
        return int(self.amount * size if self.is_share else self.amount)


def add_clips(parser: argparse.ArgumentParser) -> None:
    """Add the options to a parser. Sizes, times and shares stay the texts that were given, once they have been read."""
    group = parser.add_argument_group(
        "clips and recording",
        "Sizes are as 500MB, 20GB or 8G. Of the limits the first that is reached wins: then the oldest files go, and\n"
        "never one that this program has not written.",
    )
    add = group.add_argument
    seconds = number(float, 0, 60, "a time")
    add("--clips", action="store_true", help="film each event, as .mkv in the folder clips of --store")
    add(
        "--pre-roll",
        type=seconds,
        metavar="SECONDS",
        default=5,
        help="how long before its event a clip begins (default: %(default)s)",
    )
    add(
        "--post-roll",
        type=seconds,
        metavar="SECONDS",
        default=5,
        help="how long after its event a clip ends (default: %(default)s)",
    )
    add(
        "--keep-clips",
        type=_text(byte_count),
        metavar="SIZE",
        default="5GB",
        help="the most that all clips may take (default: %(default)s)",
    )
    add(
        "--record",
        nargs="?",
        const="",
        metavar="DIR",
        help="record all the time, as DIR/CAMERA/DATE/TIME.mkv (default DIR: the folder recordings of --store)",
    )
    add(
        "--segment",
        type=_text(duration),
        metavar="TIME",
        default="10m",
        help="length of a recorded file, as 90s, 10m or 1h (default: %(default)s)",
    )
    add(
        "--keep",
        type=_text(byte_count),
        metavar="SIZE",
        default="20GB",
        help="the most that all recordings in DIR may take (default: %(default)s)",
    )
    add(
        "--keep-days",
        type=number(float, 0.01, 36500, "days"),
        metavar="DAYS",
        help="how old recordings, clips and time-lapses may get (default: as old as there is room)",
    )
    add(
        "--keep-free",
        type=_text(lambda text: read_free(text)),
        metavar="SHARE",
        default="5%",
        help="how much of the disk to leave free, as 5%% or 2GB (default: %(default)s)",
    )
    add(
        "--time-lapse",
        type=_text(lambda text: read_factor(text)),
        metavar="FACTOR",
        help="keep a picture every so often, so that a film plays so many times as fast, as 60x: in the folder "
        "time-lapse of --store",
    )
    add(
        "--keep-time-lapse",
        type=_text(byte_count),
        metavar="SIZE",
        default="5GB",
        help="the most that all time-lapses may take (default: %(default)s)",
    )


def read_free(text: str) -> Free:
    """What is to be left of a disk: 5% or 2GB. Raises argparse.ArgumentTypeError."""
    match = SHARE.fullmatch(text)
    if match is not None and float(match.group(1)) < 100:
        return Free(float(match.group(1)) / 100, is_share=True)
    if match is None and text == "0":
        return Free(0)
    try:
        return Free(byte_count(text))
    except argparse.ArgumentTypeError:
        raise argparse.ArgumentTypeError(f"should be a share or a size, as 5% or 2GB, or 0, is {text}") from None


def read_factor(text: str) -> float:
    """How many times as fast a time-lapse plays, as 60x. Raises argparse.ArgumentTypeError."""
    match = FACTOR.fullmatch(text)
    if match is None or not 2 <= int(match.group(1)) <= 100000:
        raise argparse.ArgumentTypeError(f"should be from 2x to 100000x, as 60x, is {text}")
    return float(match.group(1))


def _text(read: Callable[[str], Any]) -> Callable[[str], str]:
    """An argparse type: the text itself, if that function can read it."""

    def check(text: str) -> str:
        read(text)
        return text

    return check
