"""What is in a store: the events, by id, by number and by what they are."""

import json
import os
from typing import Any, Iterator, List, NamedTuple, Optional, Sequence, Tuple

from app.events.database import Database
from app.events.incident import Incident, incident_from_json

NAME = "events.sqlite"
COLUMNS = "body, ended, picture, clip, number"


class Filter(NamedTuple):
    """Which events: those of a camera, of a label, that entered a zone, and that began in [since, until), in seconds
    since 1970. None: any.
    """

    camera: Optional[str] = None
    label: Optional[str] = None
    zone: Optional[str] = None
    since: Optional[float] = None
    until: Optional[float] = None


class Reader:
    """What is in a store. Any thread may ask. Raises SourceError where it is only read, else OutputError."""

    def __init__(self, folder: str, *, read_only: bool = True) -> None:
        self.folder = folder
        self._database = Database(os.path.join(folder, NAME), read_only=read_only)

    def get(self, identity: str) -> Optional[Incident]:
        """The event of exactly this id; None if there is none. Quick, however many there are."""
        found = self._select(f"SELECT {COLUMNS} FROM incidents WHERE id = ?", (identity,))
        return found[0][0] if found else None

    def find(self, identity: str) -> Optional[Incident]:
        """The event of this id, or the only one whose id begins or ends so; None if there is none."""
        incident, text = self.get(identity), identity.replace("%", "").replace("_", "")
        if incident is not None or not text:
            return incident
        query = f"SELECT {COLUMNS} FROM incidents WHERE id LIKE ? OR id LIKE ? LIMIT 2"
        found = self._select(query, (text + "%", "%-" + text))
        return found[0][0] if len(found) == 1 else None

    def since(self, number: int, most: int) -> List[Tuple[int, Incident]]:
        """The newest events that have changed since a number, each with the number of its last change, in order."""
        query = f"SELECT {COLUMNS} FROM incidents WHERE number > ? ORDER BY number DESC LIMIT ?"
        return [(number, incident) for incident, number in reversed(self._select(query, (number, most)))]

    def last_number(self) -> int:
        """The number of the last change of all; 0 if there was none."""
        with self._database.reading() as connection:
            return int(connection.execute("SELECT number FROM counter").fetchone()[0])

    def newest(self, wanted: Filter, most: int) -> List[Incident]:
        """The newest events, those that began first first."""
        where, values = _condition(wanted)
        query = f"SELECT {COLUMNS} FROM incidents{where} ORDER BY began DESC, id DESC LIMIT ?"
        return [incident for incident, _ in reversed(self._select(query, (*values, most)))]

    def all(self, wanted: Filter) -> Iterator[Incident]:
        """All events, those that began first first."""
        where, values = _condition(wanted)
        with self._database.reading() as connection:
            for row in connection.execute(f"SELECT {COLUMNS} FROM incidents{where} ORDER BY began, id", values):
                yield incident_of(row)

    def close(self) -> None:
        """Close the file. Closing twice is allowed."""
        self._database.close()

    def _select(self, query: str, values: Sequence[Any]) -> List[Tuple[Incident, int]]:
        with self._database.reading() as connection:
            return [(incident_of(row), row[4]) for row in connection.execute(query, values).fetchall()]

    def __enter__(self) -> "Reader":
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()


def incident_of(row: Sequence[Any]) -> Incident:
    """The incident of a row that begins with COLUMNS."""
    body, ended, picture, clip = row[:4]
    return incident_from_json(json.loads(body))._replace(end=ended, picture=picture, clip=clip)


def _condition(wanted: Filter) -> Tuple[str, List[Any]]:
    parts: List[Tuple[str, Any]] = [
        ("camera = ?", wanted.camera),
        ("label = ?", wanted.label),
        ("instr(zones, ?) > 0", None if wanted.zone is None else f",{wanted.zone},"),
        ("began >= ?", wanted.since),
        ("began < ?", wanted.until),
    ]
    used = [(text, value) for text, value in parts if value is not None]
    return (" WHERE " + " AND ".join(text for text, _ in used) if used else ""), [value for _, value in used]
