"""Damage files of every kind, let the program read them, and compare what it says with ffprobe and Pillow.

Each file follows from its kind and seed: flipped, zeroed or inserted bytes, or a cut, in one of a few small originals;
one in twenty is left whole. Required: no traceback, no more than 5 s, no whole file called damaged, no frame lost in
silence, no time that goes backwards. A crash inside OpenCV is listed, and so is what else the oracles say differently.
"""

import argparse
import concurrent.futures
import contextlib
import multiprocessing
import os
import queue
import tempfile
from typing import Dict, Iterator, List, NamedTuple, Optional, Sequence

from tqdm import tqdm

from app.command import print_lines
from app.errors import UsageError, say
from app.files import make_folder
from tools.soak.figure import Figure
from tools.soak.files.damage import damaged
from tools.soak.files.oracles import Verdict, ask_ffprobe, ask_pillow, be_silent, missing
from tools.soak.files.originals import FRAMES, KINDS, PICTURES, STREAM, file_name, make_originals
from tools.soak.files.server import StreamServer
from tools.soak.files.verdict import DIFFERENCES, FAILURES, File, findings
from tools.soak.files.worker import Worker, reading_command

WORKERS = 3  # streams mostly wait
MOST_EXAMPLES = 1  # that are named of each finding and kind


class Job(NamedTuple):
    """One file that is to be made and read."""

    kind: str
    seed: int


def add_options(parser: argparse.ArgumentParser) -> None:
    """The options besides those that all soaks have."""
    parser.add_argument("--kinds", nargs="+", choices=KINDS, default=KINDS, metavar="KIND", help=", ".join(KINDS))
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="the first seed (default: %(default)s)")
    parser.add_argument("--only", metavar="KIND:SEED", help="one file, and all that is said of it")
    parser.add_argument("--keep", metavar="DIR", help="keep the files there (default: they are removed)")
    parser.add_argument("--python", metavar="PATH", help="another Python that reads them (default: this one)")


def soak(args: argparse.Namespace) -> List[Figure]:
    """Run the test."""
    jobs = [Job(kind, seed) for kind in args.kinds for seed in range(args.seed, args.seed + args.files)]
    if args.only is not None:
        jobs = [_only(args.only)]
    for name in sorted({name for name in (missing(_sort(job.kind)) for job in jobs) if name}):
        say(f"{name} is not installed, and its verdict is left out")
    with contextlib.ExitStack() as stack:
        folder = args.keep or stack.enter_context(tempfile.TemporaryDirectory())
        make_folder(folder)
        files = read_all(jobs, folder, reading_command(args.python))
    if args.only is not None:
        print_lines([_description(files[0])])
    return judge(files)


def _only(text: str) -> Job:
    kind, _, seed = text.partition(":")
    if kind not in KINDS or not seed.isdecimal():
        raise UsageError(f"--only {text}: should be KIND:SEED, as jpeg:12; kinds are {', '.join(KINDS)}")
    return Job(kind, int(seed))


def _sort(kind: str) -> str:
    return "picture" if kind in PICTURES else "stream" if kind == STREAM else "film"


def read_all(jobs: Sequence[Job], folder: str, command: Sequence[str]) -> List[File]:
    """Make and read files, several at a time. command: of a process that reads them."""
    originals = {kind: make_originals(kind) for kind in sorted({job.kind for job in jobs})}
    with contextlib.ExitStack() as stack:
        server = stack.enter_context(StreamServer())
        workers: "queue.Queue[Worker]" = queue.Queue()
        for _ in range(min(WORKERS, len(jobs))):
            workers.put(stack.enter_context(Worker(command)))
        spawn = multiprocessing.get_context("spawn")
        pillow = stack.enter_context(concurrent.futures.ProcessPoolExecutor(1, spawn, be_silent))
        pool = stack.enter_context(concurrent.futures.ThreadPoolExecutor(WORKERS))
        stack.callback(pool.shutdown, cancel_futures=True)  # of Ctrl-C; else all files are read first

        def read(job: Job) -> File:
            data, damage = damaged(originals[job.kind], job.kind, job.seed)
            name, sort = file_name(job.kind, job.seed), _sort(job.kind)
            path = os.path.join(folder, name)
            with open(path, "wb") as file:
                file.write(data)
            uris = [path] * 3
            if sort == "stream":
                uris = [server.add(f"/{reader}/{name}", data) for reader in ("ours", "opencv", "ffprobe")]
            with _taken(workers) as worker:
                ours, theirs = worker.read(uris[0], uris[1], sort)
            oracle: Optional[Verdict] = None
            if missing(sort) is None:
                oracle = pillow.submit(ask_pillow, data).result() if sort == "picture" else ask_ffprobe(uris[2])
            return File(
                f"{job.kind}:{job.seed}", damage, sort, ours, theirs, oracle, 1 if sort == "picture" else FRAMES
            )

        return list(tqdm(pool.map(read, jobs), total=len(jobs), unit=" files", leave=False, disable=None))


@contextlib.contextmanager
def _taken(workers: "queue.Queue[Worker]") -> Iterator[Worker]:
    worker = workers.get()
    try:
        yield worker
    finally:
        workers.put(worker)


def judge(files: Sequence[File]) -> List[Figure]:
    """What was found, each with how often in which kind, and the first seeds."""
    found: Dict[str, List[str]] = {name: [] for name in FAILURES + DIFFERENCES}
    for file in files:
        for finding in findings(file):
            found[finding].append(file.name)
    kinds = list(dict.fromkeys(file.name.partition(":")[0] for file in files))
    whole = sum(file.oracle is not None and file.oracle.whole for file in files)
    seeds = [int(file.name.partition(":")[2]) for file in files]
    figures = [Figure("files", f"{len(files)}: {', '.join(kinds)}; seeds {min(seeds)} to {max(seeds)}", "", True)]
    figures.append(Figure("of them whole to the oracle", str(whole), "", True))
    figures += [Figure(name, _counts(found[name], kinds), "none", not found[name]) for name in FAILURES]
    figures += [Figure(name, _counts(found[name], kinds), "listed only", True) for name in DIFFERENCES]
    return figures


def _counts(names: Sequence[str], kinds: Sequence[str]) -> str:
    parts = []
    for kind in kinds:
        seeds = [name.partition(":")[2] for name in names if name.startswith(kind + ":")]
        if seeds:
            more = ", ..." if len(seeds) > MOST_EXAMPLES else ""
            parts.append(f"{len(seeds)} {kind} ({', '.join(seeds[:MOST_EXAMPLES])}{more})")
    return "; ".join(parts) or "none"


def _description(file: File) -> str:
    return "\n".join(
        [f"{file.name}: {file.damage}", f"program: {file.ours}", f"OpenCV: {file.theirs}", f"oracle: {file.oracle}"]
    )
