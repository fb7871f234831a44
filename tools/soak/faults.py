"""Faults: a camera by HTTP and one by RTSP, which fail in every way while the real command films them.

The two run at once, each with half of the faults. Every frame that was processed is recorded, and carries a number that
the camera wrote into the picture, so that the recording tells whether one was processed twice.
"""

import argparse
import contextlib
import os
import random
import tempfile
import threading
import time
from functools import partial
from typing import Any, Callable, Dict, Iterator, List, NamedTuple, Optional

import cv2
from tqdm import tqdm

from app.errors import NanoyoloError, SourceError
from tools.camera_servers.faults import FaultProxy
from tools.camera_servers.mjpeg import MjpegServer
from tools.camera_servers.rtsp import RtspServer, available
from tools.camera_servers.stamp import read_stamp
from tools.soak.figure import Figure
from tools.soak.program import PATIENCE, Program, Usage

SIZES = ("384x288", "256x192")  # of one shape, so that the number lies in one place of the recording
SHORTEST, LONGEST = 0.2, 3.0  # seconds that a fault lasts
HEALTHY = 1.0  # seconds of frames between two faults
SETTLE = 13.0  # seconds after which what hung has timed out
RECOVERY_LIMIT = 20.0  # seconds after which a camera counts as lost
SEED_FAULT = 10  # the fault after which the memory is looked at first


class Fault(NamedTuple):
    """How to break a camera, and how to mend it."""

    begin: Callable[[], None]
    end: Callable[[], None]


class Camera(NamedTuple):
    """A camera that fails on command."""

    name: str
    uri: str
    faults: Dict[str, Fault]


class Outcome:
    """What became of one camera."""

    def __init__(self) -> None:
        self.recoveries: List[float] = []
        self.slowest = ""
        self.early: Optional[Usage] = None
        self.late: Optional[Usage] = None
        self.stamps = 0
        self.repeated = 0
        self.troubles: List[str] = []
        self.stop_seconds = 0.0


