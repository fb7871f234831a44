"""Make one page of sweeps and reports: tables, plots, pictures, notes, and what to expect on a Jetson Nano.

RUN is the folder of a sweep, or a --report of app.detect, app.evaluate, tools.score, tools.bench or tools.cost. The
page is one file for screen, phone and paper that needs no network; the same tables are written as Markdown and CSV.
"""

import argparse
import datetime
import glob
import os
import re
import sys
from collections import Counter
from typing import TYPE_CHECKING, Optional, Sequence

from app.command import Parser, exit_code, print_lines
from app.errors import ModelError, NanoyoloError, OutputError, SourceError, warn
from app.files import check_writable, make_folder, write_file
from app.inputsize import fitting
from app.modelcard import read_card

if TYPE_CHECKING:  # these need packages that may be missing; see make_report
    from tools.report.section import Section
    from tools.report.sweeps import Swept
    from tools.tables import Table

PAGE = "report.html"
PLAN = "sweep.json"  # in each sweep's folder

Model = tuple[str, Sequence[int], bool, tuple[int, int]]  # file, sizes, whether padded to a square, frame

EXAMPLES = """examples:
  python -m tools.report runs/sweep
  python -m tools.report runs/sweep-coco runs/sweep-street --title "Settings for the gate" --output gate
  python -m tools.report score.json bench.json cost.json
"""


def make_report(args: argparse.Namespace) -> str:
    """Write the page and its tables; the path of the page. Raises NanoyoloError."""
    try:
        from tools.report import costs, files, sweeps
        from tools.report.page import as_html, as_markdown
    except ImportError as error:
        raise ModelError(f"{error.name} is needed for reports: python -m pip install -e '.[report]'") from error

    folders = list(dict.fromkeys(run for run in args.runs if os.path.isdir(run)))
    for folder in folders:
        check_sweep(folder)
    sources = {folder: sweeps.source_of(folder) for folder in folders}
    often = Counter(sources.values())
    sections: list["Section"] = []
    swept: list["Swept"] = []
    for run in args.runs:
        if run in sources:
            found, model = sweeps.read(run, files.title(run, folders) if often[sources[run]] > 1 else "")
            swept.append(model)
        else:
            found = files.sections(run, args.runs)
        sections += found
    models = models_of(swept)
    if models and not any(section.title == costs.TITLE for section in sections):
        try:
            sections.append(costs.section(models))
        except NanoyoloError as error:  # the figures were measured elsewhere, and the model is not here
            warn(f"left out the estimate for a Nano: {error}")

    title = args.title or "Accuracy and speed"
    today = datetime.date.today().isoformat()
    names = [os.path.basename(os.path.abspath(run)) for run in args.runs]
    outputs = {name: table.as_csv() for name, table in csv_names(sections).items()}
    outputs["report.md"] = as_markdown(title, sections)
    outputs[PAGE] = as_html(title, sections, names, today)  # written last: when it exists, all files do
    write(args.output, outputs)
    return os.path.join(args.output, PAGE)


def check_sweep(folder: str) -> None:
    """Raise SourceError for a folder without a sweep, naming the sweeps in its subfolders."""
    if os.path.exists(os.path.join(folder, PLAN)):
        return
    inside = sorted(glob.glob(os.path.join(glob.escape(folder), "*", PLAN)))
    hint = f"; there are sweeps in {', '.join(map(os.path.dirname, inside))}" if inside else ""
    raise SourceError(f"{folder}: has no {PLAN}, so it is not the folder of a sweep (tools.sweep --run){hint}")


def models_of(swept: Sequence["Swept"]) -> dict[str, Model]:
    """The models that were swept, with all their sizes, by name; one for each shape of input, since a network costs
    less on wide frames than on square ones. Where names would be equal, they include the shape.
    """
    sizes: dict[tuple[str, str, bool, tuple[int, int]], set[int]] = {}
    for name, path, some, square, frame in swept:
        sizes.setdefault((name, path, square, frame), set()).update(some)
    often = Counter(name for name, *_ in sizes)
    models: dict[str, Model] = {}
    for (name, path, square, frame), all_sizes in sizes.items():
        form = f", {fitting_of(path, square)}, {frame[0]}x{frame[1]}" if often[name] > 1 else ""
        known = name + form
        if known in models:  # files of one name in two folders
            known += f", {path}"
        models[known] = (path, sorted(all_sizes), square, frame)
    return models


def fitting_of(model: str, square: bool) -> str:
    """How frames were fitted into the input of a model file, in a word; one that is gone is taken for YOLOv3-tiny."""
    try:
        return fitting(read_card(model), square)
    except ModelError:
        return "square" if square else "rectangular"


def csv_names(sections: Sequence["Section"]) -> dict[str, "Table"]:
    """The tables by the names of their CSV files."""
    named: dict[str, "Table"] = {}
    for table in (table for section in sections for table in section.tables):
        stem = re.sub(r"[^a-z0-9]+", "-", table.title.lower()).strip("-")[:80] or "table"
        name, number = f"{stem}.csv", 2
        while name in named:
            name, number = f"{stem}-{number}.csv", number + 1
        named[name] = table
    return named


def write(folder: str, outputs: dict[str, str]) -> None:
    """Write texts by their file names: all of them or, if a problem shows beforehand, none. Raises OutputError."""
    if os.path.exists(folder) and not os.path.isdir(folder):
        raise OutputError(f"{folder}: is a file; --output needs a folder, which is created if necessary")
    make_folder(folder)
    paths = {os.path.join(folder, name): text for name, text in outputs.items()}
    for path in paths:
        check_writable(path)
    for path, text in paths.items():
        write_file(path, text.encode(errors="replace"))  # a name in a JSON file may hold half a surrogate


def main(argv: Optional[Sequence[str]] = None) -> int:
    """Run the command; its exit code."""
    parser = Parser(prog="python -m tools.report", description=__doc__, epilog=EXAMPLES)
    add = parser.add_argument
    add("runs", nargs="+", metavar="RUN", help="folder of a sweep, or a JSON report")
    add("--output", default="runs/report", metavar="DIR", help="folder of the page (default: %(default)s)")
    add("--title", help="title of the page")

    def work() -> None:
        page = make_report(parser.parse_args(argv))
        print_lines([f"{page}; the same tables as Markdown and CSV are in the same folder"])

    return exit_code(work)


if __name__ == "__main__":
    sys.exit(main())
