"""One picture of all cameras, for a page that shows many: they take one connection together."""

from typing import Any, Dict, Optional

from app.sinks.grid import Mosaic, layout
from app.sinks.picture import Picture
from app.web.hub import Hub

PERIOD = 1 / 25  # seconds between two drawings


class Overview:
    """Draws the tiles of all cameras when somebody asks. Used from one thread."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub
        self._mosaic = Mosaic()
        self._shown: Dict[str, int] = {}  # number of the picture in each camera's tile
        self._picture: Optional[Picture] = None
        self._drawn_at = float("-inf")
        self._captured_at: Dict[str, Optional[float]] = {}  # of each tile, by its camera

    def picture(self) -> Optional[Picture]:
        """The newest; None before the first image of any camera. Of a single camera it is that one's picture."""
        views = self._hub.views
        pictures = {name: view.picture for name, view in views.items()}
        if len(pictures) == 1:
            (only,) = pictures.values()
            self._captured_at = dict.fromkeys(pictures, only.captured_at if only else None)
            return only
        numbers = {name: picture.number if picture else 0 for name, picture in pictures.items()}
        if numbers == self._shown or not any(numbers.values()) or self.pause() > 0:
            return self._picture
        canvas = self._mosaic.draw([(name, picture.image if picture else None) for name, picture in pictures.items()])
        number = 1 + (self._picture.number if self._picture else 0)
        self._captured_at = {name: picture.captured_at if picture else None for name, picture in pictures.items()}
        newest = max(time for time in self._captured_at.values() if time is not None)
        self._picture = Picture(canvas, number, newest, self._hub.count)
        self._shown, self._drawn_at = numbers, self._hub.now()
        return self._picture

    def ages(self) -> Dict[str, Optional[int]]:
        """Of each tile of `picture`, by its camera, how many milliseconds ago its image was captured."""
        now = self._hub.now()
        return {name: None if time is None else round(1000 * (now - time)) for name, time in self._captured_at.items()}

    def pause(self) -> float:
        """Seconds until it may be drawn again; 0 or less if it may be now."""
        return self._drawn_at + PERIOD - self._hub.now()

    def places(self) -> Dict[str, Any]:
        """Where each camera's tile is: `columns` and `rows`, and `cameras` row by row."""
        names = list(self._hub.views)
        columns, rows, _, _ = layout(len(names))
        return {"columns": columns, "rows": rows, "cameras": names}
