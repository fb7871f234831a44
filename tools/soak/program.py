"""The real command in a child process, observed through its JSON lines and /proc."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from typing import Any, Dict, List, NamedTuple, Optional, Tuple

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
PATIENCE = 30.0  # seconds for the program to start or stop


class Usage(NamedTuple):
    """Resources of a process."""

    open_files: int
    threads: int
    resident: int  # bytes


class Program:
    """`python -m app.detect` with these arguments and `--jsonl -`. A context manager that kills it on exit."""

    def __init__(self, *arguments: str) -> None:
        command = [sys.executable, "-m", "app.detect", "--no-show", "--offline", "--jsonl", "-", *arguments]
        self._process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self._news = threading.Condition()
        self.lines = 0
        self.last: Dict[str, Any] = {}
        self._arrivals: List[float] = []  # of the last lines
        self.errors: List[str] = []
        self.indices_grow = True
        self._threads = [threading.Thread(target=target, daemon=True) for target in (self._read, self._listen)]
        for thread in self._threads:
            thread.start()

    def _read(self) -> None:
        for text in self._process.stdout or ():
            line = json.loads(text)
            with self._news:
                self.indices_grow = self.indices_grow and line["frame"] > self.last.get("frame", -1)
                self.last = line
                self.lines += 1
                self._arrivals = self._arrivals[-100:] + [time.monotonic()]
                self._news.notify_all()

    def _listen(self) -> None:
        for text in self._process.stderr or ():
            self.errors.append(text.rstrip())

    def wait_for_frame(self, after: float, seconds: float) -> Optional[float]:
        """Arrival of the first line after a time on the monotonic clock; None if none arrives within `seconds`."""

        def first() -> Optional[float]:
            return next((at for at in self._arrivals if at > after), None)

        with self._news:
            self._news.wait_for(lambda: first() is not None, seconds)
            return first()

    def wait_for_lines(self, count: int, seconds: float) -> bool:
        """Wait until `count` lines have arrived in all; False if that takes more than `seconds`."""
        with self._news:
            return self._news.wait_for(lambda: self.lines >= count, seconds)

    @property
    def running(self) -> bool:
        """Whether it still runs."""
        return self._process.poll() is None

    def usage(self) -> Usage:
        """Its resources now."""
        place = f"/proc/{self._process.pid}"
        with open(f"{place}/status") as file:
            status = dict(line.split(":", 1) for line in file)
        resident = int(status["VmRSS"].split()[0]) * 1024
        return Usage(len(os.listdir(f"{place}/fd")), int(status["Threads"]), resident)

    def stop(self) -> Tuple[int, float]:
        """Stop it with SIGTERM, as a supervisor does; its exit code, and the seconds it took."""
        start = time.monotonic()
        self._process.send_signal(signal.SIGTERM)
        code = self._process.wait(PATIENCE)
        seconds = time.monotonic() - start
        for thread in self._threads:
            thread.join(PATIENCE)
        return code, seconds

    def kill(self) -> None:
        """End it with SIGKILL."""
        self._process.kill()
        self._process.wait(PATIENCE)

    def __enter__(self) -> "Program":
        return self

    def __exit__(self, *exception: object) -> None:
        self.kill()
        for thread in self._threads:
            thread.join(PATIENCE)
        for pipe in (self._process.stdout, self._process.stderr):
            if pipe is not None:
                pipe.close()
