"""Measures the program at every combination of settings: the grid, the measurements in turn, and what they say."""

import argparse
import json
import os
import signal
import subprocess
import sys
from collections import Counter
from typing import Any, Dict, Optional, Sequence, Set

from tqdm import tqdm

from app.board import Board
from app.command import exit_code
from app.detector import nearest_sizes
from app.errors import ModelError, OutputError, SourceError, UsageError, say, warn
from app.modelcard import find_model, read_card
from app.readers import is_image
from app.sources import open_source
from tools.machine import machine
from tools.scoring.labels import Truth, read_truth
from tools.sweeping.findings import findings
from tools.sweeping.grid import Task, as_json, combinations, tasks
from tools.sweeping.journal import Journal
from tools.sweeping.measure import is_camera
from tools.sweeping.options import make_parser
from tools.sweeping.summary import rows
from tools.sweeping.table import table

Json = Dict[str, Any]

STOP_LIMIT = 5.0  # seconds that a measurement has to end
# Exit code of a measurement -> what it stands for here.
FAILURES = {2: UsageError, 3: SourceError, 4: ModelError, 5: OutputError}


def sweep(args: argparse.Namespace) -> Journal:
    """Measure what is missing; the whole sweep. Raises NanoyoloError, or KeyboardInterrupt where it was stopped."""
    if (args.cam is None) == (args.images is None):
        raise UsageError("say what to look at: either --cam SOURCE or --images DIR --labels DIR; see --help")
    if args.cam is not None and args.labels is not None:
        raise UsageError("--labels needs --images, the folder of images that they are of")
    model = find_model(args.model)
    card = read_card(model)
    for size in args.sizes:
        if size % card.multiple:
            raise UsageError("--sizes: {} is not {}".format(size, nearest_sizes(size, card.multiple)))
    truth = read_truth(args.images, args.labels, card.labels) if args.labels else None
    grid = combinations(args.captures, args.sizes, args.fps, args.backends, args.pacing)
    options = {key: value for key, value in vars(args).items() if key not in ("rounds", "run")}
    options["captures"] = [None if capture is None else list(capture) for capture in args.captures]
    options["confidence"] = options.pop("conf")
    options["sha256"] = card.sha256
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
    with Journal.start(args.run, options, grid, machine(), truth.dataset if truth else {}) as journal:
        for complaint in Board().complaints():
            warn(complaint)
        planned = tasks(grid, args.rounds, truth is not None)
        done = journal.done()
        missing = [task for task in planned if task.key not in done]
        there = len(planned) - len(missing)
        if there:
            say("{}: {} of {} measurements are there already".format(args.run, there, len(planned)))
        with tqdm(total=len(planned), initial=there, unit=" measurements", leave=False, disable=None) as bar:
            for task in missing:
                bar.set_postfix_str(" ".join(task.combination.words().values()))
                journal.add(task, run_measurement(journal, spec, task))
                bar.update()
    return journal


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


_said: Set[str] = set()  # warnings of measurements, which all of them give


def run_measurement(journal: Journal, spec: Json, task: Task) -> Json:
    """Measure in a process of its own; what it says. Raises the NanoyoloError that it ended with."""
    spec = dict(spec, combination=as_json(task.combination), round=task.round)
    spec["detections"] = journal.detections_path(task.combination)
    # Without labels there is no round for accuracy; what is found is kept once, to see what the sizes have in common.
    spec["keep_found"] = not spec["images"] and task.round == 1 and spec["loop"]
    spec["picture"] = journal.picture_path(task.combination)
    command = [sys.executable, "-m", "tools.sweeping.measure"]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    try:
        output, errors = process.communicate(json.dumps(spec).encode())
    except BaseException:
        process.terminate()  # where only this process was interrupted
        try:
            process.wait(STOP_LIMIT)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        raise
    lines = errors.decode(errors="replace").strip().splitlines()
    for line in lines:
        if line.startswith("warning: ") and line not in _said:
            _said.add(line)
            tqdm.write(line, file=sys.stderr)
    words = " ".join(task.combination.words().values())
    if process.returncode == 130:
        raise KeyboardInterrupt
    if process.returncode in FAILURES and lines:
        said = lines[-1][len("error: ") :] if lines[-1].startswith("error: ") else lines[-1]
        raise FAILURES[process.returncode]("{} ({})".format(said, words))
    if process.returncode < 0:
        raise ModelError("a measurement was killed by signal {} ({})".format(-process.returncode, words))
    if process.returncode:
        raise ModelError("a measurement ended with {} ({}): {}".format(process.returncode, words, "\n".join(lines)))
    try:
        result: Json = json.loads(output.decode().splitlines()[-1])
    except (ValueError, IndexError) as error:
        raise ModelError("a measurement said nothing that can be read: {!r}".format(output[-200:])) from error
    return result


def main(argv: Optional[Sequence[str]] = None) -> int:
    """Run the command; its exit code."""

    def work() -> None:
        args = make_parser().parse_args(argv)
        signal.signal(signal.SIGTERM, signal.default_int_handler)
        try:
            journal = sweep(args)
        except KeyboardInterrupt:
            say("stopped; what was measured is in {}, and the same command goes on from there".format(args.run))
            raise
        found = rows(journal)
        print(table(found).as_text())
        for sentence in findings(found):
            print("- " + sentence)
        say("tables, plots and pictures: python -m tools.report {}".format(args.run))

    return exit_code(work)


if __name__ == "__main__":
    sys.exit(main())
