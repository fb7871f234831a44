"""Measures the program at every combination of settings: the grid, the measurements in turn, and what they say."""

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
from tools.sweep.conditions import disturbances
from tools.sweep.findings import findings
from tools.sweep.grid import ACCURACY, Task, as_json, combinations, tasks
from tools.sweep.journal import Journal
from tools.sweep.measure import is_camera
from tools.sweep.options import make_parser
from tools.sweep.process import measure_apart
from tools.sweep.summary import rows
from tools.sweep.table import tables

Json = Dict[str, Any]


def sweep(args: argparse.Namespace) -> Journal:
    """Measure what is missing; the whole sweep. Raises NanoyoloError, or KeyboardInterrupt where it was stopped."""
    if (args.cam is None) == (args.images is None):
        raise UsageError("say what to look at: either --cam SOURCE or --images DIR --labels DIR; see --help")
    if args.cam is not None and args.labels is not None:
        raise UsageError("--labels needs --images, the folder of images that they are of")
    if not args.run:
        raise UsageError("--run: say in which folder the sweep should be kept")
    model = find_model(args.model)
    card = read_card(model)
    for size in args.sizes:
        if size % card.multiple:
            raise UsageError("--sizes: {} is not {}".format(size, nearest_sizes(size, card.multiple)))
    if args.labels is not None and not os.path.exists(args.labels):
        raise SourceError("--labels {}: no such folder of YOLO files, and no such COCO file".format(args.labels))
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
    # Each backend is opened once before anything is begun: one that cannot be had should not be found out hours later.
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
            say("{}: {} of {} measurements are there already".format(args.run, there, len(planned)))
        with tqdm(total=len(planned), initial=there, unit=" measurements", leave=False, disable=None) as bar:
            for task in missing:
                bar.set_postfix_str(" ".join(task.combination.words().values()))
                journal.add(task, run_measurement(journal, spec, task))
                bar.update()
    return journal


def _state(uri: str) -> Optional[str]:
    """A hash of the names, sizes and times of change of a source's files: other files are another sweep. None of what
    is live.
    """
    if is_camera(uri) or "://" in uri:
        return None
    inside = os.path.join(glob.escape(uri), "*") if os.path.isdir(uri) else uri
    state = hashlib.sha256()
    for path in sorted(glob.glob(inside)) or [uri]:
        try:
            status = os.stat(path)
        except OSError:
            continue  # whoever opens it says so
        state.update(repr((os.path.basename(path), status.st_size, status.st_mtime_ns)).encode(errors="replace"))
    return state.hexdigest()


def _fullest(truth: Truth) -> int:
    """The position of the image with the most labelled objects: the one to show."""
    counts = Counter(entry["image_id"] for entry in truth.dataset["annotations"])
    return max(range(len(truth.paths)), key=lambda index: counts[truth.dataset["images"][index]["id"]])


def _length(args: argparse.Namespace) -> Json:
    """How many frames are measured, which of them is shown, and whether the source begins again meanwhile."""
    uri = args.cam or args.images
    if is_camera(uri) or "://" in uri:
        return {"frames": args.frames, "example": args.frames // 2, "loop": False}
    with open_source(uri) as source:
        first = next((frame for frame in source if frame is not None), None)
        if first is None:
            raise SourceError("{}: has no frames".format(uri))
        height, width = first.image.shape[:2]
        count = source.count
    for capture in args.captures:
        if capture is not None and width < capture[0] and height < capture[1]:
            warn("{}: is {}x{}, and says little of a capture of {}x{}".format(uri, width, height, *capture))
    frames = args.frames
    if count and (os.path.isdir(uri) or is_image(uri)):
        frames = count * -(-frames // count)
    return {"frames": frames, "example": min(frames, count or frames) // 2, "loop": True}


def run_measurement(journal: Journal, spec: Json, task: Task) -> Json:
    """Measure in a process of its own; what it says. Raises the NanoyoloError that it ended with."""
    spec = dict(spec, combination=as_json(task.combination), round=task.round)
    spec["detections"] = journal.detections_path(task.combination)
    spec["shown"] = journal.shown_path(task.combination)
    # Without labels there is no round for accuracy; what is found is kept once, to see what the sizes have in common.
    spec["keep_found"] = not spec["images"] and task.round == 1 and spec["loop"]
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
            say("stopped; what was measured is in {}, and the same command goes on from there".format(args.run))
            code = 130  # told here already, so not raised
            return
        try:
            found = rows(journal)
        except (ValueError, LookupError, TypeError, AttributeError, ArithmeticError) as error:
            what = "{}: not what tools.sweep writes, or damaged ({!r}); name another --run, or remove it"
            raise SourceError(what.format(args.run, error)) from error
        for part in tables(found):
            print("{}\n{}\n".format(part.title, part.as_text()))
        speed = [measurement for measurement in journal.measurements if measurement["round"] != ACCURACY]
        for disturbance in disturbances(speed):
            print("- When this was measured: {}.".format(disturbance))
        for sentence in findings(found):
            print("- " + sentence)
        say("tables, plots and pictures: python -m tools.report {}".format(args.run))

    return exit_code(work) or code


if __name__ == "__main__":
    sys.exit(main())
