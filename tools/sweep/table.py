"""A sweep as tables, with one line per combination. Rows are of `summary.rows`."""

from typing import Any, Callable, Dict, List, NamedTuple, Optional, Sequence

from app.timing import STAGES
from tools.sweep.chance import DRIFT
from tools.sweep.effects import values_of
from tools.sweep.grid import Combination
from tools.tables import FigureTable

Json = Dict[str, Any]
Figure = Callable[[Json], Any]  # a number, a text, or None for what was not measured

NAMES = {"fps": "FPS set"}  # of settings, where people call them otherwise
SPREAD = ("median", "least", "most")


class Column(NamedTuple):
    """text: the cell that people read. numbers: for a spreadsheet, its columns' headers and what is in them."""

    header: str
    text: Callable[[Json], str]
    numbers: Dict[str, Figure]


def tables(rows: Sequence[Json], of: str = "") -> List[FigureTable]:
    """Settings and what they give, latency and memory, and stage times. Columns that nothing was measured for are left
    out. of: the end of their titles, such as `, on street.mp4`.
    """
    return [
        _table(
            "Settings" + of,
            rows,
            [
                _spread("real", "real FPS", lambda row: row["fps"], 1),
                _number("formula", "FPS by the formula", lambda row: row["predicted_fps"], 1),
                _spread("possible", "possible FPS", lambda row: row["possible_fps"], 1),
                _number("rank", "rank", lambda row: row["rank"], 0),
                _median("confidence", "mean confidence", lambda row: row["mean_confidence"], 3),
                _median("found/frame", "found/frame", lambda row: row["detections_per_frame"], 2),
                _number("AP50", "AP50", lambda row: row["accuracy"] and row["accuracy"]["ap50"], 3),
                _number("AP", "AP", lambda row: row["accuracy"] and row["accuracy"]["ap"], 3),
            ],
            "real: unique frames per second, the median of the rounds, and their least and most. formula: what 1 / "
            "(work + delay) predicts. possible: 1 / work, were there no configured rate and always a picture ready. "
            "rank: 1, and one more for each combination of a faster group. A group ends where the next rate would be "
            "lower, by more than {:.0%}, even were its work as much shorter, and that of the group as much longer, as "
            "work varied in this sweep. confidence: mean score of what was found; AP50, AP: "
            "against the labels.".format(DRIFT),
        ),
        _table(
            "Latency and memory" + of,
            rows,
            [
                _spread("p50 ms", "latency p50 ms", lambda row: row["latency_ms"]["p50"], 1),
                _spread("p95 ms", "latency p95 ms", lambda row: row["latency_ms"]["p95"], 1),
                _spread("dropped %", "dropped %", _dropped, 1),
                _spread("MB", "memory MB", lambda row: row["memory_mb"], 0),
                _spread("W", "power W", lambda row: row["power_w"], 2),
                _spread("C", "temperature C", lambda row: row["temperature_c"], 1),
            ],
            "p50, p95: percentiles of the time from capture to the last sink. Each figure is the median of the rounds, "
            "with their least and most. MB: the most memory that the process had.",
        ),
        _table(
            "Stages" + of,
            rows,
            [_median(stage, stage + " ms", _stage(stage), 2) for stage in STAGES],
            "Mean milliseconds of a frame in each stage, the median of the rounds. capture and wait are no work: the "
            "loop waited for the source's thread to have a picture, and for the rate to allow the next.",
        ),
    ]


def _table(title: str, rows: Sequence[Json], columns: Sequence[Column], note: str) -> FigureTable:
    every = list(Combination._fields)
    varying = [setting for setting in every if len(values_of(rows, setting)) > 1] or every
    used = [column for column in columns if any(column.text(row) for row in rows)]
    numbers = {name: figure for column in used for name, figure in column.numbers.items()}
    return FigureTable.of(
        title,
        [", ".join(NAMES.get(setting, setting) for setting in varying), *(column.header for column in used)],
        [[named(row, varying), *(column.text(row) for column in used)] for row in rows],
        note,
        [*(NAMES.get(setting, setting) for setting in every), *numbers],
        [[*(row["words"][s] for s in every), *(_cell(figure(row)) for figure in numbers.values())] for row in rows],
    )


def named(row: Json, settings: Sequence[str]) -> str:
    """The name of a combination, in one cell: `320x240, 160, 24 FPS, delay`."""
    words = dict(row["words"], fps=row["words"]["fps"] + " FPS")
    return ", ".join(words[setting] for setting in settings)


def spread_text(spread: Optional[Json], digits: int) -> str:
    """`24.0 (23.9 to 24.1)`, without the parentheses where all are equal; empty for None."""
    if spread is None:
        return ""
    median, least, most = (_text(spread[key], digits) for key in SPREAD)
    return median if least == most else "{} ({} to {})".format(median, least, most)


def _spread(header: str, name: str, figure: Figure, digits: int) -> Column:
    numbers = {"{}, {}".format(name, key): _part(figure, key) for key in SPREAD}
    return Column(header, lambda row: spread_text(figure(row), digits), numbers)


def _median(header: str, name: str, figure: Figure, digits: int) -> Column:
    """People read the median alone, where rounds hardly differ or the table would be too wide."""
    numbers = {"{}, {}".format(name, key): _part(figure, key) for key in SPREAD}
    return Column(header, lambda row: _text(_part(figure, "median")(row), digits), numbers)


def _number(header: str, name: str, figure: Figure, digits: int) -> Column:
    return Column(header, lambda row: _text(figure(row), digits), {name: figure})


def _part(figure: Figure, key: str) -> Figure:
    def part(row: Json) -> Optional[float]:
        spread = figure(row)
        return None if spread is None else float(spread[key])

    return part


def _stage(stage: str) -> Figure:
    return lambda row: row["stages_ms"][stage]


def _dropped(row: Json) -> Optional[Json]:
    """In per cent; None where none was dropped."""
    return {key: round(100 * row["dropped"][key], 3) for key in SPREAD} if row["dropped"]["most"] else None


def _text(value: Optional[float], digits: int) -> str:
    return "" if value is None else "{:.{}f}".format(value, digits)


def _cell(value: Optional[float]) -> str:
    return "" if value is None else "{:.10g}".format(value)
