"""One training of a trial: a process of `tools.train` with a folder of its own, and the log that it writes."""

import ctypes
import json
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from typing import Any, Optional

from app.errors import OutputError, SourceError
from app.files import make_folder
from app.lock import check_unlocked

TRAINER = (sys.executable, "-m", "tools.train")
STOP_LIMIT = 20.0  # seconds that a training has to end by itself
OUTPUT = "output.txt"  # what a training prints, in its folder
OBJECTIVE = "val_top1"
PR_SET_PDEATHSIG = 1  # of prctl(2)
KILLED = 128  # a shell's exit code for a process that a signal ended is above


def die_with_parent(number: int) -> Any:
    """A function for a child, before it becomes another program: this signal ends it when its parent has died.

    The parent may be killed by a signal that it cannot handle. On systems without prctl(2) the child goes on, and the
    lock of its folder keeps others out.
    """
    parent = os.getpid()
    try:
        prctl = ctypes.CDLL(None).prctl
    except AttributeError:
        return None

    def arrange() -> None:
        prctl(PR_SET_PDEATHSIG, number)
        if os.getppid() != parent:  # it died before that
            os._exit(1)

    return arrange


def free_folder(path: str) -> str:
    """The folder, or the first of path-2, path-3 ... if a training still runs there: of a worker that others take for
    lost, since it was stopped or cannot reach the database.
    """
    count = 1
    while True:
        folder = path if count == 1 else f"{path}-{count}"
        try:
            check_unlocked(folder)
            return folder
        except OutputError:
            count += 1


def last_error(path: str, start: int = 0) -> str:
    """The error in a training's output, or its last line. start: of what it printed, in bytes; before are others."""
    try:
        with open(path, "rb") as file:
            file.seek(start)
            lines = [line.strip() for line in file.read().decode(errors="replace").splitlines() if line.strip()]
    except OSError:
        lines = []
    errors = [line for line in lines if line.startswith("error: ")]
    return (errors or lines or ["it printed nothing"])[-1].removeprefix("error: ")


class Training:
    """A training that runs: from its last finished epoch, if the folder has one. A context manager that ends it.

    epochs: the lines of its log so far. code: its exit code, None while it runs; negative if a signal ended it.
    """

    def __init__(self, folder: str, words: Sequence[str], trainer: Sequence[str] = TRAINER) -> None:
        self.folder = folder
        self.epochs: list[dict[str, Any]] = []
        self.code: Optional[int] = None
        make_folder(folder)
        resumable = os.path.exists(os.path.join(folder, "state.json"))
        arguments = ["--resume", folder] if resumable else [*words, "--run", folder]
        try:
            with open(os.path.join(folder, OUTPUT), "ab") as output:
                self._printed = output.tell()  # by the attempts before
                self._process = subprocess.Popen(
                    [*trainer, *arguments],
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=output,
                    start_new_session=True,  # Ctrl-C is the search's: it decides what ends
                    preexec_fn=die_with_parent(signal.SIGKILL),
                )
        except OSError as error:
            raise OutputError(f"{folder}: cannot start a training: {error.strerror}") from error

    def __enter__(self) -> "Training":
        return self

    def __exit__(self, *exception: Any) -> None:
        self.stop()

    def wait(self, seconds: float) -> bool:
        """Wait for its end, `seconds` at most; whether it has ended."""
        try:
            self.code = self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            return False
        return True

    def new_epochs(self) -> list[dict[str, Any]]:
        """The lines of the log since the last call. Raises SourceError if one has no figure to compare."""
        path = os.path.join(self.folder, "log.jsonl")
        try:
            with open(path, encoding="utf-8") as file:
                lines = [json.loads(line) for line in file if line.endswith("\n")]
            for line in lines:
                float(line[OBJECTIVE]), int(line["epoch"])
        except FileNotFoundError:
            return []
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise SourceError(f"{path}: is no log of a training with {OBJECTIVE} ({error})") from error
        new = lines[len(self.epochs) :]
        self.epochs = lines
        return new

    def stop(self) -> None:
        """End it, if it runs: by SIGTERM, and if that is no use, by SIGKILL."""
        if self._process.poll() is None:
            self._process.terminate()
            try:
                self._process.wait(STOP_LIMIT)
            except subprocess.TimeoutExpired:
                self._process.kill()
        self.code = self._process.wait()

    @property
    def interrupted(self) -> bool:
        """Whether a signal ended it, and not an error of its own."""
        return self.code is not None and (self.code < 0 or self.code > KILLED)

    def error(self) -> str:
        """Why it failed."""
        return last_error(os.path.join(self.folder, OUTPUT), self._printed)
