import itertools

import pytest
from matplotlib.figure import Figure
from matplotlib.text import Text

from tools.report.looks import WIDTH, Look
from tools.report.point_names import Point, name_beside

LOOKS = [Look(f"{capture} {size} onnx", "") for size in (160, 320, 416) for capture in ("320x240", "640x480", "own")]


def names(front, others=()):
    """What is written into the plane of 100 FPS and full accuracy: texts by name."""
    figure = Figure(figsize=(WIDTH, 0.64 * WIDTH))
    axes = figure.add_axes((0.12, 0.15, 0.84, 0.8))
    axes.set(xlim=(0, 100), ylim=(0, 1))
    name_beside(axes, front, [*front, *others])
    figure.draw_without_rendering()
    return {text.get_text(): text for text in axes.texts}


@pytest.mark.parametrize("near", (Point(51, 0.5, LOOKS[1]), Point(53, 0.54, LOOKS[1]), Point(60, 0.53, LOOKS[1])))
def test_a_name_that_would_stand_by_another_point_has_a_line_to_its_own(near):
    point = Point(50, 0.5, LOOKS[0])
    assert names([point])[LOOKS[0].name].arrow_patch is None
    assert names([point], [Point(50, 0.2, LOOKS[1])])[LOOKS[0].name].arrow_patch is None, "far enough"
    assert names([point], [near])[LOOKS[0].name].arrow_patch is not None


def test_both_of_two_points_at_nearly_one_place_are_named():
    named = names([Point(50, 0.502, LOOKS[0]), Point(50.2, 0.5, LOOKS[1])])
    assert set(named) == {LOOKS[0].name, LOOKS[1].name}


def test_lines_to_names_do_not_cross():
    """The left one has its name on the left, or it would be taken for the other's."""
    slow, fast = Point(50, 0.502, LOOKS[0]), Point(52, 0.5, LOOKS[1])
    named = names([slow, fast])
    left, right = (named[point.look.name].get_window_extent() for point in (slow, fast))
    assert left.x1 < right.x0


def test_names_on_the_front_do_not_overlap():
    points = [Point(50 - index / 10, 0.5 + index / 500, look) for index, look in enumerate(LOOKS[:9])]
    named = names(points)
    assert 3 <= len(named) <= 9
    boxes = [Text.get_window_extent(text) for text in named.values()]  # without its line
    assert not any(one.overlaps(other) for one, other in itertools.combinations(boxes, 2))
