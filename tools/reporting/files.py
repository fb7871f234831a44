"""Reports of the other commands, each a JSON file, as sections."""

import json
import os
from typing import Any, Callable, Sequence

from app.errors import SourceError
from tools.reporting.accuracy import of_score
from tools.reporting.benches import of_bench
from tools.reporting.costs import of_cost
from tools.reporting.runs import of_detect, of_evaluate
from tools.reporting.section import Section

Json = dict[str, Any]

KINDS: Sequence[tuple[Callable[[Json], bool], Callable[[Json, str], list[Section]]]] = (
    (lambda report: report.get("kind") == "score", of_score),
    (lambda report: report.get("kind") == "bench", of_bench),
    (lambda report: report.get("kind") == "cost", of_cost),
    (lambda report: "kind" not in report and "stages_ms" in report, of_detect),
    (lambda report: "kind" not in report and "superclass_top1" in report, of_evaluate),
)


def sections(path: str) -> list[Section]:
    """What a JSON report says. Raises SourceError for a file that is none of this project's reports."""
    try:
        with open(path, encoding="utf-8") as file:
            report = json.load(file)
        for fits, make in KINDS:
            if isinstance(report, dict) and fits(report):
                return make(report, os.path.splitext(os.path.basename(path))[0])
    except OSError as error:
        raise SourceError(f"{path}: {error.strerror}") from error
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
        raise SourceError(f"{path}: not a report of this project, or a damaged one ({error!r})") from error
    raise SourceError(
        f"{path}: neither a sweep's folder nor a report of app.detect, app.evaluate, tools.score, tools.bench or "
        "tools.cost"
    )
