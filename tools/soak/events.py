"""Events while broker and webhook fail at random, and, with --kills, the program is killed in the middle.

Each event of the store must arrive, its "new" once and its "end" once, in order: at a subscriber with a persistent
session, and at the webhook, where an answer that got lost makes a second delivery with the same webhook-id. Without
--cam the program is `tools.soak.walkers`, whose events are short and many.
"""

import argparse
import contextlib
import os
import random
import signal
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
from typing import Any, Dict, Iterator, List, Sequence, Tuple

from tqdm import tqdm

from app.errors import NanoyoloError
from app.events.reader import NAME, Filter, Reader
from tools.soak.broker import Broker, Subscriber, free_port
from tools.soak.figure import Figure
from tools.soak.program import PATIENCE, ROOT
from tools.soak.receiver import MODES, Receiver

WORKS, FAILS = (1.0, 4.0), (0.3, 5.0)  # seconds between two failures, and that one lasts: from and to
PACE = 0.02  # seconds per inference of walkers: 3 events in a second
KILLED_AFTER = (1.0, 6.0)  # seconds
DRAIN_LIMIT = 180.0  # seconds in which all must arrive, once everything works
CAMERA = "test://200x200@10?frames=100000000"
GROWTH = 0.05  # of the memory


def add_options(parser: argparse.ArgumentParser) -> None:
    """What only this test has."""
    parser.add_argument("--kills", type=int, default=0, metavar="N", help="kill the program so often (default: 0)")
    parser.add_argument("--cam", metavar="FILE", help="film this video with the real detector (default: walkers)")
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="random seed (default: %(default)s)")
    parser.add_argument("--store", metavar="DIR", help="keep the store there (default: nowhere)")


def soak(args: argparse.Namespace) -> List[Figure]:
    """Run the test; its figures."""
    with contextlib.ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory())
        store = args.store or os.path.join(folder, "store")
        broker = stack.enter_context(Broker(folder))
        subscriber = stack.enter_context(Subscriber(broker.port))
        receiver = stack.enter_context(Receiver(free_port()))
        told = ["--mqtt", f"mqtt://127.0.0.1:{broker.port}", "--webhook", receiver.url, "--store", store]
        with trouble(broker, receiver, random.Random(args.seed)):
            memory = film(args, told, store, random.Random(args.seed + 1))
        seconds = drain(told, store)
        time.sleep(1.0)
        with Reader(store) as reader:
            found = list(reader.all(Filter()))
        posts = list(dict.fromkeys((name, _key(body["data"], body["type"][6:])) for name, body in receiver.posts))
        return [
            Figure("events", str(len(found)), f"{args.events} at least", len(found) >= args.events),
            Figure("that have no end", *_none(sum(one.end is None for one in found))),
            *judge("subscriber", [_key(one, one["type"]) for one in subscriber.events], [one.id for one in found]),
            *judge("webhook", [key for _, key in posts], [one.id for one in found]),
            Figure("posts that were repeated", str(len(receiver.posts) - len(posts)), "any, with one id", True),
            Figure("all had arrived after", f"{seconds:.1f} s", f"{DRAIN_LIMIT:g} s at most", seconds <= DRAIN_LIMIT),
            Figure("retained state at the end", *_retained(subscriber.retained)),
            *_grown(memory),
        ]


def film(args: argparse.Namespace, told: Sequence[str], store: str, chance: random.Random) -> List[int]:
    """Run the program until there are enough events, killing it now and then; its memory over time, in bytes."""
    kills = args.kills
    memory: List[int] = []
    with tqdm(total=args.events, unit=" events", leave=False, disable=None) as progress:
        while True:
            process = start(args.cam, told)
            until = time.monotonic() + chance.uniform(*KILLED_AFTER) if kills else float("inf")
            try:
                while time.monotonic() < until:
                    count = _count(store)
                    progress.update(count - progress.n)
                    if not kills and count >= args.events:
                        process.send_signal(signal.SIGTERM)
                        process.communicate(timeout=PATIENCE)
                        return memory
                    if process.poll() is not None:
                        raise NanoyoloError(f"the program has ended: {process.communicate()[1]}")
                    memory.append(_resident(process.pid))
                    time.sleep(0.1)
            finally:
                process.kill()
                process.communicate()
            kills -= 1
            memory = []


def start(cam: "str | None", told: Sequence[str]) -> "subprocess.Popen[str]":
    """The program over a video, or over walkers."""
    module = ["tools.soak.walkers", str(PACE), "--cam", f"yard={CAMERA}"]
    if cam is not None:
        module = ["app.detect", "--no-show", "--offline", "--size", "320", "--loop", "--cam", f"yard={cam}"]
    command = [sys.executable, "-m", *module, *told]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)


