"""From what tracking says of one camera to incidents and their changes.

Each thing that the rules want has one incident: "new" when it first is as they want it, "end" when it has vanished or
the camera ends, and in between at most one "update" in UPDATE_PERIOD, and only when something changed: a zone that was
entered or left, a line that was crossed, a better picture. Pure: no clock, no file, no picture.
"""

from typing import Dict, List, Optional, Sequence, Tuple

from app.events.incident import Change, Incident, new_id
from app.events.pictures import path_of
from app.events.rules import Rules
from app.events.wall import Moment
from app.tracking.events import Event, Sighting

UPDATE_PERIOD = 5.0  # seconds between two changes of an incident, but for its end
BETTER = 0.05  # by how much a picture has to be better to replace the one before
EDGE = 2.0  # pixels from the edge of the picture at which a box is taken to be cut off
CUT_OFF = 0.2  # by how much the picture of a thing that is cut off is worse
PRESENT = ("appear", "cross", "enter", "loiter")  # what a thing does that is in the frame
STRIDE = (
    1.0  # seconds between two places from which the speed is reckoned: in less, boxes tremble more than things move
)


class Thing:
    """A track, and the incident that it is or may become. Times in seconds of the frames."""

    def __init__(self, seen: Sighting, moment: Moment) -> None:
        self.seen = seen
        self.began = moment
        self.last = moment.now
        self.score = seen.score
        self.zones: List[str] = []
        self.lines: List[str] = []
        self.kind = "seen"
        self.changed = False
        self.held_back = False
        self.incident: Optional[Incident] = None  # as it was last told
        self.told_at = 0.0
        self.quality = 0.0  # of its picture
        self.box: Tuple[float, float, float, float] = (0.0, 0.0, 0.0, 0.0)  # in it
        self._way, self._seconds = 0.0, 0.0
        self._place, self._placed_at = _centre(seen.box), moment.now

    @property
    def places(self) -> List[str]:
        """The zones it has been in and the lines it has crossed."""
        return self.zones + [line.partition("/")[0] for line in self.lines]

    @property
    def speed(self) -> Optional[float]:
        """Its mean, in pixels per second; None before the first stride."""
        return self._way / self._seconds if self._seconds else None

    def see(self, seen: Sighting, now: float) -> None:
        """Take in where it is in a frame."""
        self.seen, self.last = seen, now
        self.score = max(self.score, seen.score)
        passed = now - self._placed_at
        if passed >= STRIDE:
            x, y = _centre(seen.box)
            self._way += ((x - self._place[0]) ** 2 + (y - self._place[1]) ** 2) ** 0.5
            self._seconds += passed
            self._place, self._placed_at = (x, y), now

    def take(self, event: Event) -> None:
        """Take in what it did."""
        if event.type == "cross":
            _add(self.lines, f"{event.line}/{event.direction}")
        elif event.type == "enter":
            _add(self.zones, event.zone)
        elif event.type not in ("leave", "loiter"):
            return
        self.kind, self.changed = event.type, True

    def picture(self, quality: float) -> None:
        """Its picture is the one of this frame."""
        x1, y1, x2, y2 = self.seen.box
        self.quality, self.box = quality, (x1, y1, x2, y2)


