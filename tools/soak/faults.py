"""Let an HTTP and an RTSP camera fail in every way while the real command films them.

Both run at once, each with half of the faults. Every processed frame is recorded and carries a number that the camera
drew into the picture, so that the recording shows whether a frame was processed twice.
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

from tqdm import tqdm

from app.errors import NanoyoloError, SourceError
from app.sources.film import Film
from tools.camera_servers.faults import FaultProxy
from tools.camera_servers.footage import parse_size
from tools.camera_servers.mjpeg import MjpegServer
from tools.camera_servers.rtsp import RtspServer, available
from tools.camera_servers.stamp import read_stamp
from tools.soak.figure import Figure
from tools.soak.program import PATIENCE, Program, Usage

SIZES = ("384x288", "256x192")  # of one shape, so that the number has the same place in the recording
SHORTEST, LONGEST = 0.2, 3.0  # seconds that a fault lasts
HEALTHY = 1.0  # seconds of frames between two faults
SETTLE = 13.0  # seconds after which whatever hung has timed out
RECOVERY_LIMIT = 20.0  # seconds after which a camera counts as lost
BASELINE_FAULT = 10  # the fault after which memory, files and threads are measured first


class Fault(NamedTuple):
    """How to break a camera, and how to restore it."""

    begin: Callable[[], None]
    end: Callable[[], None]


class Camera(NamedTuple):
    """A camera with faults that can be switched on."""

    name: str
    uri: str
    faults: Dict[str, Fault]


class Outcome:
    """What was observed with one camera."""

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
    """Run the test."""
    reason = available()
    if reason:
        raise SourceError(f"the RTSP server cannot run here: {reason}")
    count = max(2, args.faults // 2)
    with contextlib.ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory())
        cameras = [stack.enter_context(http_camera(args.cam)), stack.enter_context(rtsp_camera(args.cam))]
        outcomes = {camera.name: Outcome() for camera in cameras}
        progress = stack.enter_context(tqdm(total=2 * count, unit=" faults", leave=False, disable=None))
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
    """Motion JPEG, from this project's server."""
    with MjpegServer(video, size=parse_size(SIZES[0]), password=("user", "secret")) as server:

        def set_fault(name: Optional[str]) -> None:
            server.fault = name

        def on_connecting(name: str) -> None:  # a fault that only new connections meet
            set_fault(name)
            server.cut()

        def resize() -> None:
            server.size = parse_size(SIZES[server.size == parse_size(SIZES[0])])
            server.cut()

        restore = partial(set_fault, None)
        faults = {name: Fault(partial(set_fault, name), restore) for name in ("freeze", "garbage", "half")}
        faults.update({name: Fault(partial(on_connecting, name), restore) for name in ("slow", "deny")})
        faults.update(
            refuse=Fault(server.refuse, server.listen), cut=Fault(server.cut, _nothing), size=Fault(resize, _nothing)
        )
        yield Camera("http", server.url("user", "secret"), faults)


@contextlib.contextmanager
def rtsp_camera(video: str) -> Iterator[Camera]:
    """H.264, from GStreamer's RTSP server behind a proxy that disturbs the connection."""
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

        restore = partial(set_fault, None)
        faults = {name: Fault(partial(begin, name), restore) for name in ("freeze", "garbage", "slow")}
        faults.update(
            refuse=Fault(proxy.refuse, proxy.listen), cut=Fault(proxy.cut, _nothing), size=Fault(resize, _nothing)
        )
        yield Camera("rtsp", server.url(port=proxy.port), faults)


def watch(camera: Camera, count: int, chance: random.Random, folder: str, outcome: Outcome, progress: Any) -> None:
    """Film a camera through its faults, and note the outcome."""
    recording = os.path.join(folder, camera.name + ".mkv")
    try:
        with Program("--cam", camera.uri, "--size", "160", "--backend", "onnx", "--save", recording) as program:
            if not program.wait_for_lines(25, PATIENCE):
                raise NanoyoloError(f"received no frame: {program.errors}")
            for turn in range(1, count + 1):
                name = _pick(camera, turn, chance)
                if not endure(camera, name, program, chance, outcome):
                    raise NanoyoloError(f"fault {turn}, {name}: {program.errors[-3:]}")
                if turn == min(BASELINE_FAULT, count // 2):
                    time.sleep(SETTLE)
                    outcome.early = program.usage()
                progress.update()
            time.sleep(SETTLE)
            outcome.late = program.usage()
            if not program.indices_grow:
                outcome.troubles.append("frame numbers did not increase")
            code, outcome.stop_seconds = program.stop()
            if code:
                outcome.troubles.append(f"exit code {code}: {program.errors[-3:]}")
        outcome.stamps, outcome.repeated = repeats(recording)
    except Exception as error:  # part of the result, so that the other camera continues
        outcome.troubles.append(str(error))


def _pick(camera: Camera, turn: int, chance: random.Random) -> str:
    """Every kind of fault once, then a random one."""
    names = sorted(camera.faults)
    return names[turn - 1] if turn <= len(names) else chance.choice(names)


def endure(camera: Camera, name: str, program: Program, chance: random.Random, outcome: Outcome) -> bool:
    """Cause one fault; whether frames arrived again after it."""
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
    """How many frames of a recording have a legible number, and how many of them repeat the one before."""
    read = (read_stamp(frame.image) for frame in Film(recording).read() if frame is not None)
    stamps = [stamp for stamp in read if stamp is not None]
    return len(stamps), sum(one == other for one, other in zip(stamps, stamps[1:]))


def judge(name: str, count: int, outcome: Outcome) -> List[Figure]:
    """The figures of one camera."""
    slowest = max(outcome.recoveries, default=float("inf"))
    figures = [
        Figure(
            f"{name}: faults survived",
            f"{len(outcome.recoveries)}" + (f"; {'; '.join(outcome.troubles)}" if outcome.troubles else ""),
            f"{count}, and no errors",
            len(outcome.recoveries) == count and not outcome.troubles,
        ),
        Figure(f"{name}: slowest recovery", f"{slowest:.2f} s ({outcome.slowest})", "at most 2 s", slowest <= 2),
        Figure(
            f"{name}: frames processed twice",
            f"{outcome.repeated} of {outcome.stamps} numbered",
            "none",
            outcome.stamps > 0 and outcome.repeated == 0,
        ),
        Figure(
            f"{name}: time to stop after SIGTERM",
            f"{outcome.stop_seconds:.2f} s",
            "at most 2 s",
            outcome.stop_seconds <= 2,
        ),
    ]
    if outcome.early and outcome.late:
        early, late = outcome.early, outcome.late
        growth = late.resident / early.resident - 1
        held = [f"{usage.open_files} files, {usage.threads} threads" for usage in (early, late)]
        figures += [
            Figure(
                f"{name}: held at fault {BASELINE_FAULT} and at the end",
                "; ".join(held),
                "the same",
                held[0] == held[1],
            ),
            Figure(
                f"{name}: memory at the same moments",
                f"{early.resident / 1e6:.1f} MB, {late.resident / 1e6:.1f} MB ({growth:+.1%})",
                "within 5 %",
                abs(growth) <= 0.05,
            ),
        ]
    return figures


def _nothing() -> None:
    """Restores a fault that is over at once."""
