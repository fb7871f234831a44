"""Changes that hand-made tracks make, by hand arithmetic."""

import time

import pytest

from app.events.keeper import Keeper
from app.events.rules import Rules
from app.events.wall import Moment
from app.tracking.events import Event, Sighting

SIZE = (640, 480)
MIDDLE = [100.0, 100.0, 200.0, 300.0]
EPOCH = 1.7e9  # seconds since 1970 at which the frames' time is 0


def seen(track=1, score=0.6, box=MIDDLE, label="person"):
    return Sighting(track, label, 0, score, list(box))


class Camera:
    """Gives a keeper frames, and keeps what it says."""

    def __init__(self, **rules):
        self.keeper = Keeper("yard", Rules(**rules))
        self.changes = []
        self.photographed = []

    def frame(self, now, *things, events=(), wall=None):
        made = self.keeper.update(Moment(now, EPOCH + now if wall is None else wall), events, things, SIZE)
        self.photographed += [now for _ in self.keeper.photographed]
        self.changes += made
        return [(change.type, change.incident.kind) for change in made]

    def vanish(self, now, thing, seconds):
        return self.frame(now, events=[Event("vanish", now, thing, seconds=seconds)])


def test_one_new_and_one_end_for_each_thing():
    camera = Camera()
    camera.frame(0, seen(1), seen(2, label="dog"))
    for now in range(1, 4):
        assert camera.frame(now, seen(1), seen(2, label="dog")) == []
    assert camera.vanish(6, seen(1), seconds=3) == [("end", "seen")]
    assert [(change.type, change.incident.track) for change in camera.changes] == [("new", 1), ("new", 2), ("end", 1)]
    end = camera.changes[-1]
    assert (end.incident.start, end.incident.end, end.t) == (EPOCH, EPOCH + 3, EPOCH + 6)
    assert end.incident.id == camera.changes[0].incident.id
    assert [(change.type, change.incident.track) for change in camera.keeper.close()] == [("end", 2)]
    assert camera.keeper.close() == []


def test_an_update_only_when_something_changed_and_not_too_often():
    camera = Camera()
    camera.frame(0, seen())
    crossed = Event("cross", 1, seen(), line="door", direction="in")
    entered = Event("enter", 2, seen(), zone="drive")
    assert camera.frame(1, seen(), events=[crossed]) == []
    assert camera.frame(2, seen(), events=[entered]) == []
    assert camera.frame(4.9, seen()) == []
    assert camera.frame(5, seen()) == [("update", "enter")]
    assert (camera.changes[-1].incident.zones, camera.changes[-1].incident.lines) == (("drive",), ("door/in",))
    for now in range(6, 20):
        assert camera.frame(now, seen()) == []
    assert camera.frame(20, seen(), events=[Event("leave", 20, seen(), zone="drive")]) == [("update", "leave")]
    assert camera.changes[-1].incident.zones == ("drive",)


def test_what_happened_after_the_last_update_is_in_the_end():
    camera = Camera()
    camera.frame(0, seen())
    camera.frame(1, seen(), events=[Event("cross", 1, seen(), line="door", direction="out")])
    assert camera.vanish(3, seen(), seconds=1) == [("end", "cross")]
    assert camera.changes[-1].incident.lines == ("door/out",)


def test_crossing_again_is_said_once_in_the_lines_and_each_time_in_an_update():
    camera = Camera()
    camera.frame(0, seen())
    for now in (10, 20):
        assert camera.frame(now, seen(), events=[Event("cross", now, seen(), line="door", direction="in")])
    assert camera.changes[-1].incident.lines == ("door/in",)


def test_the_best_picture_is_of_the_best_score_and_not_at_the_edge():
    cut_off = [1.0, 100.0, 100.0, 300.0]
    camera = Camera()
    camera.frame(0, seen(score=0.75, box=cut_off))  # worth 0.55
    camera.frame(1, seen(score=0.8, box=cut_off))  # 0.6: better
    camera.frame(2, seen(score=0.64))  # not by enough
    camera.frame(3, seen(score=0.7))  # better, as it is whole
    camera.frame(4, seen(score=0.9, box=cut_off))  # 0.7: not better, but the best score
    camera.frame(5, seen(score=0.5))
    assert camera.photographed == [0, 1, 3]
    update = camera.changes[-1]
    assert update.type == "update"
    assert (update.incident.score, list(update.incident.box)) == (0.9, MIDDLE)
    assert update.incident.picture == f"pictures/{update.incident.id}.jpg"


