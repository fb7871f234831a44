"""What tracking costs: the loop with and without it, the tracker alone, and what `--motion` and `--detect-every` do."""

import time
from typing import Dict, List

import numpy as np

from app.detections import Detections
from app.frame import Frame
from app.sources import open_source
from app.tracking.follow import Last
from app.tracking.grey import small_grey
from app.tracking.motion import Motion
from app.tracking.places import read_line, read_zone
from app.tracking.watch import Watch
from tools.bench.additions import compare_addition
from tools.bench.results import range_text, rate_lines
from tools.bench.turns import Setting, spread
from tools.json_file import Json

THINGS = 20
FRAMES = 200  # of a turn of the tracker alone
RATE = 25.0  # frames per second of what it sees
SIZE = 640, 480
PICTURES = 60  # of the video, in which motion is looked for and boxes are followed


def new_watch() -> Watch:
    """A tracker with a line and a zone across the picture."""
    return Watch([read_line("line:0,50%-100%,50%")], [read_zone("zone:10%,10%-90%,10%-90%,90%-10%,90%")])


def compare_tracking(setting: Setting) -> Json:
    """The loop with each number of workers, without and with a tracker, a line and a zone; the tracker alone."""
    figures = compare_addition(setting, "tracking", watch=new_watch)
    return {**figures, "tracker_ms": spread([tracker_ms() for _ in range(setting.rounds)]), **sparing_ms(setting)}


def tracker_ms(things: int = THINGS, frames: int = FRAMES) -> float:
    """Milliseconds a frame of tracker, line and zone for so many things that walk about. The same in every call."""
    chance = np.random.default_rng(0)
    watch = new_watch()
    watch.fit(SIZE)
    places = chance.uniform((60, 100), (SIZE[0] - 60, SIZE[1]), (things, 2))
    speeds = chance.uniform(-30, 30, (things, 2)) / RATE
    seen = []
    for index in range(frames):
        feet = places + index * speeds + chance.normal(0, 1, (things, 2))
        boxes = np.concatenate([feet - (20, 100), feet + (20, 0)], axis=1).astype(np.float32)
        frame = Frame(np.empty((SIZE[1], SIZE[0], 0), np.uint8), index, time=index / RATE)
        scores = chance.uniform(0.6, 0.9, things).astype(np.float32)
        frame.detections = Detections(boxes, scores, np.zeros(things, np.int32), ("person",))
        seen.append(frame)
    start = time.perf_counter()
    for frame in seen:
        watch.update(frame)
    return 1000 * (time.perf_counter() - start) / frames


def sparing_ms(setting: Setting) -> Json:
    """Milliseconds a frame of what `--motion` and `--detect-every` do with the video's first frames.

    grey_ms: of a frame's small grey picture, which both look at. motion_ms: of looking for motion in it. follow_ms: of
    looking in it for so many boxes of the first frame.
    """
    with open_source(setting.video) as source:
        images = [frame.image for frame, _ in zip(filter(None, source), range(PICTURES))]
    corners = np.random.default_rng(0).uniform(0, 0.8, (THINGS, 2))
    shares = np.concatenate([corners, corners + (0.05, 0.2)], axis=1)
    boxes = (shares * (setting.frame[::-1] * 2)).astype(np.float32)
    found = Detections(boxes, np.full(THINGS, 0.9, np.float32), np.zeros(THINGS, np.int32))
    times: Dict[str, List[float]] = {"grey_ms": [], "motion_ms": [], "follow_ms": []}
    for _ in range(setting.rounds):
        marks = [time.perf_counter()]
        greys = [small_grey(image) for image in images]
        marks.append(time.perf_counter())
        motion = Motion()
        for index, grey in enumerate(greys):
            motion.wants(grey, index / RATE)
        marks.append(time.perf_counter())
        last = Last(greys[0], found, images[0].shape)
        for grey in greys:
            last.at(grey)
        marks.append(time.perf_counter())
        for values, before, after in zip(times.values(), marks, marks[1:]):
            values.append(1000 * (after - before) / len(greys))
    return {name: spread(values) for name, values in times.items()}


def tracking_lines(size: int, figures: Json) -> str:
    """Rates and ratios at one size, and the tracker's time."""
    lines = [
        f"{what}: {range_text(figures[name], 3)} ms per frame"
        for what, name in (
            (f"tracker, line and zone, {THINGS} things", "tracker_ms"),
            ("small grey picture", "grey_ms"),
            ("motion in it", "motion_ms"),
            (f"{THINGS} boxes that follow", "follow_ms"),
        )
    ]
    return "\n  ".join([rate_lines(size, figures), *lines])
