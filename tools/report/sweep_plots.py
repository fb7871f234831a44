"""Plots of a sweep. Rows are of `tools.sweep.summary`."""

import statistics
from typing import Any, Callable, Sequence

from tools.report import plots
from tools.report.looks import Look, looks
from tools.report.point_names import Point
from tools.report.section import MOST, Plot, of_how_many
from tools.sweep.chance import margin
from tools.sweep.summary import WORK

Json = dict[str, Any]

SEEN = ("capture", "size", "backend")  # settings that decide what is found in a picture
PERCENTAGES = [index * 2 for index in range(51)]  # of the journal's latency percentiles


class Seen:
    """The rows that differ in nothing but rate and pacing, and so in what is seen in no picture; how they are drawn."""

    def __init__(self, rows: Sequence[Json], look: Look) -> None:
        self.rows = rows
        self.look = look

    def median(self, figure: Callable[[Json], float | None]) -> float | None:
        """Of a figure that rate and pacing should not change."""
        values = [value for value in map(figure, self.rows) if value is not None]
        return statistics.median(values) if values else None

    def range(self, spread: Callable[[Json], Json | None]) -> tuple[float | None, float | None]:
        """Least and most of a figure in all of the rows; None where it was not measured."""
        known = [found for found in map(spread, self.rows) if found is not None]
        return min((s["least"] for s in known), default=None), max((s["most"] for s in known), default=None)

    @property
    def accuracy(self) -> Json | None:
        return next((row["accuracy"] for row in self.rows if row["accuracy"]), None)


def seen_in(rows: Sequence[Json]) -> list[Seen]:
    """The rows by what is seen, each with its look: colour is the size, where that varies."""
    varying = [setting for setting in SEEN if len({row["words"][setting] for row in rows}) > 1] or ["size"]
    hue = "size" if "size" in varying else varying[0]
    groups: dict[str, list[Json]] = {}
    for row in rows:
        groups.setdefault(" ".join(row["words"][setting] for setting in varying), []).append(row)
    named = []
    for name, members in groups.items():
        words = members[0]["words"]
        kind = " ".join(words[setting] for setting in varying if setting != hue)
        named.append((name, f"size {words[hue]}" if hue == "size" else words[hue], kind))
    look = looks(named)
    return [Seen(members, look[name]) for name, members in groups.items()]


def sweep_plots(rows: Sequence[Json], seen: Sequence[Seen]) -> list[Plot]:
    """Accuracy against speed, rates, stages and latency; what there is nothing to compare of is left out."""
    result = [*_accuracy_against_speed(seen, margin(rows)), *_rates(seen)]
    more = of_how_many(seen)
    bars = [(each.look.name, _stages(each)) for each in seen[:MOST]]
    caption = "Where the time goes, without waiting for a picture or for a deadline."
    result.append(Plot(plots.stacked_bars(bars, "ms of work for a frame"), caption + more))
    curves = []
    for each in seen[:MOST]:
        of_rows = zip(*(row["latency_percentiles_ms"] for row in each.rows))
        curves.append((each.look, [statistics.median(values) for values in of_rows], PERCENTAGES))
    svg = plots.lines(curves, "latency, ms from capture to the last sink", "% of frames", (None, 102))
    several = " Medians over rates and pacings." if len(rows) > len(seen) else ""
    result.append(Plot(svg, "Latency: the share of frames that were done within a time." + several + more))
    return result


def _accuracy_against_speed(seen: Sequence[Seen], chance: float) -> list[Plot]:
    caption = (
        "Accuracy against speed: up and to the right is better. No other combination beats those on the line in one "
        "without losing in the other"
    )
    figure: Callable[[Json], float | None] = lambda row: (row["accuracy"] or {}).get("ap50")  # noqa: E731
    called = "AP50 against the labels"
    caption += f", where AP50 counts as higher from {chance:.3f} on: less may be chance." if chance else "."
    if all(each.median(figure) is None for each in seen):
        figure = lambda row: row["mean_confidence"] and row["mean_confidence"]["median"]  # noqa: E731
        called = "mean confidence (no labels)"
        caption += " Mean confidence is not accuracy: it says nothing of what was missed."
    points = []
    for each in seen:
        speed = each.median(lambda row: row["possible_fps"] and row["possible_fps"]["median"])
        accuracy = each.median(figure)
        if speed is not None and accuracy is not None:
            points.append(Point(speed, accuracy, each.look, *each.range(lambda row: row["possible_fps"])))
    if len(points) < 2:  # nothing to compare
        return []
    return [Plot(plots.accuracy_against_speed(points, called, "FPS that the work allows", chance), caption)]


def _rates(seen: Sequence[Seen]) -> list[Plot]:
    rates = [
        plots.Rate(
            row["combination"].fps,
            row["fps"]["median"],
            row["predicted_fps"],
            each.look,
            row["combination"].pacing == "delay",
            row["fps"]["least"],
            row["fps"]["most"],
        )
        for each in seen
        for row in each.rows
        if row["combination"].fps
    ]
    if not rates:
        return []
    caption = "Configured and real rate. What lies below the dashed line is slower than it was told to be."
    if any(rate.predicted for rate in rates):
        caption += " The report's formula is 1 / (work + delay)."
    return [Plot(plots.configured_against_real(rates), caption)]


def _stages(each: Seen) -> dict[str, float]:
    found = {}
    for stage in WORK:
        ms = each.median(lambda row: row["stages_ms"][stage]["median"])  # noqa: B023
        if ms is not None and ms >= 0.005:
            found[stage] = ms
    return found
