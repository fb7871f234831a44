"""A process that answers questions, in lines of JSON: what is chosen when a library is imported needs its own.

It is kept alive between questions, so that processes take turns within rounds.
"""

import json
import os
import select
import subprocess
import sys
import tempfile
import time
from typing import Callable, Mapping, Optional

from app.command import exit_code
from app.errors import ModelError, NanoyoloError
from tools.json_file import Json
from tools.sweep.process import FAILURES

PATIENCE = 300.0  # seconds for an answer; importing and compiling are in the first
STOP_LIMIT = 5.0  # seconds that a process has to end by itself

Handler = Callable[[Json], Json]


class Process:
    """A context manager: a process that runs a module which calls `serve`. name: of the process, in errors."""

    def __init__(self, name: str, module: str, environment: Mapping[str, str], spec: Json) -> None:
        """Starts it with `spec`, to which its first answer replies; does not wait for that."""
        self.name = name
        self._unread = b""
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115  (closed in close)
        self._process = subprocess.Popen(
            [sys.executable, "-m", module],
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
        )
        self.send(spec)

    def ask(self, question: Json, patience: float = PATIENCE) -> Json:
        """The answer to a question. Raises the NanoyoloError that the process ended with, and ModelError if it ended
        otherwise or takes longer than `patience` seconds.
        """
        self.send(question)
        return self.answer(patience)

    def send(self, question: Json) -> None:
        """Send a question, and do not wait for its answer."""
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(json.dumps(question).encode() + b"\n")
            self._process.stdin.flush()
        except OSError:
            pass  # it has ended; answer() says why

    def answer(self, patience: float = PATIENCE) -> Json:
        """The next answer. Raises as `ask`."""
        assert self._process.stdout is not None
        deadline = time.monotonic() + patience
        while b"\n" not in self._unread:
            left = deadline - time.monotonic()
            if left <= 0 or not select.select([self._process.stdout], [], [], left)[0]:
                self._process.kill()
                raise ModelError(f"{self.name}: no answer within {patience:.0f} s, given up")
            more = os.read(self._process.stdout.fileno(), 1 << 16)
            if not more:
                raise self._death()
            self._unread += more
        line, self._unread = self._unread.split(b"\n", 1)
        return dict(json.loads(line.decode()))

    def _death(self) -> NanoyoloError:
        """What the process ended with."""
        try:
            code = self._process.wait(STOP_LIMIT)
        except subprocess.TimeoutExpired:
            self._process.kill()
            code = self._process.wait()
        if code < 0:
            return ModelError(f"{self.name}: its process was killed by signal {-code}; is there too little memory?")
        self._errors.seek(0)
        lines = self._errors.read().decode(errors="replace").strip().splitlines() or [f"ended with {code}"]
        said = lines[-1][len("error: ") :] if lines[-1].startswith("error: ") else lines[-1]
        return FAILURES.get(code, ModelError)(f"{self.name}: {said}")

    def close(self) -> None:
        """End the process."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        try:
            self._process.stdin.close()
        except OSError:
            pass  # it ended before it had read everything
        try:
            self._process.wait(STOP_LIMIT)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process.stdout.close()
        self._errors.close()

    def __enter__(self) -> "Process":
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()


def serve(begin: Callable[[Json], tuple[Json, Handler]]) -> int:
    """The other side: answer until there are no more questions; the exit code.

    begin: takes the spec; returns the first answer, and what answers the questions.
    """
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # so that what libraries print is not taken for an answer

    def work() -> None:
        handler: Optional[Handler] = None
        for line in sys.stdin:
            question = json.loads(line)
            if handler is None:
                reply, handler = begin(question)
            else:
                reply = handler(question)
            print(json.dumps(reply), file=answers, flush=True)

    return exit_code(work)
