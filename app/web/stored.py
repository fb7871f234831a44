"""The events of a store, as the live view shows them. Reads the disk in the server's thread: a row or a picture."""

import os
import time
from typing import Any, Dict, List, Optional, Tuple

from app.errors import OutputError
from app.events.incident import Incident
from app.events.pictures import path_of
from app.events.reader import Reader
from app.web.replay import ClipStream

CLIPS = "clips"  # the folder of them
BEFORE = 5.0  # seconds
MOST = 100  # events in one answer
MOST_BYTES = 32 << 20  # of a picture


class StoredEvents:
    """Answers what `EventLog` answers where there is no store; a number is that of an event's last change."""

    def __init__(self, store: Reader) -> None:
        self._store = store
        self._last = 0

    @property
    def last(self) -> int:
        """The number of the newest change; while the store cannot be read, the last one that was known."""
        try:
            self._last = self._store.last_number()
        except OutputError:
            pass  # whoever writes to it says so
        return self._last

    def since(self, number: int) -> Tuple[int, List[Dict[str, Any]]]:
        """The number of the newest change, and the newest events that have changed since one, in order: all, if it is
        not known, as with a new store.
        """
        last = self.last
        try:
            found = self._store.since(number if number <= last else 0, MOST)
        except OutputError:
            found = []
        return last, [_as_json(one, incident) for one, incident in found]

    def picture(self, identity: str) -> Optional[bytes]:
        """The JPEG of an event; None if there is none, or none any more."""
        incident = self._find(identity)
        if incident is None or not incident.picture:
            return None
        try:
            with open(os.path.join(self._store.folder, path_of(identity)), "rb") as file:
                return file.read(MOST_BYTES)
        except OSError:
            return None

    def clip(self, identity: str) -> Optional[ClipStream]:
        """The clip of an event, from BEFORE seconds before it; None if there is none."""
        incident = self._find(identity)
        if incident is None or not incident.clip:
            return None
        folder = os.path.realpath(os.path.join(self._store.folder, CLIPS))
        path = os.path.realpath(os.path.join(self._store.folder, incident.clip))
        if not path.startswith(folder + os.sep) or not os.path.isfile(path):
            return None
        return ClipStream(path, max(0.0, incident.start - BEFORE - _began(path, incident.start)))

    def _find(self, identity: str) -> Optional[Incident]:
        """The event of this very id."""
        try:
            return self._store.get(identity)
        except OutputError:
            return None


def _began(path: str, otherwise: float) -> float:
    """When a clip began, in seconds since 1970: its folder is the date and its name the time, in local time."""
    day, name = path.split(os.sep)[-2:]
    try:
        return time.mktime(time.strptime(f"{day} {name[:8]}", "%Y-%m-%d %H-%M-%S"))
    except (ValueError, OverflowError):
        return otherwise


def _as_json(number: int, incident: Incident) -> Dict[str, Any]:
    fields = incident.as_json()
    base = "/api/events/" + incident.id
    fields.update(
        type="event",
        id=number,
        event=incident.id,
        time=fields["start"],
        picture=base + ".jpg" if incident.picture else "",
        clip=base + ".mjpg" if incident.clip else "",
    )
    return fields
