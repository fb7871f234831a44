"""Keeps the totals of lines in a file, so that a restart counts on.

{"version": 1, "lines": {"door": {"in": {"person": 17}, "out": {"person": 12, "dog": 1}}}}
"""

import json
import os
from typing import Any, Dict, Sequence

from app.errors import SourceError
from app.files import reading, write_file
from app.tracking.lines import Line

VERSION = 1
LARGEST = 1 << 20  # bytes; a file of totals has a few hundred


def save_totals(path: str, lines: Sequence[Line]) -> None:
    """Write the totals of lines, and whole or not at all. Raises OutputError."""
    write_file(path, totals_text(lines).encode())


def totals_text(lines: Sequence[Line]) -> str:
    """What `save_totals` writes. Another thread may count meanwhile."""
    totals = {line.name: {direction: dict(counts) for direction, counts in line.totals.items()} for line in lines}
    return json.dumps({"version": VERSION, "lines": totals}, indent=2) + "\n"


def load_totals(path: str, lines: Sequence[Line]) -> None:
    """Continue from the totals in a file. What it says of other lines or directions is left out.

    Without a file they start from 0. Raises SourceError if it cannot be read, or is damaged.
    """
    if not os.path.exists(path):
        return
    with reading(path):
        with open(path, "rb") as file:
            data = file.read(LARGEST)
    try:
        found = _totals(json.loads(data.decode()))
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
        raise SourceError(f"{path}: is damaged or not a file of totals; to count from 0: mv {path} {path}.old")
    for line in lines:
        for direction, counts in line.totals.items():
            counts.update(found.get(line.name, {}).get(direction, {}))


def _totals(content: Any) -> Dict[str, Dict[str, Dict[str, int]]]:
    """What a file's content says of each line. Raises ValueError and others for content of another form."""
    if content["version"] != VERSION:
        raise ValueError("another version")
    for directions in content["lines"].values():
        for counts in directions.values():
            for count in counts.values():
                if type(count) is not int or count < 0:
                    raise ValueError("not a count")
    return content["lines"]  # type: ignore[no-any-return]
