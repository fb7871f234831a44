"""The records of what happens to tracked things.

    {"type": "cross", "t": 12.4, "camera": "yard", "track": 17, "label": "person", "class": 0, "score": 0.913,
     "box": [x1, y1, x2, y2], "line": "door", "direction": "in"}

type        when                                                    with
appear      a track is confirmed
vanish      it has not been seen for some seconds                   seconds (from the first time seen to the last)
cross       it has settled on the other side, or vanished there     line, direction
enter       it has been in a zone for the zone's inertia            zone
loiter      it has stayed there for the zone's limit, once a stay   zone, seconds (so far)
leave       it has been outside for the inertia, or has vanished    zone, seconds (of the stay)

`t` is the time of the frame that decided it, in seconds as in `Frame.time`; label, score and box are those of the last
frame in which the thing was seen.
"""

from typing import Any, Dict, List, NamedTuple

TIMED = ("vanish", "leave", "loiter")  # the types with a duration


class Sighting(NamedTuple):
    """A confirmed track in one frame. box: x1, y1, x2, y2 in pixels of the frame."""

    track: int
    label: str
    class_id: int
    score: float
    box: List[float]


class Event(NamedTuple):
    """One event. t: seconds. camera: empty where there is only one. direction: the line's name for it. seconds: what
    the module's table says, else 0.
    """

    type: str
    t: float
    seen: Sighting
    camera: str = ""
    line: str = ""
    direction: str = ""
    zone: str = ""
    seconds: float = 0.0

    def as_json(self) -> Dict[str, Any]:
        """The event as a JSON object: times to the millisecond, boxes to a hundredth of a pixel."""
        found: Dict[str, Any] = {
            "type": self.type,
            "t": round(self.t, 3),
            "camera": self.camera,
            "track": self.seen.track,
            "label": self.seen.label,
            "class": self.seen.class_id,
            "score": round(self.seen.score, 4),
            "box": [round(value, 2) for value in self.seen.box],
        }
        if self.line:
            found.update(line=self.line, direction=self.direction)
        if self.zone:
            found["zone"] = self.zone
        if self.type in TIMED:
            found["seconds"] = round(self.seconds, 3)
        return found
