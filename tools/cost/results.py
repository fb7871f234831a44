"""The figures of `tools.cost` as cells of tables, and as text in at most 120 columns."""

import textwrap
from typing import Sequence

from tools.cost.published import ASSUMPTIONS, USES
from tools.json_file import Json
from tools.tables import Table

WIDTH = 120  # columns
SPEEDS = [
    "size", "input", "billion ops", "MB moved", "floor ms", "by operations", "floor at 5 W", "floor on CPU",
    "network ms", "frame ms", "FPS",
]  # fmt: skip
PUBLISHED = [
    "network", "runtime", "FPS", "ms", "floor ms", "of peak", "model FPS", "model ms", "error", "left out",
]  # fmt: skip


def lines(result: Json) -> str:
    """Everything that the command prints."""
    blocks = [model_lines(name, rows) for name, rows in result["models"].items()]
    blocks += [layer_lines(name, rows) for name, rows in result.get("layers", {}).items()]
    blocks.append(published_lines(result["published"], result["fit"]))
    blocks.append(["assumptions", *(line for sentence in ASSUMPTIONS for line in _wrapped(sentence, "    ", "  - "))])
    return "\n\n".join("\n".join(block) for block in blocks)


def speed_cells(row: Json) -> list[str]:
    """One network at one size, under SPEEDS."""
    height, width = row["input"]
    star = "*" if row["extrapolated"] else ""
    return [
        str(row["size"]),
        f"{width}x{height}",
        f"{row['operations_g']:.3f}",
        f"{row['moved_mb']:.1f}",
        f"{row['floor_ms']:.2f}",
        f"{row['bound']['operations']:.0%}",
        f"{row['floor_5w_ms']:.2f}",
        f"{row['floor_cpu_ms']:.2f}",
        f"{row['network_ms']:.2f}{star}",
        *("-" if row[key] is None else f"{row[key]:.1f}{star}" for key in ("expected_ms", "expected_fps")),
    ]


def published_cells(row: Json) -> list[str]:
    """A published speed beside the one that the model predicts, under PUBLISHED."""
    return [
        row["point"],
        row["runtime"],
        f"{row['published_fps']:.2f}",
        f"{row['published_ms']:.1f}",
        f"{row['floor_ms']:.1f}",
        f"{row['of_peak']:.0%}",
        *("-" if row[key] is None else f"{row[key]:.1f}" for key in ("model_fps", "model_ms")),
        *("-" if row[key] is None else f"{row[key]:+.1f}%" for key in ("error_percent", "left_out_percent")),
    ]


def model_lines(name: str, rows: Sequence[Json]) -> list[str]:
    """One network at each size."""
    title = f"{name}, {rows[0]['weights'] / 1e6:.2f} million weights; GPU in FP16, CPU in FP32"
    note = ["  * outside the range of the published speeds"] if any(row["extrapolated"] for row in rows) else []
    return [title, *_table(SPEEDS, [speed_cells(row) for row in rows]), *note]


def layer_lines(name: str, rows: Sequence[Json]) -> list[str]:
    """The layers of one network."""
    header = ["layer", "operator", "output", "billion ops", "MB moved", "floor ms", "bound by"]
    cells = [
        [
            row["layer"],
            row["operator"],
            "x".join(map(str, row["output"][1:])),
            f"{row['operations_g']:.4f}",
            f"{row['moved_mb']:.3f}",
            f"{row['floor_ms']:.3f}",
            row["bound"],
        ]
        for row in rows
    ]
    return [f"layers of {name}", *_table(header, cells)]


def published_lines(rows: Sequence[Json], fit: Json) -> list[str]:
    """Published speeds beside those that the model predicts, grouped by what they are used for."""
    first, *others = _table(PUBLISHED, [published_cells(row) for row in rows])
    found = [f"published speeds and the model: {fit['overhead_ms']} ms + floor / {fit['efficiency']}", first]
    use = ""
    for row, line in zip(rows, others):
        if row["use"] != use:
            use = row["use"]
            found.append(f"  {USES[use]}:")
        found.append(line)
        found += _wrapped(row["note"], "      ")
    sources = "; ".join(dict.fromkeys(row["source"] for row in rows))
    return found + _wrapped(
        "error: of the model's time. left out: of the time predicted by a line through the other three of the four "
        f"small networks in that loop. Sources: {sources}.",
        "  ",
    )


def _table(header: list[str], rows: list[list[str]]) -> list[str]:
    return ["  " + line for line in Table("", header, rows).as_text().splitlines()]


def _wrapped(text: str, indent: str, first: str = "") -> list[str]:
    return textwrap.wrap(text, WIDTH, initial_indent=first or indent, subsequent_indent=indent, break_on_hyphens=False)
