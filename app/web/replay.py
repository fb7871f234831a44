"""A clip of the store, sent at its own speed as if it were live."""

import threading
from typing import TYPE_CHECKING, Any, Optional

from app.errors import SourceError

if TYPE_CHECKING:
    from app.clips.replay import Replay


class ClipStream:
    """Pictures of a clip, from the first time that somebody asks for one. Used in the server's thread, but for what
    takes long: to read where a file's pictures are, which has one of its own.

    ended: whether the last picture is due, or there is none.
    """

    def __init__(self, path: str, begin: float = 0.0) -> None:
        """begin: seconds from the start of the clip at which to start."""
        self._path = path
        self._begin = begin
        self._replay: "Optional[Replay]" = None
        self._started = self._closed = self._failed = False
        self._lock = threading.Lock()

    def picture(self) -> Any:
        """The picture that is due, with its `number` and `jpeg`; None while there is none."""
        if not self._started:
            self._started = True
            threading.Thread(target=self._open, name="clip", daemon=True).start()
        try:
            return self._replay.picture() if self._replay is not None else None
        except SourceError:  # it was deleted
            self._failed = True
            return None

    def ended(self) -> bool:
        """Whether nothing more will come."""
        return self._failed or (self._replay is not None and self._replay.ended)

    def close(self) -> None:
        """Nobody looks any more. Closing twice is allowed."""
        with self._lock:
            self._closed = True
            if self._replay is not None:
                self._replay.film.close()

    def _open(self) -> None:
        from app.clips.replay import Film, Replay

        try:
            film = Film(self._path)
        except (SourceError, ValueError):  # it is gone, or not whole yet
            self._failed = True
            return
        with self._lock:
            if self._closed:
                film.close()
            else:
                begin = self._begin if self._begin < film.times[-1] else 0.0
                self._replay = Replay(film, begin=begin)
