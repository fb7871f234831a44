"""The events on disk, and what has to be told of them: `events.sqlite` in the folder of `--store`."""

import json
import os
import sqlite3
import time
from typing import Any, Dict, List, Mapping, Optional, Sequence

from app.errors import warn
from app.events.incident import Change, Incident
from app.events.outbox import MOST, News, Outbox
from app.events.pictures import FOLDER
from app.events.reader import COLUMNS, Reader, incident_of
from app.files import make_folder
from app.lock import lock_folder

MOST_EARLY = 1000  # paths that are kept for incidents which are not here yet


class Store(Reader):
    """A store that is written to, by one program at a time. Every method may be called from any thread, and raises
    OutputError where the disk or the file fails; then nothing of the call was kept.
    """

    def __init__(self, folder: str) -> None:
        """Raises OutputError where the folder cannot be written, or another program writes to it."""
        make_folder(os.path.join(folder, FOLDER))
        self._folder_lock: Optional[int] = lock_folder(folder, "give this one its own with --store")
        self._early: Dict[str, Dict[str, Any]] = {}  # paths by id, where the incident is still on its way here
        self.news = News()
        try:
            super().__init__(folder, read_only=False)
        except BaseException:
            os.close(self._folder_lock)
            raise

    def record(
        self, changes: Sequence[Change], destinations: Sequence[str] = (), seen: Optional[Mapping[str, float]] = None
    ) -> List[Change]:
        """Keep changes, and a message of each for each destination, all or nothing. What was kept, numbered.

        What would be a second "new", and what comes after the "end", is left out. seen: when events that have not ended
        were last seen, in seconds since 1970, by id: should the program be killed, they ended then.
        """
        with self._database.writing() as connection:
            kept = [one for one in (self._keep(connection, change) for change in changes) if one is not None]
            for destination in destinations if kept else ():
                _put(connection, destination, kept)
                self._bound(connection, destination)
            for identity, at in (seen or {}).items():
                connection.execute("UPDATE incidents SET seen = max(seen, ?) WHERE id = ?", (at, identity))
        for one in kept:
            self._early.pop(one.incident.id, None)
        if kept:
            self.news.tell()
        return kept

    def outbox(self, destination: str) -> Outbox:
        """What is to be told to a destination."""
        return Outbox(self._database, destination, self.news)

    def waiting(self) -> Dict[str, int]:
        """How many messages wait, by destination, also those of destinations that an earlier run had."""
        with self._database.reading() as connection:
            return dict(connection.execute("SELECT destination, count(*) FROM outbox GROUP BY destination").fetchall())

    def update(self, identity: str, *, picture: Optional[str] = None, clip: Optional[str] = None) -> None:
        """Note where an event's picture or clip is, relative to the store; empty if it is gone. Tells nobody.

        It may come before the event's first change has been recorded.
        """
        paths = {name: path for name, path in (("picture", picture), ("clip", clip)) if path is not None}
        with self._database.writing() as connection:
            here = connection.execute("SELECT 1 FROM incidents WHERE id = ?", (identity,)).fetchone() is not None
            for name, path in paths.items():
                if here:
                    values = (path, _next(connection), identity)
                    connection.execute(f"UPDATE incidents SET {name} = ?, number = ? WHERE id = ?", values)
                else:  # one transaction at a time: `_keep` comes after this
                    self._early.setdefault(identity, {})[name] = path
        while len(self._early) > MOST_EARLY:
            self._early.pop(next(iter(self._early)), None)

    def clip_removed(self, clip: str) -> None:
        """A clip is gone: no event has it any more."""
        with self._database.writing() as connection:
            for (identity,) in connection.execute("SELECT id FROM incidents WHERE clip = ?", (clip,)).fetchall():
                connection.execute(
                    "UPDATE incidents SET clip = '', number = ? WHERE id = ?", (_next(connection), identity)
                )

    def close_earlier(self, destinations: Sequence[str] = ()) -> List[Change]:
        """End what an earlier run has left open, when it was last seen. Call it before the first `record`."""
        query = f"SELECT {COLUMNS}, seen FROM incidents WHERE ended IS NULL ORDER BY number"
        with self._database.reading() as connection:
            rows = connection.execute(query).fetchall()
        ends = []
        for row in rows:
            incident = incident_of(row)
            end = max(incident.start, row[5])
            ends.append(Change("end", incident._replace(end=end), max(end, time.time())))
        return self.record(ends, destinations) if ends else []

    def forget(self, *, before: float = 0.0, most: Optional[int] = None) -> List[Incident]:
        """Remove events that ended before a time in seconds since 1970, and the oldest beyond so many; what was
        removed, whose pictures and clips are still there. What has not ended stays.
        """
        with self._database.writing() as connection:
            old = f"SELECT {COLUMNS} FROM incidents WHERE ended < ?"
            rows = connection.execute(old, (before,)).fetchall()
            if most is not None:
                (count,) = connection.execute("SELECT count(*) FROM incidents").fetchone()
                more = f"SELECT {COLUMNS} FROM incidents WHERE ended >= ? ORDER BY ended LIMIT ?"
                rows += connection.execute(more, (before, max(0, count - len(rows) - most))).fetchall()
            removed = [incident_of(row) for row in rows]
            connection.executemany("DELETE FROM incidents WHERE id = ?", [(one.id,) for one in removed])
        return removed

    def close(self) -> None:
        self.news.close()
        super().close()
        if self._folder_lock is not None:
            os.close(self._folder_lock)
            self._folder_lock = None

    def _keep(self, connection: sqlite3.Connection, change: Change) -> Optional[Change]:
        incident = change.incident
        row = connection.execute("SELECT ended FROM incidents WHERE id = ?", (incident.id,)).fetchone()
        if row is not None and (change.type == "new" or row[0] is not None):
            return None
        number = _next(connection)
        zones = "," + ",".join(incident.zones) + ","
        body = json.dumps(incident.as_json())
        if row is None:  # also where its first change is in a file that was damaged and set aside
            incident = incident._replace(**self._early.get(incident.id, {}))
            connection.execute(
                "INSERT INTO incidents VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (incident.id, number, incident.camera, incident.label, incident.start, incident.end, incident.start,
                 zones, incident.picture, incident.clip, body),
            )  # fmt: skip
        else:
            connection.execute(
                "UPDATE incidents SET number = ?, label = ?, ended = ?, zones = ?, body = ? WHERE id = ?",
                (number, incident.label, incident.end, zones, body, incident.id),
            )
        query = f"SELECT {COLUMNS} FROM incidents WHERE id = ?"
        return change._replace(
            incident=incident_of(connection.execute(query, (incident.id,)).fetchone()), number=number
        )

    def _bound(self, connection: sqlite3.Connection, destination: str) -> None:
        """Give up the oldest messages where too many wait."""
        query = "SELECT row FROM outbox WHERE destination = ? ORDER BY row DESC LIMIT 1 OFFSET ?"
        found = connection.execute(query, (destination, MOST)).fetchone()
        if found is None:
            return
        gone = connection.execute("DELETE FROM outbox WHERE destination = ? AND row <= ?", (destination, found[0]))
        if destination not in self.news.given_up:
            warn(f"{destination}: {MOST} messages wait already; the oldest are given up, and counted in the report")
        self.news.given_up[destination] = self.news.given_up.get(destination, 0) + gone.rowcount


def _next(connection: sqlite3.Connection) -> int:
    connection.execute("UPDATE counter SET number = number + 1")
    return int(connection.execute("SELECT number FROM counter").fetchone()[0])


def _put(connection: sqlite3.Connection, destination: str, changes: Sequence[Change]) -> None:
    rows = [(destination, json.dumps(change.as_json())) for change in changes]
    connection.executemany("INSERT INTO outbox (destination, body) VALUES (?, ?)", rows)
