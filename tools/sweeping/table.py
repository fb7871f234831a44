"""A sweep as a table: one line per combination."""

from typing import Any, Callable, Dict, List, Optional, Sequence, Tuple

from tools.tables import Table

Json = Dict[str, Any]


def table(rows: Sequence[Json], title: str = "Settings") -> Table:
    """One line per combination; columns that nothing was measured for are left out. rows: of `summary.rows`."""
    columns: List[Tuple[str, Callable[[Json], str]]] = [
        ("capture", lambda row: row["words"]["capture"]),
        ("size", lambda row: row["words"]["size"]),
        ("backend", lambda row: row["words"]["backend"]),
        ("pacing", lambda row: row["words"]["pacing"]),
        ("FPS set", lambda row: row["words"]["fps"]),
        ("real", lambda row: spread_text(row["fps"], 1)),
        ("formula", lambda row: _number(row["predicted_fps"], 1)),
        ("possible", lambda row: _median(row["possible_fps"], 1)),
        ("rank", lambda row: str(row["rank"])),
        ("confidence", lambda row: _median(row["mean_confidence"], 3)),
        ("found/frame", lambda row: _median(row["detections_per_frame"], 2)),
        ("AP50", lambda row: _accuracy(row, "ap50")),
        ("AP", lambda row: _accuracy(row, "ap")),
        ("latency p50, p95 ms", lambda row: _pair(row["latency_ms"])),
        ("dropped", lambda row: "{:.1%}".format(row["dropped"]["median"]) if row["dropped"]["most"] else ""),
        ("MB", lambda row: _median(row["memory_mb"], 0)),
        ("W", lambda row: _median(row["power_w"], 2)),
        ("C", lambda row: _median(row["temperature_c"], 1)),
    ]
    cells = [[text(row) for _, text in columns] for row in rows]
    settings = ("backend", "pacing")  # which say nothing where they do not vary
    used = [
        index
        for index in range(len(columns))
        if any(line[index] for line in cells)
        and not (columns[index][0] in settings and len({line[index] for line in cells}) == 1)
    ]
    return Table(
        title,
        [columns[index][0] for index in used],
        [[line[index] for index in used] for line in cells],
        "real: unique frames per second, the median of the rounds, and their least and most. formula: what 1 / (work + "
        "delay) predicts. possible: 1 / work, were there no configured rate. Combinations of equal rank cannot be told "
        "apart. confidence: mean score of what was found; AP50, AP: against the labels.",
    )


def spread_text(spread: Optional[Json], digits: int) -> str:
    """`24.0 (23.9 to 24.1)`, without the parentheses where all are equal; empty for None."""
    if spread is None:
        return ""
    median, least, most = (_number(spread[key], digits) for key in ("median", "least", "most"))
    return median if least == most else "{} ({} to {})".format(median, least, most)


def _median(spread: Optional[Json], digits: int) -> str:
    return "" if spread is None else _number(spread["median"], digits)


def _pair(latency: Json) -> str:
    return ", ".join(_median(latency[p], 1) for p in ("p50", "p95"))


def _accuracy(row: Json, figure: str) -> str:
    return "" if row["accuracy"] is None else _number(row["accuracy"][figure], 3)


def _number(value: Optional[float], digits: int) -> str:
    return "" if value is None else "{:.{}f}".format(value, digits)
