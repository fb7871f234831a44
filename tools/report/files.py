"""Reports of the other commands, each a JSON file, as sections."""

import json
import os
from typing import Any, Callable, Sequence

from app.errors import SourceError
from tools.report.accuracy import of_score
from tools.report.benches import of_bench
from tools.report.costs import of_cost
from tools.report.runs import of_detect, of_evaluate
from tools.report.section import Section

Json = dict[str, Any]

KINDS: Sequence[tuple[Callable[[Json], bool], Callable[[Json, str], list[Section]]]] = (
    (lambda report: report.get("kind") == "score", of_score),
    (lambda report: report.get("kind") == "bench", of_bench),
    (lambda report: report.get("kind") == "cost", of_cost),
    (lambda report: "kind" not in report and "stages_ms" in report, of_detect),
    (lambda report: "kind" not in report and "superclass_top1" in report, of_evaluate),
)


def sections(path: str, among: Sequence[str] = ()) -> list[Section]:
    """What a JSON report says. among: all files of the page, so that the titles of two of one name differ.

    Raises SourceError for a file that is none of this project's reports.
    """
    try:
        with open(path, encoding="utf-8") as file:
            report = json.load(file)
    except OSError as error:
        raise SourceError(f"{path}: {error.strerror}") from error
    except (ValueError, RecursionError) as error:  # what it says of bytes that are no text holds all of them
        raise SourceError(f"{path}: not a report of this project: it is no JSON") from error
    try:
        for fits, make in KINDS:
            if isinstance(report, dict) and fits(report):
                return [_checked(section) for section in make(report, title(path, among))]
    except (ValueError, LookupError, TypeError, AttributeError, ArithmeticError) as error:
        what = type(error).__name__
        raise SourceError(f"{path}: not a report of this project, or a damaged one ({what})") from error
    raise SourceError(
        f"{path}: neither a sweep's folder nor a report of app.detect, app.evaluate, tools.score, tools.bench or "
        "tools.cost"
    )


def _checked(section: Section) -> Section:
    """The section, whose words are words: a damaged file may have a number for a name. Raises TypeError."""
    cells = [cell for table in section.tables for row in table.rows for cell in row]
    for text in [section.title, *section.sentences, *cells, *(part for fact in section.facts for part in fact)]:
        if not isinstance(text, str):
            raise TypeError(f"{text!r} should be a text")
    return section


def title(path: str, among: Sequence[str] = ()) -> str:
    """The name of a file, without its ending, or of a sweep's folder, after as many of the folders that it is in as
    tell it from the others of that name.
    """
    parts = _parts(path)
    others = {tuple(other) for other in map(_parts, among)} - {tuple(parts)}
    count = 1
    while count < len(parts) and any(list(other[-count:]) == parts[-count:] for other in others):
        count += 1
    return "/".join(parts[-count:])


def _parts(path: str) -> list[str]:
    """Folders and name of a file, without its ending, or of a folder."""
    whole = os.path.abspath(path)
    return (whole if os.path.isdir(whole) else os.path.splitext(whole)[0]).strip(os.sep).split(os.sep)
