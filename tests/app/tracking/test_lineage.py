import pytest

from app.tracking.events import Sighting
from app.tracking.lineage import Place, same


def place(x, y=300, time=0.0, height=100, kind=0):
    """Of a box whose bottom centre is there."""
    return Place(Sighting(1, "", kind, 0.9, [x - 20, y - height, x + 20, y]), time, (x, y))


@pytest.mark.parametrize(
    "later, pairs, why",
    [
        (place(100, time=1.0), [(0, 0)], "where it was"),
        (place(209, time=1.0), [(0, 0)], "0.3 and 0.8 heights away after a second"),
        (place(211, time=1.0), [], "further"),
        (place(211, time=1.1), [(0, 0)], "with more time"),
        (place(129, 300, time=0.0), [], "at the same time"),
        (place(100, time=1.0, height=139), [(0, 0)], "a box that is a little higher"),
        (place(100, time=1.0, height=141), [], "too high"),
        (place(100, time=1.0, kind=1), [], "of another class"),
        (place(100, time=1.0, height=0), [], "of no height"),
    ],
)
def test_what_may_be_the_same(later, pairs, why):
    assert same([later], [place(100)]) == pairs, why


def test_the_nearest_first_and_each_once():
    ones = [place(150, time=1.0), place(120, time=1.0)]
    assert same(ones, [place(110)]) == [(1, 0)]
    assert sorted(same(ones, [place(110), place(190)])) == [(0, 1), (1, 0)]
    assert same(ones, []) == same([], ones) == []
    assert same([place(100, height=0, time=1.0)], [place(100, height=0)]) == [(0, 0)]
