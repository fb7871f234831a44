"""Draws detections and the status line on an image, readable from 320x240 to 4K."""

import colorsys
from functools import lru_cache
from typing import Callable, List, NamedTuple, Optional, Sequence, Tuple

import cv2
import numpy as np

from app.detections import Detections
from app.labels.lettering import lettered
from app.timing import Timing

Colour = Tuple[int, int, int]
Plate = Tuple[int, int, int, int]  # left, top, right, bottom

FONT = cv2.FONT_HERSHEY_SIMPLEX
BLACK: Colour = (0, 0, 0)
WHITE: Colour = (255, 255, 255)
BANNER: Colour = (0, 0, 160)
STATUS_PERIOD = 0.2  # seconds for which a status text stays
SHORT = {"capture": "cap", "preprocess": "pre", "infer": "inf", "postprocess": "post"}


class Style(NamedTuple):
    """Sizes for one frame size: font scale, stroke thickness, text height and margin in pixels."""

    scale: float
    thickness: int
    height: int
    margin: int

    @classmethod
    @lru_cache(maxsize=8)
    def fit(cls, width: int, height: int) -> "Style":
        """Text grows more slowly than the image: scale 0.4 at 320x240, 0.8 at 720p, 1.5 at 4K."""
        scale = max(0.35, 0.4 * (min(width, height) / 240) ** 0.6)
        thickness = max(1, int(round(scale * 1.3)))
        text_height = cv2.getTextSize("Ag", FONT, scale, thickness)[0][1]
        return cls(scale, thickness, text_height, max(2, text_height // 4))

    def width(self, text: str) -> int:
        """Width of some text in pixels."""
        return int(cv2.getTextSize(text, FONT, self.scale, self.thickness)[0][0])


def draw(image: np.ndarray, detections: Detections) -> np.ndarray:
    """Draw boxes with labels on an image (h, w, 3) uint8 BGR, in place, and return it.

    A label has the number of its track, if there is one. The label of a higher score gets the better place. Colours
    belong to classes and never change. Labels with letters that OpenCV cannot draw: see `labels.lettering`.
    """
    height, width = image.shape[:2]
    style = Style.fit(width, height)
    boxes = np.rint(detections.boxes).astype(int).tolist()
    classes = detections.classes.tolist()
    names = [lettered(name, index, detections.labels) for name, index in zip(detections.names, classes)]
    tracks = [f" #{track}" if track else "" for track in detections.tracks.tolist()]
    texts = [
        f"{name}{track} {100 * score:.0f}%" for name, track, score in zip(names, tracks, detections.scores.tolist())
    ]
    colours = [class_colour(index) for index in classes]
    plates: List[Plate] = []
    for box, text in zip(boxes, texts):
        plates.append(_place(style, box, text, width, height, plates))
    # The lowest score first, so that the highest is on top.
    for (x1, y1, x2, y2), colour in zip(reversed(boxes), reversed(colours)):
        opposite = (min(x2, width - 1), min(y2, height - 1))
        cv2.rectangle(image, (x1, y1), opposite, colour, style.thickness + 1)
    for plate, text, colour in zip(reversed(plates), reversed(texts), reversed(colours)):
        cv2.rectangle(image, plate[:2], plate[2:], colour, cv2.FILLED)
        origin = (plate[0] + style.margin, plate[3] - 2 * style.margin)
        cv2.putText(image, text, origin, FONT, style.scale, text_colour(colour), style.thickness, cv2.LINE_AA)
    return image


def _place(style: Style, box: Sequence[int], text: str, width: int, height: int, taken: Sequence[Plate]) -> Plate:
    """Where a label goes: above its box, below, inside at the top or inside at the bottom, but within the image.

    The first of these that covers no other label; if all do, the first.
    """
    x1, y1, _, y2 = box
    plate_width = style.width(text) + 2 * style.margin
    plate_height = style.height + 3 * style.margin
    left = max(0, min(x1, width - plate_width))
    tops = [max(0, min(top, height - plate_height)) for top in (y1 - plate_height, y2, y1, y2 - plate_height)]
    places = [(left, top, left + plate_width, top + plate_height) for top in tops]
    return next((place for place in places if not any(_overlap(place, other) for other in taken)), places[0])


def banner(canvas: np.ndarray, text: str) -> None:
    """Darken an image (h, w, 3) uint8 BGR, in place, and write across its middle why it does not move."""
    height, width = canvas.shape[:2]
    style = Style.fit(2 * width, 2 * height)  # larger than a label
    np.right_shift(canvas, 1, out=canvas)
    lines = wrap(text.split(), style, width - 4 * style.margin)
    line_height = style.height + 4 * style.margin
    top = max(0, (height - line_height * len(lines)) // 2 - style.margin)
    bottom = min(height, top + line_height * len(lines) + 2 * style.margin)
    canvas[top:bottom] = BANNER
    for number, line in enumerate(lines, 1):
        origin = (max(0, (width - style.width(line)) // 2), top + number * line_height - style.margin)
        cv2.putText(canvas, line, origin, FONT, style.scale, WHITE, style.thickness, cv2.LINE_AA)


class StatusLine:
    """Draws the rates and times of a run at the bottom left of its frames."""

    def __init__(self, timing: Timing, workers: Callable[[], int] = lambda: 1) -> None:
        """workers: how many there are, to be shown."""
        self._timing = timing
        self._workers = workers
        self._plate = (0, 0), np.empty((0, 0, 3), np.uint8), 0.0  # size of its frames, image, and when it was made

    def draw(self, canvas: np.ndarray) -> None:
        """Draw on an image (h, w, 3) uint8 BGR, in place. A text stays long enough to be read.

        Several threads may call it, each with an image of its own.
        """
        height, width = canvas.shape[:2]
        now = self._timing.now()
        size, plate, made = self._plate
        if size != (width, height) or now - made >= STATUS_PERIOD:
            plate = self._render(width, height)
            self._plate = (width, height), plate, now
        rows, columns = plate.shape[:2]
        below = canvas[height - rows :, :columns]
        np.right_shift(below, 2, out=below)
        np.maximum(below, plate, out=below)

    def _render(self, width: int, height: int) -> np.ndarray:
        """White text on black, no larger than the image, in as many lines as its width needs."""
        style = Style.fit(width, height)
        lines = wrap(status(self._timing, self._workers()), style, width - 2 * style.margin)
        line_height = style.height + 3 * style.margin
        longest = max(style.width(line) for line in lines) + 2 * style.margin
        plate = np.zeros((line_height * len(lines), longest, 3), np.uint8)
        for number, line in enumerate(lines, 1):
            origin = (style.margin, number * line_height - 2 * style.margin)
            cv2.putText(plate, line, origin, FONT, style.scale, WHITE, style.thickness, cv2.LINE_AA)
        return plate[:height, :width]


def _overlap(one: Plate, other: Plate) -> bool:
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]


@lru_cache(maxsize=None)
def class_colour(index: int) -> Colour:
    """A bright BGR colour for a class; neighbouring classes get hues far apart (by the golden ratio)."""
    red, green, blue = colorsys.hsv_to_rgb(index * 0.618034 % 1, 0.85 if index % 2 else 0.65, 1.0)
    return int(255 * blue), int(255 * green), int(255 * red)


def text_colour(background: Colour) -> Colour:
    """Black or white, whichever stands out more from a BGR background (relative luminance, Rec. 709)."""
    linear = [(channel / 255) ** 2.2 for channel in background]
    luminance = 0.0722 * linear[0] + 0.7152 * linear[1] + 0.2126 * linear[2]
    return BLACK if luminance > 0.179 else WHITE  # where both have the same contrast ratio, by WCAG 2


def status(timing: Timing, workers: int = 1) -> List[str]:
    """The parts of the status line. Rates and times are those of the last seconds.

    Real FPS / configured FPS; for a camera its own FPS and the dropped frames; workers, if there are several; the share
    of frames that is inferred, if not all are; frames that slow sinks skipped, if any; milliseconds per stage; median
    and 95th percentile of the latency.
    """
    configured = "max" if timing.configured_fps is None else f"{timing.configured_fps:g}"
    parts = [f"{_number(timing.current_fps)} / {configured} FPS "]
    if timing.live:
        parts += [f"camera {_number(timing.current_capture_fps)} ", f"dropped {timing.dropped} "]
    if workers > 1:
        parts.append(f"{workers} workers ")
    if timing.skipped:
        parts.append(f"inferred {100 * (1 - timing.current_skipped):.0f}% ")
    if timing.sink_dropped:
        parts.append(f"skipped {timing.sink_dropped} ")
    stages = timing.current_stages()
    parts += [f"{SHORT.get(name, name)} {1000 * mean:.1f}" for name, mean in stages.items()]
    latencies = (timing.current_latency(percent) for percent in (50, 95))
    median, slow = (_number(seconds and 1000 * seconds) for seconds in latencies)
    parts.append(f" latency {median} p95 {slow}")
    return parts + ["ms"]


def _number(value: Optional[float]) -> str:
    return "-" if value is None else f"{value:.1f}"


def wrap(parts: Sequence[str], style: Style, width: int) -> List[str]:
    """Join parts into lines no wider than `width` pixels. A part wider than that has a line of its own."""
    lines: List[str] = []
    for part in parts:
        longer = lines[-1] + " " + part if lines else part
        if lines and style.width(longer) <= width:
            lines[-1] = longer
        else:
            lines.append(part)
    return lines
