"""Viewers: a camera of 15 FPS at size 160, and pages that pull its pictures, one of which takes nothing.

What viewers cost is measured against the same program without any: pictures that are late or missing, rate, and
processor time. Run it on a machine that does nothing else.
"""

import argparse
import http.client
import json
import re
import socket
import threading
import time
from typing import Any, Dict, List, Optional

import numpy as np

from app.errors import SourceError
from tools.soak.figure import Figure
from tools.soak.program import PATIENCE, Program

FPS, SOURCE = 15, "test://640x480@15?live"
SETTLE = 4.0  # seconds after the first frame before anything is measured
SPAN = 5.0  # seconds at the beginning and at the end whose pictures are compared
SLACK = 0.05  # seconds that a picture may be older than the pipeline's latency and one interval
LONG = 30.0  # seconds for an answer


class Page:
    """What a page does, with two connections: it asks for the next picture, and again. A context manager."""

    def __init__(self, port: int, path: str) -> None:
        self._port = port
        self._path = path
        self._ended = threading.Event()
        self._lock = threading.Lock()
        self._asked: Optional[int] = None
        self.frames: Dict[int, float] = {}  # by number: how old it was when it was here, in seconds
        self._threads = [threading.Thread(target=self._pull, daemon=True) for _ in range(2)]
        for thread in self._threads:
            thread.start()

    def _pull(self) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=LONG)
        while not self._ended.is_set():
            with self._lock:
                newest = max(self.frames, default=0)
                self._asked = newest - 1 if self._asked is None else self._asked
                self._asked = max(self._asked + 1, newest)
                after = self._asked
            connection.request("GET", f"{self._path}?after={after}")
            answer = connection.getresponse()
            headed = time.monotonic()
            answer.read()
            if answer.status == 200:
                age = int(answer.headers["X-Age-Ms"]) / 1000 + time.monotonic() - headed
                with self._lock:
                    self.frames.setdefault(int(answer.headers["X-Frame"]), age)
        connection.close()

    def ages(self, first: int, last: int) -> List[float]:
        """Of the pictures from one number to another, in seconds."""
        with self._lock:
            return [age for number, age in self.frames.items() if first <= number <= last]

    def __enter__(self) -> "Page":
        return self

    def __exit__(self, *exception: object) -> None:
        self._ended.set()
        for thread in self._threads:
            thread.join(PATIENCE)


class Measured:
    """The program over a period: its rate, the processor time that it took, in cores, and its JPEGs."""

    def __init__(self, port: int, seconds: float) -> None:
        before, cpu, began = state(port), _cpu(port), time.monotonic()
        time.sleep(seconds)
        self.after = state(port)
        elapsed = time.monotonic() - began
        self.first, self.last = (found["cameras"]["cam0"]["frame"] for found in (before, self.after))
        self.rate = (self.last - self.first) / elapsed
        self.cores = (_cpu(port) - cpu) / elapsed
        self.jpegs = self.after["jpegs"] - before["jpegs"]


def soak(args: argparse.Namespace) -> List[Figure]:
    """Run the test; its figures."""
    with Program("--cam", SOURCE, "--size", "160", "--serve", "127.0.0.1:0") as program:
        port = _port(program)
        if not program.wait_for_lines(1, PATIENCE):
            raise SourceError(f"{SOURCE}: no frame came within {PATIENCE:g} s: {' '.join(program.errors)}")
        time.sleep(SETTLE)
        alone = Measured(port, args.seconds)
        with Page(port, "/cam0/frame.jpg") as page, _stalled(port):
            time.sleep(1.0)
            two = Measured(port, args.seconds)
            with Page(port, "/cam0/frame.jpg"), Page(port, "/cam0/frame.jpg"):
                time.sleep(1.0)
                four = Measured(port, args.seconds)
        program.stop()
    wanted = range(two.first + 1, four.last)
    lost = 1 - len(page.ages(two.first + 1, four.last - 1)) / max(1, len(wanted))
    early = _p95(page.ages(two.first, two.first + round(SPAN * FPS)))
    late = _p95(page.ages(four.last - round(SPAN * FPS), four.last))
    latency = four.after["cameras"]["cam0"]["latency_ms"]["p95"] / 1000
    most = latency + 1 / FPS + SLACK
    falls = 1 - four.rate / alone.rate
    each = (four.cores - two.cores) / 2
    return [
        Figure("JPEGs while nobody looks", str(alone.jpegs), "0", alone.jpegs == 0),
        Figure("age p95 at the beginning", f"{1000 * early:.0f} ms", f"{1000 * most:.0f} ms at most", early <= most),
        Figure("age p95 at the end", f"{1000 * late:.0f} ms", f"{1000 * most:.0f} ms at most", late <= most),
        Figure("pictures that a page missed", f"{100 * lost:.1f} %", "1 % at most", lost <= 0.01),
        Figure(
            "rate alone, with four viewers",
            f"{alone.rate:.2f}, {four.rate:.2f} FPS",
            "2 % less at most",
            falls <= 0.02,
        ),
        Figure("processor for each further viewer", f"{100 * each:.1f} % of a core", "1.5 % at most", each <= 0.015),
    ]


def state(port: int) -> Dict[str, Any]:
    """What `/api/state` says."""
    return dict(json.loads(_get(port, "/api/state")))


def _cpu(port: int) -> float:
    """The program's processor time so far, in seconds."""
    found = re.search(rb"^process_cpu_seconds_total (\S+)$", _get(port, "/metrics"), re.MULTILINE)
    assert found is not None, "the program runs on Linux"
    return float(found.group(1))


def _get(port: int, path: str) -> bytes:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=LONG)
    connection.request("GET", path)
    data = connection.getresponse().read()
    connection.close()
    return data


def _port(program: Program) -> int:
    """Where the program listens; it says that on standard error. Raises SourceError."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline and program.running:
        for line in program.errors:
            found = re.search(r"http://127\.0\.0\.1:([0-9]+)/", line)
            if found is not None:
                return int(found.group(1))
        time.sleep(0.1)
    raise SourceError(f"the program did not say where it listens: {' '.join(program.errors)}")


def _stalled(port: int) -> socket.socket:
    """A viewer of the stream that reads nothing."""
    sock = socket.create_connection(("127.0.0.1", port), LONG)
    sock.sendall(b"GET /cam0/stream.mjpg HTTP/1.1\r\nHost: localhost\r\n\r\n")
    return sock


def _p95(values: List[float]) -> float:
    return float(np.percentile(values, 95)) if values else float("inf")
