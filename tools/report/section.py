"""What a report consists of, before it is a page: sections of sentences, tables, plots and pictures."""

from typing import NamedTuple, Sequence

from tools.tables import Table

MOST = 24  # bars, curves or pictures of a section


class Plot(NamedTuple):
    """svg: the drawing, without an XML header. caption: what it shows, and how to read it."""

    svg: str
    caption: str


class Picture(NamedTuple):
    """data: of a JPEG file. caption: what was set when it was taken."""

    data: bytes
    caption: str


class Section(NamedTuple):
    """A part of a report under a title. notes: sentences that come after the tables. facts: such as machine and
    versions, as name and value.
    """

    title: str
    sentences: Sequence[str] = ()
    tables: Sequence[Table] = ()
    plots: Sequence[Plot] = ()
    pictures: Sequence[Picture] = ()
    facts: Sequence[tuple[str, str]] = ()
    notes: Sequence[str] = ()


def of_how_many(things: Sequence[object]) -> str:
    """The end of a caption: that not all are shown, where they are not."""
    return f" The first {MOST} of {len(things)} are shown." if len(things) > MOST else ""
