"""The real command in a child process, observed through its JSON lines and /proc.

Of several cameras each is observed by its name; where there is only one, lines have no name, and it is empty.
"""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from typing import Any, Dict, List, NamedTuple, Optional, Sequence, Tuple

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
PATIENCE = 30.0  # seconds for the program to start or stop


class Usage(NamedTuple):
    """Resources of a process."""

    open_files: int
    threads: int
    resident: int  # bytes


class Filmed:
    """What has been seen of a camera: its lines, when the last hundred arrived, and whether frame numbers increased."""

    def __init__(self, first: int) -> None:
        self.lines = 0
        self.arrivals: List[float] = []
        self.indices_grow = True
        self._first = first
        self._last = first - 1

    def add(self, line: Dict[str, Any]) -> None:
        """Note a line that has arrived just now."""
        self.lines += 1
        self.arrivals = self.arrivals[-100:] + [time.monotonic()]
        self.indices_grow = self.indices_grow and line["frame"] > self._last
        self._last = line["frame"]

    @property
    def lost(self) -> float:
        """The part of the frames between the first and the last one that was dropped."""
        return 1 - self.lines / (self._last + 1 - self._first)


class Program:
    """`python -m app.detect` with these arguments and `--jsonl -`. A context manager that kills it on exit."""

    def __init__(self, *arguments: str, module: str = "app.detect") -> None:
        """module: that takes the place of app.detect."""
        command = [sys.executable, "-m", module, "--no-show", "--offline", "--jsonl", "-", *arguments]
        self._process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self._news = threading.Condition()
        self.lines = 0  # of all cameras
        self.filmed: Dict[str, Filmed] = {}
        self.errors: List[str] = []
        self._threads = [threading.Thread(target=target, daemon=True) for target in (self._read, self._listen)]
        for thread in self._threads:
            thread.start()

    def _read(self) -> None:
        for text in self._process.stdout or ():
            line = json.loads(text)
            with self._news:
                self.filmed.setdefault(line.get("camera", ""), Filmed(line["frame"])).add(line)
                self.lines += 1
                self._news.notify_all()

    def _listen(self) -> None:
        for text in self._process.stderr or ():
            self.errors.append(text.rstrip())

    def wait_for_frame(self, after: float, seconds: float, camera: str = "") -> Optional[float]:
        """Arrival of a camera's first line after a time on the monotonic clock; None if none comes within `seconds`."""

        def first() -> Optional[float]:
            arrivals = self.filmed[camera].arrivals if camera in self.filmed else []
            return next((at for at in arrivals if at > after), None)

        with self._news:
            self._news.wait_for(lambda: first() is not None, seconds)
            return first()

    def wait_for_lines(self, count: int, seconds: float, cameras: Sequence[str] = ()) -> bool:
        """Wait until `count` lines have arrived, of each of these cameras, or of all together where none is named.

        False if that takes more than `seconds`.
        """

        def reached() -> bool:
            if not cameras:
                return self.lines >= count
            return all(name in self.filmed and self.filmed[name].lines >= count for name in cameras)

        with self._news:
            return self._news.wait_for(reached, seconds)

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


def cameras_and_names(sources: Sequence[str]) -> Tuple[List[str], str]:
    """The options that name these sources, and what stands for a camera's name in the path of an output.

    One source has no name, and its outputs are called `camera`.
    """
    if len(sources) == 1:
        return ["--cam", sources[0]], "camera"
    return [word for number, source in enumerate(sources) for word in ("--cam", f"cam{number}={source}")], "{camera}"
