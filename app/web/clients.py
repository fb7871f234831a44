"""All clients together: how many there may be, and who is told of pictures. Runs in the server's event loop."""

import time
from typing import Any, Callable, Dict, List

from app.errors import warn
from app.web.access import Access
from app.web.answers import Answer
from app.web.connection import Connection
from app.web.owner import Owner
from app.web.request import Request
from app.web.routes import Site

MOST = 64  # connections
MOST_STREAMS = 8
SLOW = 1.0  # seconds without progress, after which a client has to go where there are too many
AGAIN = 0.05  # seconds after which it is looked whether a stream's client has taken its last picture
RECENT = 5.0  # seconds since it asked for a picture, in which somebody is a viewer

Later = Callable[[float, Callable[[], None]], Any]


class Clients(Owner):
    """The connections, oldest first."""

    def __init__(self, site: Site, access: Access, later: Later, now: Callable[[], float] = time.monotonic) -> None:
        """later: calls something after so many seconds, as an event loop's `call_later`."""
        self.now = now
        self._site = site
        self._access = access
        self._later = later
        self._open: List[Connection] = []
        self._timer = False
        self._told: Dict[str, bool] = {}

    def __len__(self) -> int:
        return len(self._open)

    def add(self, connection: Connection) -> None:
        self._open.append(connection)
        if len(self._open) > MOST:
            self.make_room()

    def make_room(self) -> None:
        """Close the oldest without a complete request; where all have one, the oldest that takes nothing; else the
        newest.
        """
        idle = (one for one in self._open[:-1] if not one.busy)
        slow = (one for one in self._open[:-1] if one.stalled_for > SLOW)
        victim = next(idle, None) or next(slow, None) or self._open[-1]
        self.remove(victim)
        victim.transport.abort()

    def remove(self, connection: Connection) -> None:
        if connection in self._open:
            self._open.remove(connection)
        self.listen()

    def answer(self, request: Request, address: str) -> Answer:
        refusal = self._access.refusal(request, address)
        return refusal if refusal is not None else self._site.answer(request)

    def failed(self, error: Exception) -> None:
        what = f"the live view has a fault: {error!r}"
        if what not in self._told:
            self._told[what] = True
            warn(what)

    def soon(self, call: Callable[[], None]) -> None:
        self._later(0.0, call)

    def listen(self) -> None:
        self._site.hub.wanted = any(one.listening for one in self._open)
        self._look_again(0.0)

    def look(self) -> None:
        """A picture has come: send it to those who wait for it."""
        for one in [one for one in self._open if one.listening]:
            one.look()
        pause = max(0.0, self._site.overview.pause()) if any(one.waits_for_mosaic for one in self._open) else 0.0
        self._look_again(pause)

    def _look_again(self, pause: float) -> None:
        """After a pause, or sooner where a client has to be looked after without a new picture."""
        if any(one.plays or (one.held_up and not pause) for one in self._open):
            pause = min(pause or AGAIN, AGAIN)
        if pause and not self._timer:
            self._timer = True
            self._later(pause, self._look_later)

    def _look_later(self) -> None:
        self._timer = False
        self.look()

    def check(self) -> None:
        """Give up what takes too long."""
        for one in list(self._open):
            one.check()

    @property
    def is_full_of_streams(self) -> bool:
        return sum(one.streaming for one in self._open) >= MOST_STREAMS

    def viewers(self) -> Dict[str, int]:
        """How many look at pictures: pages that ask for each, and streams."""
        now = self.now()
        pages = {(one.address, one.agent) for one in self._open if now - one.polled_at < RECENT}
        return {"page": len(pages), "stream": sum(one.streaming for one in self._open)}

    def close(self) -> None:
        """Close all."""
        for one in list(self._open):
            one.transport.abort()
