import numpy as np
import pytest

from app.detections import Detections
from app.tracking.lines import Line
from app.tracking.scene import Scene
from app.tracking.zones import Zone

LABELS = ("person", "dog")


def frame(*rows):
    """Detections of track, class, and x and y of the bottom centre; each is 20 wide and 40 high."""
    boxes = np.array([[x - 10, y - 40, x + 10, y] for _, _, x, y in rows], float).reshape(-1, 4)
    tracks, classes = (np.array([row[column] for row in rows], int) for column in (0, 1))
    return Detections(boxes, np.full(len(rows), 0.5), classes, LABELS, tracks)


def kinds(events):
    return [event.type for event in events]


@pytest.fixture
def scene():
    lines = [Line("door", (0, 100), (200, 100))]
    return Scene(lines, [Zone("yard", [(0, 100), (200, 100), (200, 300), (0, 300)], inertia=0)], camera="front")


def test_appears_crosses_enters_leaves_and_vanishes(scene):
    assert kinds(scene.update(frame((7, 1, 50, 80)), 0.0)) == ["appear"]
    assert kinds(scene.update(frame((7, 1, 50, 120)), 1.0)) == ["cross", "enter"]
    assert scene.inside() == {"yard": [(7, "dog", 0.0)]}
    assert scene.update(frame(), 6.0) == []
    gone = scene.update(frame(), 6.1)
    assert kinds(gone) == ["leave", "vanish"]
    assert [event.seconds for event in gone] == [0, 1]
    assert scene.inside() == {"yard": []}
    assert scene.lines[0].totals["in"] == {"dog": 1}


def test_json(scene):
    scene.update(frame((7, 1, 50, 80)), 0.0)
    cross, enter = [event.as_json() for event in scene.update(frame((7, 1, 50.123456, 120)), 1.23456)]
    common = {"t": 1.235, "camera": "front", "track": 7, "label": "dog", "class": 1, "score": 0.5}
    box = [40.12, 80.0, 60.12, 120.0]
    assert cross == {"type": "cross", **common, "box": box, "line": "door", "direction": "in"}
    assert enter == {"type": "enter", **common, "box": box, "zone": "yard"}
    leave, vanish = [event.as_json() for event in scene.update(frame(), 99.0)]
    assert (leave["zone"], leave["seconds"], vanish["seconds"]) == ("yard", 0.0, 1.235)
    assert "zone" not in vanish


def test_what_is_not_confirmed_is_nothing(scene):
    assert scene.update(frame((0, 0, 50, 80)), 0.0) == []
    assert scene.update(frame((0, 0, 50, 120)), 1.0) == []
    assert scene.lines[0].totals == {"in": {}, "out": {}}


def test_the_way_begins_where_it_was_not_confirmed_yet(scene):
    assert scene.update(frame((0, 0, 50, 80), (0, 0, 150, 80), (0, 1, 50, 81)), 0.0) == []
    events = scene.update(frame((7, 0, 55, 120)), 1.0)
    assert kinds(events) == ["appear", "cross", "enter"]
    assert scene.update(frame((0, 0, 50, 80)), 2.0) == []
    assert kinds(scene.update(frame((8, 0, 50, 200)), 3.0)) == ["appear", "enter"], "nobody walks so far in a second"


def test_a_lost_track_goes_on_as_a_new_one_but_once(scene):
    scene.update(frame((1, 0, 50, 80)), 0.0)
    assert scene.update(frame(), 0.9) == []
    found = scene.update(frame((3, 0, 90, 120), (2, 0, 50, 120)), 1.0)
    assert [(event.seen.track) for event in found if event.type == "cross"] == [2], "the nearer one"
    assert "cross" not in kinds(scene.update(frame((4, 0, 50, 120)), 1.5))


def test_a_track_that_is_seen_goes_on_as_no_other(scene):
    scene.update(frame((1, 0, 50, 80)), 0.0)
    assert "cross" not in kinds(scene.update(frame((1, 0, 50, 80), (2, 0, 50, 120)), 1.0))
    scene.update(frame(), 3.0)
    assert "cross" not in kinds(scene.update(frame((3, 0, 50, 120)), 3.1)), "lost for too long"


