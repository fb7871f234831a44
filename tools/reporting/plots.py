"""Plots for the report: matplotlib's, as SVG text that stands in a page. Nothing here reads files."""

import io
import re
from contextlib import contextmanager
from typing import Any, Iterator, Mapping, NamedTuple, Optional, Sequence

import matplotlib
from matplotlib.figure import Figure

# Okabe and Ito's colours, which colour-blind people can tell apart.
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000", "#999999")
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*")
STAGES = {"preprocess": 0, "infer": 1, "postprocess": 2, "draw": 3, "sink": 4, "capture": 5}
XML = 'xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink"'
WIDTH = 5.2  # inches; so that the labels can be read on a phone too
STYLE: dict[Any, Any] = {
    "svg.fonttype": "none",  # text stays text: small, searchable, and in the reader's own font
    "font.size": 9.5,
    "font.family": "sans-serif",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.color": "#e4e4e4",
    "axes.axisbelow": True,
    "legend.frameon": False,
    "legend.fontsize": 8.5,
}


class Point(NamedTuple):
    """A way to set the program, in the plane of speed and accuracy. group: what it shares its colour with."""

    fps: float
    accuracy: float
    name: str
    group: str


def pareto(points: Sequence[Point]) -> list[Point]:
    """The points that no other one beats in one of both without losing in the other; the fastest last."""
    front: list[Point] = []
    for point in sorted(points, key=lambda p: (-p.fps, -p.accuracy)):
        if not front or point.accuracy > front[-1].accuracy:
            front.append(point)
    return front[::-1]


def accuracy_against_speed(points: Sequence[Point], accuracy: str, speed: str) -> str:
    """Every combination as a point, and the Pareto front through the best. The axes are called as given."""
    with _drawing(0.62) as (figure, svg):
        axes = figure.subplots()
        front = pareto(points)
        axes.plot(
            [p.fps for p in front], [p.accuracy for p in front], color="#888888", lw=1.2, label="Pareto front", zorder=1
        )
        for index, group in enumerate(dict.fromkeys(point.group for point in points)):
            members = [point for point in points if point.group == group]
            axes.scatter(
                [p.fps for p in members], [p.accuracy for p in members], s=36, label=group, zorder=2,
                color=COLOURS[index % len(COLOURS)], marker=MARKERS[index % len(MARKERS)],
            )  # fmt: skip
        for point in front:
            axes.annotate(
                point.name, (point.fps, point.accuracy), xytext=(4, 5), textcoords="offset points", fontsize=8
            )
        axes.set(xlabel=speed, ylabel=accuracy)
        axes.margins(0.12, 0.15)
        axes.set_xlim(left=0)
        axes.legend(loc="best")
    return svg[0]


class Rate(NamedTuple):
    """A configured rate and what came of it. group: combination but for the rate. predicted: None but for a delay."""

    configured: float
    real: float
    predicted: Optional[float]
    group: str


def configured_against_real(rates: Sequence[Rate]) -> str:
    """Real rates over the configured ones; a configured rate that is kept lies on the diagonal."""
    with _drawing(0.62) as (figure, svg):
        axes = figure.subplots()
        most = 1.1 * max(rate.configured for rate in rates)
        axes.plot([0, most], [0, most], color="#888888", lw=1, ls="--", label="real = configured")
        for index, group in enumerate(dict.fromkeys(rate.group for rate in rates)):
            members = sorted(rate for rate in rates if rate.group == group)
            colour = COLOURS[index % len(COLOURS)]
            axes.plot(
                [r.configured for r in members], [r.real for r in members], label=group, lw=1.2, color=colour,
                marker=MARKERS[index % len(MARKERS)], ms=5,
            )  # fmt: skip
            formula = [(r.configured, r.predicted) for r in members if r.predicted is not None]
            if formula:
                axes.plot([c for c, _ in formula], [p for _, p in formula], ls="none", marker="_", ms=13, color=colour)
        axes.set(xlabel="configured FPS", ylabel="real FPS", xlim=(0, most), ylim=(0, None))
        axes.legend(loc="upper left")
    return svg[0]


def stacked_bars(rows: Sequence[tuple[str, Mapping[str, float]]], unit: str) -> str:
    """One horizontal bar per row, of the parts named in the mapping, in the order in which they first occur."""
    parts = list(dict.fromkeys(part for _, values in rows for part in values))
    with _drawing(None, height=1.1 + 0.3 * len(rows)) as (figure, svg):
        axes = figure.subplots()
        names = [name for name, _ in rows]
        left = [0.0] * len(rows)
        for index, part in enumerate(parts):
            values = [row.get(part, 0.0) for _, row in rows]
            colour = COLOURS[STAGES.get(part, index) % len(COLOURS)]
            axes.barh(range(len(rows)), values, left=left, label=part, color=colour, height=0.68)
            left = [a + b for a, b in zip(left, values)]
        axes.set_yticks(range(len(rows)), names)
        axes.invert_yaxis()
        axes.grid(axis="y", visible=False)
        axes.set(xlabel=unit)
        figure.legend(loc="outside upper center", ncols=min(4, len(parts)))
    return svg[0]


def lines(
    curves: Sequence[tuple[str, Sequence[float], Sequence[float]]],
    x: str,
    y: str,
    limits: tuple[Optional[float], Optional[float]] = (None, None),
) -> str:
    """Curves of a name, their x and their y. limits: where the axes end, None where the curves do."""
    with _drawing(0.66) as (figure, svg):
        axes = figure.subplots()
        for index, (name, xs, ys) in enumerate(curves):
            style = ("-", "--", ":", "-.")[index // len(COLOURS) % 4]
            axes.plot(xs, ys, lw=1.5, ls=style, color=COLOURS[index % len(COLOURS)], label=name)
        axes.set(xlabel=x, ylabel=y, xlim=(0, limits[0]), ylim=(0, limits[1]))
        if len(curves) > 1:
            axes.legend(loc="best")
    return svg[0]


@contextmanager
def _drawing(aspect: Optional[float], height: float = 0.0) -> Iterator[tuple[Any, list[str]]]:
    """A figure to draw on, of that aspect or height in inches; afterwards the list holds its SVG."""
    with matplotlib.rc_context({**STYLE, "svg.hashsalt": "nanoyolo"}):
        figure = Figure(figsize=(WIDTH, WIDTH * aspect if aspect else height), layout="constrained")
        svg: list[str] = []
        yield figure, svg
        text = io.StringIO()
        figure.savefig(text, format="svg", metadata={"Date": None, "Creator": None})
    svg.append(_without_header(text.getvalue()))


def _without_header(svg: str) -> str:
    """As it may stand in a page: without header, metadata, and a size of its own."""
    svg = re.sub(r"<metadata>.*?</metadata>", "", svg[svg.index("<svg") :], flags=re.DOTALL)
    return re.sub(r"<svg [^>]*(viewBox=\"[^\"]*\")[^>]*>", rf"<svg {XML} \1>", svg, count=1)
