"""Events for people and for other programs: as a table, as JSON and as CSV. Times are those of this machine's zone."""

import csv
import io
import json
import os
import time
from typing import Any, Dict, Iterable, Iterator, List, Sequence

from app.events.incident import Incident

HEADINGS = ("began", "lasted", "camera", "what", "score", "zones and lines", "id")
FIELDS = (
    *("id", "camera", "label", "class", "track", "start", "end", "score", "zones", "lines", "event_type", "speed"),
    *("x1", "y1", "x2", "y2", "picture", "clip"),
)


def table(incidents: Sequence[Incident]) -> List[str]:
    """The lines of a table, oldest first, with the day where it changes."""
    rows, day = [list(HEADINGS)], ""
    for one in incidents:
        began = time.localtime(one.start)
        before, day = day, time.strftime("%Y-%m-%d", began)
        clock = time.strftime("%H:%M:%S", began)
        places = ", ".join([*one.zones, *one.lines])
        rows.append(
            [
                clock if day == before else f"{day} {clock}",
                "goes on" if one.end is None else duration(one.end - one.start),
                one.camera,
                _printable(one.label),
                f"{one.score:.2f}",
                places,
                one.id,
            ]
        )
    widths = [max(len(row[column]) for row in rows) for column in range(len(HEADINGS))]
    right = (0, 1, 4)  # columns of figures
    return [
        "  ".join(
            cell.rjust(width) if column in right else cell.ljust(width)
            for column, (cell, width) in enumerate(zip(row, widths))
        ).rstrip()
        for row in rows
    ]


def details(incident: Incident, folder: str) -> List[str]:
    """All that is known of an event, in lines. folder: of its store."""
    end = "goes on" if incident.end is None else local(incident.end)
    lasted = "" if incident.end is None else f", after {duration(incident.end - incident.start)}"
    speed = "" if incident.speed is None else f"{incident.speed:.0f} pixels per second"
    rows = [
        ("id", incident.id),
        ("camera", incident.camera),
        ("what", f"{_printable(incident.label)} (track {incident.track})"),
        ("began", local(incident.start)),
        ("ended", end + lasted),
        ("score", f"{incident.score:.3f}"),
        ("zones", ", ".join(incident.zones)),
        ("lines", ", ".join(incident.lines)),
        ("speed", speed),
        ("box", ", ".join(f"{side:.0f}" for side in incident.box)),
        ("picture", incident.picture and os.path.join(folder, incident.picture)),
        ("clip", incident.clip and os.path.join(folder, incident.clip)),
    ]
    return [f"{name:8} {text}" for name, text in rows if text]


def json_lines(incidents: Iterable[Incident]) -> Iterator[str]:
    """An array of JSON objects, line by line; times in seconds since 1970."""
    yield "["
    before = ""
    for one in incidents:
        if before:
            yield before + ","
        before = json.dumps(one.as_json())
    if before:
        yield before
    yield "]"


def csv_lines(incidents: Iterable[Incident]) -> Iterator[str]:
    """Comma-separated values with a line of headings; times in local time, zones and lines separated by spaces."""
    yield _row(FIELDS)
    for one in incidents:
        fields: Dict[str, Any] = one.as_json()
        fields.update(zip(("x1", "y1", "x2", "y2"), fields["box"]))
        fields.update(start=local(one.start), end="" if one.end is None else local(one.end))
        fields.update(zones=" ".join(one.zones), lines=" ".join(one.lines))
        yield _row(["" if fields[name] is None else fields[name] for name in FIELDS])


def duration(seconds: float) -> str:
    """As people say it: 4.2 s, 3:05 min, 2:00:31 h."""
    if seconds < 59.95:
        return f"{max(0.0, seconds):.1f} s"
    whole = round(seconds)
    if whole < 3600:
        return f"{whole // 60}:{whole % 60:02d} min"
    return f"{whole // 3600}:{whole // 60 % 60:02d}:{whole % 60:02d} h"


def local(seconds: float) -> str:
    """A time in seconds since 1970 in this machine's time zone."""
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(seconds))


def _printable(text: str) -> str:
    """A model's label may be any text: one that would break a line, or change the terminal, is escaped."""
    return text if text.isprintable() else ascii(text)


def _row(cells: Sequence[Any]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="").writerow(cells)
    return text.getvalue()
