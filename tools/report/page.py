"""A report as one self-contained HTML page, and as Markdown."""

import base64
import itertools
import os
import re
from typing import Sequence

import jinja2
from markupsafe import Markup

from app import __version__
from tools.report.section import Picture, Plot, Section
from tools.tables import Table

FOLDER = os.path.dirname(os.path.abspath(__file__))

WORDS = 24  # characters: a column with longer cells is text, and may wrap

# Characters that Markdown reads as HTML, as an escape, or as the end of a line.
MARKDOWN = str.maketrans({"&": "&amp;", "<": "&lt;", "\\": "\\\\", "\r": " ", "\n": " "})


def as_html(title: str, sections: Sequence[Section], runs: Sequence[str], made: str) -> str:
    """The page, with drawings and pictures embedded. Text from files is escaped. made: the day, as shown."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(FOLDER),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    numbers = itertools.count(1)

    def drawing(plot: Plot) -> Markup:
        return Markup(_named(plot, f"p{next(numbers)}-"))

    return environment.get_template("page.html").render(
        title=title,
        version=__version__,
        made=made,
        runs=runs,
        sections=sections,
        drawing=drawing,
        side=_side,
        embedded=_embedded,
    )


def as_markdown(title: str, sections: Sequence[Section]) -> str:
    """Sentences and tables; the plots are only in the page."""
    parts = [f"# {_plain(title)}"]
    for section in sections:
        parts.append(f"## {_plain(section.title)}")
        facts = [f"{name}: {value}" for name, value in section.facts]
        parts += [_listed(section.sentences), *map(_table, section.tables), _listed(section.notes), _listed(facts)]
    return "\n\n".join(part for part in parts if part) + "\n"


def _listed(sentences: Sequence[str]) -> str:
    return "\n".join(f"- {_plain(sentence)}" for sentence in sentences)


def _table(table: Table) -> str:
    header, *rows = [[_plain(cell) for cell in row] for row in (table.header, *table.rows)]
    return Table(_plain(table.title), header, rows, _plain(table.note)).as_markdown()


def _plain(text: str) -> str:
    return text.translate(MARKDOWN)


def _side(table: Table, column: int) -> Markup:
    """The class of a cell: numbers are right-aligned, except in the first column; long texts wrap."""
    if column and table.is_numeric(column):
        return Markup(' class="number"')
    return Markup(' class="words"' if any(len(row[column]) > WORDS for row in table.rows) else "")


def _named(plot: Plot, prefix: str) -> str:
    """The drawing with a label for screen readers, and with ids that are unique in the page."""

    def renamed(tag: re.Match[str]) -> str:
        return re.sub(r'(\bid="|href="#|url\(#)', rf"\g<1>{prefix}", tag[0])

    svg = re.sub(r"<[^>]*>", renamed, plot.svg)
    label = Markup(' role="img" aria-label="{}">').format(plot.caption)
    return svg.replace(">", label, 1)


def _embedded(picture: Picture) -> str:
    return "data:image/jpeg;base64," + base64.b64encode(picture.data).decode()
