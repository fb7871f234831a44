"""A sweep as sections of the report."""

import os
from typing import NamedTuple, Sequence

from app.errors import SourceError, warn
from app.modelcard import find_model
from tools.json_file import Json, expecting
from tools.report.accuracy import accuracy_plots, accuracy_tables
from tools.report.measured import data_name, file_name, machine_facts
from tools.report.section import MOST, Picture, Section
from tools.report.sweep_plots import Seen, seen_in, sweep_plots
from tools.sweep.journal import WHAT, Journal
from tools.sweep.notes import notes
from tools.sweep.summary import rows as summarise
from tools.sweep.table import tables

UNMEASURED = (640, 480)  # frame of a sweep that has measured nothing yet


class Swept(NamedTuple):
    """What the cost model needs to know of a sweep. frame: width and height of the largest one."""

    name: str
    model: str
    sizes: list[int]
    square: bool
    frame: tuple[int, int]


def source_of(folder: str) -> str:
    """The input of the sweep in a folder, as shown to people. Raises SourceError."""
    return _source(Journal.read(folder))


def read(folder: str, called: str = "") -> tuple[list[Section], Swept]:
    """The sweep in a folder as sections, and its model. called: distinguishes it in titles from other sweeps of the
    same source. Raises SourceError.
    """
    journal = Journal.read(folder)
    on = _source(journal) + (f" ({called})" if called else "")
    rows = summarise(journal)
    with expecting(folder, WHAT):
        options = journal.plan["options"]
        frames = [tuple(row["captured_size"]) for row in rows] or [UNMEASURED]
        width, height = max(frames, key=lambda frame: frame[0] * frame[1])
        sizes = [int(size) for size in options["sizes"]]
        name, path = file_name(options["model"]), find_model(options["model"])
        swept = Swept(name, path, sizes, bool(options["square"]), (width, height))
        return _sections(journal, rows, on), swept


def _source(journal: Journal) -> str:
    with expecting(journal.folder, WHAT):
        options = journal.plan["options"]
        return data_name(options["cam"] or options["images"] or "the input")


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
    sentences = [*_missing(journal, rows), *notes(rows, journal.measurements)]
    found = Section(title, sentences, tables(rows, f", on {on}"), sweep_plots(rows, seen), _pictures(seen), facts)
    scored = [(each.look, each.accuracy) for each in seen if each.accuracy]
    if not scored:
        return [found]
    title = f"Accuracy, on {on}"
    sentence = "One line per capture, size and backend: the configured rate does not change what is found in a frame."
    return [found, Section(title, [sentence], accuracy_tables(title, scored), accuracy_plots(scored))]


def _missing(journal: Journal, rows: Sequence[Json]) -> list[str]:
    """What the sweep or this report lacks."""
    lacks = []
    skipped = max(row["skipped"] for row in rows)
    if skipped:
        lacks.append(f"Damaged images, left out with their labels: {skipped}.")
    missing = len(journal.plan["grid"]) - len(rows)
    if missing:
        lacks.append(f"The sweep is incomplete: {missing} of {missing + len(rows)} combinations are not measured yet.")
    rounds = sorted({row["rounds"] for row in rows})
    if len(rounds) > 1:
        lacks.append(f"The sweep is incomplete: some combinations have only {rounds[0]} of {rounds[-1]} rounds.")
    labelled = os.path.exists(os.path.join(journal.folder, "truth.json"))
    if labelled and not any(row["accuracy"] for row in rows):
        lacks.append("There are labels, but accuracy needs pycocotools: python -m pip install -e '.[report]'")
    return lacks


def _ran(rows: Sequence[Json]) -> list[tuple[str, str]]:
    """Settings that the table leaves out where they do not vary, and what each backend really was."""
    if not rows:
        return []
    backends = dict.fromkeys(f"{row['words']['backend']}: {row['backend']}" for row in rows)
    pacings = dict.fromkeys(row["words"]["pacing"] for row in rows)
    rounds = str(max(row["rounds"] for row in rows))
    return [("backend", "; ".join(backends)), ("pacing", ", ".join(pacings)), ("rounds", rounds)]


def _pictures(seen: Sequence[Seen]) -> list[Picture]:
    pictures = []
    for row in [each.rows[0] for each in seen if each.rows[0]["picture"]][:MOST]:
        try:
            with open(row["picture"], "rb") as file:
                data = file.read()
        except OSError as error:
            raise SourceError(f"{row['picture']}: {error.strerror}") from error
        if not data.startswith(b"\xff\xd8"):
            warn(f"{row['picture']}: left out: not a JPEG file")
            continue
        words = row["words"]
        capture = "its own resolution" if words["capture"] == "own" else words["capture"]
        pictures.append(Picture(data, f"Captured at {capture}, size {words['size']}, {words['backend']}"))
    return pictures