def test_a_better_picture_alone_makes_an_update_but_not_for_ever():
    camera = Camera()
    for now in range(200):
        camera.frame(now, seen(score=0.5 + 0.002 * now))
    assert len(camera.photographed) == 8  # 0.5, then every 0.05 (up to 0.898), if rounding does not delay one
    assert 1 + len([change for change in camera.changes if change.type == "update"]) == 8


def test_the_speed_is_that_of_the_centre():
    camera = Camera()
    for now in range(0, 5):
        x = 30.0 * now
        camera.frame(now, seen(box=[x, 100 + 40.0 * now, x + 50, 200 + 40.0 * now]))
    (end,) = camera.keeper.close()
    assert end.incident.speed == pytest.approx(50)  # 30 and 40 pixels in a second
    camera = Camera()
    camera.frame(0, seen())
    assert camera.keeper.close()[0].incident.speed is None


@pytest.mark.parametrize(
    ("rules", "label", "score", "counts"),
    [
        ({}, "person", 0.1, True),
        ({"classes": ["dog"]}, "person", 0.9, False),
        ({"classes": ["dog", "person"]}, "person", 0.9, True),
        ({"score": 0.6}, "person", 0.59, False),
        ({"score": 0.6}, "person", 0.6, True),
    ],
)
def test_classes_and_scores(rules, label, score, counts):
    camera = Camera(**rules)
    camera.frame(0, seen(label=label, score=score))
    camera.frame(1, seen(label=label, score=0.0))
    assert [change.type for change in camera.changes + camera.keeper.close()] == (["new", "end"] if counts else [])


def test_a_thing_becomes_an_event_when_it_enters_a_place_that_counts():
    camera = Camera(places=["drive", "door"])
    assert camera.frame(0, seen(1), seen(2)) == []
    assert camera.frame(1, seen(1), seen(2), events=[Event("enter", 1, seen(1), zone="lawn")]) == []
    assert camera.frame(2, seen(1), seen(2), events=[Event("enter", 2, seen(1), zone="drive")]) == [("new", "enter")]
    assert camera.changes[0].incident.zones == ("lawn", "drive")
    assert camera.changes[0].incident.start == EPOCH
    crossed = Event("cross", 3, seen(2), line="door", direction="in")
    assert camera.frame(3, seen(1), events=[crossed]) == [("new", "cross")]  # even where it is too weak to be reported
    assert camera.vanish(9, seen(3), seconds=1) == []


def test_quiet_hours_put_off_what_is_still_there_afterwards():
    local = time.localtime(EPOCH)
    minute = 60 * local.tm_hour + local.tm_min
    camera = Camera(quiet=[(minute, minute + 1)])
    assert camera.frame(0, seen(1), seen(2)) == []
    assert camera.vanish(39, seen(2), seconds=1) == []
    assert camera.frame(40, seen(1)) == [("new", "seen")]  # EPOCH is 20 s after a full minute
    assert camera.changes[0].incident.start == EPOCH


def test_a_cool_down_holds_back_what_comes_of_the_same_label():
    camera = Camera(cool_down=10)
    camera.frame(0, seen(1), seen(2), seen(3, label="dog"))
    assert [(change.incident.track, change.incident.label) for change in camera.changes] == [(1, "person"), (3, "dog")]
    camera.frame(9.9, seen(1), seen(2), seen(4))
    camera.frame(20, seen(1), seen(2), seen(4), seen(5))  # those that were held back stay so
    assert [change.incident.track for change in camera.changes if change.type == "new"] == [1, 3, 5]
    assert camera.keeper.held_back == 2
    assert len(camera.keeper.close()) == 3


def test_what_is_open_and_when_it_was_last_seen():
    camera = Camera(classes=["person"])
    camera.frame(0, seen(1), seen(2, label="dog"))
    camera.frame(7, seen(1))
    camera.frame(8)
    assert list(camera.keeper.open().values()) == [EPOCH + 7]


def test_a_clock_that_is_set_makes_nothing_longer():
    camera = Camera()
    camera.frame(0, seen(), wall=1000.0)
    camera.frame(5, seen(), wall=EPOCH)
    (end,) = camera.keeper.close()
    assert (end.incident.start, end.incident.end, end.t) == (1000.0, 1005.0, EPOCH)
