"""Plots for the report, by matplotlib, as SVG text that a page can contain. Nothing here reads files."""

import io
import re
import warnings
from contextlib import contextmanager
from typing import Any, Iterator, Mapping, NamedTuple, Optional, Sequence

import matplotlib
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from tools.report.looks import COLOURS, GREY, HANDLE, WIDTH, Look, key, legend, wrapped
from tools.report.section import MOST, Plot, of_how_many
from tools.sweep.front import pareto

# Tol's light colours for the parts of a bar, so that a stage does not look like a combination.
PARTS = {
    "capture": "#99ddff", "preprocess": "#77aadd", "infer": "#ee8866", "postprocess": "#44bb99", "draw": "#ffaabb",
    "sink": "#aaaa00", "wait": "#dddddd",
    "found": "#44bb99", "confusion": "#ee8866", "localisation": "#eedd88", "missed": "#cccccc",
}  # fmt: skip
XML = 'xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink"'
STYLE: dict[Any, Any] = {
    "svg.fonttype": "none",  # text stays text: small, searchable, and in the reader's own font
    "svg.hashsalt": "nanoyolo",  # the same figures produce the same drawing
    "text.parse_math": False,  # a name may hold dollars
    "font.size": 10,
    "font.family": "sans-serif",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.color": "#e4e4e4",
    "axes.axisbelow": True,
    "legend.frameon": False,
}
SPREAD: dict[str, Any] = {"lw": 1, "marker": "|", "ms": 5, "alpha": 0.7, "zorder": 1.5}  # from least to most


class Point(NamedTuple):
    """A combination in the plane of speed and accuracy. least, most: of the FPS over the rounds, if known."""

    fps: float
    accuracy: float
    look: Look
    least: Optional[float] = None
    most: Optional[float] = None


def accuracy_against_speed(points: Sequence[Point], accuracy: str, speed: str, least_gain: float = 0.0) -> str:
    """Every combination as a point, and the Pareto front. The axes are named as given. least_gain: see `pareto`."""
    with _drawing(0.64) as (figure, svg):
        axes = figure.subplots()
        front = pareto(points, least_gain)[::-1]  # the fastest last
        xs, ys = [p.fps for p in front], [p.accuracy for p in front]
        steps = axes.plot(
            [0, *xs], [ys[0], *ys], color=GREY, lw=1.2, zorder=1, drawstyle="steps-pre", label="Pareto front"
        )
        for point in points:
            axes.scatter(point.fps, point.accuracy, s=38, color=point.look.colour, marker=point.look.marker, zorder=2)
            if point.least is not None and point.most is not None:
                axes.plot([point.least, point.most], [point.accuracy] * 2, color=point.look.colour, **SPREAD)
        axes.margins(y=0.12)
        axes.set(xlabel=speed, ylabel=accuracy, xlim=(0, 1.08 * max(point.most or point.fps for point in points)))
        legend(figure, [*key([point.look for point in points], lines=False), *steps])
    return svg[0]


class Rate(NamedTuple):
    """A configured rate and the real one. predicted: by the formula for delays, or None. delayed: paced by a delay.
    least, most: of the real rate over the rounds, if there were several.
    """

    configured: float
    real: float
    predicted: Optional[float]
    look: Look
    delayed: bool = False
    least: Optional[float] = None
    most: Optional[float] = None


def configured_against_real(rates: Sequence[Rate]) -> str:
    """Real against configured rates; a configured rate that is reached lies on the diagonal."""
    with _drawing(0.64) as (figure, svg):
        axes = figure.subplots()
        most = 1.1 * max(rate.configured for rate in rates)
        entries = key([rate.look for rate in rates], lines=False)
        entries += axes.plot([0, most], [0, most], color=GREY, lw=1, ls="--", label="real = configured")
        for look, delayed in dict.fromkeys((rate.look, rate.delayed) for rate in rates):
            members = [r for r in rates if (r.look, r.delayed) == (look, delayed)]
            members.sort(key=lambda rate: rate.configured)
            axes.plot(
                [r.configured for r in members], [r.real for r in members], lw=1.2, color=look.colour,
                marker=look.marker, ms=6, mfc="white" if delayed else look.colour,
            )  # fmt: skip
            for r in members:
                if r.least is not None and r.most is not None:
                    axes.plot([r.configured] * 2, [r.least, r.most], color=look.colour, **{**SPREAD, "marker": "_"})
            formula = [(r.configured, r.predicted) for r in members if r.predicted is not None]
            axes.plot([c for c, _ in formula], [p for _, p in formula], ls="none", marker="_", ms=15, color=look.colour)
        if len({rate.delayed for rate in rates}) > 1:
            for label, face in (("with deadlines", GREY), ("with a delay", "white")):
                entries.append(Line2D([], [], marker="o", ls="none", color=GREY, mfc=face, label=label))
        if any(rate.predicted is not None for rate in rates):
            entries.append(Line2D([], [], marker="_", ms=13, ls="none", color=GREY, label="formula"))
        axes.set(xlabel="configured FPS", ylabel="real FPS", xlim=(0, most), ylim=(0, None))
        legend(figure, entries)
    return svg[0]


