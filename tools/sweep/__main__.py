"""Measure the program at every combination of settings, and compare them."""

import argparse
import glob
import hashlib
import os
import signal
import sys
from collections import Counter
from typing import Any, Dict, Optional, Sequence

from tqdm import tqdm

from app.address import redacted
from app.board import Board
from app.command import exit_code
from app.detector import nearest_sizes
from app.errors import SourceError, UsageError, say, warn
from app.files import is_image
from app.modelcard import find_model, read_card
from app.sources import open_source
from tools.machine import machine
from tools.score.labels import Truth, read_truth
from tools.sweep.grid import Task, as_json, combinations, tasks
from tools.sweep.journal import Journal
from tools.sweep.measure import is_camera
from tools.sweep.notes import notes
from tools.sweep.options import make_parser
from tools.sweep.process import measure_apart
from tools.sweep.summary import rows
from tools.sweep.table import tables

Json = Dict[str, Any]


def sweep(args: argparse.Namespace) -> Journal:
    """Measure what is missing; the complete sweep. Raises NanoyoloError, or KeyboardInterrupt if it was stopped."""
    if (args.cam is None) == (args.images is None):
        raise UsageError("name an input: either --cam SOURCE or --images DIR --labels DIR; see --help")
    if args.cam is not None and args.labels is not None:
        raise UsageError("--labels needs --images, the folder of the labelled images")
    if not args.run:
        raise UsageError("--run: name the folder in which to keep the sweep")
    model = find_model(args.model)
    card = read_card(model)
    for size in args.sizes:
        if size % card.multiple:
            raise UsageError(f"--sizes: {size} is not {nearest_sizes(size, card.multiple)}")
    if args.labels is not None and not os.path.exists(args.labels):
        raise SourceError(f"--labels {args.labels}: no such folder of YOLO files or COCO file")
    truth = read_truth(args.images, args.labels, card.labels) if args.labels else None
    grid = combinations(args.captures, args.sizes, args.fps, args.backends, args.pacing)
    options = {key: value for key, value in vars(args).items() if key not in ("rounds", "run")}
    options["captures"] = [None if capture is None else list(capture) for capture in args.captures]
    options["confidence"] = options.pop("conf")
    options["sha256"] = card.sha256
    options["cam"] = args.cam and redacted(args.cam)
    options["input_files"] = _state(args.cam or args.images)
    spec: Json = {
        "model": model,
        "source": args.cam or args.images,
        "device": args.device,
        "square": args.square,
        "parent": os.getpid(),
        "confidence": args.conf,
        "category_ids": truth.category_ids if truth else [],
        "images": {image["file_name"]: image for image in truth.dataset["images"]} if truth else {},
        **_length(args),
    }
    if truth:
        spec["example"] = _fullest(truth)
    complaints = Board().complaints()  # before the backends make load
    # Each backend is opened once at the start, so that one that is not available does not stop the sweep hours later.
    spec["backends"] = {named: measure_apart(dict(spec, backend=named), named)["backend"] for named in args.backends}
    with Journal.start(args.run, options, grid, machine(), truth.dataset if truth else {}) as journal:
        for complaint in complaints:
            warn(complaint)
        planned = tasks(grid, args.rounds, truth is not None)
        done = journal.done()
        missing = [task for task in planned if task.key not in done]
        there = len(planned) - len(missing)
        if missing:
            for named, description in spec["backends"].items():
                journal.check_backend(named, description)
        if there:
            say(f"{args.run}: {there} of {len(planned)} measurements are done already")
        with tqdm(total=len(planned), initial=there, unit=" measurements", leave=False, disable=None) as bar:
            for task in missing:
                bar.set_postfix_str(" ".join(task.combination.words().values()))
                journal.add(task, run_measurement(journal, spec, task))
                bar.update()
    return journal


def _state(uri: str) -> Optional[str]:
    """A hash of the names, sizes and modification times of a source's files: other files make another sweep. None for
    a live source.
    """
    if is_camera(uri) or "://" in uri:
        return None
    inside = os.path.join(glob.escape(uri), "*") if os.path.isdir(uri) else uri
    state = hashlib.sha256()
    for path in sorted(glob.glob(inside)) or [uri]:
        try:
            status = os.stat(path)
        except OSError:
            continue  # reported when it is opened
        state.update(repr((os.path.basename(path), status.st_size, status.st_mtime_ns)).encode(errors="replace"))
    return state.hexdigest()


def _fullest(truth: Truth) -> int:
    """The position of the image with the most labelled objects: the one to show."""
    counts = Counter(entry["image_id"] for entry in truth.dataset["annotations"])
    return max(range(len(truth.paths)), key=lambda index: counts[truth.dataset["images"][index]["id"]])


def _length(args: argparse.Namespace) -> Json:
    """How many frames are measured, which of them is shown, and whether the source is repeated."""
    uri = args.cam or args.images
    if is_camera(uri) or "://" in uri:
        return {"frames": args.frames, "example": args.frames // 2, "loop": False}
    with open_source(uri) as source:
        first = next((frame for frame in source if frame is not None), None)
        if first is None:
            raise SourceError(f"{uri}: has no frames")
        height, width = first.image.shape[:2]
        count = source.count
    for capture in args.captures:
        if capture is not None and width < capture[0] and height < capture[1]:
            warn(f"{uri}: is {width}x{height}, too small to represent a capture of {capture[0]}x{capture[1]}")
    frames = args.frames
    if count and (os.path.isdir(uri) or is_image(uri)):
        frames = count * -(-frames // count)
    return {"frames": frames, "example": min(frames, count or frames) // 2, "loop": True}


def run_measurement(journal: Journal, spec: Json, task: Task) -> Json:
    """Run a measurement in its own process; its result. Raises the NanoyoloError that it ended with."""
    spec = dict(spec, combination=as_json(task.combination), round=task.round)
    spec["detections"] = journal.detections_path(task.combination)
    spec["shown"] = journal.shown_path(task.combination)
    spec["keep_found"] = False
    spec["picture"] = journal.picture_path(task.combination)
    return measure_apart(spec, " ".join(task.combination.words().values()))


def main(argv: Optional[Sequence[str]] = None) -> int:
    """Run the command; its exit code."""
    code = 0

    def work() -> None:
        nonlocal code
        args = make_parser().parse_args(argv)
        signal.signal(signal.SIGTERM, signal.default_int_handler)
        try:
            journal = sweep(args)
        except KeyboardInterrupt:
            say(f"stopped; the measurements so far are in {args.run}: type the same command again to continue")
            code = 130  # reported already, so not raised
            return
        found = rows(journal)
        for part in tables(found):
            print(f"{part.title}\n{part.as_text()}\n")
        for note in notes(found, journal.measurements):
            print("- " + note)
        say(f"tables, plots and pictures: python -m tools.report {args.run}")

    return exit_code(work) or code


if __name__ == "__main__":
    sys.exit(main())
