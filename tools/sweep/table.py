"""A sweep as tables, with one line per combination. Rows are of `summary.rows`."""

from typing import Any, Callable, Dict, List, NamedTuple, Optional, Sequence, Tuple

from app.timing import STAGES
from tools.json_file import Json
from tools.sweep.grid import Combination
from tools.sweep.ranking import DRIFT
from tools.tables import Table

NAMES = {"fps": "FPS set"}  # of settings whose column needs more than their name
SPREAD = ("median", "least", "most")


class Column(NamedTuple):
    """name: of its columns of numbers for a spreadsheet. figure: a spread, number or text of a row, None if it was not
    measured. short: whether people see only the median of a spread, as rounds hardly differ or cells would be too wide.
    """

    header: str
    name: str
    figure: Callable[[Json], Any]
    digits: int = 0
    short: bool = False

    def text(self, row: Json) -> str:
        """The cell that people read."""
        value = self.figure(row)
        if isinstance(value, dict):
            return _text(value["median"], self.digits) if self.short else spread_text(value, self.digits)
        return _text(value, self.digits)

    def numbers(self, rows: Sequence[Json]) -> Dict[str, List[str]]:
        """The columns for a spreadsheet: header -> cells."""
        values = [self.figure(row) for row in rows]
        if not any(isinstance(value, dict) for value in values):
            return {self.name: [_text(value) for value in values]}
        return {f"{self.name}, {key}": [_text(value and value[key]) for value in values] for key in SPREAD}


def _stage(name: str) -> Callable[[Json], Any]:
    return lambda row: row["stages_ms"][name]


SETTINGS = (
    Column("real", "real FPS", lambda row: row["fps"], 1),
    Column("formula", "FPS by the formula", lambda row: row["predicted_fps"], 1),
    Column("possible", "possible FPS", lambda row: row["possible_fps"], 1),
    Column("rank", "rank", lambda row: row["rank"]),
    Column("confidence", "mean confidence", lambda row: row["mean_confidence"], 3, short=True),
    Column("found/frame", "found/frame", lambda row: row["detections_per_frame"], 2, short=True),
    Column("AP50", "AP50", lambda row: row["accuracy"] and row["accuracy"]["ap50"], 3),
    Column("AP", "AP", lambda row: row["accuracy"] and row["accuracy"]["ap"], 3),
    Column("front", "Pareto front", lambda row: "yes" if row["front"] else None),
)
COSTS = (
    Column("p50 ms", "latency p50 ms", lambda row: row["latency_ms"]["p50"], 1),
    Column("p95 ms", "latency p95 ms", lambda row: row["latency_ms"]["p95"], 1),
    Column("dropped %", "dropped %", lambda row: _dropped(row), 1),
    Column("MB", "memory MB", lambda row: row["memory_mb"]),
    Column("W", "power W", lambda row: row["power_w"], 2),
    Column("C", "temperature C", lambda row: row["temperature_c"], 1),
)
STAGE_TIMES = tuple(Column(name, name + " ms", _stage(name), 2, short=True) for name in STAGES)
TABLES: Sequence[Tuple[str, Sequence[Column], str]] = (
    (
        "Settings",
        SETTINGS,
        "real: unique frames per second, the median of the rounds (least to most). formula: the real rate that "
        "1 / (work + delay) predicts. possible: 1 / work, as if nothing were waited for. rank: by real rate; rates "
        f"whose spreads overlap, or that differ by less than {DRIFT:.0%}, share a rank. confidence: mean score of what "
        "was found. AP50, AP: against the labels. front: on the Pareto front; nothing else is faster or more accurate "
        "without losing in the other.",
    ),
    (
        "Latency and memory",
        COSTS,
        "p50, p95: percentiles of the time from capture to the last sink; the median of the rounds (least to most). "
        "MB: the peak memory of the process.",
    ),
    (
        "Stages",
        STAGE_TIMES,
        "Mean milliseconds per frame, the median of the rounds. capture and wait are not work: the loop waited for the "
        "source's next frame, and for the configured rate to allow it.",
    ),
)


def tables(rows: Sequence[Json], of: str = "") -> List[Table]:
    """Settings and their results, latency and memory, and stage times, without columns in which nothing was measured.
    of: the end of their titles, such as `, on street.mp4`.
    """
    return [_table(title + of, rows, columns, note) for title, columns, note in TABLES]


def _table(title: str, rows: Sequence[Json], columns: Sequence[Column], note: str) -> Table:
    every = list(Combination._fields)
    varying = [setting for setting in every if len({row["words"][setting] for row in rows}) > 1] or every
    used = [column for column in columns if any(column.text(row) for row in rows)]
    numbers = {NAMES.get(setting, setting): [row["words"][setting] for row in rows] for setting in every}
    for column in used:
        numbers.update(column.numbers(rows))
    return Table(
        title,
        [", ".join(NAMES.get(setting, setting) for setting in varying), *(column.header for column in used)],
        [[named(row, varying), *(column.text(row) for column in used)] for row in rows],
        note,
        [list(numbers), *map(list, zip(*numbers.values()))],
    )


def named(row: Json, settings: Sequence[str]) -> str:
    """The name of a combination, in one cell: `320x240, 160, 24 FPS, delay`."""
    words = dict(row["words"], fps=row["words"]["fps"] + " FPS")
    return ", ".join(words[setting] for setting in settings)


def spread_text(spread: Json, digits: int) -> str:
    """`24.0 (23.9 to 24.1)`, without the parentheses where all are equal."""
    median, least, most = (_text(spread[key], digits) for key in SPREAD)
    return median if least == most else f"{median} ({least} to {most})"


def _dropped(row: Json) -> Optional[Json]:
    """In per cent; None if nothing was dropped."""
    return {key: round(100 * row["dropped"][key], 3) for key in SPREAD} if row["dropped"]["most"] else None


def _text(value: Any, digits: Optional[int] = None) -> str:
    """A number for people, or without digits for a spreadsheet; a text as it is; empty for None."""
    if value is None or isinstance(value, str):
        return value or ""
    return f"{value:.10g}" if digits is None else f"{value:.{digits}f}"
