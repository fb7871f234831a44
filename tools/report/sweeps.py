"""A sweep as sections of the report."""

import os
from typing import Any, Sequence

from app.errors import SourceError, warn
from app.modelcard import find_model
from tools.report.accuracy import accuracy_plots, accuracy_tables
from tools.report.measured import data_name, file_name, machine_facts
from tools.report.section import MOST, Picture, Section
from tools.report.sweep_plots import Seen, seen_in, sweep_plots
from tools.sweep.conditions import disturbances
from tools.sweep.findings import findings
from tools.sweep.grid import ACCURACY
from tools.sweep.journal import Journal
from tools.sweep.summary import rows as summarise
from tools.sweep.table import tables

Json = dict[str, Any]

UNMEASURED = (640, 480)  # frame of a sweep that has measured nothing yet


def source_of(folder: str) -> str:
    """What the sweep in a folder looked at, for people. Raises SourceError."""
    return _source(Journal.read(folder))


def read(folder: str, called: str = "") -> tuple[list[Section], tuple[str, str, list[int], bool, tuple[int, int]]]:
    """The sweep in a folder as sections, and what the cost model wants of it: the model's name and file, the sizes that
    were swept, whether pictures were padded to a square, and the largest frame's width and height. called: what tells
    it from others of the same source, for titles. Raises SourceError.
    """
    journal = Journal.read(folder)
    on = _source(journal) + (f" ({called})" if called else "")
    try:
        options = journal.plan["options"]
        name = file_name(options["model"])
        rows = summarise(journal)
        frames = [tuple(row["captured_size"]) for row in rows] + [UNMEASURED]
        width, height = max(frames[: len(rows) or 1], key=lambda frame: frame[0] * frame[1])
        sizes = [int(size) for size in options["sizes"]]
        model = name, find_model(options["model"]), sizes, bool(options["square"]), (width, height)
        return _sections(journal, rows, on), model
    except (ValueError, LookupError, TypeError, AttributeError, ArithmeticError) as error:
        raise SourceError(f"{folder}: not what tools.sweep writes, or damaged ({error!r})") from error


def _source(journal: Journal) -> str:
    try:
        options = journal.plan["options"]
        return data_name(options["cam"] or options["images"] or "the input")
    except (LookupError, TypeError, AttributeError) as error:
        raise SourceError(f"{journal.folder}: not what tools.sweep writes, or damaged ({error!r})") from error


def _sections(journal: Journal, rows: Sequence[Json], on: str) -> list[Section]:
    title = f"Settings, on {on}"
    facts = [
        ("model", file_name(journal.plan["options"]["model"])),
        *_ran(rows),
        *machine_facts(journal.plan["machine"]),
    ]
    if not rows:
        return [Section(title, ["No combination has been measured yet."], facts=facts)]
    seen = seen_in(rows)
    speed = [measurement for measurement in journal.measurements if measurement["round"] != ACCURACY]
    disturbed = [f"When this was measured: {disturbance}." for disturbance in disturbances(speed)]
    sentences = [*_missing(journal, rows), *disturbed, *findings(rows)]
    found = Section(title, sentences, tables(rows, f", on {on}"), sweep_plots(rows, seen), _pictures(seen), facts)
    scored = [(each.look, each.accuracy) for each in seen if each.accuracy]
    if not scored:
        return [found]
    title = f"Accuracy, on {on}"
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
