"""Runs programs with events: each as JSON on standard input, without a shell, and for a limited time.

A program runs once for each change of an event, whether it succeeds or not; a second time only where this program ended
meanwhile. One thread looks after all that run.
"""

import json
import os
import shlex
import signal
import subprocess
import time
from typing import TYPE_CHECKING, List, NamedTuple, Optional

from app.notify.arguments import PASSWORD_VARIABLE
from app.notify.courier import LAST_MOMENT, Courier

if TYPE_CHECKING:
    from app.events.outbox import Message, Outbox
    from app.events.store import Store

LOOKED_AT = 64  # messages
LIMIT = 30.0  # seconds that a program may run
TICK = 0.1  # seconds between two looks at programs that run


class Job(NamedTuple):
    """A program that runs. row: of its message. event: which it is about."""

    process: "subprocess.Popen[bytes]"
    row: int
    event: str
    until: float


class CommandCourier(Courier):
    """Runs the program of one --on-event.

    Of one event no two run at the same time, so that they keep their order.
    """

    def __init__(self, destination: str, store: "Store", text: str, *, jobs: int = 1, folder: str = "") -> None:
        """destination: its name in the store. text: program and arguments. jobs: how many may run. folder: the store,
        where pictures are.
        """
        self._words = shlex.split(text)
        super().__init__(destination, store, f"--on-event {os.path.basename(self._words[0])}")
        self._most = jobs
        self._folder = folder
        self._running: List[Job] = []

    def deliver(self, outbox: "Outbox") -> None:
        self._collect(outbox)
        rows, events = {job.row for job in self._running}, {job.event for job in self._running}
        for message in outbox.pending(LOOKED_AT):
            if len(self._running) >= self._most:
                break
            event = message.change.incident.id
            if message.row not in rows and event not in events:
                self._start(outbox, message)
            events.add(event)
        if self._running:
            self._wait()
        else:
            outbox.wait(TICK)

    def _start(self, outbox: "Outbox", message: "Message") -> None:
        fields = json.dumps({**message.change.as_json(), "store": self._folder}).encode() + b"\n"
        try:
            process = subprocess.Popen(
                self._words,
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,  # ours may be JSON lines
                env={name: value for name, value in os.environ.items() if name != PASSWORD_VARIABLE},
                start_new_session=True,  # so that Ctrl-C is not for it, and all that it starts can be killed with it
            )
        except OSError as error:
            self._failed(outbox, message.row, f"cannot be started: {error.strerror}")
            return
        self._running.append(Job(process, message.row, message.change.incident.id, time.monotonic() + LIMIT))
        try:
            assert process.stdin is not None
            process.stdin.write(fields)  # fits into a pipe, so this does not wait for who reads
            process.stdin.close()
        except OSError:
            pass  # it does not want to know

    def _wait(self) -> None:
        """Until one of them has ended, or for a moment."""
        try:
            self._running[0].process.wait(TICK)
        except subprocess.TimeoutExpired:
            pass

    def _collect(self, outbox: "Outbox") -> None:
        """Note which have ended, and kill those that take too long."""
        for job in list(self._running):
            code: Optional[int] = job.process.poll()
            if code is None and time.monotonic() < job.until:
                continue
            self._running.remove(job)
            if code is None:
                _kill(job.process)
                self._failed(outbox, job.row, f"was killed after {LIMIT:g} seconds")
            elif code:
                self._failed(outbox, job.row, f"ended with {code}" if code > 0 else f"was ended by signal {-code}")
            else:
                outbox.done(job.row)
                self.sent += 1

    def _failed(self, outbox: "Outbox", row: int, why: str) -> None:
        outbox.give_up(row)
        self.given_up += 1
        self.complain(f"{why}; this is said once, and counted in the report")

    def finish(self, outbox: "Outbox") -> None:
        """Let those that run end, then kill them: they run again with the next start. No other is begun."""
        self._collect(outbox)
        while self._running and time.monotonic() < self.deadline - 2 * LAST_MOMENT:
            self._wait()
            self._collect(outbox)
        for job in self._running:
            _kill(job.process)
        self._running = []


def _kill(process: "subprocess.Popen[bytes]") -> None:
    """Kill a program and what it has started, and take note of it, so that no zombie stays."""
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except OSError:
        pass  # it has ended
    process.kill()
    process.wait()
