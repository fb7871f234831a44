"""A process that reads files, watched from outside: a crash or a hang is that of the file it was reading."""

import json
import os
import select
import signal
import subprocess
import sys
import time
from typing import Any, Dict, List, NamedTuple, Optional, Sequence

from app.errors import NanoyoloError
from tools.soak.program import PATIENCE, ROOT

LIMIT = 5.0  # seconds that reading a file may take
KILLED_AFTER = 15.0  # seconds; more than the limit, to tell what is slow from what hangs


class Ours(NamedTuple):
    """What the program made of a file; see `reading.read_by_program`.

    crashed: the signal that ended the process, which is a crash of OpenCV's: Python code ends with a traceback.
    """

    frames: int = 0
    undecoded: int = 0
    error: Optional[str] = None
    told: str = ""
    backwards: bool = False
    bug: Optional[str] = None
    seconds: float = 0.0
    crashed: str = ""


class Theirs(NamedTuple):
    """What OpenCV alone made of it; see `reading.read_by_opencv`."""

    frames: int = 0
    silent: bool = False


class Worker:
    """A context manager that reads one file at a time; a process that has died is started again."""

    def __init__(self, command: Sequence[str]) -> None:
        """command: one that starts `tools.soak.files.reading`."""
        self._command = list(command)
        self._process: Optional["subprocess.Popen[bytes]"] = None
        self._unread = b""

    def read(self, uri: str, again: str, kind: str) -> "tuple[Ours, Theirs]":
        """What the program makes of `uri`, and OpenCV alone of `again`. Raises NanoyoloError if it does not start."""
        process = self._started()
        assert process.stdin is not None
        process.stdin.write(json.dumps({"uri": uri, "again": again, "kind": kind}).encode() + b"\n")
        process.stdin.flush()
        answer = self._answer(process, KILLED_AFTER)
        if answer is None:
            return self._death(process), Theirs()
        ours = Ours(**answer)
        answer = self._answer(process, KILLED_AFTER)
        if answer is None:
            self.close()
            return ours, Theirs()
        return ours, Theirs(**answer)

    def _started(self) -> "subprocess.Popen[bytes]":
        if self._process is None:
            # What it finds wrong with a picture, OpenCV's own verdict, is only in what OpenCV prints.
            environment = dict(os.environ, OPENCV_LOG_LEVEL="WARNING")
            self._process = subprocess.Popen(
                self._command, cwd=ROOT, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE
            )
        return self._process

    def _answer(self, process: "subprocess.Popen[bytes]", seconds: float) -> Optional[Dict[str, Any]]:
        """The next line; None if the process ends, or is silent for too long."""
        assert process.stdout is not None
        deadline = time.monotonic() + seconds
        while b"\n" not in self._unread:
            ready, _, _ = select.select([process.stdout], [], [], max(0.0, deadline - time.monotonic()))
            more = os.read(process.stdout.fileno(), 1 << 16) if ready else b""
            if not more:
                return None
            self._unread += more
        line, self._unread = self._unread.split(b"\n", 1)
        return dict(json.loads(line.decode()))

    def _death(self, process: "subprocess.Popen[bytes]") -> Ours:
        """How a process ended that gave no answer."""
        try:
            code = process.wait(1.0)
        except subprocess.TimeoutExpired:
            self.close()
            return Ours(seconds=KILLED_AFTER)
        self.close()
        if code < 0:
            return Ours(crashed=signal.Signals(-code).name)
        return Ours(bug=f"the process ended with exit code {code}")

    def close(self) -> None:
        """End the process."""
        if self._process is not None:
            self._process.kill()
            self._process.communicate()
            self._process, self._unread = None, b""

    def __enter__(self) -> "Worker":
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()


def reading_command(python: Optional[str]) -> List[str]:
    """What starts a process that reads, of this Python or another one. Raises NanoyoloError if that cannot read."""
    command = [python or sys.executable, "-m", "tools.soak.files.reading"]
    if python is not None:
        try:
            done = subprocess.run(command, cwd=ROOT, stdin=subprocess.DEVNULL, timeout=PATIENCE)
        except OSError as error:
            raise NanoyoloError(f"{python}: {error.strerror}; name a Python with OpenCV: --python .venv36/bin/python")
        if done.returncode:
            raise NanoyoloError(f"{python} cannot run tools.soak.files.reading; does it have numpy and OpenCV?")
    return command
