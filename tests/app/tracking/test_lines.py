import numpy as np
import pytest
from support.crossing import crossings

from app.tracking.lines import Line

HEIGHT = 100  # so that the dead band is 15 pixels


def walk(line, *points, track=1, label="person"):
    """The crossings of a track that is seen at these points."""
    found = [line.update(track, label, point, HEIGHT) for point in points]
    return [direction for direction in found if direction]


@pytest.fixture
def door():
    """From left to right in the picture: the left of the line is above it."""
    return Line("door", (100, 200), (300, 200))


def test_from_the_left_to_the_right_is_in(door):
    assert walk(door, (200, 150), (200, 190), (200, 220)) == ["in"]
    assert walk(door, (200, 250), (200, 150), track=2) == ["out"]
    assert door.totals == {"in": {"person": 1}, "out": {"person": 1}}


def test_directions_have_names_and_turn_with_the_line():
    line = Line("door", (300, 200), (100, 200), ("up", "down"))
    assert walk(line, (200, 150), (200, 250)) == ["down"]
    upright = Line("gate", (100, 0), (100, 100))  # seen downwards, its left is where x is larger
    assert walk(upright, (150, 50), (50, 50)) == ["in"]


def test_classes_are_counted_apart(door):
    walk(door, (200, 150), (200, 250))
    walk(door, (200, 150), (200, 250), track=2, label="dog")
    walk(door, (200, 150), (200, 250), track=3, label="dog")
    assert door.totals["in"] == {"person": 1, "dog": 2}


def test_a_crossing_counts_when_it_has_left_the_dead_band(door):
    assert walk(door, (200, 150), (200, 205), (200, 214.9)) == []
    assert walk(door, (200, 215)) == ["in"]
    assert walk(door, (200, 240), (200, 260)) == []


def test_trembling_on_the_line_counts_nothing(door):
    assert walk(door, (200, 150), *[(200, 200 + 14 * (-1) ** n) for n in range(50)], (200, 150)) == []
    assert walk(door, *[(200, 200 + 14 * (-1) ** n) for n in range(51)], (200, 250)) == ["in"], (
        "and once when it goes on"
    )


def test_there_and_back_counts_both(door):
    assert walk(door, (200, 150), (200, 250), (200, 150)) == ["in", "out"]


@pytest.mark.parametrize("x", [99, 301])
def test_past_the_ends_is_no_crossing(door, x):
    assert walk(door, (x, 150), (x, 250)) == []


def test_the_path_between_frames_decides(door):
    # Both points are beyond the line's end; half way, where the path meets it, is x = 250.
    assert walk(door, (150, 150), (350, 250)) == ["in"]
    assert walk(door, (450, 150), (250, 250), track=2) == [], "which meets it at 350"


def test_round_the_end_and_back_across(door):
    assert walk(door, (350, 150), (350, 250), (200, 250), (200, 150)) == ["out"]


def test_across_in_the_dead_band_and_back_round_the_end(door):
    assert walk(door, (290, 180), (290, 205), (310, 205), (310, 195), (290, 150)) == []


def test_a_point_on_the_line_is_on_its_right(door):
    assert walk(door, (200, 150), (200, 200), (200, 150)) == []
    assert walk(door, (200, 150), (200, 200), (200, 250), track=2) == ["in"]


def test_what_appears_beside_the_line_and_crosses_it(door):
    assert walk(door, (200, 198), (200, 230)) == ["in"]
    assert walk(door, (200, 202), (200, 230), track=2) == []


def test_a_forgotten_track_begins_anew(door):
    walk(door, (200, 150))
    assert door.forget(1, "person") is None
    assert door.forget(1, "person") is None
    assert walk(door, (200, 250)) == []


def test_what_vanishes_right_behind_the_line_has_crossed_it(door):
    assert walk(door, (200, 150), (200, 205)) == []
    assert door.forget(1, "person") == "in"
    assert walk(door, (200, 250), (200, 195), (200, 205), track=2) == []
    assert door.forget(2, "person") is None, "it went back"
    assert walk(door, (200, 195), (200, 205), track=3) == []
    assert door.forget(3, "person") is None, "it was never off the line"
    assert door.totals == {"in": {"person": 1}, "out": {}}


def test_the_path_of_one_track_goes_on_as_that_of_another(door):
    walk(door, (200, 150), (200, 205))
    door.pass_on(1, 2)
    door.pass_on(7, 8)
    assert walk(door, (200, 250), track=2) == ["in"]
    assert walk(door, (200, 250)) == [], "the first one begins anew"


def test_a_small_box_has_a_dead_band_too(door):
    assert door.update(1, "cat", (200, 195), 4) is None
    assert door.update(1, "cat", (200, 201.9), 4) is None
    assert door.update(1, "cat", (200, 202), 4) == "in"


@pytest.mark.parametrize("seed", range(3))
def test_ways_at_random_as_plain_geometry_says(seed):
    """Of lines at random, and things that wander about them: with steps of the dead band's size, and much larger."""
    random = np.random.RandomState(seed)
    total = 0
    for track in range(60):
        start, end = random.uniform(0, 100, (2, 2)).tolist()
        line = Line("any", start, end)
        steps = random.normal(0, (3, 30)[track % 2], (25, 2))
        path = [(x, y, 20) for x, y in (50 + np.cumsum(steps, axis=0)).tolist()]
        found = [line.update(track, "", place[:2], place[2]) for place in path] + [line.forget(track, "")]
        expected = crossings(path, start, end)
        assert [way for way in found if way] == [{1: "in", -1: "out"}[way] for way in expected]
        total += len(expected)
    assert total > 20


@pytest.mark.parametrize("arguments", [((5, 5), (5, 5)), ((0, 0), (9, 9), ("in", "in"))])
def test_what_is_no_line(arguments):
    with pytest.raises(ValueError, match="different"):
        Line("door", *arguments)
