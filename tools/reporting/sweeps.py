"""A sweep as sections of the report."""

import os
import statistics
from typing import Any, Callable, Sequence

from app.errors import SourceError, warn
from app.modelcard import find_model
from tools.reporting import plots
from tools.reporting.accuracy import accuracy_plots, accuracy_tables
from tools.reporting.looks import Look, looks
from tools.reporting.measured import file_name, machine_facts, source_name
from tools.reporting.section import MOST, Picture, Plot, Section, of_how_many
from tools.sweeping.findings import findings
from tools.sweeping.journal import Journal
from tools.sweeping.summary import rows as summarise
from tools.sweeping.table import table

Json = dict[str, Any]

SEEN = ("capture", "size", "backend")  # settings that decide what is found in a picture
PERCENTAGES = [index * 2 for index in range(51)]  # of the journal's latency percentiles


class Seen:
    """The rows that differ in nothing but rate and pacing, and so in what is seen in no picture; how they are drawn."""

    def __init__(self, rows: Sequence[Json], look: Look) -> None:
        self.rows = rows
        self.look = look

    def median(self, figure: Callable[[Json], float | None]) -> float | None:
        """Of a figure that rate and pacing should not change."""
        values = [value for value in map(figure, self.rows) if value is not None]
        return statistics.median(values) if values else None

    @property
    def accuracy(self) -> Json | None:
        return next((row["accuracy"] for row in self.rows if row["accuracy"]), None)


def read(folder: str) -> tuple[list[Section], tuple[str, str, list[int], bool]]:
    """The sweep in a folder as sections, and what the cost model wants of it: the model's name and file, the sizes that
    were swept, and whether pictures were padded to a square. Raises SourceError.
    """
    journal = Journal.read(folder)
    try:
        options = journal.plan["options"]
        name = file_name(options["model"])
        model = name, find_model(options["model"]), list(options["sizes"]), bool(options["square"])
        return _sections(journal, summarise(journal)), model
    except (ValueError, LookupError, TypeError, AttributeError) as error:
        raise SourceError(f"{folder}: not what tools.sweep writes, or damaged ({error!r})") from error


def _sections(journal: Journal, rows: Sequence[Json]) -> list[Section]:
    options = journal.plan["options"]
    source = source_name(options["cam"] or options["images"] or "the input")
    title = f"Settings, on {source}"
    facts = [("model", file_name(options["model"])), *_ran(rows), *machine_facts(journal.plan["machine"])]
    if not rows:
        return [Section(title, ["No combination has been measured yet."], facts=facts)]
    seen = _seen(rows)
    sentences = [*_missing(journal, rows), *findings(rows)]
    found = Section(title, sentences, [table(rows, title)], _plots(rows, seen), _pictures(seen), facts)
    scored = [(each.look, each.accuracy) for each in seen if each.accuracy]
    if not scored:
        return [found]
    title = f"Accuracy, on {source}"
    sentence = "What the network sees decides this, not how often: a line for each of capture, size and backend."
    return [found, Section(title, [sentence], accuracy_tables(title, scored), accuracy_plots(scored))]


def _missing(journal: Journal, rows: Sequence[Json]) -> list[str]:
    """What the sweep or this report lacks."""
    said = []
    missing = len(journal.plan["grid"]) - len(rows)
    if missing:
        said.append(f"The sweep is not complete: {missing} of {missing + len(rows)} combinations are not measured yet.")
    rounds = sorted({row["rounds"] for row in rows})
    if len(rounds) > 1:
        said.append(f"The sweep is not complete: some combinations have had {rounds[0]} of {rounds[-1]} rounds.")
    labelled = os.path.exists(os.path.join(journal.folder, "truth.json"))
    if labelled and not any(row["accuracy"] for row in rows):
        said.append("There are labels, but accuracy could not be computed: python -m pip install -e '.[report]'")
    return said


def _ran(rows: Sequence[Json]) -> list[tuple[str, str]]:
    """What really ran, and how the rate was kept: settings that the table leaves out where they do not vary."""
    if not rows:
        return []
    backends = dict.fromkeys(f"{row['words']['backend']}: {row['backend']}" for row in rows)
    pacings = dict.fromkeys(row["words"]["pacing"] for row in rows)
    rounds = str(max(row["rounds"] for row in rows))
    return [("backend", "; ".join(backends)), ("pacing", ", ".join(pacings)), ("rounds", rounds)]


