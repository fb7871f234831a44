"""What a sweep's table does not say by itself, in at most five notes. Rows are of `summary.rows`."""

import statistics
from typing import Any, Dict, List, Sequence

from tools.json_file import Json
from tools.sweep.conditions import disturbances
from tools.sweep.front import SEEN, Figure, ap50, choices, front, labelled_images, margin, mean_confidence
from tools.sweep.grid import ACCURACY
from tools.sweep.ranking import DRIFT

REACHED = 0.98  # share of the configured rate from which it counts as reached


def notes(rows: Sequence[Json], measurements: Sequence[Json] = ()) -> List[str]:
    """One note each on disturbances, choice, accuracy, mean confidence and rates, where there is something to note.

    measurements: those of the journal, which know what else the machine did.
    """
    disturbed = _disturbed(rows, [one for one in measurements if one["round"] != ACCURACY])
    found = [disturbed, _choice(rows), _accuracy(rows), _confidence(rows), _rates(rows)]
    return [note for note in found if note]


def _disturbed(rows: Sequence[Json], measurements: Sequence[Json]) -> str:
    """What makes the figures less reliable, and which share of a camera's frames was dropped."""
    found = disturbances(measurements)
    dropped = max((row["dropped"]["most"] for row in rows), default=0)
    if dropped:
        found.append(f"up to {dropped:.0%} of a live source's frames were dropped, so that the newest is shown")
    return f"While this was measured: {'; '.join(found)}." if found else ""


def _choice(rows: Sequence[Json]) -> str:
    if len(choices(rows)) < 2:
        return ""
    best = front(rows)
    if not best:
        return _fastest(rows)
    gain = f"{margin(rows):.3f} in AP50 (less may be chance)"
    named = [f"{_named(one.rows[0], rows)} (AP50 {one.accuracy:.3f}, {one.fps:.0f} FPS)" for one in best]
    if len(best) == 1:
        return f"Choose {named[0]}: nothing is faster, and nothing is more accurate by {gain}."
    return (
        f"Choose from the Pareto front, the fastest first: {'; '.join(named)}. Everything else is slower without "
        f"gaining {gain}; FPS is what the work allows on this machine."
    )


def _fastest(rows: Sequence[Json]) -> str:
    known = [choice for choice in choices(rows) if choice.fps is not None]
    if not known:
        return ""
    limit = (1 - DRIFT) * max(choice.fps or 0.0 for choice in known)
    named = [f"{_named(c.rows[0], rows)} ({c.fps:.0f} FPS)" for c in known if (c.fps or 0.0) >= limit]
    what = "The fastest settings are" if len(named) > 1 else "The fastest is"
    return f"{what} {'; '.join(named)}; what slower ones gain in accuracy, only --labels can tell."


def _accuracy(rows: Sequence[Json]) -> str:
    found = by_size(rows, ap50)
    if not found:
        return ""
    best, second = sorted(found, key=lambda size: -found[size])[:2]
    lead = found[best] - found[second]
    claim = "is the most accurate" if lead >= margin(rows) else "leads, but perhaps by chance"
    return (
        f"Size {best} {claim}: its AP50 is {found[best]:.3f}, {lead:.3f} above size {second}. On "
        f"{labelled_images(rows)} images, a difference below {margin(rows):.3f} may be chance."
    )


def _confidence(rows: Sequence[Json]) -> str:
    """Why mean confidence is not accuracy, and whether it would have chosen the right size."""
    found = by_size([row for row in rows if ap50(row) is not None] or rows, mean_confidence)
    accuracy = by_size([row for row in rows if mean_confidence(row) is not None], ap50)
    if not found:
        return ""
    listed = ", ".join(f"{value:.3f} at size {size}" for size, value in found.items())
    best, right = (max(figures, key=lambda size: figures[size], default=0) for figures in (found, accuracy))
    wrong = f", and prefers size {best} where AP50 prefers {right}" if right and best != right else ""
    return (
        f"Mean confidence ({listed}) is not accuracy{wrong}. It averages over what was found: objects that were missed "
        "do not count, and each uncertain detection that a better size adds lowers it."
    )


def _rates(rows: Sequence[Json]) -> str:
    """Whether the real rate reaches the configured one, and why a delay misses it."""
    found = []
    paced = [row for row in rows if row["combination"].fps and row["combination"].pacing == "deadline"]
    late = sorted((row for row in paced if _reached(row) < REACHED), key=_reached)
    if paced:
        worst = ""
        if late:
            what, fps, work = _named(late[0], rows, (*SEEN, "fps")), late[0]["fps"], late[0]["work_ms"]
            worst = f"; {what or 'it'} reached {fps['median']:.1f}, with {work['median']:.1f} ms of work per frame"
        found.append(
            f"With deadlines {len(paced) - len(late)} of {len(paced)} settings reached the configured rate{worst}."
        )
    delayed = [row for row in rows if row["predicted_fps"]]
    if delayed:
        shares = [_reached(row) for row in delayed]
        error = max(abs(row["fps"]["median"] / row["predicted_fps"] - 1) for row in delayed)
        found.append(
            f"With a delay after each frame the real rate is {min(shares):.0%} to {max(shares):.0%} of the configured "
            f"one, since the work adds to the delay: 1 / (work + delay) predicts it within {error:.1%}."
        )
    return " ".join(found)


def _reached(row: Json) -> float:
    return float(row["fps"]["median"] / row["combination"].fps)


def _named(row: Json, rows: Sequence[Json], settings: Sequence[str] = SEEN) -> str:
    """A row by those of the settings that vary: `capture 320x240, size 160`."""
    varying = [setting for setting in settings if len({other["words"][setting] for other in rows}) > 1]
    return ", ".join(f"{setting} {row['words'][setting]}" for setting in varying)


def by_size(rows: Sequence[Json], figure: Figure) -> Dict[int, float]:
    """The mean of a figure at each size, over the other settings for which it is known at every size at which it is
    known at all. Empty where that leaves nothing to compare.
    """
    groups: Dict[Any, Dict[int, float]] = {}
    for row in rows:
        value, combination = figure(row), row["combination"]
        if value is not None:
            groups.setdefault(combination._replace(size=0), {})[combination.size] = value
    sizes = sorted({size for group in groups.values() for size in group})
    complete = [group for group in groups.values() if len(group) == len(sizes)]
    if len(sizes) < 2 or not complete:
        return {}
    return {size: statistics.mean(group[size] for group in complete) for size in sizes}
