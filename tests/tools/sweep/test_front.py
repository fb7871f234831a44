import random
from collections import namedtuple

import pytest

from tools.sweep.front import pareto

Point = namedtuple("Point", "fps accuracy")


def plainly(points):
    """Points that no other one is as good as in both, and better than in one."""

    def beaten(point):
        return any(p.fps >= point.fps and p.accuracy >= point.accuracy and p != point for p in points)

    return [point for point in points if not beaten(point)]


def test_the_front_is_what_nothing_beats():
    rng = random.Random(5)
    for count in [*range(8), 30, 200]:
        for _ in range(20):
            points = [Point(rng.randint(1, 12), rng.randint(0, 9) / 10) for _ in range(count)]
            front = pareto(points)
            assert sorted(front) == sorted(plainly(points))
            assert [p.fps for p in front] == sorted((p.fps for p in front), reverse=True)


@pytest.mark.parametrize("margin, kept", [(0.0, [60, 40, 30]), (0.02, [60, 30]), (0.03125, [60, 30]), (0.04, [60])])
def test_what_is_slower_has_to_gain_the_margin(margin, kept):
    points = [Point(30, 0.53125), Point(40, 0.515625), Point(60, 0.5)]
    assert [point.fps for point in pareto(points, margin)] == kept
