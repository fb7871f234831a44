"""What to expect on a Jetson Nano, as a section."""

from typing import Sequence

from tools.cost.nano import errors, expectations
from tools.cost.published import ASSUMPTIONS, FAR, TEST, USES
from tools.json_file import Json
from tools.report.section import Section
from tools.tables import Table

TITLE = "What to expect on a Jetson Nano"


def section(models: dict[str, tuple[str, Sequence[int], bool, tuple[int, int]]]) -> Section:
    """models: name -> file, sizes, whether padded to a square, and the frame's width and height. Raises ModelError."""
    found = {name: expectations(*asked) for name, asked in models.items()}
    return _section(found, errors(), {name: frame for name, (_, _, _, frame) in models.items()})


def of_cost(report: Json, _: str) -> list[Section]:
    """The section of a report of `tools.cost`."""
    models = report["models"]
    return [_section(models, report["published"], dict.fromkeys(models, tuple(report["frame"])))]


def _section(models: dict[str, list[Json]], published: Sequence[Json], frames: dict[str, tuple[int, int]]) -> Section:
    rows = [[name, *_row(row)] for name, found in models.items() for row in found]
    expected = Table(
        TITLE,
        [
            "model", "size", "input", "10^9 operations", "MB moved", "floor ms", "floor ms at 5 W",
            "floor ms on the CPU", "network ms", "frame ms", "FPS",
        ],
        rows,
        f"{_of_frames(frames)} On the GPU with TensorRT in FP16, in power mode 10 W unless 5 W is given. Floor: the "
        "least time that the published peaks allow; on the CPU for all four cores in FP32, with no published speed to "
        "compare it with. Network and frame: expected on the GPU, from published speeds of YOLOv3-tiny; * is outside "
        "their range.",
    )  # fmt: skip
    points = Table(
        "The cost model against published speeds",
        ["network", "by", "published FPS", "ms", "floor ms", "model ms", "error", "use", "source"],
        [
            [
                row["point"], row["runtime"], f"{row['published_fps']:g}", f"{row['published_ms']:.1f}",
                f"{row['floor_ms']:.1f}", "" if row["model_ms"] is None else f"{row['model_ms']:.1f}",
                "" if row["error_percent"] is None else f"{row['error_percent']:+.0f} %",
                row["use"], row["source"],
            ]
            for row in published
        ],
        "Use: " + "; ".join(f"{use}: {USES[use]}" for use in dict.fromkeys(row["use"] for row in published)) + ".",
    )  # fmt: skip
    return Section(TITLE, [_in_words(published)], [expected, points], notes=ASSUMPTIONS)


def _of_frames(frames: dict[str, tuple[int, int]]) -> str:
    """The frames for which the inputs were letterboxed: their shape decides how much work the network has."""
    shapes = dict.fromkeys(f"{width}x{height}" for width, height in frames.values())
    if len(shapes) == 1:
        return f"For frames of {next(iter(shapes))}."
    return "For frames of " + ", ".join(f"{w}x{h} ({name})" for name, (w, h) in frames.items()) + "."


def _in_words(published: Sequence[Json]) -> str:
    """How far to trust it: its errors on the published points that were not used to fit it."""
    errors = {use: [abs(row["error_percent"]) for row in published if row["use"] == use] for use in (TEST, FAR)}
    return (
        "This project has not been run on a Nano yet: these figures are computed from the network's operations and "
        "bytes and from the board's published peaks. The model was fitted to two published speeds; for others of the "
        f"same loop its error is {min(errors[TEST]):.0f} to {max(errors[TEST]):.0f} %, and {max(errors[FAR]):.0f} % "
        "for a network of another kind."
    )


def _row(row: Json) -> list[str]:
    height, width = row["input"]
    frame, fps = row["expected_ms"], row["expected_fps"]
    star = " *" if row["extrapolated"] else ""
    return [
        str(row["size"]), f"{width}x{height}", f"{row['operations_g']:.2f}", f"{row['moved_mb']:.1f}",
        f"{row['floor_ms']:.2f}", f"{row['floor_5w_ms']:.2f}", f"{row['floor_cpu_ms']:.1f}",
        f"{row['network_ms']:.1f}{star}", "" if frame is None else f"{frame:.1f}{star}",
        "" if fps is None else f"{fps:.0f}{star}",
    ]  # fmt: skip
