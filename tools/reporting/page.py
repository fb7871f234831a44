"""A report as one HTML page that needs nothing else, and as Markdown."""

import base64
import itertools
import os
import re
from typing import Sequence

import jinja2
from markupsafe import Markup

from app import __version__
from tools.reporting.section import Picture, Plot, Section

FOLDER = os.path.dirname(os.path.abspath(__file__))


def as_html(title: str, sections: Sequence[Section], runs: Sequence[str], made: str) -> str:
    """The page. All that comes from files is escaped; drawings and pictures are in it. made: the day, for people."""
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
        numeric=lambda table, column: table.is_numeric(column),
        drawing=drawing,
        embedded=_embedded,
    )


def as_markdown(title: str, sections: Sequence[Section]) -> str:
    """Sentences and tables; a program that shows Markdown finds no plots here, they are in the page."""
    parts = [f"# {title}"]
    for section in sections:
        parts.append(f"## {section.title}")
        if section.sentences:
            parts.append("\n".join(f"- {sentence}" for sentence in section.sentences))
        parts += [table.as_markdown() for table in section.tables]
        if section.notes:
            parts.append("\n".join(f"- {sentence}" for sentence in section.notes))
        if section.facts:
            parts.append("\n".join(f"- {name}: {value}" for name, value in section.facts))
    return "\n\n".join(parts) + "\n"


def _named(plot: Plot, prefix: str) -> str:
    """The drawing, with a name for those who cannot see it, and ids that no other drawing of the page has."""
    svg = re.sub(r'(\bid="|href="#|url\(#)', rf"\g<1>{prefix}", plot.svg)
    label = Markup(' role="img" aria-label="{}">').format(plot.caption)
    return svg.replace(">", label, 1)


def _embedded(picture: Picture) -> str:
    return "data:image/jpeg;base64," + base64.b64encode(picture.data).decode()
