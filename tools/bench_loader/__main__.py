"""Compare ways to load a training set: is loading what one waits for?

Each of tf.data, Keras' PyDataset (what tools.train uses) and torch's DataLoader delivers the same batches, cropped and
mirrored at random by the same functions of numpy; `tf.data, native` does that with TensorFlow's own operations. First
an epoch is only loaded. Then the network is trained, on a batch that is in memory already, and on batches that are
loaded meanwhile: `hidden` is the share of loading that does not make the step longer. Loaders take turns within each
round; figures are medians.
"""

import argparse
import contextlib
import importlib.util
import sys
from typing import Optional, Sequence

from tqdm import tqdm

from app.board import Board
from app.classification.datasets import open_dataset
from app.command import Parser, exit_code, number, print_lines
from app.errors import ModelError, NanoyoloError, say, warn
from tools.bench.results import machine_line
from tools.bench_loader.results import Row, Turn, conclusion, loader_table
from tools.bench_training.configurations import environment, installed
from tools.bench_training.process import Process
from tools.json_file import Json
from tools.machine import machine
from tools.train.networks import NETWORKS

EXAMPLES = """examples:
  python -m tools.bench_loader
  python -m tools.bench_loader --workers 0 1 2 4 --backends torch
  python -m tools.bench_loader --data characters --model report_fast --limit 50000
"""
Processes = dict[tuple[str, str], Process]  # by backend and kind of loader

BACKENDS = ("tensorflow", "torch")
# Name of a kind of loader -> the backends that it is measured on.
KINDS = {
    "tf.data": ("tensorflow",),
    "tf.data, native": ("tensorflow",),
    "PyDataset, threads": BACKENDS,
    "PyDataset, processes": BACKENDS,
    "DataLoader": ("torch",),
    "DataLoader, pinned": ("torch",),
}
PINNED = "pinned memory: not measured, it speeds up copies to a GPU only, and means nothing without one"


def bench(args: argparse.Namespace) -> None:
    """Measure, and print the results."""
    open_dataset(args.data, None)  # before anything is started
    backends, skipped = installed(args.backends)
    print_lines([machine_line(machine()), *skipped])
    for complaint in Board().complaints():
        warn(complaint)
    with contextlib.ExitStack() as stack:
        processes = start(args, backends, stack)
        facts = first_answers(processes)
        found: dict[Row, list[Turn]] = {}
        for turn in tqdm(range(args.rounds + 1), unit=" rounds", leave=False, disable=None):
            for key, process in list(processes.items()):
                try:
                    turns = one_round(process, *key, args.workers)
                except NanoyoloError as error:
                    say(f"not measured: {error}")
                    processes.pop(key).close()
                    found = {row: times for row, times in found.items() if (row.backend, row.kind) != key}
                    continue
                for row, times in turns.items():
                    if turn:  # the first is the warm-up
                        found.setdefault(row, []).append(times)
    if not found:
        raise ModelError("no loader runs here")
    batch, batches = facts["batch"], facts["batches"]
    print_lines(
        [
            f"{args.model} in {facts['precision']}, {batches} batches of {batch} images an epoch",
            loader_table(found, batches).as_text(),
            conclusion(found, batches),
        ]
    )


def start(args: argparse.Namespace, backends: Sequence[str], stack: contextlib.ExitStack) -> Processes:
    """The processes, by backend and kind of loader."""
    spec = {name: getattr(args, name) for name in ("model", "data", "batch", "limit", "steps")}
    processes: Processes = {}
    for kind, on in KINDS.items():
        if not worker_counts(kind, args.workers):
            continue
        for backend in on:
            if backend not in backends:
                continue
            if kind.endswith("pinned") and not has_cuda():
                print_lines([PINNED])
                continue
            own = {**spec, "kind": kind, "backend": backend}
            process = Process(f"{backend}: {kind}", "tools.bench_loader.loading", environment(backend), own)
            processes[backend, kind] = stack.enter_context(process)
    return processes


def first_answers(processes: Processes) -> Json:
    """What the processes say of batch and epoch. Raises the error of the first that does not start.

    All read the same data, so an error of one is an error of all.
    """
    facts: Json = {}
    for process in processes.values():
        facts = process.answer()
    return facts


def worker_counts(kind: str, workers: Sequence[int]) -> list[int]:
    """The numbers of workers that make a difference: Keras starts threads from 2 on, and processes from 1 on."""
    if kind == "PyDataset, threads":
        return list(dict.fromkeys(count if count > 1 else 0 for count in workers))
    if kind == "PyDataset, processes":
        return [count for count in workers if count]
    return list(workers)


def one_round(process: Process, backend: str, kind: str, workers: Sequence[int]) -> dict[Row, Turn]:
    """One turn of a kind of loader, with each number of workers."""
    step = process.ask({"what": "step"})["seconds"]
    turns = {}
    for count in worker_counts(kind, workers):
        load = process.ask({"what": "load", "workers": count})["seconds"]
        train = process.ask({"what": "train", "workers": count})["seconds"]
        turns[Row(backend, kind, count)] = Turn(load, step, train)
    return turns


def has_cuda() -> bool:
    """Whether torch has a GPU here."""
    if importlib.util.find_spec("torch") is None:
        return False
    import torch

    return bool(torch.cuda.is_available())


def main(argv: Optional[Sequence[str]] = None) -> int:
    """Run the command; its exit code."""
    parser = Parser(prog="python -m tools.bench_loader", description=__doc__, epilog=EXAMPLES)
    add = parser.add_argument
    data_help = "cifar-100, characters, or a folder or archive with one of them (default: what the network is for)"
    add("--data", metavar="DATA", help=data_help)
    model_help = "network whose step is measured: " + ", ".join(NETWORKS) + " (default: nano_resnet_s)"
    add("--model", choices=tuple(NETWORKS), default="nano_resnet_s", metavar="MODEL", help=model_help)
    workers = number(int, 0, 64, "workers")
    add("--workers", nargs="+", type=workers, default=[0, 1, 2], metavar="N", help="numbers to try (default: 0 1 2)")
    add("--backends", nargs="+", choices=BACKENDS, default=list(BACKENDS), help="(default: those that are installed)")
    batch_help = "images per batch (default: the network's own)"
    add("--batch", type=number(int, 1, 8192, "a batch"), metavar="N", help=batch_help)
    limit_help = "images of an epoch (default: 12800)"
    add("--limit", type=number(int, 100, 10**7, "images"), default=12800, metavar="N", help=limit_help)
    add("--rounds", type=number(int, 1, 99, "rounds"), default=3, metavar="N", help="turns of each (default: 3)")
    add("--steps", type=number(int, 1, 1000, "steps"), default=6, metavar="N", help="of a turn (default: 6)")

    def work() -> None:
        args = parser.parse_args(argv)
        args.data = args.data or NETWORKS[args.model].data
        bench(args)

    return exit_code(work)


if __name__ == "__main__":
    sys.exit(main())
