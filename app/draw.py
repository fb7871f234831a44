"""Show a picture of a camera or film, and let lines, zones and masks be clicked on it."""

import argparse
import time
from typing import Optional, Sequence, Tuple

import cv2
import numpy as np

from app.address import redacted
from app.command import Parser, exit_code, leave, number, print_lines
from app.errors import OutputError, SourceError, say
from app.frame import Frame
from app.overlay import BLACK, FONT, WHITE, Style
from app.sinks.window import LARGEST, display_available
from app.sources import CameraOptions, open_source
from app.tracking.drawing import LINE, MASK, ZONE, draw_line, draw_zone
from app.tracking.lines import Line
from app.tracking.sketch import NEAR, Drawn, Sketch

DESCRIPTION = """Show a picture of a camera or film, and let lines, zones and masks be clicked on it.

keys:
  l         a line: click its two ends; the arrow shows the first of its two directions, f turns it
  z, m, b   a zone, a mask, a black mask: click the corners; Enter, or a click on the first corner, closes it
  u         take the last point or thing back
  q         done: print what was drawn as lines for a file of settings, and as options
"""
EXAMPLES = """examples:
  python -m app.draw --cam 0
  python -m app.draw --cam street.mp4 --size 1600 --shares
"""
TITLE = "nanoyolo: draw"
PERIOD = 30  # milliseconds between two looks at the keys
FIRST_FRAME = 10.0  # seconds that a camera has for its first picture
SETTLE = 1.0  # seconds after which a camera has adjusted to the light
COLOURS = {"line": LINE, "zone": ZONE, "mask": MASK}


def make_parser() -> argparse.ArgumentParser:
    """The command line."""
    parser = Parser(prog="python -m app.draw", description=DESCRIPTION, epilog=EXAMPLES)
    add = parser.add_argument
    add("--cam", required=True, metavar="SOURCE", help="what app.detect takes as --cam")
    pixels = number(int, 1, 16384, "a resolution")
    add("--width", type=pixels, metavar="PIXELS", help="requested from a camera, as for app.detect")
    add("--height", type=pixels, metavar="PIXELS", help="requested from a camera, as for app.detect")
    size = number(int, 100, 16384, "a size")
    add("--size", type=size, metavar="PIXELS", help="longer side of the picture on the screen (default: what fits)")
    add("--shares", action="store_true", help="print shares of the picture as 10%%,50%%, which hold at any resolution")
    return parser


def take_picture(uri: str, options: CameraOptions) -> Frame:
    """A frame of the source: its first, or of a camera the one after a second. Raises SourceError."""
    with open_source(uri, options) as source:
        deadline, settled = time.monotonic() + FIRST_FRAME, 0.0
        for frame in source:
            now = time.monotonic()
            settled = settled or (now + SETTLE if frame is not None and source.live else 0.0)
            if frame is not None and now >= settled:
                return frame
            if frame is None and now > deadline:
                break
    raise SourceError(f"{redacted(uri)}: there is no picture; try: python -m app.doctor --cam {redacted(uri)}")


class Window:
    """A context manager: the window, in which clicks and keys change a sketch."""

    def __init__(self, image: np.ndarray, sketch: Sketch, longer: Optional[int]) -> None:
        """image: (h, w, 3) uint8 BGR. longer: side of the picture on the screen. Raises OutputError."""
        if not display_available():
            raise OutputError(
                "there is no display for a window; set DISPLAY (ssh -X does), or write coordinates by hand"
            )
        height, width = image.shape[:2]
        scale = min(1.0, LARGEST[0] / width, LARGEST[1] / height) if longer is None else longer / max(width, height)
        shown = max(1, round(width * scale)), max(1, round(height * scale))
        self._image = cv2.resize(image, shown, interpolation=cv2.INTER_AREA)
        self._sketch = sketch
        self._scale = sketch.size[0] / shown[0], sketch.size[1] / shown[1]

    def run(self) -> None:
        """Until the user is done. Raises OutputError."""
        try:
            cv2.namedWindow(TITLE, cv2.WINDOW_AUTOSIZE | cv2.WINDOW_GUI_NORMAL)
            cv2.setMouseCallback(TITLE, self._on_mouse)
            going = True
            while going:
                cv2.imshow(TITLE, self.picture())
                key = cv2.waitKey(PERIOD) & 0xFF
                going = key == 0xFF or self._sketch.key(chr(key))
                going = going and cv2.getWindowProperty(TITLE, cv2.WND_PROP_VISIBLE) >= 1
            cv2.destroyAllWindows()
        except cv2.error as error:
            raise OutputError(f"this OpenCV cannot show a window ({error.err}); write coordinates by hand") from error

    def _on_mouse(self, event: int, x: int, y: int, flags: int, data: object) -> None:
        if event == cv2.EVENT_LBUTTONDOWN:
            near = NEAR * max(self._scale)
            self._sketch.click(round(x * self._scale[0]), round(y * self._scale[1]), near)

    def picture(self) -> np.ndarray:
        """What the window shows (h, w, 3) uint8 BGR: the picture, and below it a bar of text."""
        image, sketch = self._image.copy(), self._sketch
        style = Style.fit(image.shape[1], image.shape[0])
        for drawn in sketch.drawn:
            self._draw(image, style, drawn)
        points = np.array([self._on_screen(point) for point in sketch.points], np.int32).reshape(-1, 1, 2)
        for point in points[:, 0].tolist():
            cv2.circle(image, tuple(point), 3, COLOURS[sketch.kind], cv2.FILLED, cv2.LINE_AA)
        cv2.polylines(image, [points], False, COLOURS[sketch.kind], style.thickness, cv2.LINE_AA)
        return np.vstack([image, self._bar(style)])

    def _bar(self, style: Style) -> np.ndarray:
        """What is being drawn, and what to do, for below the picture."""
        sketch, width = self._sketch, self._image.shape[1]
        bar = np.zeros((style.height + 4 * style.margin, width, 3), np.uint8)
        text = f"{'black mask' if sketch.black else sketch.kind} | {sketch.message}"
        fitting = min(1.0, 0.9 * width / style.width(text))
        origin = style.margin, style.height + style.margin
        cv2.putText(bar, text, origin, FONT, style.scale * fitting, WHITE, style.thickness, cv2.LINE_AA)
        return bar

    def _draw(self, image: np.ndarray, style: Style, drawn: Drawn) -> None:
        points = [self._on_screen(point) for point in drawn.points]
        if drawn.black:
            cv2.fillPoly(image, [np.array(points, np.int32)], BLACK)
        if drawn.kind == "line":
            draw_line(image, style, Line(drawn.name, points[0], points[1]), points)
        else:
            draw_zone(image, style, points, drawn.name, colour=COLOURS[drawn.kind])

    def _on_screen(self, point: Tuple[int, int]) -> Tuple[int, int]:
        return round(point[0] / self._scale[0]), round(point[1] / self._scale[1])


def draw(args: argparse.Namespace) -> None:
    """Do what the command line says."""
    frame = take_picture(args.cam, CameraOptions(args.width, args.height))
    sketch = Sketch(frame.size)
    Window(frame.image, sketch, args.size).run()
    if not sketch.drawn:
        say("nothing was drawn")
        return
    print_lines(
        [
            "# in a file of settings, below [camera.NAME]:",
            *sketch.toml(shares=args.shares),
            "# or as options:",
            "# " + sketch.options(shares=args.shares),
        ]
    )


def main(argv: Optional[Sequence[str]] = None) -> int:
    """Run the command; its exit code."""
    return exit_code(lambda: draw(make_parser().parse_args(argv)))


if __name__ == "__main__":
    leave(main())
