"""Plots of a sweep. Rows are of `tools.sweep.summary`."""

import statistics
from typing import NamedTuple, Sequence

from tools.json_file import Json
from tools.report import plots
from tools.report.looks import Look, looks
from tools.report.section import MOST, Plot, of_how_many
from tools.sweep.front import SEEN, Choice, ap50, choices, margin, mean_confidence, median
from tools.sweep.summary import WORK

PERCENTAGES = [index * 2 for index in range(51)]  # of the journal's latency percentiles


class Seen(NamedTuple):
    """Rows that differ only in rate and pacing, and so show the same detections; and how they are drawn."""

    rows: list[Json]
    look: Look
    choice: Choice

    @property
    def accuracy(self) -> Json | None:
        """The figures of `tools.score`, without labels None."""
        return next((row["accuracy"] for row in self.rows if row["accuracy"]), None)


def seen_in(rows: Sequence[Json]) -> list[Seen]:
    """The rows by what is seen, each with its look: the colour is the size, if that varies.

    Accuracy is AP50 against the labels, without labels mean confidence.
    """
    figure = ap50 if any(ap50(row) is not None for row in rows) else mean_confidence
    varying = [setting for setting in SEEN if len({row["words"][setting] for row in rows}) > 1] or ["size"]
    hue = "size" if "size" in varying else varying[0]
    found = choices(rows, figure)
    named = []
    for choice in found:
        words = choice.rows[0]["words"]
        name, kind = (" ".join(words[s] for s in varying if s != without) for without in ("", hue))
        named.append((name, f"size {words[hue]}" if hue == "size" else words[hue], kind))
    look = looks(named)
    return [Seen(choice.rows, look[name], choice) for choice, (name, _, _) in zip(found, named)]


def sweep_plots(rows: Sequence[Json], seen: Sequence[Seen]) -> list[Plot]:
    """Accuracy against speed, rates, stages and latency, without those that have nothing to compare."""
    bars = [(each.look.name, _stages(each)) for each in seen]
    caption = "Work per frame, without waiting for a frame or for a deadline."
    stages = plots.bars(bars, "ms of work per frame", caption)
    curves = []
    for each in seen[:MOST]:
        of_rows = zip(*(row["latency_percentiles_ms"] for row in each.rows))
        curves.append((each.look, [statistics.median(values) for values in of_rows], PERCENTAGES))
    svg = plots.lines(curves, "latency, ms from capture to the last sink", "% of frames", (None, 102))
    several = " Medians over rates and pacings." if len(rows) > len(seen) else ""
    latency = Plot(svg, "Latency: the share of frames that were done within a time." + several + of_how_many(seen))
    least_gain = margin(rows) if any(ap50(row) is not None for row in rows) else 0.0
    return [*_accuracy_against_speed(seen, least_gain), *_rates(seen), *stages, latency]


def _accuracy_against_speed(seen: Sequence[Seen], least_gain: float) -> list[Plot]:
    caption = "Accuracy against speed; up and to the right is better. The line is the Pareto front"
    if least_gain:
        called = "AP50 against the labels"
        caption += f": going left along it, each step gains {least_gain:.3f} or more. A smaller gain may be chance."
    else:
        called = "mean confidence (no labels)"
        caption += ". Mean confidence is not accuracy: objects that were missed do not count."
    points = []
    for each in seen:
        if each.choice.fps is not None and each.choice.accuracy is not None:
            spreads = [row["possible_fps"] for row in each.rows if row["possible_fps"]]
            least, most = min(s["least"] for s in spreads), max(s["most"] for s in spreads)
            points.append(plots.Point(each.choice.fps, each.choice.accuracy, each.look, least, most))
    if len(points) < 2:  # nothing to compare
        return []
    return [Plot(plots.accuracy_against_speed(points, called, "FPS that the work allows", least_gain), caption)]


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
    caption = "Real against configured rate. A point below the dashed line missed its configured rate."
    if any(rate.predicted for rate in rates):
        caption += " The formula is 1 / (work + delay)."
    return [Plot(plots.configured_against_real(rates), caption)]


def _stages(each: Seen) -> dict[str, float]:
    found = {stage: median(each.rows, lambda row: row["stages_ms"][stage]["median"]) for stage in WORK}  # noqa: B023
    return {stage: ms for stage, ms in found.items() if ms is not None and ms >= 0.005}
