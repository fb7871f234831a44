"""Makes one page of sweeps and reports: tables, plots, pictures, what they say, and what to expect on a Jetson Nano.

RUN is the folder of a sweep, or a --report of app.detect, tools.score, tools.bench or tools.cost. The page is one file
that needs no network, for screen, phone and paper; beside it lie the same tables as Markdown and as CSV.
"""

import argparse
import datetime
import os
import re
import sys
from typing import TYPE_CHECKING, Optional, Sequence

from app.command import Parser, exit_code
from app.errors import ModelError, NanoyoloError, OutputError, warn
from app.files import check_writable, write_file

if TYPE_CHECKING:  # it needs what is checked for below
    from tools.reporting.section import Section

EXAMPLES = """examples:
  python -m tools.report runs/sweep
  python -m tools.report runs/sweep-coco runs/sweep-street --title "Settings for the gate" --output gate
  python -m tools.report score.json bench.json cost.json
"""


def make_report(args: argparse.Namespace) -> str:
    """Write the page and its tables; the path of the page. Raises NanoyoloError."""
    try:
        from tools.reporting import costs, files, sweeps
        from tools.reporting.page import as_html, as_markdown
    except ImportError as error:
        raise ModelError(f"{error.name} is needed for reports: python -m pip install -e '.[report]'") from error

    sections: list["Section"] = []
    models: dict[str, tuple[str, Sequence[int], bool]] = {}
    for run in args.runs:
        if os.path.isdir(run):
            sections += sweeps.sections(run)
            name, path, sizes, square = sweeps.model_and_sizes(run)
            models[name] = (path, sorted({*sizes, *models[name][1]} if name in models else sizes), square)
        else:
            sections += files.sections(run)
    if models and not any(section.title == costs.TITLE for section in sections):
        try:
            sections.append(costs.section(models))
        except NanoyoloError as error:  # the figures were measured elsewhere, and the model is not here
            warn(f"nothing is said of what to expect on a Nano: {error}")

    title = args.title or "How good, how fast"
    today = datetime.date.today().isoformat()
    names = [os.path.basename(os.path.abspath(run)) for run in args.runs]
    outputs = {
        "report.html": as_html(title, sections, names, today),
        "report.md": as_markdown(title, sections),
    }
    for section in sections:
        for table in section.tables:
            stem = re.sub(r"[^a-z0-9]+", "-", table.title.lower()).strip("-")
            name, number = f"{stem}.csv", 2
            while name in outputs:
                name, number = f"{stem}-{number}.csv", number + 1
            outputs[name] = table.as_csv()
    try:
        os.makedirs(args.output, exist_ok=True)
    except OSError as error:
        raise OutputError(f"{args.output}: cannot be made: {error.strerror}") from error
    for name, text in outputs.items():
        check_writable(os.path.join(args.output, name))
        write_file(os.path.join(args.output, name), text.encode())
    return os.path.join(args.output, "report.html")


def main(argv: Optional[Sequence[str]] = None) -> int:
    """Run the command; its exit code."""
    parser = Parser(prog="python -m tools.report", description=__doc__, epilog=EXAMPLES)
    parser.add_argument("runs", nargs="+", metavar="RUN", help="folder of a sweep, or a JSON report")
    parser.add_argument("--output", default="runs/report", metavar="DIR", help="(default: %(default)s)")
    parser.add_argument("--title", help="of the page")

    def work() -> None:
        page = make_report(parser.parse_args(argv))
        print(f"{page}; the same tables as Markdown and CSV are beside it")

    return exit_code(work)


if __name__ == "__main__":
    sys.exit(main())
