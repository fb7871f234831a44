"""Workers that are processes of this machine. One that dies costs its task again; another takes its place."""

import multiprocessing
import os
import signal
import threading
from collections import Counter, deque
from collections.abc import Iterator, Sequence
from multiprocessing.connection import Connection, wait
from typing import Optional

from app.errors import NanoyoloError
from tools.batch.plan import Settings, Task
from tools.batch.work import ATTEMPTS, Done, died, do

STOP_LIMIT = 5.0  # seconds for a process to end


class _Member:
    """A process, and the task that it does."""

    def __init__(self, settings: Settings, task: Task) -> None:
        context = multiprocessing.get_context("spawn")  # a fork would copy the threads' locks without the threads
        self.connection, theirs = context.Pipe()
        self.process = context.Process(target=_serve, args=(theirs, settings), daemon=True)
        self.process.start()
        theirs.close()  # so that this end says when the process has died
        self.task = task
        self.give(task)

    def give(self, task: Task) -> None:
        self.task = task
        try:
            self.connection.send(task)
        except OSError:
            pass  # it has died, which `answer` says

    def answer(self) -> Optional[Done]:
        """What came of its task; None if it has died. Raises the error that ends the run."""
        try:
            found = self.connection.recv()
        except (EOFError, OSError):
            return None
        if isinstance(found, NanoyoloError):
            raise found
        assert isinstance(found, Done)
        return found

    def close(self) -> None:
        self.connection.close()
        self.process.terminate()
        self.process.join(STOP_LIMIT)
        if self.process.is_alive():  # suspended, for example
            self.process.kill()
            self.process.join()


def in_processes(settings: Settings, tasks: Sequence[Task], workers: int) -> Iterator[tuple[Task, Done]]:
    """Each task with what came of it, as they are done. Raises what keeps a worker from doing any."""
    waiting = deque(tasks)
    deaths: Counter[Task] = Counter()
    members: dict[Connection, _Member] = {}
    try:
        while waiting or members:
            while waiting and len(members) < workers:
                member = _Member(settings, waiting.popleft())
                members[member.connection] = member
            for connection in wait(list(members)):
                assert isinstance(connection, Connection)
                member = members[connection]
                task, done = member.task, member.answer()
                if done is not None and waiting:
                    member.give(waiting.popleft())
                else:
                    del members[connection]
                    member.close()
                if done is None:
                    deaths[task] += 1
                    if deaths[task] < ATTEMPTS:
                        waiting.appendleft(task)
                        continue
                    done = died(task)
                yield task, done
    finally:
        for member in members.values():
            member.close()


def _serve(connection: Connection, settings: Settings) -> None:
    """Do tasks as they come, in the process."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the parent too, which then ends this process
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    while True:
        try:
            task = connection.recv()
            connection.send(do(settings, task))
        except (EOFError, OSError):  # the parent wants no more
            return


def _end_with_parent() -> None:
    """End this process when its parent has died, even in the middle of a task."""
    parent = multiprocessing.parent_process()
    assert parent is not None
    parent.join()
    os._exit(1)
