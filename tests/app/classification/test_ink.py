"""Ink told from paper, on pictures of 768x576 pixels, which is the size at which it is looked for."""

import cv2
import numpy as np
import pytest

from app.classification.ink import crop, find_character, stroke_width


@pytest.mark.parametrize("width", [4, 8, 20, 40])
def test_the_width_of_a_stroke(width):
    mask = np.zeros((200, 1000), np.uint8)
    mask[60 : 60 + width, 50:950] = 255
    assert stroke_width(mask) == pytest.approx(width, rel=0.06)  # its two ends count as narrower


def test_the_rows_and_columns_of_ink():
    mask = np.zeros((9, 12), np.uint8)
    mask[3, 5] = mask[6, 2] = 255
    assert crop(mask) == (slice(3, 7), slice(2, 6))


@pytest.fixture
def page():
    """A bar of 24x150 pixels on light paper."""
    grey = np.full((576, 768), 200, np.uint8)
    grey[300:450, 500:524] = 60
    return grey


@pytest.mark.parametrize("inverted", [False, True])
def test_a_bar(page, inverted):
    mask = find_character(255 - page if inverted else page)
    assert mask.dtype == np.uint8
    assert set(np.unique(mask)) <= {0, 255}
    assert mask.shape == pytest.approx((150, 24), abs=4)


@pytest.mark.parametrize(
    "sides, place, longer",
    [
        pytest.param((24, 24), (240, 500), 210, id="a dot above"),
        pytest.param((24, 24), (150, 500), 150, id="too far above"),
        pytest.param((5, 5), (280, 510), 150, id="a speck above"),
        pytest.param((10, 10), (360, 560), 150, id="a speck beside"),
        pytest.param((150, 12), (300, 560), 150, id="another stroke"),
    ],
)
def test_what_belongs_to_it(page, sides, place, longer):
    page[place[0] : place[0] + sides[0], place[1] : place[1] + sides[1]] = 60
    mask = find_character(page)
    assert mask.shape[0] == pytest.approx(longer, abs=5)
    assert mask.shape[1] == pytest.approx(72 if sides == (150, 12) else 24, abs=5)


def test_lines_across_are_left_out(page):
    expected = find_character(page).shape
    lines = np.full(page.shape, 255, np.uint8)
    for row in range(15, 576, 60):
        cv2.line(lines, (0, row), (767, row + 6), 150, 2)
    for column in range(20, 768, 60):  # one of them along the bar's edge
        cv2.line(lines, (column, 0), (column, 575), 150, 2)
    assert find_character(np.minimum(page, lines)).shape == pytest.approx(expected, abs=5)


@pytest.mark.parametrize("level", [0, 128, 255])
def test_nothing(level):
    assert find_character(np.full((576, 768), level, np.uint8)) is None
    assert find_character(np.full((3, 5), level, np.uint8)) is None


def test_faint_marks_are_nothing(page):
    page[page < 200] = 191  # less than 14 of 255
    assert find_character(page) is None


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("sides", [(768, 1), (1, 768)])
def test_no_line_is_fitted_to_a_picture_of_one_column_or_row(sides):
    marks = np.full(768, 200, np.uint8)
    marks[100:250] = marks[500:503] = 40
    assert find_character(marks.reshape(sides)) is not None
