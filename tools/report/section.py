"""The parts of a report before it is a page: sections of sentences, tables, plots and pictures."""

from typing import NamedTuple, Sequence

from tools.tables import Table

MOST = 24  # bars, curves or pictures of a section


class Plot(NamedTuple):
    """svg: the drawing, without an XML header. caption: what it shows and how to read it."""

    svg: str
    caption: str


class Picture(NamedTuple):
    """data: a JPEG file. caption: the settings with which it was taken."""

    data: bytes
    caption: str


class Section(NamedTuple):
    """A part of a report under a title. notes: sentences after the tables. facts: name and value, of machine and
    versions for example.
    """

    title: str
    sentences: Sequence[str] = ()
    tables: Sequence[Table] = ()
    plots: Sequence[Plot] = ()
    pictures: Sequence[Picture] = ()
    facts: Sequence[tuple[str, str]] = ()
    notes: Sequence[str] = ()


def number(value: float | None, digits: int) -> str:
    """A number with so many decimals; empty for None."""
    return "" if value is None else f"{value:.{digits}f}"


def of_how_many(things: Sequence[object]) -> str:
    """The end of a caption, if not all are shown."""
    return f" The first {MOST} of {len(things)} are shown." if len(things) > MOST else ""
