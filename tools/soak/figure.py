"""What a stress test measured, beside what it requires."""

from typing import List, NamedTuple, Sequence

from tools.tables import Table


class Figure(NamedTuple):
    """One line of a result. asked: the requirement, in words. reached: whether it was met."""

    what: str
    measured: str
    asked: str
    reached: bool


def as_text(figures: Sequence[Figure]) -> str:
    """The figures as a table."""
    rows: List[List[str]] = [
        [what, measured, asked, "pass" if met else "FAIL"] for what, measured, asked, met in figures
    ]
    return Table("", ["", "measured", "required", ""], rows).as_text()
