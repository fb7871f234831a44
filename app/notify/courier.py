"""What all ways to tell others have in common: a thread that takes messages from the store's outbox, and figures."""

import sqlite3
import threading
import time
from typing import TYPE_CHECKING, Dict, Set

from app.errors import NanoyoloError, say, warn

if TYPE_CHECKING:
    from app.events.outbox import Outbox
    from app.events.store import Store

TROUBLE_PAUSE = 1.0  # seconds until the next try, where the store is in trouble
CLOSE_LIMIT = 0.8  # seconds that all of them together have for what is still to be sent when the program ends
LAST_MOMENT = 0.2  # of these, in which only what hangs is ended


class Courier:
    """Delivers the messages of one destination, in a thread of its own. Messages that are not delivered stay on disk.

    sent, retried, given_up: how many messages so far.
    """

    def __init__(self, destination: str, store: "Store", name: str) -> None:
        """store: has `outbox(destination)`. name: for people."""
        self.destination = destination
        self.name = name
        self.sent = self.retried = self.given_up = 0
        self.deadline = 0.0  # on the monotonic clock, once it is to end
        self._store = store
        self._ending = threading.Event()
        self._said: Set[str] = set()
        self._thread = threading.Thread(target=self._run, name=destination, daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def deliver(self, outbox: "Outbox") -> None:
        """Deliver what is in the outbox, and wait for more, for a moment. Called again and again.

        May raise NanoyoloError and sqlite3.Error.
        """
        raise NotImplementedError

    def finish(self, outbox: "Outbox") -> None:
        """Do what is to be done at the end, until `deadline`."""

    def interrupt(self) -> None:
        """End what `deliver` waits for, if that can be done from another thread."""

    def end(self, deadline: float) -> None:
        """Begin to close."""
        self.deadline = deadline
        self._ending.set()

    def join(self) -> None:
        """Wait for the end, until the deadline. A thread that hangs, as in a search for a host, is left behind."""
        if self._thread.ident is None:
            return
        self._thread.join(max(0.0, self.deadline - LAST_MOMENT - time.monotonic()))
        if self._thread.is_alive():
            self.interrupt()
            self._thread.join(max(0.0, self.deadline - time.monotonic()))

    def figures(self) -> Dict[str, int]:
        """What the report says."""
        return {"sent": self.sent, "retried": self.retried, "given_up": self.given_up}

    def complain(self, problem: str) -> None:
        """Say what is wrong, once until all was well."""
        if problem not in self._said:
            self._said.add(problem)
            warn(f"{self.name}: {problem}")

    def all_well(self) -> None:
        """Say so, if something was wrong before."""
        if self._said:
            self._said.clear()
            say(f"{self.name}: works again")

    @property
    def ending(self) -> bool:
        """Whether it is to end."""
        return self._ending.is_set()

    def _run(self) -> None:
        outbox = None
        while not self.ending:
            try:
                outbox = outbox or self._store.outbox(self.destination)  # here, as its connection is of this thread
                self.deliver(outbox)
            except (NanoyoloError, sqlite3.Error) as error:
                self.complain(f"the store of events is in trouble: {error}")
                self._ending.wait(TROUBLE_PAUSE)
            except Exception as error:  # a bug, which should not cost the events
                self.complain(f"cannot go on, and tries again: {error!r}")
                self._ending.wait(TROUBLE_PAUSE)
        try:
            if outbox is not None:
                self.finish(outbox)
        except Exception as error:  # also a bug: the program ends
            self.complain(f"did not end well: {error}")