class Keeper:
    """The things of one camera. Give it every frame, in order.

    held_back: how many things made no event because of a cool-down. photographed: the incidents for which the last
    frame is their best picture so far.
    """

    def __init__(self, camera: str, rules: Rules) -> None:
        self.rules = rules
        self.held_back = 0
        self.photographed: List[str] = []
        self._camera = camera
        self._things: Dict[int, Thing] = {}
        self._cooling: Dict[str, float] = {}  # by label, until when
        self._moment = Moment(0.0, 0.0)

    def update(
        self, moment: Moment, events: Sequence[Event], seen: Sequence[Sighting], size: Tuple[int, int]
    ) -> List[Change]:
        """The changes that a frame makes. seen: the confirmed tracks in it. size: its width and height in pixels."""
        self._moment = moment
        self.photographed = []
        vanished = []
        for one in seen:
            self._thing(one).see(one, moment.now)
        for event in events:
            thing = self._thing(event.seen)
            if event.type in PRESENT and thing.last < moment.now:  # it is there, but too weak to be reported
                thing.see(event.seen, moment.now)
            thing.take(event)
            if event.type == "vanish":
                vanished.append(event)
        changes = [change for thing in self._things.values() for change in self._tell(thing, size)]
        for event in vanished:
            thing = self._things.pop(event.seen.track)
            thing.last = max(thing.last, thing.began.now + event.seconds)
            changes += self._end(thing)
        return changes

    def close(self) -> List[Change]:
        """The ends of all that is still there: the camera has ended."""
        things, self._things = self._things, {}
        self.photographed = []
        return [change for thing in things.values() for change in self._end(thing)]

    def open(self) -> Dict[str, float]:
        """When each incident that has not ended was last seen, in seconds since 1970, by its id."""
        return {thing.incident.id: _last(thing) for thing in self._things.values() if thing.incident is not None}

    def _thing(self, seen: Sighting) -> Thing:
        if seen.track not in self._things:
            self._things[seen.track] = Thing(seen, self._moment)
        return self._things[seen.track]

    def _tell(self, thing: Thing, size: Tuple[int, int]) -> List[Change]:
        """What there is to say of a thing now."""
        now = self._moment.now
        quality = thing.seen.score - (CUT_OFF if _is_cut_off(thing.seen.box, size) else 0.0)
        if thing.incident is None:
            if thing.last < now or not self._begins(thing):
                return []
            thing.picture(quality)
            self.photographed.append(self._new(thing).id)
            return [self._change("new", thing)]
        if thing.last == now and quality >= thing.quality + BETTER:
            thing.picture(quality)
            thing.changed = True
            self.photographed.append(thing.incident.id)
        if thing.changed and now - thing.told_at >= UPDATE_PERIOD:
            return [self._change("update", thing)]
        return []

    def _begins(self, thing: Thing) -> bool:
        """Whether a thing becomes an incident now. What comes while its label cools down never does."""
        label, rules = thing.seen.label, self.rules
        if thing.held_back or not rules.want(label, thing.score, thing.places) or rules.are_quiet(self._moment.wall):
            return False
        if self._moment.now < self._cooling.get(label, float("-inf")):
            thing.held_back = True
            self.held_back += 1
            return False
        if rules.cool_down:
            self._cooling[label] = self._moment.now + rules.cool_down
        return True

    def _new(self, thing: Thing) -> Incident:
        seen, start = thing.seen, thing.began.wall
        identity = new_id(start)
        picture = path_of(identity)
        thing.incident = Incident(identity, self._camera, seen.track, seen.label, seen.class_id, start, picture=picture)
        return thing.incident

    def _change(self, kind: str, thing: Thing) -> Change:
        assert thing.incident is not None
        thing.incident = thing.incident._replace(
            end=_last(thing) if kind == "end" else None,
            label=thing.seen.label,
            class_id=thing.seen.class_id,
            score=thing.score,
            box=thing.box,
            zones=tuple(thing.zones),
            lines=tuple(thing.lines),
            kind=thing.kind,
            speed=thing.speed,
        )
        thing.changed, thing.told_at = False, self._moment.now
        return Change(kind, thing.incident, self._moment.wall)

    def _end(self, thing: Thing) -> List[Change]:
        return [] if thing.incident is None else [self._change("end", thing)]


def _last(thing: Thing) -> float:
    """When it was last seen: its begin by the clock of then, and how long it has been there."""
    return thing.began.wall + thing.last - thing.began.now


def _centre(box: Sequence[float]) -> Tuple[float, float]:
    return (box[0] + box[2]) / 2, (box[1] + box[3]) / 2


def _is_cut_off(box: Sequence[float], size: Tuple[int, int]) -> bool:
    return min(box[0], box[1], size[0] - box[2], size[1] - box[3]) < EDGE


def _add(names: List[str], name: str) -> None:
    if name not in names:
        names.append(name)
