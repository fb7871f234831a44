"""What to expect on a Jetson Nano, as a section."""

from typing import Any, Sequence

from tools.costs.nano import errors, expectations
from tools.costs.published import ASSUMPTIONS, FAR, TEST, USES
from tools.reporting.section import Section
from tools.tables import Table

Json = dict[str, Any]

TITLE = "What to expect on a Jetson Nano"


def section(models: dict[str, tuple[str, Sequence[int], bool]]) -> Section:
    """models: name -> file, sizes, and whether padded to a square. Raises ModelError."""
    return _section(
        {name: expectations(path, sizes, square) for name, (path, sizes, square) in models.items()}, errors()
    )


def of_cost(report: Json, _: str) -> list[Section]:
    """The section of a report of `tools.cost`."""
    return [_section(report["models"], report["published"])]


def _section(models: dict[str, list[Json]], published: Sequence[Json]) -> Section:
    rows = [[name, *_row(row)] for name, found in models.items() for row in found]
    expected = Table(
        TITLE,
        ["model", "size", "input", "10^9 operations", "MB moved", "floor ms", "network ms", "frame ms", "FPS"],
        rows,
        "On the GPU with TensorRT in FP16. Floor: the least time that the published peaks allow. Network and frame: "
        "expected, from published speeds of YOLOv3-tiny; * lies outside of their range.",
    )
    points = Table(
        "The cost model beside published speeds",
        ["network", "by", "published FPS", "ms", "floor ms", "model ms", "error", "use", "source"],
        [
            [
                row["point"], row["runtime"], f"{row['published_fps']:g}", f"{row['published_ms']:.1f}",
                f"{row['floor_ms']:.1f}", "" if row["model_ms"] is None else f"{row['model_ms']:.1f}",
                "" if row["error_percent"] is None else f"{row['error_percent']:+.0f} %",
                USES[row["use"]], row["source"],
            ]
            for row in published
        ],
    )  # fmt: skip
    return Section(TITLE, [_in_words(published)], [expected, points], notes=ASSUMPTIONS)


def _in_words(published: Sequence[Json]) -> str:
    """How far to trust it: its errors on the published points that it was not fitted to."""
    errors = {use: [abs(row["error_percent"]) for row in published if row["use"] == use] for use in (TEST, FAR)}
    return (
        "Nobody has run this project on a Nano yet. What follows is computed from the network's operations and bytes "
        "and from the board's published peaks. The model was fitted to two published speeds; of others in that loop "
        f"it is off by {min(errors[TEST]):.0f} to {max(errors[TEST]):.0f} %, and by {max(errors[FAR]):.0f} % of a "
        "network of another kind."
    )


def _row(row: Json) -> list[str]:
    height, width = row["input"]
    frame, fps = row["expected_ms"], row["expected_fps"]
    star = " *" if row["extrapolated"] else ""
    return [
        str(row["size"]), f"{width}x{height}", f"{row['operations_g']:.2f}", f"{row['moved_mb']:.1f}",
        f"{row['floor_ms']:.2f}", f"{row['network_ms']:.1f}", "" if frame is None else f"{frame:.1f}{star}",
        "" if fps is None else f"{fps:.0f}{star}",
    ]  # fmt: skip