def drain(told: Sequence[str], store: str) -> float:
    """Run the program without further events until nothing waits any more; seconds that this took."""
    began = time.monotonic()
    quiet = ["--event-score", "1"]  # which no walker has
    process = start(None, [*told, *quiet])
    try:
        while _waiting(store) and time.monotonic() - began < DRAIN_LIMIT:
            time.sleep(0.1)
        seconds = time.monotonic() - began
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=PATIENCE)
        return seconds
    finally:
        process.kill()
        process.communicate()


@contextlib.contextmanager
def trouble(broker: Broker, receiver: Receiver, chance: random.Random) -> Iterator[None]:
    """Have the broker and the webhook's server fail, each at times of its own."""
    ended = threading.Event()

    def break_broker() -> None:
        while not ended.wait(chance.uniform(*WORKS)):
            if chance.random() < 0.5:
                broker.stop()
                ended.wait(chance.uniform(*FAILS))
                broker.start()
            else:
                broker.send(signal.SIGSTOP)
                ended.wait(chance.uniform(*FAILS))
                broker.send(signal.SIGCONT)

    def break_receiver() -> None:
        while not ended.wait(chance.uniform(*WORKS)):
            receiver.mode = chance.choice(MODES[1:])
            ended.wait(chance.uniform(*FAILS))
            receiver.mode = "well"

    threads = [threading.Thread(target=target, daemon=True) for target in (break_broker, break_receiver)]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        ended.set()
        for thread in threads:
            thread.join(PATIENCE)


Key = Tuple[str, str, int]  # id, type, number of the change


def _key(fields: Dict[str, Any], kind: str) -> Key:
    return fields["id"], kind, fields["number"]


def judge(who: str, arrived: Sequence[Key], events: Sequence[str]) -> List[Figure]:
    """What is wrong with what arrived. events: the ids of all."""
    known = set(events)
    counts: Dict[Tuple[str, str], int] = {}
    disorder, last = 0, dict.fromkeys(events, 0)
    for name, kind, number in arrived:
        counts[name, kind] = counts.get((name, kind), 0) + 1
        disorder += number < last.get(name, 0)
        last[name] = number
    once = [(name, kind) for name in events for kind in ("new", "end")]
    lost = sum(key not in counts for key in once)
    doubled = sum(counts.get(key, 0) > 1 for key in once)
    return [
        Figure(f"{who}: of {len(once)}, lost", *_none(lost)),
        Figure(f"{who}: doubled", *_none(doubled)),
        Figure(f"{who}: out of order", *_none(disorder)),
        Figure(f"{who}: of no event in the store", *_none(len({name for name, _, _ in arrived} - known))),
    ]


def _none(count: int) -> Tuple[str, str, bool]:
    return str(count), "none", count == 0


def _retained(found: Dict[str, bytes]) -> Tuple[str, str, bool]:
    """Whether every status is offline, as the program has ended."""
    states = {topic: payload.decode() for topic, payload in found.items() if topic.endswith("/status")}
    wrong = {topic: state for topic, state in states.items() if state != "offline"}
    return str(wrong or "offline"), "offline", bool(states) and not wrong


def _grown(memory: List[int]) -> List[Figure]:
    """How much the memory of the last run grew, from its first quarter to its last, if it was long enough to tell."""
    quarter = len(memory) // 4
    if quarter < 50:
        return []
    early, late = max(memory[quarter : 2 * quarter]), max(memory[-quarter:])
    growth = late / early - 1
    text = f"{100 * growth:.1f} % of {early >> 20} MB"
    return [Figure("memory grew by", text, f"{100 * GROWTH:g} % at most", growth <= GROWTH)]


def _resident(pid: int) -> int:
    try:
        with open(f"/proc/{pid}/statm") as file:
            return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, IndexError):
        return 0


def _count(store: str) -> int:
    return _ask(store, "SELECT count(*) FROM incidents")


def _waiting(store: str) -> int:
    return _ask(store, "SELECT count(*) FROM outbox")


def _ask(store: str, query: str) -> int:
    """A number from the store; 0 while there is none."""
    path = os.path.join(store, NAME)
    if not os.path.exists(path):
        return 0
    connection = sqlite3.connect(path, timeout=10)
    try:
        return int(connection.execute(query).fetchone()[0])
    except sqlite3.OperationalError:  # it is being made
        return 0
    finally:
        connection.close()
