"""Measure the speed of the detection loop and of the backends: see `python -m tools.bench --help`."""

import argparse
import json
import sys
from contextlib import nullcontext
from typing import Callable, NamedTuple, Optional, Sequence, Tuple

from app import __version__
from app.backends import physical_cores
from app.board import Board
from app.command import exit_code, print_lines
from app.errors import SourceError, UsageError, warn
from app.files import check_writable, reject_overwrites, write_file
from app.inputsize import input_sizes
from app.modelcard import find_model, read_card
from app.sources import open_source
from tools.bench.arguments import SIZES, make_parser
from tools.bench.busy import busy_core
from tools.bench.comparison import KIND, changes, differences, read_report, unmatched
from tools.bench.live import compare_camera, compare_cameras
from tools.bench.live_results import camera_lines, cameras_lines, memory_lines
from tools.bench.loops import compare_backends, compare_loops, compare_overlap, compare_pacing
from tools.bench.memory import compare_memory
from tools.bench.networks import KERAS, compare_networks
from tools.bench.recording import compare_recording, recording_lines
from tools.bench.results import change_lines, machine_line, overlap_lines, pacing_lines, rate_lines
from tools.bench.tracking import compare_tracking, tracking_lines
from tools.bench.turns import Setting
from tools.json_file import Json
from tools.machine import machine

CAMERAS = 4  # of --memory


class Way(NamedTuple):
    """What is measured. name: the options that select it. compare: measures at one size. lines: print its figures.

    uses: the fields of a `Setting` that make a difference to it.
    """

    name: str
    compare: Callable[[Setting], Json]
    lines: Callable[[int, Json], str]
    uses: Sequence[str] = ()


def bench(args: argparse.Namespace, saved: Optional[Json]) -> Json:
    """Run the benchmark that the options select, and return its report. saved: the one to compare with, or None."""
    way = choose(args)
    if saved is not None and saved.get("way", way.name) != way.name:
        raise UsageError(f"--compare {args.compare}: was measured with {saved['way']}, not {way.name}")
    warnings = Board().complaints()  # before this program keeps the machine busy
    model = find_model(args.model)
    card = read_card(model)  # refuses a model that does not match its card
    sizes = input_sizes(card, args.sizes, SIZES)
    for complaint in warnings:
        warn(complaint)
    cores = physical_cores()
    setting = Setting(
        model,
        0,
        args.rounds,
        args.seconds,
        threads=args.threads or cores,
        video=args.cam or "",
        frame=(0, 0) if args.cam is None else frame_size(args.cam),
        backends=args.backends or (),
        workers=sorted(set(args.workers or (1, cores))),
        camera_fps=args.camera or 0.0,
        cameras=args.cameras or CAMERAS,
    )
    report: Json = {
        "kind": KIND,
        "version": __version__,
        "way": way.name,
        "source": args.cam,
        "model": {"name": card.name, "sha256": card.sha256},
        "threads": setting.threads,
        "rounds": args.rounds,
        "seconds": args.seconds,
        **{name: getattr(setting, name) for name in way.uses},
        "machine": machine(),
        "warnings": warnings,
        "sizes": {},
    }
    if args.busy:
        report["busy"] = True
    print_lines([machine_line(report["machine"])])
    with busy_core() if args.busy else nullcontext():
        for size in sizes:
            figures = way.compare(setting._replace(size=size))
            print_lines([way.lines(size, figures)])
            report["sizes"][str(size)] = figures
    return report


def choose(args: argparse.Namespace) -> Way:
    """The measurement that the options select. Raises UsageError if they contradict each other."""
    if args.cam is None and args.backends is None:
        raise UsageError("choose what to measure: --cam FILE, --backends, or both; see --help")
    on_video = args.overlap or args.pacing or args.memory or args.camera or args.cameras or args.workers or args.track
    on_video = on_video or args.events
    if on_video and (args.cam is None or args.backends is not None):
        options = "--camera, --cameras, --events, --memory, --overlap, --pacing, --track and --workers"
        raise UsageError(f"{options} need a video, --cam FILE, and no --backends")
    if args.workers and (args.overlap or args.pacing):
        raise UsageError("--workers is not for --overlap and --pacing, which have one")
    if args.cameras and not (args.camera or args.memory):
        raise UsageError(f"--cameras {args.cameras}: add the rate of each, as --camera 10; or --memory")
    if args.backends is not None and args.threads:
        raise UsageError("--threads is for --cam without --backends: each backend has its own")
    if args.cam is not None and KERAS in (args.backends or ()):
        raise UsageError("--backends keras: only without --cam, since no loop runs on it")
    if args.cam is None:
        return Way("--backends", compare_networks, rate_lines)
    if args.overlap:
        return Way("--cam --overlap", compare_overlap, overlap_lines)
    if args.pacing:
        return Way("--cam --pacing", compare_pacing, pacing_lines)
    if args.track:
        return Way("--cam --track", compare_tracking, tracking_lines, ("workers",))
    if args.events:
        return Way("--cam --events", compare_recording, recording_lines, ("workers",))
    if args.memory:
        return Way("--cam --memory", compare_memory, memory_lines, ("workers", "cameras"))
    if args.cameras:
        uses = ("workers", "camera_fps", "cameras")
        return Way("--cam --camera --cameras", compare_cameras, cameras_lines, uses)
    if args.camera:
        return Way("--cam --camera", compare_camera, camera_lines, ("workers", "camera_fps"))
    if args.backends is not None:
        return Way("--cam --backends", compare_backends, rate_lines)
    return Way("--cam", compare_loops, rate_lines, ("workers",))


def frame_size(uri: str) -> Tuple[int, int]:
    """Height and width of a video's frames."""
    with open_source(uri) as source:
        first = next((frame for frame in source if frame is not None), None)
        if first is None or source.fps is None or len(source.files) != 1:
            raise SourceError(f"{uri}: should be a video file")
    height, width = first.image.shape[:2]
    return height, width


def compare_with(saved: Json, report: Json, path: str) -> None:
    """Print what changed since a saved report, and warn of differences that make the two hard to compare."""
    for difference in differences(saved, report):
        warn(f"differs from {path}: {difference}")
    for complaint in saved.get("warnings", []):
        warn(f"when {path} was measured: {complaint}")
    print_lines([f"since {path}:", change_lines(changes(saved, report), unmatched(saved, report))])


def main(argv: Optional[Sequence[str]] = None) -> int:
    """Run the command; its exit code."""

    def work() -> None:
        args = make_parser().parse_args(argv)
        if args.report is not None:
            reject_overwrites([("--report", args.report)], filter(None, (args.cam, args.compare)))
            check_writable(args.report)
        saved = None if args.compare is None else read_report(args.compare)
        report = bench(args, saved)
        if args.report is not None:
            write_file(args.report, (json.dumps(report, indent=2) + "\n").encode())
        if saved is not None:
            compare_with(saved, report, args.compare)

    return exit_code(work)


if __name__ == "__main__":
    sys.exit(main())
