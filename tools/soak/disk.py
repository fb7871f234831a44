"""Record into a small disk: a quota, a disk that others fill, files of others, a clock that is set back.

The disk is a tmpfs of 200 MB, for which it takes the right to mount one. Times are made up, so that a day's segments
take minutes.
"""

import argparse
import contextlib
import hashlib
import os
import random
import subprocess
import tempfile
from typing import Dict, Iterator, List

from app.clips.archive import open_archive
from app.clips.arguments import Free
from app.clips.replay import Film
from app.clips.retention import Limits
from app.clips.segments import SegmentSink
from app.errors import NanoyoloError, UsageError
from tools.soak.figure import Figure
from tools.soak.shots import frame, put

DISK, QUOTA, RESERVE = 200 << 20, 120 << 20, 10 << 20
FPS, SEGMENT = 5, 10.0
JPEG = 20000  # bytes, about: a segment is one megabyte
FOREIGN = "notes.bin", "cam0/holiday.mkv", "cam0/2026-11-29/12-00-00.mkv"
FILL_EVERY = 40  # segments between two times that others fill the disk


class Clock:
    """wall: seconds since 1970; set back by an hour now and then. seconds: on the monotonic clock."""

    def __init__(self) -> None:
        self.wall, self.seconds = 1795953600.0, 0.0

    def pass_by(self, seconds: float) -> None:
        """Time goes on."""
        self.wall += seconds
        self.seconds += seconds


def soak(args: argparse.Namespace) -> List[Figure]:
    """Run the test."""
    with tempfile.TemporaryDirectory() as folder, small_disk(folder):
        before = {name: _put_foreign(os.path.join(folder, name)) for name in FOREIGN}
        quota = _Recorder(folder, Limits(QUOTA), args.segments)
        quota.run(fills=False)
        free = _Recorder(folder, Limits(None, None, Free(RESERVE)), args.segments)
        free.run(fills=True)
        after = {name: _digest(os.path.join(folder, name)) for name in FOREIGN}
        unreadable, left = _unreadable(folder)
    over, reserve = max(0, quota.taken - QUOTA), RESERVE - (1 << 16)
    changed = sum(before[name] != after[name] for name in FOREIGN)
    return [
        Figure("segments, with a quota", str(quota.files), f"{args.segments}", quota.files >= args.segments),
        Figure("most beyond the quota", f"{over / quota.segment:.2f} segments", "1 at most", over <= quota.segment),
        Figure("frames left out", str(quota.left_out), "0", quota.left_out == 0),
        Figure("segments on a disk that others fill", str(free.files), f"{args.segments}", free.files >= args.segments),
        Figure("least that stayed free", f"{free.free >> 20} MB", f"{RESERVE >> 20} MB", free.free >= reserve),
        Figure("times it was filled, and recording went on", f"{free.went_on} of {free.fills}", "each", free.goes_on),
        Figure("files of others that changed", str(changed), "0", not changed),
        Figure("recordings that do not open", f"{unreadable} of {left}", "0", not unreadable and left > 0),
    ]


class _Recorder:
    """One camera that records until there were so many segments.

    taken: most bytes of recordings at any moment. free: least of the disk while nobody else filled it. segment: bytes
    of the largest file. fills, went_on: how often others filled the disk, and it recorded again afterwards.
    """

    def __init__(self, folder: str, limits: Limits, segments: int) -> None:
        self._folder = folder
        self._limits = limits
        self._segments = segments
        self._clock = Clock()
        self._chance = random.Random(0)
        self.taken, self.free, self.segment = 0, DISK, 0
        self.files = self.left_out = self.fills = self.went_on = 0

    @property
    def goes_on(self) -> bool:
        """Whether it recorded again each time."""
        return self.went_on == self.fills

    def run(self, *, fills: bool) -> None:
        clock = self._clock
        archive = open_archive(self._folder, self._limits, now=lambda: clock.wall, monotonic=lambda: clock.seconds)
        filler = os.path.join(self._folder, "filler")
        sink = SegmentSink(archive, "cam0", SEGMENT)
        with sink:
            number = 0
            for _ in range(2 * self._segments):  # else it would never end where nothing is recorded any more
                if self.files >= self._segments:
                    break
                for _ in range(int(FPS * SEGMENT)):
                    put(sink, frame(number, number / FPS, self._chance.randint(JPEG // 2, 3 * JPEG // 2)))
                    clock.pass_by(1 / FPS)
                    number += 1
                    self.taken = max(self.taken, archive.taken)
                files = sink.figures()["files"]
                self._look(files)
                if fills and files // FILL_EVERY > self.fills:
                    self._fill(filler, sink)
                    number += 2
                if number % 7 == 0:
                    clock.wall -= 3600
            figures = sink.figures()
        self.left_out = figures["left_out"]

    def _look(self, files: int) -> None:
        self.files = files
        sizes = _sizes(self._folder)
        self.segment = max([self.segment, *sizes.values()])
        self.taken = max(self.taken, sum(sizes.values()))
        status = os.statvfs(self._folder)
        self.free = min(self.free, status.f_bavail * status.f_frsize)

    def _fill(self, filler: str, sink: SegmentSink) -> None:
        """Others take what is free, so that recordings give way; then more, until nothing is left; then it is back."""
        self.fills += 1
        with open(filler, "wb", buffering=0) as file:
            for _ in range(2):
                with contextlib.suppress(OSError):
                    while file.write(bytes(1 << 20)) == 1 << 20:
                        pass
                put(sink, frame(0, self._clock.seconds))
        os.remove(filler)
        before = sink.figures()["frames"]
        put(sink, frame(0, self._clock.seconds + 1))
        self.went_on += sink.figures()["frames"] == before + 1


@contextlib.contextmanager
def small_disk(folder: str) -> Iterator[None]:
    """A disk of its own in a folder. Raises UsageError without the right to mount one."""
    command = ["mount", "-t", "tmpfs", "-o", f"size={DISK}", "tmpfs", folder]
    mounted = subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    if mounted.returncode:
        raise UsageError(f"this takes the right to mount a disk: {mounted.stderr.strip()}; run it as root")
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", folder], check=True)


def _put_foreign(path: str) -> str:
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "wb") as file:
        file.write(os.urandom(1 << 20))
    return _digest(path)


def _digest(path: str) -> str:
    try:
        with open(path, "rb") as file:
            return hashlib.sha256(file.read()).hexdigest()
    except FileNotFoundError:
        return "gone"


def _sizes(folder: str) -> Dict[str, int]:
    """Of the recordings, without the files of others."""
    found = {}
    for place, _, names in os.walk(folder):
        for name in names:
            path = os.path.join(place, name)
            if name.endswith(".mkv") and os.path.relpath(path, folder) not in FOREIGN:
                found[path] = os.path.getsize(path)
    return found


def _unreadable(folder: str) -> "tuple[int, int]":
    """How many recordings do not open, and how many there are."""
    bad = 0
    paths = list(_sizes(folder))
    for path in paths:
        try:
            with Film(path):
                pass
        except NanoyoloError:
            bad += 1
    return bad, len(paths)
