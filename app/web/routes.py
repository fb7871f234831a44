"""Every address that is served, in one table. What is not in it does not exist: no path leads to a file."""

import json
import re
from typing import Any, Callable, Dict, List, Optional, Pattern, Sequence, Tuple

from app.board import Board
from app.sinks.picture import Picture
from app.web.answers import Answer, Stream, Waiting
from app.web.hub import Hub
from app.web.metrics import metrics
from app.web.mosaic import Overview
from app.web.pages import FILES, read_files
from app.web.request import Refused, Request
from app.web.response import JPEG, JSON, METRICS, Header, Response, text
from app.web.state import State

FAR = 16  # a viewer may ask for so many pictures after the newest; more, and it means those before a new start


class Site:
    """What the routes give out. Used from the server's thread only."""

    def __init__(self, hub: Hub, overview: Overview, state: State, board: Optional[Board] = None) -> None:
        self.hub = hub
        self.overview = overview
        self.state = state
        self.board = board or Board()
        self.files = read_files()

    def answer(self, request: Request) -> Answer:
        """The answer to a request that is let in. Raises Refused."""
        for pattern, respond in _COMPILED:
            match = pattern.fullmatch(request.path)
            if match is not None:
                return respond(self, request, **match.groupdict())
        raise Refused(404, "there is nothing at this address")

    def view(self, camera: str) -> Callable[[], Optional[Picture]]:
        """What gives the newest picture of a camera, also when it is opened again. Raises Refused."""
        if camera not in self.hub.views:
            raise Refused(404, f"there is no camera {camera}")

        def newest() -> Optional[Picture]:
            view = self.hub.views.get(camera)
            return view.picture if view else None

        return newest


def _file(name: str) -> Callable[..., Answer]:
    def respond(site: Site, request: Request) -> Answer:
        return Response(200, site.files[name], FILES[name])

    return respond


def _json(fields: Dict[str, Any], status: int = 200) -> Response:
    return Response(status, json.dumps(fields).encode() + b"\n", JSON)


def _health(site: Site, request: Request) -> Answer:
    healthy, fields = site.state.health()
    return _json(fields, 200 if healthy else 503)


def _metrics(site: Site, request: Request) -> Answer:
    return Response(200, metrics(site.state, site.board).encode(), METRICS)


def _state(site: Site, request: Request) -> Answer:
    return _json(site.state.state())


def _report(site: Site, request: Request) -> Answer:
    return _json(site.state.report())


def _events(site: Site, request: Request) -> Answer:
    return _json(site.state.events(request.number("since") or 0))


def _event_picture(site: Site, request: Request, number: str) -> Answer:
    record = site.hub.events.find(int(number))
    if record is None:
        raise Refused(404, "this event is no longer kept")
    return Response(200, record.picture.jpeg(), JPEG)


def _stored_picture(site: Site, request: Request, event: str) -> Answer:
    data = site.state.stored.picture(event) if site.state.stored is not None else None
    if data is None:
        raise Refused(404, "there is no picture of this event")
    return Response(200, data, JPEG)


def _stored_clip(site: Site, request: Request, event: str) -> Answer:
    clip = site.state.stored.clip(event) if site.state.stored is not None else None
    if clip is None:
        raise Refused(404, "there is no clip of this event")
    return Stream(clip.picture, None, clip)


def _jpeg(site: Site, picture: Picture, width: Optional[int], *more: Header) -> Response:
    age = max(0, round(1000 * (site.hub.now() - picture.captured_at)))
    return Response(200, picture.jpeg(width), JPEG, (("X-Frame", str(picture.number)), ("X-Age-Ms", str(age)), *more))


def _tiles(overview: Overview) -> Sequence[Header]:
    """Of the tiles of a picture of all cameras: their names, and ages in milliseconds, empty where there is none."""
    ages = overview.ages()
    texts = ["" if age is None else str(age) for age in ages.values()]
    return ("X-Cameras", ",".join(ages)), ("X-Ages-Ms", ",".join(texts))


def _waiting(site: Site, request: Request, newest: Callable[[], Optional[Picture]], mosaic: bool = False) -> Answer:
    after, width = request.number("after"), request.number("width")

    def answer() -> Optional[Response]:
        picture = newest()
        if picture is None or (after is not None and picture.number <= after < picture.number + FAR):
            return None
        return _jpeg(site, picture, width, *(_tiles(site.overview) if mosaic else ()))

    return Waiting(answer, mosaic)


def _frame(site: Site, request: Request, camera: str) -> Answer:
    return _waiting(site, request, site.view(camera))


def _mosaic(site: Site, request: Request) -> Answer:
    return _waiting(site, request, site.overview.picture, mosaic=True)


def _snapshot(site: Site, request: Request, camera: str) -> Answer:
    picture, width = site.view(camera)(), request.number("width")
    if picture is None:
        return text(503, "there is no picture yet", ("Retry-After", "1"))
    return _jpeg(site, picture, width)


def _stream(site: Site, request: Request, camera: str) -> Answer:
    return Stream(site.view(camera), request.number("width"))


ROUTES: Dict[str, Callable[..., Answer]] = {
    "/": _file("page.html"),
    "/page.css": _file("page.css"),
    "/page.js": _file("page.js"),
    "/camera.js": _file("camera.js"),
    "/events.js": _file("events.js"),
    "/pull.js": _file("pull.js"),
    "/icon.svg": _file("icon.svg"),
    "/places": _file("places.html"),
    "/places.js": _file("places.js"),
    "/healthz": _health,
    "/metrics": _metrics,
    "/api/state": _state,
    "/api/report": _report,
    "/api/events": _events,
    "/api/events/{number}.jpg": _event_picture,
    "/api/events/{event}.jpg": _stored_picture,
    "/api/events/{event}.mjpg": _stored_clip,
    "/mosaic.jpg": _mosaic,
    "/{camera}/frame.jpg": _frame,
    "/{camera}/snapshot.jpg": _snapshot,
    "/{camera}/stream.mjpg": _stream,
}

_PARTS = {
    "{number}": "(?P<number>[0-9]{1,15})",
    "{event}": r"(?P<event>[0-9]{1,12}\.[0-9]{3}-[a-z0-9]{6})",
    "{camera}": "(?P<camera>[a-z][a-z0-9_-]*)",
}


def _compiled(route: str) -> Pattern:
    pattern = re.escape(route)
    for part, expression in _PARTS.items():
        pattern = pattern.replace(re.escape(part), expression)
    return re.compile(pattern)


_COMPILED: List[Tuple[Pattern, Callable[..., Answer]]] = [
    (_compiled(route), respond) for route, respond in ROUTES.items()
]
