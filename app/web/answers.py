"""What a request may be answered with: at once, later, or for as long as the client wants."""

from typing import Callable, NamedTuple, Optional, Union

from app.sinks.picture import Picture
from app.web.replay import ClipStream
from app.web.response import Response


class Waiting(NamedTuple):
    """An answer that may have to wait for a picture. answer: it, or None as long as there is none. mosaic: whether it
    is one of all cameras, which is not drawn as often as they come.
    """

    answer: Callable[[], Optional[Response]]
    mosaic: bool = False


class Stream(NamedTuple):
    """An answer that goes on: pictures as they come. picture: the newest. width: of the JPEGs, None for their own.

    clip: where they are not live, what plays them.
    """

    picture: Callable[[], Optional[Picture]]
    width: Optional[int]
    clip: Optional[ClipStream] = None


Answer = Union[Response, Waiting, Stream]
