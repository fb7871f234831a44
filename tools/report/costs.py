"""What to expect on a Jetson Nano, as a section."""

from typing import Sequence

from tools.cost.nano import errors, expectations
from tools.cost.published import ASSUMPTIONS, FAR, TEST, USES
from tools.cost.results import PUBLISHED, SPEEDS, published_cells, speed_cells
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
    expected = Table(
        TITLE,
        ["model", *SPEEDS],
        [[name, *speed_cells(row)] for name, found in models.items() for row in found],
        f"{_of_frames(frames)} On the GPU with TensorRT in FP16, in power mode 10 W unless 5 W is given. Floor: the "
        "least time that the published peaks allow; on the CPU for all four cores in FP32, with no published speed to "
        "compare it with. Network and frame: expected on the GPU, from published speeds of YOLOv3-tiny; * is outside "
        "their range.",
    )
    points = Table(
        "The cost model against published speeds",
        [*PUBLISHED, "use", "source"],
        [[*published_cells(row), row["use"], row["source"]] for row in published],
        "Use: " + "; ".join(f"{use}: {USES[use]}" for use in dict.fromkeys(row["use"] for row in published)) + ".",
    )
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
