"""The figures of the viewers' test, beside what they should be. Times are in seconds on the monotonic clock."""

from collections import defaultdict
from typing import Dict, List, NamedTuple, Optional, Protocol, Sequence, Tuple

import numpy as np

from tools.soak.figure import Figure

SLACK = 0.05  # seconds that a picture may be older than the pipeline's latency and one interval
SLOWEST = 1.0  # seconds: the age of a picture over a slow link
GROWTH = 0.2  # seconds by which that may differ between the beginning and the end
LEAST_KEPT = 0.92  # of the rate of a film at full speed, with a viewer
UNSHARP = 12  # the first blocks of a stamp, over which a picture of all cameras has the names
LIGHT = 128


class Paint(NamedTuple):
    """A picture on a page. place: of its canvas, from 0. at: when it was there. taken: when it was captured, None if
    that cannot be read. width: in pixels. levels: of the blocks of its stamp, 0 to 255.
    """

    place: int
    at: float
    taken: Optional[float]
    width: int
    levels: Tuple[float, ...] = ()


def between(paints: Sequence[Paint], first: float, last: float) -> List[Paint]:
    """Those from one time to another."""
    return [paint for paint in paints if first <= paint.at < last]


def ages(paints: Sequence[Paint]) -> List[float]:
    """How old each was when it came."""
    return [paint.at - paint.taken for paint in paints if paint.taken is not None]


def ages_at_the_end(paints: Sequence[Paint]) -> List[float]:
    """How old each was when the next one came: the oldest that somebody saw."""
    known = [paint for paint in paints if paint.taken is not None]
    return [after.at - before.taken for before, after in zip(known, known[1:]) if before.taken is not None]


def rates(paints: Sequence[Paint], seconds: float) -> Dict[int, float]:
    """How many pictures a second each canvas has shown that were not like the one before."""
    newest: Dict[int, Tuple[bool, ...]] = {}
    counts: Dict[int, int] = defaultdict(int)
    for paint in sorted(paints, key=lambda paint: paint.at):
        look = tuple(level > LIGHT for level in paint.levels[UNSHARP:])
        counts[paint.place] += look != newest.get(paint.place)
        newest[paint.place] = look
    return {place: count / seconds for place, count in counts.items()}


def p95(values: Sequence[float]) -> float:
    """The 95th percentile; infinite if there are none."""
    return float(np.percentile(values, 95)) if len(values) else float("inf")


def median(values: Sequence[float]) -> float:
    """The median; infinite if there are none."""
    return float(np.median(values)) if len(values) else float("inf")


class Measured(Protocol):
    """A period of the program: see `pages.Period`."""

    first: int
    last: int
    rate: float
    cores: float
    jpegs: int

    @property
    def latency(self) -> float:
        """p95, in seconds."""


def cost(alone: Measured, two: Measured, four: Measured, seen: Dict[int, float]) -> List[Figure]:
    """Of viewers without a browser. seen: by number, the pictures that one of them got, and how old those were."""
    wanted = range(two.first + 1, four.last)
    lost = 1 - sum(number in seen for number in wanted) / max(1, len(wanted))
    falls = 1 - four.rate / alone.rate
    each = (four.cores - two.cores) / 2
    rates_seen = f"{alone.rate:.2f}, {four.rate:.2f} FPS"
    return [
        Figure("JPEGs while nobody looks", str(alone.jpegs), "0", alone.jpegs == 0),
        Figure("age at a page without a browser, p95", _ms(p95(list(seen.values()))), "", True),
        Figure("pictures that a page missed", f"{100 * lost:.1f} %", "1 % at most", lost <= 0.01),
        Figure("rate alone, with four viewers", rates_seen, "2 % less at most", falls <= 0.02),
        Figure("processor for each further viewer", f"{100 * each:.1f} % of a core", "1.5 % at most", each <= 0.015),
    ]


def painted(early: Sequence[Paint], late: Sequence[Paint], latencies: Tuple[float, float], fps: float) -> List[Figure]:
    """From the capture to the canvas. latencies: the pipeline's own, p95, at the same times. fps: of the camera."""
    found = []
    for when, paints, latency in (("beginning", early, latencies[0]), ("end", late, latencies[1])):
        measured, most = p95(ages(paints)), latency + 1 / fps + SLACK
        figure = f"{_ms(measured)} of {len(paints)} pictures"
        asked = f"{_ms(most)} at most"
        found.append(Figure(f"capture to painted at the {when}, p95", figure, asked, measured <= most))
    return found


def slow(early: Sequence[Paint], late: Sequence[Paint]) -> List[Figure]:
    """Over a slow link."""
    first, last = p95(ages_at_the_end(early)), p95(ages_at_the_end(late))
    widths = "x".join(map(str, sorted({paint.width for paint in late}))) or "no"
    return [
        Figure("slow link: oldest seen at the beginning, p95", _ms(first), "1 s at most", first <= SLOWEST),
        Figure("slow link: oldest seen at the end, p95", _ms(last), "1 s at most", last <= SLOWEST),
        Figure("slow link: growth", _ms(last - first), f"{_ms(GROWTH)} at most", last - first <= GROWTH),
        Figure("slow link: pictures at the end", f"{len(late)}, {widths} pixels wide", "some", len(late) > 1),
    ]


def moving(paints: Sequence[Paint], seconds: float, fps: Sequence[float]) -> List[Figure]:
    """Of many cameras on one page. fps: how many frames a second each has delivered."""
    found = rates(paints, seconds)
    shown = [found.get(place, 0.0) for place in range(len(fps))]
    slowest = min(rate / delivered if delivered else 0.0 for rate, delivered in zip(shown, fps))
    least = min(shown)
    figure = f"{sum(map(bool, shown))} of {len(shown)}, the slowest at {least:.1f} pictures a second"
    return [
        Figure("cameras that move", figure, "all", least > 0),
        Figure("pictures of the frames of a camera, at least", f"{100 * slowest:.0f} %", "50 %", slowest >= 0.5),
    ]


def film(alone: Sequence[float], watched: Sequence[float]) -> List[Figure]:
    """Of a film at full speed: its rates, in turns, without a viewer and with one."""
    kept = median([with_one / without for without, with_one in zip(alone, watched)])
    figure = f"{median(alone):.1f}, {median(watched):.1f} FPS, {kept:.3f} of it"
    return [Figure("film at 416, alone and with a viewer", figure, f"{LEAST_KEPT} or more", kept >= LEAST_KEPT)]


def _ms(seconds: float) -> str:
    return f"{1000 * seconds:.0f} ms"
