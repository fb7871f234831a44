"""Photographs of characters, drawn here: the character as EMNIST would show it is drawn from the same strokes."""

import cv2
import numpy as np
import pytest

from app.classification.photo import as_emnist, render
from app.errors import SourceError

# Strokes as points in a square from 0 to 1.
STROKES = {
    "A": [[(0.1, 1), (0.5, 0), (0.9, 1)], [(0.25, 0.65), (0.75, 0.65)]],
    "E": [[(0.8, 0), (0.2, 0), (0.2, 1), (0.8, 1)], [(0.2, 0.5), (0.7, 0.5)]],
    "T": [[(0.1, 0), (0.9, 0)], [(0.5, 0), (0.5, 1)]],
    "i": [[(0.5, 0.4), (0.5, 1)], [(0.5, 0), (0.5, 0.02)]],
    "O": [[(0.5 + 0.4 * np.cos(t), 0.5 + 0.5 * np.sin(t)) for t in np.linspace(0, 2 * np.pi, 40)]],
    "7": [[(0.2, 0), (0.8, 0), (0.4, 1)]],
}


def ink(character, height, width, box, pen):
    """Ink from 0 to 1, (height, width) float32. box: left, top, side, and pen: the stroke's width, in pixels."""
    image = np.zeros((height, width), np.uint8)
    left, top, side = box
    for stroke in STROKES[character]:
        points = np.array([[left + x * side, top + y * side] for x, y in stroke]).round().astype(np.int32)
        cv2.polylines(image, [points], False, 255, int(pen), cv2.LINE_AA)
    return cv2.GaussianBlur(image, (0, 0), 0.8).astype(np.float32) / 255


def as_it_should_be(character, pen=0.15):
    """(28, 28): the longer side is the 22 pixels that most of EMNIST's characters have."""
    large = 16
    side = 22 / (1 + pen) * large
    shape = ink(character, 28 * large, 28 * large, (14 * large - side / 2, 14 * large - side / 2, side), pen * side)
    return 255 * cv2.resize(shape, (28, 28), interpolation=cv2.INTER_AREA)


def photograph(shape, *, paper=215, pen=60, light=1.0, noise=4, seed=0):
    """(h, w, 3) uint8 BGR of ink on paper, both levels of grey. light: a factor, (h, w)."""
    random = np.random.RandomState(seed)
    grey = (paper * (1 - shape) + pen * shape) * light + random.normal(0, noise, shape.shape)
    return cv2.cvtColor(np.clip(grey, 0, 255).astype(np.uint8), cv2.COLOR_GRAY2BGR)


def likeness(one, other):
    """The correlation of two pictures, from -1 to 1."""
    return np.corrcoef(one.ravel().astype(float), other.ravel().astype(float))[0, 1]


HEIGHT, WIDTH = 300, 400
ROWS, COLUMNS = np.mgrid[:HEIGHT, :WIDTH].astype(np.float32)
BOX = (230, 40, 90)  # away from the middle


def plain(character, box=BOX, pen=0.15):
    return ink(character, HEIGHT, WIDTH, box, pen * box[2])


@pytest.mark.parametrize("character", sorted(STROKES))
def test_dark_on_light(character):
    found = as_emnist(photograph(plain(character)))
    assert (found.shape, found.dtype) == ((28, 28), np.uint8)
    assert found.max() > 230
    assert not found[0].any()
    assert not found[:, -1].any()
    assert likeness(found, as_it_should_be(character)) > 0.9


LIGHT = {
    "from the left": 1 - 0.6 * COLUMNS / WIDTH,
    "vignette": 1 - 1.2 * ((COLUMNS / WIDTH - 0.5) ** 2 + (ROWS / HEIGHT - 0.5) ** 2),
    "the edge of a shadow beside it": 0.775 + 0.225 * np.tanh((COLUMNS - 190 + 0.3 * ROWS) / 6),
}


@pytest.mark.parametrize("light", sorted(LIGHT))
def test_uneven_light(light):
    found = as_emnist(photograph(plain("A"), light=LIGHT[light]))
    assert likeness(found, as_it_should_be("A")) > 0.9


@pytest.mark.parametrize("character", ["O", "E", "i"])
def test_light_on_dark(character):
    found = as_emnist(photograph(plain(character), paper=50, pen=220))
    assert likeness(found, as_it_should_be(character)) > 0.9


@pytest.mark.parametrize("box", [(20, 30, 250), (350, 250, 30)], ids=["large", "small and in a corner"])
def test_any_size(box):
    assert likeness(as_emnist(photograph(plain("T", box))), as_it_should_be("T")) > 0.9


