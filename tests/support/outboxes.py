"""A store of events in memory that is a stand-in for the one on disk, and events for it."""

import collections
import threading
import time

from app.events.incident import Change, Incident

Message = collections.namedtuple("Message", "row change attempts due")


def change(number=1, type="new", id=None, camera="yard", label="person", **fields):
    """A change of an event, the same one every time."""
    incident = Incident(id or "100.000-%06d" % number, camera, 1, label, 0, 100.0, score=0.5, **fields)
    return Change(type, incident, 100.0 + number, number)


def changes(events, types=("new", "update", "end")):
    """The changes of so many events, in order."""
    found = []
    for event in range(events):
        for type in types:
            found.append(change(len(found) + 1, type, id="100.000-%06d" % event))
    return found


class FakeOutbox:
    """Rows in memory. Like those on disk they outlive who reads them."""

    def __init__(self):
        self.rows = collections.OrderedDict()
        self.given_up = []
        self.notes = []  # (what, row, ...)
        self.failing = None  # what to raise
        self._changed = threading.Condition()

    def put(self, change):
        with self._changed:
            self.rows[change.number] = Message(change.number, change, 0, 0.0)
            self._changed.notify_all()

    def pending(self, limit):
        if self.failing:
            raise self.failing
        with self._changed:
            return list(self.rows.values())[:limit]

    def done(self, row):
        self._note("done", row)
        with self._changed:
            self.rows.pop(row, None)

    def give_up(self, row):
        self._note("give_up", row)
        self.given_up.append(row)
        with self._changed:
            self.rows.pop(row, None)

    def postpone(self, row, due, attempts):
        self._note("postpone", row, due, attempts)
        with self._changed:
            if row in self.rows:
                self.rows[row] = self.rows[row]._replace(due=due, attempts=attempts)

    def wait(self, seconds):
        with self._changed:
            self._changed.wait(seconds)

    def _note(self, *what):
        if self.failing:
            raise self.failing
        self.notes.append(what)


class FakeStore:
    def __init__(self):
        self.outboxes = collections.defaultdict(FakeOutbox)

    def outbox(self, destination):
        return self.outboxes[destination]

    def put(self, change):
        for outbox in list(self.outboxes.values()):
            outbox.put(change)


def wait_for(condition, patience=300):
    """Wait until a condition holds; fails after a long time."""
    end = time.monotonic() + patience
    while not condition():
        assert time.monotonic() < end, "it never came"
        time.sleep(0.02)
