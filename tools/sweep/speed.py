"""What a sweep says of speed: what each setting costs, which settings to choose from, and whether rates are kept."""

import statistics
from typing import Any, Dict, List, NamedTuple, Sequence, Tuple

from tools.sweep.chance import DRIFT, margin
from tools.sweep.effects import groups, levels
from tools.sweep.figures import ap50, per_frame, possible_fps
from tools.sweep.front import pareto
from tools.sweep.wording import at_each, listed, settings

Json = Dict[str, Any]

REACHED = 0.98  # of the configured rate
UNSEEN = ("fps", "pacing")  # settings that change neither what is found nor the work on a frame


class Choice(NamedTuple):
    """Rows that differ only in what changes neither accuracy nor work: one of them, and the medians over all."""

    row: Json
    fps: float
    accuracy: float  # AP50


def costs(rows: Sequence[Json]) -> List[str]:
    """FPS that the work on a frame allows, by each setting that decides it."""
    parts = []
    for setting, where in (("size", "at size"), ("capture", "captured at"), ("backend", "with")):
        found = levels(rows, setting, possible_fps)
        if found:
            parts.append(at_each(found, "{:.0f}", where))
    if not parts:
        return []
    return [
        "The work on a frame allows these FPS, all else being the same: {}.".format("; ".join(parts)),
        *_fastest(rows),
    ]


def _fastest(rows: Sequence[Json]) -> List[str]:
    """The backend that is the fastest, and in how many comparisons."""
    found = levels(rows, "backend", possible_fps)
    if not found:
        return []
    first, second = sorted(found, key=lambda backend: -found[backend])[:2]
    if found[first] < (1 + DRIFT) * found[second]:
        return ["No backend is clearly the fastest: {} and {} differ by less than {:.0%}.".format(first, second, DRIFT)]
    wins = compared = 0
    for group in groups([row for row in rows if possible_fps(row) is not None], "backend"):
        if len(group) == len(found):
            compared += 1
            wins += max(group, key=lambda backend: possible_fps(group[backend]) or 0.0) == first
    return ["The fastest backend on average is {}; it wins {} of {} comparisons.".format(first, wins, compared)]


def choices(rows: Sequence[Json]) -> List[str]:
    """The settings to choose from: the Pareto front of AP50 and the FPS that the work allows."""
    if len(_seen(rows)) < 2:
        return []
    front = _front(rows)
    if not front:
        return _without_labels(rows)
    named = [
        "{} (AP50 {:.3f}, {:.0f} FPS)".format(settings(one.row, rows, UNSEEN), one.accuracy, one.fps) for one in front
    ]
    gain = margin(rows)
    if len(front) == 1:
        return [
            "Choose {}: nothing is faster, and nothing is more accurate by {:.3f}, below which it may be "
            "chance.".format(named[0], gain)
        ]
    return [
        "Choose from these, the fastest first, each with the FPS that its work allows on the machine swept: {}. Every "
        "other is no faster than one of these and not more accurate by {:.3f}, below which it may be "
        "chance.".format("; ".join(named), gain)
    ]


def _without_labels(rows: Sequence[Json]) -> List[str]:
    speeds = [(statistics.median(rates), row) for row, rates in _seen(rows) if rates]
    if not speeds:
        return []
    most = max(fps for fps, _ in speeds)
    fastest = [(fps, row) for fps, row in speeds if fps >= (1 - DRIFT) * most]
    allowed = listed(["{:.0f}".format(fps) for fps, _ in fastest])
    found = listed(["{:.2f}".format(per_frame(row)) for _, row in fastest])
    if len(fastest) == len(speeds):
        return [
            "No settings are clearly faster than the others: their work allows {} FPS on the machine swept, with {} "
            "detections in a picture.".format(allowed, found)
        ]
    return [
        "The fastest {} {}: {} work allows {} FPS on the machine swept, with {} detections in a picture; what the "
        "slower ones gain in accuracy, only labels can tell.".format(
            "are" if len(fastest) > 1 else "is",
            listed([settings(row, rows, UNSEEN) for _, row in fastest]),
            "their" if len(fastest) > 1 else "its",
            allowed,
            found,
        )
    ]


def _seen(rows: Sequence[Json]) -> List[Tuple[Json, List[float]]]:
    """One row for each choice of what decides what is found, with the possible FPS of all such rows."""
    result: Dict[Tuple[str, ...], Tuple[Json, List[float]]] = {}
    for row in rows:
        key = tuple(value for setting, value in row["words"].items() if setting not in UNSEEN)
        fps = possible_fps(row)
        result.setdefault(key, (row, []))[1].extend([] if fps is None else [fps])
    return list(result.values())


def _front(rows: Sequence[Json]) -> List[Choice]:
    known = []
    for row, rates in _seen(rows):
        accuracy = ap50(row)
        if rates and accuracy is not None:
            known.append(Choice(row, statistics.median(rates), accuracy))
    return pareto(known, margin(rows))


def deadlines(rows: Sequence[Json]) -> List[str]:
    """Whether a rate kept by deadlines is the configured one."""
    paced = [row for row in rows if row["combination"].fps and row["combination"].pacing == "deadline"]
    if not paced:
        return []
    late = [row for row in paced if row["fps"]["median"] < REACHED * row["combination"].fps]
    if not late:
        return ["Kept by deadlines, every configured rate is the real one (within 2 %)."]
    worst = min(late, key=lambda row: row["fps"]["median"] / row["combination"].fps)
    return [
        "Kept by deadlines, the configured rate is the real one in {} of {} combinations; furthest from it is {}: "
        "{:.1f} of {:g} FPS, where a frame takes {:.1f} ms of work.".format(
            len(paced) - len(late),
            len(paced),
            settings(worst, rows) or "the only one",
            worst["fps"]["median"],
            worst["combination"].fps,
            worst["work_ms"]["median"],
        )  # fmt: skip
    ]


def delays(rows: Sequence[Json]) -> List[str]:
    """What rate a fixed delay after the work gives, and how well the report's formula predicts it."""
    delayed = [row for row in rows if row["predicted_fps"]]
    if not delayed:
        return []
    errors = [row["fps"]["median"] / row["predicted_fps"] - 1 for row in delayed]
    shares = [row["fps"]["median"] / row["combination"].fps for row in delayed]
    return [
        "With a delay after each frame's work the real rate is {:.0%} to {:.0%} of the configured one; the report's "
        "formula 1 / (work + delay) predicts it within {:.1%}.".format(
            min(shares), max(shares), max(abs(error) for error in errors)
        )
    ]


def dropped(rows: Sequence[Json]) -> List[str]:
    """How many of a live source's pictures are dropped."""
    dropping = [row for row in rows if row["dropped"]["most"] > 0]
    if not dropping:
        return []
    worst = max(dropping, key=lambda row: row["dropped"]["most"])
    return [
        "Of a live source's pictures up to {:.0%} are dropped{}, so that what is shown is the newest.".format(
            worst["dropped"]["most"], " (at {})".format(settings(worst, rows)) if len(rows) > 1 else ""
        )
    ]
