import pytest

from app.tracking.zones import Zone, contains

SQUARE = [(100, 100), (200, 100), (200, 200), (100, 200)]
# An L: the square without its upper right quarter.
CORNER = [(100, 100), (150, 100), (150, 150), (200, 150), (200, 200), (100, 200)]
IN, OUT = (150, 150), (50, 50)


def events(zone, *steps, track=1):
    """The events of a track that is at these points, as (point, time)."""
    return [
        (kind, pytest.approx(seconds)) for point, time in steps for kind, seconds in zone.update(track, point, time)
    ]


@pytest.mark.parametrize(
    "corners, point, inside",
    [
        (SQUARE, (150, 150), True),
        (SQUARE, (99, 150), False),
        (SQUARE, (201, 150), False),
        (SQUARE, (150, 99), False),
        (SQUARE, (150, 201), False),
        (CORNER, (175, 125), False),
        (CORNER, (125, 125), True),
        (CORNER, (125, 150), True),  # the ray goes along a side and through corners
        (CORNER, (90, 150), False),
        (SQUARE[::-1], (150, 150), True),
        ([(0, 0), (10, 5), (0, 10)], (3, 5), True),  # the ray meets a corner
        ([(0, 0), (10, 5), (0, 10)], (-3, 5), False),
    ],
)
def test_contains(corners, point, inside):
    assert contains(corners, point) is inside


def test_enters_and_leaves_after_the_inertia():
    zone = Zone("yard", SQUARE, inertia=0.5)
    assert events(zone, (OUT, 0), (IN, 1), (IN, 1.4)) == []
    assert events(zone, (IN, 1.5)) == [("enter", 0.5)]
    assert zone.inside(2.0) == {1: 1.0}
    assert events(zone, (IN, 4), (OUT, 4.2), (OUT, 4.6)) == []
    assert events(zone, (OUT, 4.7)) == [("leave", 3.0)], "from 1 to 4, when it was last inside"
    assert zone.inside(5.0) == {}


def test_a_moment_inside_or_outside_counts_nothing():
    zone = Zone("yard", SQUARE, inertia=0.5)
    assert events(zone, (IN, 1), (OUT, 1.4), (IN, 1.5), (OUT, 1.9)) == []
    assert events(zone, (IN, 10), (IN, 11), (OUT, 11.1), (IN, 11.2), (OUT, 12), (IN, 12.4)) == [("enter", 1.0)]


def test_without_inertia_at_once():
    zone = Zone("yard", SQUARE, inertia=0)
    assert events(zone, (IN, 1), (OUT, 3)) == [("enter", 0.0), ("leave", 0.0)]


def test_loitering_once_a_stay():
    zone = Zone("yard", SQUARE, inertia=0, loitering=10)
    assert events(zone, (IN, 0), (IN, 9.9)) == [("enter", 0.0)]
    assert events(zone, (IN, 10), (IN, 25)) == [("loiter", 10.0)]
    assert events(zone, (OUT, 30)) == [("leave", 25.0)]
    assert events(zone, (IN, 31), (IN, 42)) == [("enter", 0.0), ("loiter", 11.0)]


def test_what_vanishes_inside_leaves():
    zone = Zone("yard", SQUARE, inertia=0.5)
    events(zone, (IN, 1), (IN, 3))
    assert zone.forget(1) == [("leave", 2.0)]
    assert zone.forget(1) == []
    events(zone, (IN, 5))
    assert zone.forget(1) == [], "it had not entered"


def test_tracks_are_kept_apart():
    zone = Zone("yard", SQUARE, inertia=0)
    events(zone, (IN, 0), track=1)
    events(zone, (IN, 2), track=2)
    events(zone, (OUT, 3), track=1)
    assert zone.inside(5) == {2: 3}
