"""What a connection needs of the server that it belongs to; `clients.py` has it."""

from typing import Any, Callable

from app.web.answers import Answer
from app.web.request import Request


class Owner:
    """now: the monotonic clock. A `connection` is a `Connection`."""

    now: Callable[[], float]

    def add(self, connection: Any) -> None:
        """Take one more, and close another where there are too many."""
        raise NotImplementedError

    def remove(self, connection: Any) -> None:
        """Forget one that is closed."""
        raise NotImplementedError

    def answer(self, request: Request, address: str) -> Answer:
        """The answer to a request, from the client of an address. Raises Refused."""
        raise NotImplementedError

    def failed(self, error: Exception) -> None:
        """Say once that there is a bug of this kind."""
        raise NotImplementedError

    def soon(self, call: Callable[[], None]) -> None:
        """Call something a moment later, so that no client's requests keep the others waiting."""
        raise NotImplementedError

    def listen(self) -> None:
        """Have pictures told as long as somebody waits for one."""
        raise NotImplementedError

    @property
    def is_full_of_streams(self) -> bool:
        """Whether there may be no more streams."""
        raise NotImplementedError