def test_what_vanishes_behind_a_line_has_crossed_it(scene):
    scene.update(frame((1, 0, 50, 80)), 0.0)
    assert scene.update(frame((1, 0, 50, 103)), 1.0)[0].type == "enter", "3 pixels beyond, the dead band has 6"
    gone = scene.update(frame(), 7.0)
    assert [(event.type, event.direction) for event in gone] == [("cross", "in"), ("leave", ""), ("vanish", "")]
    assert scene.lines[0].totals["in"] == {"person": 1}


def test_a_gap_is_bridged(scene):
    scene.update(frame((1, 0, 50, 20)), 0.0)
    for time in (1.0, 2.0, 3.0):
        assert scene.update(frame(), time) == []
    assert "cross" in kinds(scene.update(frame((1, 0, 50, 180)), 4.0))


def test_another_anchor():
    scene = Scene([Line("door", (0, 100), (200, 100))], anchor="top")
    scene.update(frame((1, 0, 50, 130)), 0.0)
    assert kinds(scene.update(frame((1, 0, 50, 145)), 1.0)) == [], "its feet had crossed before, its head is 5 beyond"
    assert kinds(scene.update(frame((1, 0, 50, 147)), 2.0)) == ["cross"], "its head is 7 beyond, the dead band 6"


def test_a_clock_that_goes_back_ends_nothing(scene):
    scene.update(frame((1, 0, 50, 120)), 1000.0)
    scene.update(frame((1, 0, 50, 120)), 1002.0)
    assert scene.update(frame((1, 0, 50, 120)), 5.0) == []
    assert scene.update(frame((1, 0, 50, 120)), 8.0) == []
    leave, vanish = scene.update(frame(), 14.0)
    assert (leave.seconds, vanish.seconds, vanish.t) == (5, 5, 14.0), "two before, none between, three after"


def test_it_forgets():
    scene = Scene([Line("door", (0, 100), (900, 100))], [Zone("yard", [(0, 0), (900, 0), (900, 300), (0, 300)])])
    for number in range(1, 500):
        scene.update(frame((number, 0, 150 * (1 + number % 4), 80)), number * 1.0)
    held = [scene._tracks, scene.lines[0]._paths, scene.zones[0]._stays]
    assert [len(one) for one in held] == [6, 6, 6]


def test_what_is_lost_does_not_count_as_inside_but_leaves_later(scene):
    """A person who is lost and found again with another number is one person."""
    scene.update(frame((7, 1, 50, 120)), 0.0)
    scene.update(frame(), 1.0)
    assert scene.inside() == {"yard": [(7, "dog", 1.0)]}, "missed for a moment"
    assert kinds(scene.update(frame((8, 1, 55, 120)), 1.1)) == ["appear", "enter"]
    assert [one.track for one in scene.inside()["yard"]] == [8]
    assert kinds(scene.update(frame((7, 1, 50, 120)), 2.0)) == []
    assert [one.track for one in scene.inside()["yard"]] == [7, 8], "it has not left"


def test_lines_and_zones_change_and_the_tracks_go_on(scene):
    scene.update(frame((7, 1, 50, 80), (8, 1, 150, 250), (9, 1, 150, 150)), 0.0)
    zone = Zone("yard", [(100, 200), (200, 200), (200, 300), (100, 300)], inertia=0)
    other = Scene([Line("door", (0, 100), (200, 100)), Line("gate", (0, 240), (200, 240))], [zone], anchor="bottom")
    other.continue_from(scene)
    events = other.update(frame((7, 1, 50, 120), (8, 1, 150, 230), (9, 1, 150, 150)), 1.0)
    assert [(event.type, event.seen.track, event.camera) for event in events] == [
        ("cross", 7, "front"),  # over the line that stays, on the way that it was on
        ("leave", 9, "front"),  # what the zone is no longer around
    ]
    assert other.inside() == {"yard": [(8, "dog", 1.0)]}


def test_names_that_repeat():
    with pytest.raises(ValueError, match="door"):
        Scene([Line("door", (0, 0), (1, 0))], [Zone("door", [(0, 0), (1, 0), (0, 1)])])
    with pytest.raises(ValueError, match="bottom"):
        Scene(anchor="middle")
