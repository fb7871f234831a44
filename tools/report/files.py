"""Reports of the other commands, each a JSON file, as sections."""

import os
from typing import Any, Callable, Sequence

from app.errors import SourceError
from tools.json_file import Json, expecting, read_json
from tools.report.accuracy import of_score
from tools.report.benches import of_bench
from tools.report.costs import of_cost
from tools.report.runs import of_detect, of_evaluate
from tools.report.section import Section

WHAT = "a report of this project"
READERS: dict[str, Callable[[Json, str], list[Section]]] = {
    "detect": of_detect,
    "evaluate": of_evaluate,
    "score": of_score,
    "bench": of_bench,
    "cost": of_cost,
}
OLDER = {"stages_ms": "app.detect", "superclass_top1": "app.evaluate"}  # a field of reports that had no kind yet


def sections(path: str, among: Sequence[str] = ()) -> list[Section]:
    """A JSON report as sections. among: all files of the page, so that two of one name get different titles.

    Raises SourceError for a file that is not a report of this project.
    """
    report = read_json(path, WHAT)
    with expecting(path, WHAT):
        make = READERS.get(kind_of(path, report))
        if make is None:
            raise SourceError(
                f"{path}: neither a sweep's folder nor a report of app.detect, app.evaluate, tools.score, tools.bench "
                "or tools.cost"
            )
        return [_checked(section) for section in make(report, title(path, among))]


def kind_of(path: str, report: Any) -> str:
    """The `kind` of a report, empty if it has none. Raises SourceError if it can be read only in another way."""
    if not isinstance(report, dict):
        return ""
    if report.get("kind") == "sweep":
        raise SourceError(f"{path}: part of a sweep; type: python -m tools.report {os.path.dirname(path) or '.'}")
    for field, command in OLDER.items():
        if "kind" not in report and field in report:
            raise SourceError(f"{path}: written by an older version; recreate it: python -m {command} --report {path}")
    return str(report.get("kind", ""))


def _checked(section: Section) -> Section:
    """The section, if all its texts are texts: a damaged file may have a number for a name. Raises TypeError."""
    cells = [cell for table in section.tables for row in table.rows for cell in row]
    for text in [section.title, *section.sentences, *cells, *(part for fact in section.facts for part in fact)]:
        if not isinstance(text, str):
            raise TypeError(f"{text!r} is not text")
    return section


def title(path: str, among: Sequence[str] = ()) -> str:
    """The name of a file without its extension, or of a sweep's folder, with as many parent folders in front as are
    needed to distinguish it from the others.
    """
    parts = _parts(path)
    others = {tuple(other) for other in map(_parts, among)} - {tuple(parts)}
    count = 1
    while count < len(parts) and any(list(other[-count:]) == parts[-count:] for other in others):
        count += 1
    return "/".join(parts[-count:])


def _parts(path: str) -> list[str]:
    """The folders and the name of a file, without its extension, or of a folder."""
    whole = os.path.abspath(path)
    return (whole if os.path.isdir(whole) else os.path.splitext(whole)[0]).strip(os.sep).split(os.sep)
