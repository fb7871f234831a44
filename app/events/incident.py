"""What is told to people: one incident for each thing that was seen, and the changes of it.

    {"id": "1732871221.250-k3v9qa", "camera": "yard", "track": 17, "label": "person", "class": 0,
     "start": 1732871221.25, "end": null, "score": 0.913, "box": [x1, y1, x2, y2], "zones": ["drive"],
     "lines": ["door/in"], "event_type": "cross", "speed": 41.5, "picture": "pictures/1732871221.250-k3v9qa.jpg",
     "clip": ""}

Of each incident there is exactly one change "new" and one "end", and between them an "update" when something changed.
Imports neither numpy nor OpenCV, since commands look in here that need neither.
"""

import random
import string
from typing import Any, Dict, NamedTuple, Optional, Tuple

TYPES = ("new", "update", "end")  # of changes, in the order in which they come
KINDS = ("seen", "enter", "leave", "cross", "loiter")  # of what happened last

_LETTERS = string.ascii_lowercase + string.digits
_RANDOM = random.SystemRandom()  # processes that start at once, as after a fork, get other letters


class Incident(NamedTuple):
    """One thing that was seen, from its first sighting to its last.

    id: see `new_id`. camera: its name. track: of the tracker, unique within a run.
    start, end: of its sightings, in seconds since 1970; end is None while it is there. score: the best one.
    box: x1, y1, x2, y2 in pixels of the frame with the best picture. zones: those entered so far, in order.
    lines: those crossed so far, as "door/in", in order. kind: the last thing that happened, one of KINDS.
    speed: its mean, in pixels per second; None while too little of its way is known.
    picture, clip: paths relative to the store; empty where there is none.
    """

    id: str
    camera: str
    track: int
    label: str
    class_id: int
    start: float
    end: Optional[float] = None
    score: float = 0.0
    box: Tuple[float, float, float, float] = (0.0, 0.0, 0.0, 0.0)
    zones: Tuple[str, ...] = ()
    lines: Tuple[str, ...] = ()
    kind: str = "seen"
    speed: Optional[float] = None
    picture: str = ""
    clip: str = ""

    def as_json(self) -> Dict[str, Any]:
        """The incident as a JSON object: times to the millisecond, boxes to a hundredth of a pixel."""
        return {
            "id": self.id,
            "camera": self.camera,
            "track": self.track,
            "label": self.label,
            "class": self.class_id,
            "start": round(self.start, 3),
            "end": None if self.end is None else round(self.end, 3),
            "score": round(self.score, 4),
            "box": [round(value, 2) for value in self.box],
            "zones": list(self.zones),
            "lines": list(self.lines),
            "event_type": self.kind,
            "speed": None if self.speed is None else round(self.speed, 1),
            "picture": self.picture,
            "clip": self.clip,
        }


class Change(NamedTuple):
    """A step in the life of an incident.

    type: one of TYPES. incident: as it is after the change. t: when it was decided, in seconds since 1970.
    number: increasing, and unique in a store; 0 before the store has taken it.
    """

    type: str
    incident: Incident
    t: float
    number: int = 0

    def as_json(self) -> Dict[str, Any]:
        """The change as a JSON object: the incident's, with `type`, `t` and `number`."""
        return {"type": self.type, "t": round(self.t, 3), "number": self.number, **self.incident.as_json()}


def new_id(start: float) -> str:
    """A name for an incident: its start in seconds since 1970 with three decimals, and six random letters or digits.

    It is safe as the name of a file, and names sort by time.
    """
    return f"{start:.3f}-" + "".join(_RANDOM.choice(_LETTERS) for _ in range(6))


def incident_from_json(fields: Dict[str, Any]) -> Incident:
    """The incident that `as_json` of an incident or a change has made. Raises ValueError if it is none."""
    try:
        x1, y1, x2, y2 = fields["box"]
        return Incident(
            str(fields["id"]),
            str(fields["camera"]),
            int(fields["track"]),
            str(fields["label"]),
            int(fields["class"]),
            float(fields["start"]),
            _number(fields["end"]),
            float(fields["score"]),
            (float(x1), float(y1), float(x2), float(y2)),
            tuple(map(str, fields["zones"])),
            tuple(map(str, fields["lines"])),
            str(fields["event_type"]),
            _number(fields["speed"]),
            str(fields["picture"]),
            str(fields["clip"]),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(f"not an event: {error!r}") from error


def change_from_json(fields: Dict[str, Any]) -> Change:
    """The change that `Change.as_json` has made. Raises ValueError if it is none."""
    incident = incident_from_json(fields)
    try:
        return Change(str(fields["type"]), incident, float(fields["t"]), int(fields["number"]))
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(f"not a change of an event: {error!r}") from error


def _number(value: Any) -> Optional[float]:
    return None if value is None else float(value)