@pytest.mark.parametrize("angle", [-5, 5])
def test_turned_a_little(angle):
    turn = cv2.getRotationMatrix2D((275, 85), angle, 1)
    shape = cv2.warpAffine(plain("E"), turn, (WIDTH, HEIGHT))
    assert likeness(as_emnist(photograph(shape)), as_it_should_be("E")) > 0.75


@pytest.mark.parametrize("pen, paper", [(0.02, 215), (0.45, 215)], ids=["pencil", "marker"])
def test_strokes_are_as_wide_as_in_the_data(pen, paper):
    """Of 28x28 pixels about a tenth to a fifth is ink; a pencil's line, drawn to scale, would be 2 hundredths."""
    found = as_emnist(photograph(plain("T", (120, 60, 160), pen), paper=paper, pen=150 if pen < 0.1 else 40))
    assert 0.06 < (found > 127).mean() < 0.36
    assert likeness(found, as_it_should_be("T", 0.1 if pen < 0.1 else 0.3)) > 0.85


@pytest.mark.parametrize("thickness", [1, 2, 5, 9])
@pytest.mark.parametrize("longer", [40, 230, 768])
def test_a_large_character_of_thin_strokes_does_not_vanish(longer, thickness):
    mask = np.zeros((longer, longer), np.uint8)
    cv2.rectangle(mask, (0, 0), (longer - 1, longer - 1), 255, thickness)
    outline = render(mask)
    assert outline.max() > 230
    assert not outline[10:18, 10:18].any()
    # A square of EMNIST's thinnest strokes is 25.1 - 20 * 0.09 = 23.3 pixels high and wide, as a ring 2.1 wide.
    if thickness / longer < 0.05:
        assert (outline / 255).sum() == pytest.approx(23.3**2 - (23.3 - 2 * 2.1) ** 2, rel=0.2)


def test_ruled_paper():
    page = photograph(plain("A"))
    expected = as_emnist(page)
    for row in range(20, HEIGHT, 40):
        cv2.line(page, (0, row), (WIDTH, row + 3), (190, 150, 140), 1, cv2.LINE_AA)
    assert likeness(as_emnist(page), expected) > 0.95


def test_specks_are_left_out_and_dots_are_not():
    page = photograph(plain("i"))
    expected = as_emnist(page)
    assert expected[:8].any()  # the dot
    for place in ((10, 10), (200, 60), (330, 90), (390, 280)):
        cv2.circle(page, place, 2, (60, 60, 60), cv2.FILLED)
    assert likeness(as_emnist(page), expected) > 0.98


def test_a_sheet_on_a_dark_desk():
    page = photograph(plain("A"))
    page[:25] = page[-30:] = 40
    page[:, :20] = page[:, -35:] = 40
    assert likeness(as_emnist(page), as_it_should_be("A")) > 0.9


@pytest.mark.parametrize("longer", [80, 3000])
def test_pictures_of_any_size(longer):
    page = cv2.resize(photograph(plain("7")), (longer, longer * 3 // 4), interpolation=cv2.INTER_AREA)
    assert likeness(as_emnist(page), as_it_should_be("7")) > 0.85


@pytest.mark.parametrize("inverted", [False, True])
def test_a_picture_of_the_data_set_stays_as_it_is(inverted):
    picture = as_it_should_be("A").round().astype(np.uint8)
    given = cv2.cvtColor(255 - picture if inverted else picture, cv2.COLOR_GRAY2BGR)
    assert (as_emnist(given) == picture).all()


@pytest.mark.parametrize("light", ["even", *sorted(LIGHT)])
@pytest.mark.parametrize("noise", [0, 8])
def test_blank_paper(light, noise):
    page = photograph(np.zeros((HEIGHT, WIDTH), np.float32), light=LIGHT.get(light, 1.0), noise=noise)
    with pytest.raises(SourceError, match="no character found; photograph a single one"):
        as_emnist(page)


@pytest.mark.parametrize("level", [0, 128, 255])
def test_a_blank_picture_of_the_size_of_the_data_set(level):
    with pytest.raises(SourceError, match="no character found"):
        as_emnist(np.full((28, 28, 3), level, np.uint8))


@pytest.mark.parametrize("shape", [(1, 1), (1, 400), (400, 1), (2, 3), (28, 28)], ids=str)
def test_tiny_pictures_do_not_fail_otherwise(shape):
    try:
        assert as_emnist(np.zeros(shape + (3,), np.uint8)).shape == (28, 28)
    except SourceError:
        pass
