"""The workers of one machine: started together, watched, and stopped together. One that dies is told, not replaced."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
from typing import Any

from app.errors import OutputError
from tools.search.training import STOP_LIMIT, die_with_parent
from tools.search.worker import Job

# Of the mathematical libraries: without them every training would use all cores, and each would wait for the others.
THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "TF_NUM_INTRAOP_THREADS")
MORE = 5.0  # seconds more than a training's own, for a worker to stop


class _Member:
    """A worker, and the file that it says things in: as many as it likes, without waiting for a reader.

    Raises OutputError if it cannot be started.
    """

    def __init__(self, number: int, job: Job, environment: dict[str, str]) -> None:
        self.number = number
        self._said = tempfile.TemporaryFile()  # noqa: SIM115
        self._read = 0
        try:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "tools.search.worker"],
                stdin=subprocess.PIPE,
                stdout=self._said,
                stderr=self._said,
                env=environment,
                start_new_session=True,  # Ctrl-C reaches the search, which then stops its workers
                preexec_fn=die_with_parent(signal.SIGTERM),
            )
        except OSError as error:
            raise OutputError(f"cannot start a worker: {error.strerror}") from error
        assert self.process.stdin is not None
        with contextlib.suppress(BrokenPipeError), self.process.stdin:  # it may have been killed by now
            self.process.stdin.write(json.dumps(job._asdict()).encode())

    def news(self) -> list[str]:
        """The whole lines that it said since the last call. Its file's position is the worker's, so it is not moved."""
        text = os.pread(self._said.fileno(), 1 << 20, self._read)
        whole = text[: text.rfind(b"\n") + 1]
        self._read += len(whole)
        return whole.decode(errors="replace").splitlines()

    def close(self) -> None:
        self._said.close()


class Crew:
    """A context manager that starts `count` workers, and stops those that still work at its end.

    errors: what workers ended with. codes: their exit codes, by the worker's number.
    """

    def __init__(self, job: Job, count: int) -> None:
        self._job = job
        self._count = count
        self._members: list[_Member] = []
        self._stopping = False
        self.errors: list[str] = []
        self.codes: dict[int, int] = {}

    def __enter__(self) -> "Crew":
        share = max(1, (os.cpu_count() or 1) // self._count)
        environment = {**{name: str(share) for name in THREADS}, **os.environ}
        try:
            for number in range(1, self._count + 1):
                self._members.append(_Member(number, self._job, environment))
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *exception: Any) -> None:
        self.stop()

    def poll(self) -> list[str]:
        """What there is to tell since the last call: what workers said, and which of them died."""
        found = []
        for member in list(self._members):
            code = member.process.poll()  # before its last lines are read
            for line in member.news():
                if line.startswith("error: "):
                    self.errors.append(line.removeprefix("error: "))
                elif not self._stopping:
                    found.append(f"worker {member.number}: {line}")
            if code is None:
                continue
            self._members.remove(member)
            member.close()
            self.codes[member.number] = code
            if code > 0 and not self._stopping and self._members:
                found.append(f"worker {member.number} has ended: {self.errors[-1] if self.errors else f'code {code}'}")
            if code < 0 and not self._stopping:
                found.append(
                    f"worker {member.number} was killed by signal {-code}; another one does its trial again, "
                    f"after {self._job.grace} s without a sign of life"
                )
        return found

    @property
    def working(self) -> bool:
        """Whether a worker is left."""
        return bool(self._members)

    def stop(self) -> None:
        """Stop those that still work; their trials are given back."""
        self._stopping = True
        for member in self._members:
            member.process.terminate()
        for member in self._members:
            try:
                member.process.wait(STOP_LIMIT + MORE)
            except subprocess.TimeoutExpired:  # suspended, for example
                member.process.kill()
                member.process.wait()
        self.poll()
