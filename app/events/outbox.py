"""Messages on their way to one destination. They lie in the store, so they outlast a restart and a power cut."""

import json
import threading
from typing import Dict, List, NamedTuple

from app.events.database import Database
from app.events.incident import Change, change_from_json

MOST = 10000  # messages that wait for one destination; beyond that the oldest is given up


class Message(NamedTuple):
    """A change to be told. row: its number, in order. attempts: so far. due: not before, in seconds since 1970."""

    row: int
    change: Change
    attempts: int
    due: float


class News:
    """Tells threads that wait for messages that some were added, or that there will be no more."""

    def __init__(self) -> None:
        self.added = threading.Condition()
        self.count = 0
        self.closed = False
        self.given_up: Dict[str, int] = {}  # by destination: what was too much for it

    def tell(self) -> None:
        """Some were added."""
        with self.added:
            self.count += 1
            self.added.notify_all()

    def close(self) -> None:
        """There will be no more."""
        with self.added:
            self.closed = True
            self.added.notify_all()


class Outbox:
    """The messages for one destination. Every method may be called from any thread, and raises OutputError where the
    store cannot be read or written; then nothing has changed.

    destination: "mqtt", "webhook:example.org-1f3a5c", ...
    """

    def __init__(self, database: Database, destination: str, news: News) -> None:
        self.destination = destination
        self._database = database
        self._news = news
        self._known = -1

    def pending(self, limit: int) -> List[Message]:
        """The oldest messages, in the order of their changes, whether they are due or not."""
        with self._database.reading() as connection:
            rows = connection.execute(
                "SELECT row, body, attempts, due FROM outbox WHERE destination = ? ORDER BY row LIMIT ?",
                (self.destination, limit),
            ).fetchall()
        return [Message(row, change_from_json(json.loads(body)), attempts, due) for row, body, attempts, due in rows]

    def count(self) -> int:
        """How many there are."""
        with self._database.reading() as connection:
            query = "SELECT count(*) FROM outbox WHERE destination = ?"
            return int(connection.execute(query, (self.destination,)).fetchone()[0])

    def done(self, row: int) -> None:
        """It was delivered: forget it."""
        with self._database.writing() as connection:
            connection.execute("DELETE FROM outbox WHERE row = ? AND destination = ?", (row, self.destination))

    def postpone(self, row: int, due: float, attempts: int) -> None:
        """Try it again, not before a time in seconds since 1970."""
        with self._database.writing() as connection:
            connection.execute("UPDATE outbox SET due = ?, attempts = ? WHERE row = ?", (due, attempts, row))

    def give_up(self, row: int) -> None:
        """Forget it, though it was not delivered; who calls counts it."""
        self.done(row)

    def wait(self, seconds: float) -> bool:
        """Wait until a message was added since the last call, the store is closed, or the time is over.

        Whether one was added, or may have been.
        """
        with self._news.added:
            self._news.added.wait_for(lambda: self._news.closed or self._news.count != self._known, seconds)
            news, self._known = self._news.count != self._known, self._news.count
            return news
