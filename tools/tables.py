"""Tables of figures, as text, Markdown and CSV."""

import csv
import io
from typing import List, NamedTuple, Sequence


class Table(NamedTuple):
    """Header and rows of text; every row is as long as the header. note: what a reader needs to know. numbers: header
    and rows for a spreadsheet, where cells for people, such as `24.0 (23.9 to 24.1)`, are no numbers.
    """

    title: str
    header: List[str]
    rows: List[List[str]]
    note: str = ""
    numbers: Sequence[List[str]] = ()

    def is_numeric(self, column: int) -> bool:
        """Whether a column holds numbers, and so is aligned right."""
        return all(row[column][:1].isdigit() or row[column][:1] in ("", "-", "+") for row in self.rows)

    def as_text(self) -> str:
        """Aligned columns, numbers to the right except in the first column, which names the row."""
        widths = [max(len(row[column]) for row in [self.header, *self.rows]) for column in range(len(self.header))]
        left = [not column or not self.is_numeric(column) for column in range(len(self.header))]
        return "\n".join(
            "  ".join(
                cell.ljust(width) if at_left else cell.rjust(width) for cell, width, at_left in zip(row, widths, left)
            ).rstrip()
            for row in [self.header, *self.rows]
        )

    def as_markdown(self) -> str:
        """A table in GitHub's Markdown under its title."""
        lines = [self.header, ["---"] * len(self.header), *self.rows]
        body = "\n".join("| {} |".format(" | ".join(cell.replace("|", "\\|") for cell in line)) for line in lines)
        return "\n\n".join(part for part in ("### " + self.title, body, self.note) if part)

    def as_csv(self) -> str:
        """Comma-separated values as in RFC 4180."""
        text = io.StringIO()
        csv.writer(text).writerows(self.numbers or [self.header, *self.rows])
        return text.getvalue()
