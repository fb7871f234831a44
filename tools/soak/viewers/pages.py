"""Clients of the live view: pages, without a browser, that cost as little as they can; and one that takes nothing."""

import http.client
import json
import re
import socket
import threading
import time
from typing import Any, Dict, Optional

from app.errors import SourceError
from tools.soak.program import PATIENCE, Program

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

    def between(self, first: int, last: int) -> Dict[int, float]:
        """The pictures from one number to another, by their numbers: how old they were, in seconds."""
        with self._lock:
            return {number: age for number, age in self.frames.items() if first <= number <= last}

    def __enter__(self) -> "Page":
        return self

    def __exit__(self, *exception: object) -> None:
        self._ended.set()
        for thread in self._threads:
            thread.join(PATIENCE)


class Period:
    """The program over a period. first, last: numbers of the first camera's pictures at its ends. rate: of that camera.
    cores: the processor time that the program took, in cores. after: what `/api/state` says at its end.
    """

    def __init__(self, port: int, seconds: float) -> None:
        before, cpu, began = state(port), _cpu(port), time.monotonic()
        time.sleep(seconds)
        self.after = state(port)
        elapsed = time.monotonic() - began
        self.first, self.last = (_first_camera(found)["frame"] for found in (before, self.after))
        self.rate = (self.last - self.first) / elapsed
        self.cores = (_cpu(port) - cpu) / elapsed
        self.jpegs = self.after["jpegs"] - before["jpegs"]

    @property
    def latency(self) -> float:
        """The pipeline's own latency at its end, p95 in seconds."""
        return float(_first_camera(self.after)["latency_ms"]["p95"]) / 1000


def _first_camera(found: Dict[str, Any]) -> Dict[str, Any]:
    return dict(next(iter(found["cameras"].values())))


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


def port_of(program: Program) -> int:
    """Where a program listens once all its cameras deliver; it says that on standard error. Raises SourceError."""
    deadline = time.monotonic() + 2 * PATIENCE
    while time.monotonic() < deadline and program.running:
        found = re.search(r"http://127\.0\.0\.1:([0-9]+)/", " ".join(program.errors))
        if found is not None and _delivers(int(found.group(1))):
            return int(found.group(1))
        time.sleep(0.1)
    raise SourceError(f"the program has shown no picture within {2 * PATIENCE:g} s: {' '.join(program.errors)}")


def _delivers(port: int) -> bool:
    return all(camera["frame"] for camera in state(port)["cameras"].values())


def stalled(port: int) -> socket.socket:
    """A viewer of the first camera's stream that reads nothing."""
    sock = socket.create_connection(("127.0.0.1", port), LONG)
    sock.sendall(b"GET /cam0/stream.mjpg HTTP/1.1\r\nHost: localhost\r\n\r\n")
    return sock
