"""A sweep as sections of the report."""

import os
from typing import Any, Callable, Sequence

from app.modelcard import find_model
from tools.reporting import plots
from tools.reporting.accuracy import MOST_CURVES, accuracy_table, mistakes_plot, recall_plot
from tools.reporting.measured import machine_facts
from tools.reporting.section import Picture, Plot, Section
from tools.sweeping.findings import findings
from tools.sweeping.journal import Journal
from tools.sweeping.summary import rows as summarise
from tools.sweeping.table import table

Json = dict[str, Any]

WHAT_IS_SEEN = ("capture", "size", "backend")  # settings that decide what is found in a picture


def sections(folder: str) -> list[Section]:
    """The sweep in a folder: what it says, its table and plots, and example pictures. Raises SourceError."""
    journal = Journal.read(folder)
    rows = summarise(journal)
    options = journal.plan["options"]
    source = os.path.basename((options["cam"] or options["images"]).rstrip("/")) or "the input"
    title = f"Settings, on {source}"
    facts = [("model", options["model"]), *_ran(rows), *machine_facts(journal.plan["machine"])]
    if not rows:
        return [Section(title, ["Nothing has been measured yet."], facts=facts)]
    missing = len(journal.plan["grid"]) - len(rows)
    unfinished = [f"The sweep is not complete: {missing} combinations have not been measured."] if missing else []
    found = [Section(title, [*unfinished, *findings(rows)], [table(rows, title)], _plots(rows), _pictures(rows), facts)]
    return [*found, *_accuracy(rows, source)]


def _ran(rows: Sequence[Json]) -> list[tuple[str, str]]:
    """What really ran, and how the rate was kept: settings that the table leaves out where they do not vary."""
    backends = dict.fromkeys(f"{row['words']['backend']}: {row['backend']}" for row in rows)
    pacings = dict.fromkeys(row["words"]["pacing"] for row in rows)
    rounds = sorted({row["rounds"] for row in rows})
    return (
        [("backend", "; ".join(backends)), ("pacing", ", ".join(pacings)), ("rounds", str(rounds[-1]))] if rows else []
    )


def _name(row: Json, *settings: str) -> str:
    """What tells a row from others, in few words; backends and pacings only where they differ."""
    return " ".join(row["words"][setting] for setting in settings)


def _varying(rows: Sequence[Json], *settings: str) -> list[str]:
    """Of the settings, those that differ between rows, or the first if none does."""
    return [s for s in settings if len({row["words"][s] for row in rows}) > 1] or [settings[0]]


def _distinct(rows: Sequence[Json], settings: Sequence[str]) -> list[Json]:
    """One row for each combination of these settings: the first."""
    return list({_name(row, *settings): row for row in reversed(rows)}.values())[::-1]


def _plots(rows: Sequence[Json]) -> list[Plot]:
    labelled = [row for row in rows if row["accuracy"]]
    of_picture = _varying(rows, *WHAT_IS_SEEN)
    result = []
    accuracy: Callable[[Json], float] = lambda row: row["accuracy"]["ap50"]  # noqa: E731
    called = "AP50 against the labels"
    chosen = _distinct(labelled, WHAT_IS_SEEN)
    if not chosen:
        accuracy, called = lambda row: row["mean_confidence"]["median"], "mean confidence (no labels)"  # noqa: E731
        chosen = _distinct([row for row in rows if row["mean_confidence"]], WHAT_IS_SEEN)
    points = [
        plots.Point(row["possible_fps"]["median"], accuracy(row), _name(row, *of_picture), _name(row, *of_picture[:1]))
        for row in chosen
    ]
    if points:
        svg = plots.accuracy_against_speed(points, called, "FPS that the work allows")
        caption = (
            "Accuracy against speed: up and to the right is better. No other combination beats those on the line in "
            "one without losing in the other."
        )
        if not labelled:
            caption += " Mean confidence is not accuracy: it says nothing of what was missed."
        result.append(Plot(svg, caption))
    result += _rates(rows)
    worked = _distinct(rows, WHAT_IS_SEEN)
    bars = [(_name(row, *of_picture), _stages(row)) for row in worked]
    result.append(
        Plot(plots.stacked_bars(bars, "ms of work for a frame"), "Where the time goes, without waiting for a deadline.")
    )
    curves = [
        (_name(row, *of_picture), row["latency_percentiles_ms"], [index * 2 for index in range(51)])
        for row in worked[:MOST_CURVES]
    ]
    svg = plots.lines(curves, "latency, ms from capture to the last sink", "% of frames", (None, 102))
    result.append(Plot(svg, "Latency: the share of frames that were done within a time."))
    return result


def _rates(rows: Sequence[Json]) -> list[Plot]:
    paced = [row for row in rows if row["combination"].fps]
    if not paced:
        return []
    settings = _varying(paced, "size", "pacing", "capture", "backend")
    rates = [
        plots.Rate(row["combination"].fps, row["fps"]["median"], row["predicted_fps"], _name(row, *settings))
        for row in _distinct(paced, [*settings, "fps"])
    ]
    caption = "Configured and real rate. What lies below the dashed line is slower than it was told to be."
    if any(rate.predicted for rate in rates):
        caption += " A dash is what the report's formula 1 / (work + delay) predicts."
    return [Plot(plots.configured_against_real(rates), caption)]


def _stages(row: Json) -> dict[str, float]:
    kept = ("preprocess", "infer", "postprocess", "draw", "sink")
    return {stage: row["stages_ms"][stage]["median"] for stage in kept if row["stages_ms"][stage]["median"] >= 0.005}


def _pictures(rows: Sequence[Json]) -> list[Picture]:
    pictures = []
    shown = [row for row in rows if row["picture"]]
    for row in _distinct(shown, WHAT_IS_SEEN)[:MOST_CURVES]:
        with open(row["picture"], "rb") as file:
            caption = f"Captured at {row['words']['capture']}, size {row['words']['size']}"
            pictures.append(Picture(file.read(), f"{caption}, {row['words']['backend']}"))
    return pictures


def _accuracy(rows: Sequence[Json], source: str) -> list[Section]:
    """Precision-recall curves and mistakes of the combinations that differ in what the network sees."""
    chosen = _distinct([row for row in rows if row["accuracy"]], WHAT_IS_SEEN)
    if not chosen:
        return []
    named = [(_name(row, *_varying(chosen, *WHAT_IS_SEEN)), row["accuracy"]) for row in chosen]
    title = f"Accuracy, on {source}"
    sentences = ["What the network sees decides this, not how often: a line for each capture, size and backend."]
    return [Section(title, sentences, [accuracy_table(title, named)], [recall_plot(named), mistakes_plot(named)])]


def model_and_sizes(folder: str) -> tuple[str, str, list[int], bool]:
    """The model's name and file, the sizes that were swept, and whether square: what the cost model wants."""
    options = Journal.read(folder).plan["options"]
    return options["model"], find_model(options["model"]), list(options["sizes"]), bool(options["square"])