def soak(args: argparse.Namespace) -> List[Figure]:
    """Do what the command line says."""
    reason = available()
    if reason:
        raise SourceError(f"the RTSP server cannot run here: {reason}")
    count = max(2, args.faults // 2)
    with contextlib.ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory())
        cameras = [stack.enter_context(http_camera(args.cam)), stack.enter_context(rtsp_camera(args.cam))]
        outcomes = {camera.name: Outcome() for camera in cameras}
        progress = stack.enter_context(tqdm(total=2 * count, unit=" faults", leave=False))
        threads = [
            threading.Thread(
                target=watch,
                args=(camera, count, random.Random(args.seed + place), folder, outcomes[camera.name], progress),
            )
            for place, camera in enumerate(cameras)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    return [figure for name, outcome in outcomes.items() for figure in judge(name, count, outcome)]


@contextlib.contextmanager
def http_camera(video: str) -> Iterator[Camera]:
    """Motion JPEG, by a server of ours."""
    with MjpegServer(video, size=_size(SIZES[0]), password=("user", "secret")) as server:

        def set_fault(name: Optional[str]) -> None:
            server.fault = name

        def anew(name: str) -> None:  # for what a new connection meets
            set_fault(name)
            server.cut()

        def resize() -> None:
            server.size = _size(SIZES[server.size == _size(SIZES[0])])
            server.cut()

        mend = partial(set_fault, None)
        faults = {name: Fault(partial(set_fault, name), mend) for name in ("freeze", "garbage", "half")}
        faults.update({name: Fault(partial(anew, name), mend) for name in ("slow", "deny")})
        faults.update(
            refuse=Fault(server.refuse, server.listen), cut=Fault(server.cut, _nothing), size=Fault(resize, _nothing)
        )
        yield Camera("http", server.url("user", "secret"), faults)


@contextlib.contextmanager
def rtsp_camera(video: str) -> Iterator[Camera]:
    """H.264, by GStreamer's RTSP server behind a proxy that spoils the connection."""
    with RtspServer(video, size=SIZES[0]) as server, FaultProxy(server.port) as proxy:

        def set_fault(name: Optional[str]) -> None:
            proxy.fault = name

        sizes = [SIZES[1], SIZES[0]]

        def resize() -> None:
            server.command("size " + sizes[0])
            sizes.reverse()

        def begin(name: str) -> None:
            set_fault(name)
            if name == "slow":
                proxy.cut()

        mend = partial(set_fault, None)
        faults = {name: Fault(partial(begin, name), mend) for name in ("freeze", "garbage", "slow")}
        faults.update(
            refuse=Fault(proxy.refuse, proxy.listen), cut=Fault(proxy.cut, _nothing), size=Fault(resize, _nothing)
        )
        yield Camera("rtsp", server.url(port=proxy.port), faults)


def watch(camera: Camera, count: int, chance: random.Random, folder: str, outcome: Outcome, progress: Any) -> None:
    """Film a camera through its faults."""
    recording = os.path.join(folder, camera.name + ".mkv")
    try:
        with Program("--cam", camera.uri, "--size", "160", "--backend", "onnx", "--save", recording) as program:
            if not program.wait_for_lines(25, PATIENCE):
                raise NanoyoloError(f"no picture at all: {program.errors}")
            for turn in range(1, count + 1):
                name = _pick(camera, turn, chance)
                if not endure(camera, name, program, chance, outcome):
                    raise NanoyoloError(f"fault {turn}, {name}: {program.errors[-3:]}")
                if turn == min(SEED_FAULT, count // 2):
                    time.sleep(SETTLE)
                    outcome.early = program.usage()
                progress.update()
            time.sleep(SETTLE)
            outcome.late = program.usage()
            if not program.indices_grow:
                outcome.troubles.append("the numbers of the frames do not grow")
            code, outcome.stop_seconds = program.stop()
            if code:
                outcome.troubles.append(f"ended with {code}: {program.errors[-3:]}")
        outcome.stamps, outcome.repeated = repeats(recording)
    except Exception as error:  # judged, so that the other camera goes on
        outcome.troubles.append(str(error))


def _pick(camera: Camera, turn: int, chance: random.Random) -> str:
    """Every kind in turn first, then by chance."""
    names = sorted(camera.faults)
    return names[turn - 1] if turn <= len(names) else chance.choice(names)


def endure(camera: Camera, name: str, program: Program, chance: random.Random, outcome: Outcome) -> bool:
    """One fault; whether the frames came again."""
    fault = camera.faults[name]
    fault.begin()
    if fault.end is not _nothing:
        time.sleep(chance.uniform(SHORTEST, LONGEST))
    fault.end()
    healthy = time.monotonic()
    again = program.wait_for_frame(healthy, RECOVERY_LIMIT)
    if again is None or not program.running:
        return False
    if again - healthy > max(outcome.recoveries, default=0.0):
        outcome.slowest = name
    outcome.recoveries.append(again - healthy)
    time.sleep(HEALTHY)
    return True


def repeats(recording: str) -> "tuple[int, int]":
    """How many frames of a recording have a number that can be read, and how many of them that of the one before."""
    capture = cv2.VideoCapture(recording)
    stamps, repeated, before = 0, 0, -1
    while True:
        good, image = capture.read()
        if not good:
            capture.release()
            return stamps, repeated
        stamp = read_stamp(image)
        if stamp is not None:
            stamps += 1
            repeated += stamp == before
            before = stamp


def judge(name: str, count: int, outcome: Outcome) -> List[Figure]:
    """The figures of one camera."""
    slowest = max(outcome.recoveries, default=float("inf"))
    figures = [
        Figure(
            f"{name}: faults survived",
            f"{len(outcome.recoveries)}" + (f"; {'; '.join(outcome.troubles)}" if outcome.troubles else ""),
            f"{count}, and no trouble",
            len(outcome.recoveries) == count and not outcome.troubles,
        ),
        Figure(f"{name}: slowest recovery", f"{slowest:.2f} s ({outcome.slowest})", "2 s at most", slowest <= 2),
        Figure(
            f"{name}: frames processed twice",
            f"{outcome.repeated} of {outcome.stamps} numbered ones",
            "none",
            outcome.stamps > 0 and outcome.repeated == 0,
        ),
        Figure(f"{name}: from SIGTERM to the end", f"{outcome.stop_seconds:.2f} s", "2 s", outcome.stop_seconds <= 2),
    ]
    if outcome.early and outcome.late:
        early, late = outcome.early, outcome.late
        growth = late.resident / early.resident - 1
        held = [f"{usage.open_files} files, {usage.threads} threads" for usage in (early, late)]
        figures += [
            Figure(
                f"{name}: held at fault {SEED_FAULT} and at the end", "; ".join(held), "the same", held[0] == held[1]
            ),
            Figure(
                f"{name}: memory then",
                f"{early.resident / 1e6:.1f} MB, {late.resident / 1e6:.1f} MB ({growth:+.1%})",
                "within 5 %",
                abs(growth) <= 0.05,
            ),
        ]
    return figures


def _size(text: str) -> "tuple[int, int]":
    width, height = text.split("x")
    return int(width), int(height)


def _nothing() -> None:
    """A fault that is over at once."""
