"""Brings the changes of all cameras into the store, in a thread of its own: the disk may be slow, full or broken."""

import threading
import time
from collections import Counter, OrderedDict, deque
from typing import Callable, Deque, Dict, Mapping, Optional, Sequence, Set, Tuple

from app.errors import NanoyoloError, OutputError, say, warn
from app.events.incident import Change
from app.events.pictures import Pictures, path_of
from app.events.store import Store
from app.sinks.picture import Picture
from app.threads import QUEUE_BYTES, yield_to_inference

MOST_CHANGES = 10000  # that wait for the disk; beyond that updates are left out, and beyond twice as many all
MOST_PICTURES = 32  # that wait, and no more than QUEUE_BYTES
BATCH = 500  # changes in one transaction
AGAIN = 1.0  # seconds until the next try, where the disk fails
TIDY_PERIOD = 60.0  # seconds between two looks for what is too old
CLOSE_LIMIT = 1.0  # seconds to write what waits, when the program ends
DAY = 86400.0


class Recorder:
    """Takes changes from the cameras' threads; none of them ever waits.

    recorded: changes that are in the store. lost: those that are not and never will be. pictures_lost: the same of
    pictures. begun: how many events began, by camera and label.
    """

    def __init__(
        self,
        store: Store,
        destinations: Sequence[str] = (),
        *,
        keep_days: Optional[float] = None,
        keep_rows: Optional[int] = None,
        now: Callable[[], float] = time.time,
    ) -> None:
        """destinations: each gets a message of each change. keep_days, keep_rows: how old events may get, and how many
        there may be; None: any.
        """
        self.store = store
        self.recorded = self.lost = self.pictures_lost = 0
        self.begun: "Counter[Tuple[str, str]]" = Counter()
        self._destinations = list(destinations)
        self._keep_days, self._keep_rows = keep_days, keep_rows
        self._now = now
        self._changes: Deque[Change] = deque()
        self._seen: Dict[str, float] = {}
        self._pictures: "OrderedDict[str, Picture]" = OrderedDict()  # by the incident's id: the newest
        self._unsaved: Set[str] = set()  # incidents whose picture could not be written
        self._files = Pictures(store.folder)
        self._news = threading.Condition()
        self._ended = False
        self._deadline = float("inf")
        self._fails = False
        self._ready = False  # whether what an earlier run has left open is closed
        self._tidied_at = float("-inf")
        self._thread = threading.Thread(target=self._run, name="events", daemon=True)
        self._thread.start()

    def put(
        self, changes: Sequence[Change], pictures: Mapping[str, Picture], seen: Optional[Mapping[str, float]] = None
    ) -> None:
        """Take changes, the pictures of incidents, and when those that go on were last seen, all by the incident's id.

        What is too much for the memory while the disk fails is left out and counted: updates and pictures first.
        """
        with self._news:
            for change in changes:
                most = MOST_CHANGES * (1 if change.type == "update" else 2)
                if len(self._changes) < most:
                    self._changes.append(change)
                else:
                    self._lose(1)
            for identity, picture in pictures.items():
                self._pictures.pop(identity, None)
                self._pictures[identity] = picture
            while len(self._pictures) > 1 and self._are_too_large():
                self._pictures.popitem(last=False)
                self._lose_picture()
            self._seen.update(seen or {})
            self._news.notify_all()

    def close(self) -> None:
        """Write what waits, within CLOSE_LIMIT. Closing twice is allowed."""
        with self._news:
            if not self._ended:
                self._ended, self._deadline = True, time.monotonic() + CLOSE_LIMIT
            self._news.notify_all()
        self._thread.join(2 * CLOSE_LIMIT)
        with self._news:
            left = len(self._changes)
            self._changes.clear()
            if left:
                self.lost += left
                warn(f"{left} changes of events could not be recorded, and are lost")

    def _run(self) -> None:
        yield_to_inference()
        while True:
            with self._news:
                wait = AGAIN if self._fails else TIDY_PERIOD
                self._news.wait_for(lambda: self._ended or (self._has_work() and not self._fails), wait)
                if self._ended and (not self._has_work() or time.monotonic() > self._deadline):
                    return
            try:
                self._work()
                self._fails = self._said(False, "")
            except NanoyoloError as error:
                self._fails = self._said(True, str(error))
                if self._ended:
                    time.sleep(0.1)
            except Exception as error:  # a bug, which should not cost what comes later
                self._fails = self._said(True, repr(error))

    def _has_work(self) -> bool:
        return bool(self._changes or self._pictures or self._seen or not self._ready)

    def _work(self) -> None:
        """Write what is there; what cannot be written stays. Raises OutputError."""
        if not self._ready:
            self.store.close_earlier(self._destinations)
            self._ready = True
        with self._news:
            changes = [self._changes[index] for index in range(min(BATCH, len(self._changes)))]
            pictures, self._pictures = self._pictures, OrderedDict()
            seen, self._seen = self._seen, {}
        for identity, picture in pictures.items():  # first, so that who is told of an event finds its picture
            self._save(identity, picture)
        try:
            if changes or seen:
                kept = self.store.record([self._with_picture(one) for one in changes], self._destinations, seen)
                self.recorded += len(kept)
                self.begun.update((one.incident.camera, one.incident.label) for one in kept if one.type == "new")
            while self._files.removed:
                self.store.update(self._files.removed[-1], picture="")
                self._files.removed.pop()
        except OutputError:
            self._files.make_room()
            with self._news:
                self._seen = {**seen, **self._seen}
            raise
        with self._news:
            for one in changes:
                if self._changes and self._changes[0] is one:  # else `close` has given them up
                    self._changes.popleft()
        self._unsaved -= {change.incident.id for change in changes if change.type == "end"}
        self._tidy()

    def _save(self, identity: str, picture: Picture) -> None:
        """Write a picture. Where that fails, the event has none: what happened is more important."""
        try:
            self._files.save(identity, picture.jpeg())
        except OutputError as error:
            self._unsaved.add(identity)
            self._lose_picture(str(error))
        else:
            if identity in self._unsaved:
                self._unsaved.discard(identity)
                self.store.update(identity, picture=path_of(identity))

    def _with_picture(self, change: Change) -> Change:
        """The change without the path of a picture that could not be written."""
        if change.incident.id not in self._unsaved:
            return change
        return change._replace(incident=change.incident._replace(picture=""))

    def _tidy(self) -> None:
        """Now and then, remove what is too old or too much, with its pictures. Clips have limits of their own."""
        if time.monotonic() - self._tidied_at < TIDY_PERIOD:
            return
        self._tidied_at = time.monotonic()
        before = 0.0 if self._keep_days is None else self._now() - self._keep_days * DAY
        for incident in self.store.forget(before=before, most=self._keep_rows):
            self._files.remove(incident.id)

    def _said(self, fails: bool, reason: str) -> bool:
        """Say once that the disk fails, and once that it does no more."""
        if fails and not self._fails:
            warn(f"{reason}; events wait in memory until it works again")
        elif self._fails and not fails:
            say("events are recorded again")
        return fails

    def _lose(self, count: int) -> None:
        if not self.lost:
            warn(
                f"more than {MOST_CHANGES} changes of events wait for the disk; the further ones are lost, and counted"
            )
        self.lost += count

    def _lose_picture(self, reason: str = "too many wait for the disk") -> None:
        if not self.pictures_lost:
            warn(f"a picture of an event is lost: {reason}; further ones are counted in the report")
        self.pictures_lost += 1

    def _are_too_large(self) -> bool:
        held = {id(one): one.image.nbytes for one in self._pictures.values()}
        return len(held) > MOST_PICTURES or sum(held.values()) > QUEUE_BYTES
