"""One window for several cameras, each with a tile of its own.

OpenCV's windows belong to one thread, and each camera writes in another. So a tile only keeps the newest image of its
camera, and the window's thread draws those that have changed.
"""

import math
import threading
import time
from typing import Callable, List, Optional, Sequence, Tuple

import cv2
import numpy as np

from app.detections import Detections
from app.errors import warn
from app.frame import Frame
from app.overlay import BLACK, FONT, WHITE, Style
from app.sinks import Sink
from app.sinks.playback import fit
from app.sinks.window import LARGEST, WindowSink
from app.threads import CLOSE_LIMIT, WAIT

PERIOD = 1 / 30  # seconds between two drawings: more than a screen shows would take time from inference
EMPTY = 64  # grey of a tile before its first image

Picture = Tuple[str, Optional[np.ndarray]]  # a camera's name, and its newest image


class Mosaic:
    """The image that the window shows. The tiles lie row by row."""

    def __init__(self) -> None:
        self._canvas = np.empty((0, 0, 3), np.uint8)
        self._drawn: List[Picture] = []

    def draw(self, pictures: Sequence[Picture]) -> np.ndarray:
        """Draw what has changed since the last call, and return the whole image (h, w, 3) uint8 BGR.

        Each picture is letterboxed into its tile and has its camera's name on it; a single one is returned as it is.
        """
        if len(pictures) == 1 and pictures[0][1] is not None:
            self._drawn = []
            return pictures[0][1]
        columns, rows, width, height = layout(len(pictures))
        if [name for name, _ in self._drawn] != [name for name, _ in pictures]:
            self._canvas = np.full((rows * height, columns * width, 3), EMPTY, np.uint8)
            for place, (name, _) in enumerate(pictures):
                _write_name(self._tile(place, columns, width, height), name)
            self._drawn = [(name, None) for name, _ in pictures]
        for place, (name, image) in enumerate(pictures):
            if image is not None and image is not self._drawn[place][1]:
                tile = self._tile(place, columns, width, height)
                tile[:] = fit(image, (width, height))
                _write_name(tile, name)
        self._drawn = list(pictures)
        return self._canvas

    def _tile(self, place: int, columns: int, width: int, height: int) -> np.ndarray:
        top, left = place // columns * height, place % columns * width
        return self._canvas[top : top + height, left : left + width]


def layout(count: int) -> Tuple[int, int, int, int]:
    """Columns, rows, and the width and height of a tile in pixels, for so many tiles.

    As many columns as rows, or one more. The whole fits where a single image would, and a tile is no higher than 4:3.
    """
    columns = max(1, math.ceil(math.sqrt(count)))
    rows = max(1, -(-count // columns))
    width = LARGEST[0] // columns
    return columns, rows, width, min(LARGEST[1] // rows, width * 3 // 4)


def _write_name(tile: np.ndarray, name: str) -> None:
    """Write a camera's name, which is ASCII, at the top left of a tile, in place."""
    style = Style.fit(tile.shape[1], tile.shape[0])
    size = style.width(name) + 2 * style.margin, style.height + 3 * style.margin
    cv2.rectangle(tile, (0, 0), size, BLACK, cv2.FILLED)
    origin = (style.margin, size[1] - 2 * style.margin)
    cv2.putText(tile, name, origin, FONT, style.scale, WHITE, style.thickness, cv2.LINE_AA)


class Grid:
    """A context manager. The window opens with the first image, and closes with this object."""

    def __init__(self, title: str, on_close: Callable[[], None]) -> None:
        """on_close: called, in the window's thread, when the user closes the window, or presses q or Escape.

        Raises OutputError when there is no display.
        """
        self._on_close = on_close
        self._window = WindowSink(title, self._closed_by_user)
        self._tiles: List[_Tile] = []
        self._changed = threading.Condition()
        self._new = self._ended = False
        self._failure: Optional[BaseException] = None
        self._thread = threading.Thread(target=self._run, name="window", daemon=True)
        self._thread.start()

    def tile(self, name: str) -> Sink:
        """The sink for one more camera. name: of the camera. Its tile goes when the sink is closed."""
        tile = _Tile(name, self)
        with self._changed:
            self._tiles.append(tile)
        return tile

    def show(self, tile: "_Tile", image: np.ndarray) -> None:
        """Take a tile's new image (h, w, 3) uint8 BGR, which nobody changes after that.

        Raises what was raised in the window's thread.
        """
        with self._changed:
            tile.image = image
            self._new = not self._ended
            self._changed.notify_all()
        self._raise()

    def remove(self, tile: "_Tile") -> None:
        """Show a tile no more."""
        with self._changed:
            if tile in self._tiles:
                self._tiles.remove(tile)
            tile.image = None

    def close(self) -> None:
        """Close the window. Raises what was raised in its thread, unless `show` has raised it."""
        with self._changed:
            self._ended = True
            self._changed.notify_all()
        self._thread.join(CLOSE_LIMIT)
        if self._thread.is_alive():
            warn("the window did not close in time; its thread was abandoned")
        self._raise()

    def _raise(self) -> None:
        failure, self._failure = self._failure, None
        if failure is not None:
            raise failure

    def _run(self) -> None:
        mosaic = Mosaic()
        try:
            while self._new or not self._ended:
                with self._changed:  # also without a new image, since keys are read when one is shown
                    self._changed.wait_for(lambda: self._new or self._ended, WAIT)
                    self._new = False
                    pictures = [(tile.name, tile.image) for tile in self._tiles]
                began = time.monotonic()
                if any(image is not None for _, image in pictures):
                    self._window.show(mosaic.draw(pictures))
                    time.sleep(max(0.0, began + PERIOD - time.monotonic()))
        except BaseException as error:  # raised in the thread of a camera
            self._failure = error
        self._window.close()

    def _closed_by_user(self) -> None:
        with self._changed:
            self._new, self._ended = False, True
        self._on_close()

    def __enter__(self) -> "Grid":
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()


class _Tile(Sink):
    def __init__(self, name: str, grid: Grid) -> None:
        self.name = name
        self.image: Optional[np.ndarray] = None
        self._grid = grid

    def write(self, frame: Frame, canvas: np.ndarray, detections: Detections) -> None:
        self._grid.show(self, canvas)

    def idle(self, canvas: np.ndarray, outage: str) -> None:
        self._grid.show(self, canvas)

    def close(self) -> None:
        self._grid.remove(self)
