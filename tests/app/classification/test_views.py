import numpy as np
import pytest

from app.classification.views import COUNTS, View, make_view, mirrors, views

IMAGE = np.array([[1, 2, 3, 4], [5, 6, 7, 8], [9, 10, 11, 12]], np.uint8)[None, None]
UP_LEFT = [[6, 7, 8, 7], [10, 11, 12, 11], [6, 7, 8, 7]]
DOWN_RIGHT = [[6, 5, 6, 7], [2, 1, 2, 3], [6, 5, 6, 7]]
MIRRORED = [[4, 3, 2, 1], [8, 7, 6, 5], [12, 11, 10, 9]]


@pytest.mark.parametrize(
    "view, expected",
    [
        (View(0, 0, False), IMAGE[0, 0].tolist()),
        (View(0, 0, True), MIRRORED),
        (View(-1, -1, False), UP_LEFT),
        (View(1, 1, False), DOWN_RIGHT),
        (View(-1, -1, True), [row[::-1] for row in UP_LEFT]),
        (View(1, 0, False), [[5, 6, 7, 8], [1, 2, 3, 4], [5, 6, 7, 8]]),
    ],
)
def test_pixel_by_pixel(view, expected):
    shown = make_view(IMAGE, view)
    assert shown.dtype == np.uint8
    assert shown[0, 0].tolist() == expected


def test_every_image_and_channel_by_itself():
    images = np.random.RandomState(0).randint(0, 256, (2, 3, 5, 4)).astype(np.uint8)
    for view in views(6):
        shown = make_view(images, view)
        assert shown.shape == images.shape
        for n, c in np.ndindex(2, 3):
            assert np.array_equal(shown[n, c], make_view(images[n : n + 1, c : c + 1], view)[0, 0])


def test_how_many():
    assert COUNTS == (1, 2, 3, 6)
    for count in COUNTS:
        assert len(set(views(count))) == count
        assert views(count)[0] == View(0, 0, False)
    assert set(views(6)) == {View(n, n, mirrored) for n in (-1, 0, 1) for mirrored in (False, True)}
    assert set(views(3)) == {View(n, n, False) for n in (-1, 0, 1)}
    assert views(2)[1] == View(0, 0, True)
    assert [mirrors(count) for count in COUNTS] == [False, True, False, True]
