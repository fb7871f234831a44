"""What a client has sent: kept up to one head, after which it is not read until that is taken."""

from typing import Any, Optional

from app.web.request import LONGEST_HEAD, take_head


class Inbox:
    """It is true while there is something in it."""

    def __init__(self, transport: Any) -> None:
        """transport: of asyncio."""
        self._transport = transport
        self._received = b""
        self._full = False

    def __bool__(self) -> bool:
        return bool(self._received)

    def add(self, data: bytes) -> None:
        """Something has come."""
        self._received += data

    def take(self) -> Optional[bytes]:
        """The head of the next request, None while it is incomplete. Raises Refused."""
        taken = take_head(self._received)
        if taken is None:
            return None
        first, self._received = taken
        return first

    def clear(self) -> None:
        """Forget it."""
        self._received = b""

    def read_on(self) -> None:
        """Read while there is room. asyncio minds being told twice."""
        full = len(self._received) > LONGEST_HEAD
        if full != self._full and not self._transport.is_closing():
            self._full = full
            if full:
                self._transport.pause_reading()
            else:
                self._transport.resume_reading()
