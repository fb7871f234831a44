"""Measure the program at every combination of settings, and compare them."""

import argparse
import os
import signal
import sys
from typing import Optional, Sequence

from tqdm import tqdm

from app.board import Board
from app.command import exit_code, print_lines
from app.errors import say, warn
from app.inputsize import input_sizes
from app.modelcard import find_model, read_card
from tools.json_file import Json
from tools.machine import machine
from tools.score.labels import read_truth
from tools.sweep import plan
from tools.sweep.damaged import look
from tools.sweep.grid import Task, as_json, combinations, tasks
from tools.sweep.journal import Journal
from tools.sweep.notes import notes
from tools.sweep.options import SIZES, make_parser
from tools.sweep.process import measure_apart
from tools.sweep.summary import rows
from tools.sweep.table import tables


def sweep(args: argparse.Namespace) -> Journal:
    """Measure what is missing; the complete sweep. Raises NanoyoloError, or KeyboardInterrupt if it was stopped."""
    plan.check(args)
    model = find_model(args.model)
    card = read_card(model)
    args.sizes = input_sizes(card, args.sizes, SIZES)
    truth = None
    if args.labels:
        how = {"polygons": args.polygons, "skip_damaged": args.skip_damaged}
        truth = read_truth(args.images, args.labels, card.labels, **how)
    pictures = look(args, truth)
    grid = combinations(args.captures, args.sizes, args.fps, args.backends, args.pacing)
    spec = plan.spec(args, model, truth, pictures)
    complaints = Board().complaints()  # before the backends make load
    # Each backend is opened once at the start, so that one that is not available does not stop the sweep hours later.
    spec["backends"] = {named: measure_apart(dict(spec, backend=named), named)["backend"] for named in args.backends}
    options = plan.options(args, card.sha256)
    # How the input is read does not make another sweep, only what is read of it.
    options = {key: value for key, value in options.items() if key not in ("polygons", "skip_damaged")}
    if pictures.damaged:
        options["skipped"] = [os.path.basename(path) for path in pictures.damaged]
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


def run_measurement(journal: Journal, spec: Json, task: Task) -> Json:
    """Run a measurement in its own process; its result. Raises the NanoyoloError that it ended with."""
    spec = dict(spec, combination=as_json(task.combination), round=task.round)
    spec["detections"] = journal.detections_path(task.combination)
    spec["shown"] = journal.shown_path(task.combination)
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
            print_lines([part.title, part.as_text(), ""])
        for note in notes(found, journal.measurements):
            print_lines(["- " + note])
        say(f"tables, plots and pictures: python -m tools.report {args.run}")

    return exit_code(work) or code


if __name__ == "__main__":
    sys.exit(main())
