"""Let an HTTP and an RTSP camera fail in every way while the real command films them.

Both run at once, each with half of the faults, and each filmed by a program of its own; or, with --together, by one
program, which films a third camera that never fails, too. Every processed frame is recorded and carries a number that
the camera drew into the picture, so that the recording shows whether a frame was processed twice.
"""

import argparse
import contextlib
import os
import random
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Dict, List, Optional, Sequence

from tqdm import tqdm

from app.errors import NanoyoloError, SourceError
from app.sources.film import Film
from tools.camera_servers.rtsp import available
from tools.camera_servers.stamp import read_stamp
from tools.soak.cameras import Camera, at_once, http_camera, rtsp_camera, steady_camera
from tools.soak.faults_judged import Run, judge
from tools.soak.figure import Figure
from tools.soak.program import PATIENCE, Program

SHORTEST, LONGEST = 0.2, 3.0  # seconds that a fault lasts
HEALTHY = 1.0  # seconds of frames between two faults
SETTLE = 13.0  # seconds after which whatever hung has timed out
RECOVERY_LIMIT = 20.0  # seconds after which a camera counts as lost
BASELINE_FAULT = 10  # the fault after which memory, files and threads are measured first


def add_options(parser: argparse.ArgumentParser) -> None:
    """What only this test has."""
    parser.add_argument("--together", action="store_true", help="film all cameras with one program, and a third one")


def soak(args: argparse.Namespace) -> List[Figure]:
    """Run the test."""
    reason = available()
    if reason:
        raise SourceError(f"the RTSP server cannot run here: {reason}")
    count = max(2, args.faults // 2)
    with contextlib.ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory())
        cameras = [stack.enter_context(http_camera(args.cam)), stack.enter_context(rtsp_camera(args.cam))]
        runs = [Run([*cameras, steady_camera()])] if args.together else [Run([camera]) for camera in cameras]
        progress = stack.enter_context(tqdm(total=2 * count, unit=" faults", leave=False, disable=None))
        threads = [threading.Thread(target=watch, args=(run, count, args.seed, folder, progress)) for run in runs]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    return [figure for run in runs for figure in judge(run, count, min(BASELINE_FAULT, count // 2))]


def watch(run: Run, count: int, seed: int, folder: str, progress: Any) -> None:
    """Film the cameras of a run through their faults, and note the outcome."""
    baseline = min(BASELINE_FAULT, count // 2)
    chances = {camera.name: random.Random(f"{seed} {camera.name}") for camera in run.cameras}
    try:
        with Program(*arguments(run, folder)) as program:
            if not program.wait_for_lines(25, PATIENCE, [run.called(camera) for camera in run.cameras]):
                raise NanoyoloError(f"received no frame: {program.errors}")
            endure_all(run, program, range(1, baseline + 1), chances, progress)
            time.sleep(SETTLE)
            run.early = program.usage()
            endure_all(run, program, range(baseline + 1, count + 1), chances, progress)
            time.sleep(SETTLE)
            run.late = program.usage()
            for camera in run.cameras:
                filmed = program.filmed[run.called(camera)]
                run.outcomes[camera.name].lost = filmed.lost
                if not filmed.indices_grow:
                    run.troubles.append(f"{camera.name}: frame numbers did not increase")
            code, run.stop_seconds = program.stop()
            if code:
                run.troubles.append(f"exit code {code}: {program.errors[-3:]}")
        for camera in run.failing:
            outcome = run.outcomes[camera.name]
            outcome.stamps, outcome.repeated = repeats(os.path.join(folder, camera.name + ".mkv"))
    except Exception as error:  # part of the result, so that the other program continues
        run.troubles.append(str(error))


def arguments(run: Run, folder: str) -> List[str]:
    """The program's, for the cameras of a run. Each is recorded under its name."""
    common = ["--size", "160", "--backend", "onnx", "--save"]
    if len(run.cameras) == 1:
        (camera,) = run.cameras
        return ["--cam", camera.uri, *common, os.path.join(folder, camera.name + ".mkv")]
    cameras = [word for camera in run.cameras for word in ("--cam", f"{camera.name}={camera.uri}")]
    return [*cameras, *common, os.path.join(folder, "{camera}.mkv")]


def endure_all(
    run: Run, program: Program, turns: Sequence[int], chances: Dict[str, random.Random], progress: Any
) -> None:
    """Cause the faults of these turns, in each camera by itself, at the same time. Raises NanoyoloError."""

    def endure_each(camera: Camera) -> None:
        chance, outcome = chances[camera.name], run.outcomes[camera.name]
        for turn in turns:
            name = _pick(camera, turn, chance)
            again = endure(camera, name, program, chance, run.called(camera))
            if again is None:
                raise NanoyoloError(f"{camera.name}: fault {turn}, {name}: {program.errors[-3:]}")
            outcome.add(name, again)
            progress.update()

    with ThreadPoolExecutor() as pool:
        for _ in pool.map(endure_each, run.failing):
            pass  # which raises what a thread has raised


def _pick(camera: Camera, turn: int, chance: random.Random) -> str:
    """Every kind of fault once, then a random one."""
    names = sorted(camera.faults)
    return names[turn - 1] if turn <= len(names) else chance.choice(names)


def endure(camera: Camera, name: str, program: Program, chance: random.Random, called: str) -> Optional[float]:
    """Cause one fault; the seconds after it until frames arrived again, None if they did not.

    called: the camera's name in the program's lines.
    """
    fault = camera.faults[name]
    fault.begin()
    if fault.end is not at_once:
        time.sleep(chance.uniform(SHORTEST, LONGEST))
    fault.end()
    healthy = time.monotonic()
    again = program.wait_for_frame(healthy, RECOVERY_LIMIT, called)
    if again is None or not program.running:
        return None
    time.sleep(HEALTHY)
    return again - healthy


def repeats(recording: str) -> "tuple[int, int]":
    """How many frames of a recording have a legible number, and how many of them repeat the one before."""
    read = (read_stamp(frame.image) for frame in Film(recording).read() if frame is not None)
    stamps = [stamp for stamp in read if stamp is not None]
    return len(stamps), sum(one == other for one, other in zip(stamps, stamps[1:]))