def stacked_bars(rows: Sequence[tuple[str, Mapping[str, float]]], unit: str) -> str:
    """One horizontal bar per row, of the parts named in the mapping, in the order in which they first occur."""
    parts = list(dict.fromkeys(part for _, values in rows for part in values))
    with _drawing(None, height=0.65 + 0.34 * len(rows)) as (figure, svg):
        axes = figure.subplots()
        ends, entries = [0.0] * len(rows), []
        for part in parts:
            values = [row.get(part, 0.0) for _, row in rows]
            colour = PARTS.get(part, COLOURS[0])
            entries.append(axes.barh(range(len(rows)), values, left=ends, label=part, color=colour, height=0.66))
            ends = [a + b for a, b in zip(ends, values)]
        whole = all(end == int(end) for end in ends)
        for index, end in enumerate(ends):
            axes.annotate(
                f"{end:.{0 if whole or end >= 100 else 1}f}", (end, index), xytext=(3, 0),
                textcoords="offset points", va="center", fontsize=8.5,
            )  # fmt: skip
        axes.set_yticks(range(len(rows)), [wrapped(name) for name, _ in rows], fontsize=9)
        axes.set_xlim(0, 1.12 * max(ends, default=0) or 1)
        axes.set_ylim(len(rows) - 0.5, -0.5)
        axes.grid(axis="y", visible=False)
        axes.set(xlabel=unit)
        if len(parts) > 1:
            legend(figure, entries)
    return svg[0]


def bars(rows: Sequence[tuple[str, Mapping[str, float]]], unit: str, caption: str) -> list[Plot]:
    """The first rows as a plot of stacked bars; none without rows."""
    return [Plot(stacked_bars(rows[:MOST], unit), caption + of_how_many(rows))] if rows else []


def lines(
    curves: Sequence[tuple[Look, Sequence[float], Sequence[float]]],
    x: str,
    y: str,
    limits: tuple[Optional[float], Optional[float]] = (None, None),
) -> str:
    """Curves, each with its look, x and y. limits: the ends of the axes, None for those of the curves."""
    with _drawing(0.64) as (figure, svg):
        axes = figure.subplots()
        for look, xs, ys in curves:
            axes.plot(xs, ys, lw=1.6, ls=look.line, color=look.colour)
        axes.set(xlabel=x, ylabel=y, xlim=(0, limits[0]), ylim=(0, limits[1]))
        legend(figure, key([look for look, _, _ in curves], lines=True), HANDLE)
    return svg[0]


@contextmanager
def _drawing(aspect: Optional[float], height: float = 0.0) -> Iterator[tuple[Any, list[str]]]:
    """A figure to draw on, with that aspect ratio or height in inches; afterwards the list holds its SVG."""
    with matplotlib.rc_context(STYLE), warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing")  # the reader's browser has other fonts
        figure = Figure(figsize=(WIDTH, WIDTH * aspect if aspect else height), layout="constrained")
        svg: list[str] = []
        yield figure, svg
        text = io.StringIO()
        figure.savefig(text, format="svg", metadata={"Date": None, "Creator": None})
    svg.append(_without_header(text.getvalue()))


def _without_header(svg: str) -> str:
    """The SVG as a page may contain it: without header, metadata, and its own size."""
    svg = re.sub(r"<metadata>.*?</metadata>", "", svg[svg.index("<svg") :], flags=re.DOTALL)
    return re.sub(r"<svg [^>]*(viewBox=\"[^\"]*\")[^>]*>", rf"<svg {XML} \1>", svg, count=1)