def _seen(rows: Sequence[Json]) -> list[Seen]:
    """The rows by what is seen, each with its look: colour is the size, where that varies."""
    varying = [setting for setting in SEEN if len({row["words"][setting] for row in rows}) > 1] or ["size"]
    hue = "size" if "size" in varying else varying[0]
    groups: dict[str, list[Json]] = {}
    for row in rows:
        groups.setdefault(" ".join(row["words"][setting] for setting in varying), []).append(row)
    named = []
    for name, members in groups.items():
        words = members[0]["words"]
        kind = " ".join(words[setting] for setting in varying if setting != hue)
        named.append((name, f"size {words[hue]}" if hue == "size" else words[hue], kind))
    look = looks(named)
    return [Seen(members, look[name]) for name, members in groups.items()]


def _plots(rows: Sequence[Json], seen: Sequence[Seen]) -> list[Plot]:
    result = [*_accuracy_against_speed(seen), *_rates(seen)]
    more = of_how_many(seen)
    bars = [(each.look.name, _stages(each)) for each in seen[:MOST]]
    caption = "Where the time goes, without waiting for a deadline."
    result.append(Plot(plots.stacked_bars(bars, "ms of work for a frame"), caption + more))
    curves = []
    for each in seen[:MOST]:
        of_rows = zip(*(row["latency_percentiles_ms"] for row in each.rows))
        curves.append((each.look, [statistics.median(values) for values in of_rows], PERCENTAGES))
    svg = plots.lines(curves, "latency, ms from capture to the last sink", "% of frames", (None, 102))
    several = " Medians over rates and pacings." if len(rows) > len(seen) else ""
    result.append(Plot(svg, "Latency: the share of frames that were done within a time." + several + more))
    return result


def _accuracy_against_speed(seen: Sequence[Seen]) -> list[Plot]:
    caption = (
        "Accuracy against speed: up and to the right is better. No other combination beats those on the line in one "
        "without losing in the other."
    )
    figure: Callable[[Json], float | None] = lambda row: (row["accuracy"] or {}).get("ap50")  # noqa: E731
    called = "AP50 against the labels"
    if all(each.median(figure) is None for each in seen):
        figure = lambda row: row["mean_confidence"] and row["mean_confidence"]["median"]  # noqa: E731
        called = "mean confidence (no labels)"
        caption += " Mean confidence is not accuracy: it says nothing of what was missed."
    points = []
    for each in seen:
        speed = each.median(lambda row: row["possible_fps"] and row["possible_fps"]["median"])
        accuracy = each.median(figure)
        if speed is not None and accuracy is not None:
            points.append(plots.Point(speed, accuracy, each.look))
    if len(points) < 2:  # nothing to compare
        return []
    return [Plot(plots.accuracy_against_speed(points, called, "FPS that the work allows"), caption)]


def _rates(seen: Sequence[Seen]) -> list[Plot]:
    rates = [
        plots.Rate(
            row["combination"].fps,
            row["fps"]["median"],
            row["predicted_fps"],
            each.look,
            row["combination"].pacing == "delay",
        )
        for each in seen
        for row in each.rows
        if row["combination"].fps
    ]
    if not rates:
        return []
    caption = "Configured and real rate. What lies below the dashed line is slower than it was told to be."
    if any(rate.predicted for rate in rates):
        caption += " The report's formula is 1 / (work + delay)."
    return [Plot(plots.configured_against_real(rates), caption)]


def _stages(each: Seen) -> dict[str, float]:
    found = {}
    for stage in ("preprocess", "infer", "postprocess", "draw", "sink"):
        ms = each.median(lambda row: row["stages_ms"][stage]["median"])  # noqa: B023
        if ms is not None and ms >= 0.005:
            found[stage] = ms
    return found


def _pictures(seen: Sequence[Seen]) -> list[Picture]:
    shown = [(each, row["picture"]) for each in seen for row in each.rows[:1] if row["picture"]]
    pictures = []
    for each, path in shown[:MOST]:
        try:
            with open(path, "rb") as file:
                data = file.read()
        except OSError as error:
            raise SourceError(f"{path}: {error.strerror}") from error
        if not data.startswith(b"\xff\xd8"):
            warn(f"{path}: left out: not a JPEG file")
            continue
        words = each.rows[0]["words"]
        capture = "its own resolution" if words["capture"] == "own" else words["capture"]
        pictures.append(Picture(data, f"Captured at {capture}, size {words['size']}, {words['backend']}"))
    return pictures
