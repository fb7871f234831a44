"""Detect objects in any number of videos and images, on this machine or a Ray cluster, and write them as Parquet.

What is finished stays: after an interruption, or a kill, the same command does the rest. Exit code 3 means that no file
could be read; those that could not, while others could, are listed at the end.
"""

import argparse
import importlib.util
import os
import signal
import sys
import time
from collections.abc import Iterator, Sequence
from typing import Optional

from app.arguments import LARGEST_SIZE
from app.backends import BACKENDS, DEVICES, PRECISIONS, importing, physical_cores
from app.command import Parser, exit_code, number, print_lines
from app.detector import class_numbers
from app.errors import SourceError, say
from app.inputsize import input_size
from app.modelcard import WEIGHTS, find_model, read_card
from tools.batch.local import in_processes
from tools.batch.plan import STRETCH, Settings, Task, find_files, make_tasks
from tools.batch.work import Done

INSTALL = "python3 -m pip install -e '.[batch]'"
EXAMPLES = """examples:
  python -m tools.batch films/ --output found
  python -m tools.batch street.mp4 'photos/**/*.jpg' @more.txt --output found --size 320 --classes person,car
  python -m tools.batch @films.txt --output found --address ray://head:10001
"""


def make_parser() -> argparse.ArgumentParser:
    """The command line."""
    parser = Parser(prog="python -m tools.batch", description=__doc__, epilog=EXAMPLES)
    add = parser.add_argument
    add(
        "sources",
        nargs="+",
        metavar="SOURCE",
        help="a video or image, a folder or glob of them, or @LIST.txt: one a line",
    )
    add("--output", required=True, metavar="DIR", help="folder for the results: all Parquet files in it are one table")
    count = number(int, 1, 10**6, "a number")
    add("--workers", type=count, metavar="N", help="tasks at once (default: one a core of the machine or cluster)")
    where = parser.add_mutually_exclusive_group()
    where.add_argument("--address", metavar="ADDRESS", help="of a Ray cluster, as ray://head:10001 or auto")
    where.add_argument(
        "--local", action="store_true", help="processes of this machine, without Ray though it is installed"
    )
    stretch = number(int, 1, 10**9, "a number")
    add(
        "--stretch",
        type=stretch,
        metavar="FRAMES",
        default=STRETCH,
        help="of a long video to a task (default: %(default)s)",
    )
    add(
        "--model",
        metavar="NAME",
        default="yolov3-tiny",
        help="a name in weights/, or an ONNX file (default: %(default)s)",
    )
    size = number(int, 1, LARGEST_SIZE, "a size")
    add(
        "--size",
        type=size,
        metavar="PIXELS",
        help="longer side of the network's input (default: the model's own, or 416)",
    )
    add("--square", action="store_true", help="pad the network's input to a square")
    fraction = number(float, 0, 1, "a threshold")
    add("--conf", type=fraction, metavar="SCORE", default=0.25, help="minimum confidence (default: %(default)s)")
    add("--nms", type=fraction, metavar="IOU", default=0.45, help="IoU threshold of NMS (default: %(default)s)")
    add("--agnostic-nms", action="store_true", help="NMS between boxes of different classes, too")
    add("--classes", metavar="A,B", help="report only these labels (default: all)")
    add("--backend", choices=BACKENDS, default="auto", help="runtime (default: the best one installed)")
    add("--device", choices=DEVICES, default="auto", help="processor (default: what the backend prefers)")
    add("--precision", choices=PRECISIONS, default="auto", help="arithmetic of the network (default: fp32)")
    return parser


def settings_of(args: argparse.Namespace) -> Settings:
    """What the command line says of the detector. Raises ModelError and UsageError for what no worker could use."""
    path = find_model(args.model)
    card = read_card(path)
    classes = args.classes and tuple(sorted(part.strip() for part in args.classes.split(",")))
    if classes:
        class_numbers(classes, card.labels)
    return Settings(
        model=args.model if os.path.dirname(path) == WEIGHTS else os.path.abspath(path),
        sha256=card.sha256,
        size=input_size(card, args.size),
        square=args.square,
        confidence=args.conf,
        iou=args.nms,
        class_agnostic=args.agnostic_nms,
        classes=classes or None,
        backend=args.backend,
        device=args.device,
        precision=args.precision,
    )


def run_tasks(args: argparse.Namespace, settings: Settings, tasks: Sequence[Task]) -> Iterator[tuple[Task, Done]]:
    """Each task with what came of it, from the workers that the command line asks for."""
    if args.address or not (args.local or importlib.util.find_spec("ray") is None):
        with importing("Ray", INSTALL):
            from tools.batch.on_ray import on_ray
        return on_ray(settings, tasks, args.workers, args.address)
    return in_processes(settings, tasks, args.workers or physical_cores())


def batch(args: argparse.Namespace) -> None:
    """Do what the command line says."""
    with importing("pyarrow", INSTALL):
        from tools.batch.results import Results
    from tqdm import tqdm

    settings = settings_of(args)
    files, problems = find_files(args.sources)
    tasks, more = make_tasks(files, args.stretch)
    problems += more
    with Results(args.output, settings) as results:
        rest, more = results.unfinished(tasks)
        problems += more
        finished = len(tasks) - len(rest)
        frames = objects = 0
        start = time.monotonic()
        total = sum(task.weight for task in rest)
        shape = "{percentage:3.0f}% |{bar}| {elapsed} < {remaining}{postfix}"
        with tqdm(total=total, bar_format=shape, disable=None) as bar:  # None: only on a terminal
            for task, done in run_tasks(args, settings, rest) if rest else ():
                problems += done.problems
                if done.frames or not done.problems:
                    results.write(task, done)
                    finished += 1
                frames += done.frames
                objects += len(done.rows)
                bar.set_postfix_str(f"{finished} of {len(tasks)} tasks", refresh=False)
                bar.update(task.weight)
        seconds = time.monotonic() - start
    problems = list(dict.fromkeys(problems))
    if not finished:
        raise SourceError(
            f"no file could be read: {problems[0]}" + (f"; and {len(problems) - 1} more" if problems[1:] else "")
        )
    lines = [f"{args.output}: {finished} of {len(tasks)} tasks are done, {len(tasks) - len(rest)} of them before"]
    if rest:
        lines += [f"{frames} frames in {seconds:.1f} s ({frames / max(seconds, 1e-3):.1f} FPS), {objects} objects"]
    print_lines(lines)
    if problems:
        say(f"not read, or not to the end: {len(problems)}")
        for line in problems:
            say("  " + line)


def main(argv: Optional[Sequence[str]] = None) -> int:
    """Run the command; its exit code."""

    def work() -> None:
        args = make_parser().parse_args(argv)
        signal.signal(signal.SIGTERM, signal.default_int_handler)
        batch(args)

    return exit_code(work)


if __name__ == "__main__":
    sys.exit(main())
