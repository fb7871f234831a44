import cv2
import numpy as np
import pytest
from support.classifiers import LABELS, SUPERCLASS_OF, SUPERCLASSES

from app.classification.confusion import ConfusionMatrix
from app.classification.heatmap import CELL, GROUPS, draw_confusion


def array(*numbers):
    return np.array(numbers, np.uint8)


def test_counts_against_a_loop():
    random = np.random.RandomState(0)
    matrix, expected = ConfusionMatrix(LABELS), np.zeros((100, 100), np.int64)
    for size in (1, 7, 500, 0):
        true, predicted = random.randint(0, 100, (2, size))
        matrix.add(true.astype(np.uint8), predicted)
        for t, p in zip(true, predicted):
            expected[t, p] += 1
    assert matrix.counts.dtype == np.int64
    assert (matrix.counts == expected).all()


@pytest.mark.parametrize("true, predicted", [((3,), (0,)), ((0,), (3,)), ((0,), (-1,)), ((-1,), (1,))])
def test_a_number_out_of_range(true, predicted):
    matrix = ConfusionMatrix("abc")
    with pytest.raises(IndexError, match="0 to 2"):
        matrix.add(np.array(true), np.array(predicted))
    assert not matrix.counts.any()


def test_worst_and_most_confused():
    matrix = ConfusionMatrix("abcd")
    matrix.add(array(0, 0, 0, 1, 1, 2, 2, 2, 2), array(0, 1, 1, 1, 0, 2, 2, 0, 0))
    assert matrix.worst_classes() == [("a", 1 / 3), ("b", 0.5), ("c", 0.5)]  # none of d; of equals, the first
    assert matrix.worst_classes(1) == [("a", 1 / 3)]
    assert matrix.most_confused() == [("a", "b", 2), ("c", "a", 2), ("b", "a", 1)]
    assert matrix.most_confused(2) == [("a", "b", 2), ("c", "a", 2)]


def test_without_images_or_mistakes():
    matrix = ConfusionMatrix("ab")
    assert (matrix.worst_classes(), matrix.most_confused()) == ([], [])
    matrix.add(array(1), array(1))
    assert (matrix.worst_classes(), matrix.most_confused()) == ([("b", 1.0)], [])


def draw(counts, title="small: 62 %"):
    return draw_confusion(counts, LABELS, SUPERCLASSES, SUPERCLASS_OF, title, "of the test set")


def place_of(label):
    """Where a label comes when they are grouped by superclass."""
    return sorted(range(100), key=lambda n: (SUPERCLASS_OF[n], n)).index(label)


def cells(image):
    """The colours in the middle of the cells, (100, 100, 3)."""
    # The frame round the cells begins where the top line does.
    dark = (image < 120).all(2)
    top = int(np.argmax(dark.sum(1) > 100 * CELL * 0.9))
    left = int(np.argmax(dark[top : top + 100 * CELL].sum(0) > 100 * CELL * 0.9))
    return image[top + CELL // 2 :: CELL, left + CELL // 2 :: CELL][:100, :100]


def test_picture():
    counts = 10 * np.eye(100, dtype=np.int64)
    counts[3] = 0
    counts[5, 5], counts[5, 40] = 5, 5
    image = draw(counts)
    assert image.dtype == np.uint8
    assert all(1600 <= side <= 2100 for side in image.shape[:2])
    colours = cells(image)
    full, half = colours[place_of(0), place_of(0)], colours[place_of(5), place_of(40)]
    assert full.sum() < half.sum() < 3 * 255  # darker is more
    assert (colours[place_of(5), place_of(5)] == half).all()
    assert (colours[place_of(40), place_of(5)] == 255).all()  # rows are the true classes
    grey = colours[place_of(3)]
    assert (grey == grey[0, 0]).all()
    assert 200 < grey[0, 0] < 255
    assert len(cv2.imencode(".png", image)[1]) < 1 << 20


@pytest.mark.parametrize(
    "title", ["", "\u00e9l\u00e8ve: 62 %", "long " * 100], ids=["none", "letters that the font lacks", "too long"]
)
def test_any_title(title):
    assert draw(np.zeros((100, 100), np.int64), title).shape == draw(np.eye(100, dtype=np.int64)).shape


def test_groups_of_other_sizes():
    image = draw_confusion(np.eye(7, dtype=np.int64), LABELS[:7], ["one", "four", "two"], [0, 1, 1, 1, 1, 2, 2], "t")
    assert image.ndim == 3


def test_without_superclasses():
    """In the order of the labels, whose column is as wide as they are."""
    counts = 10 * np.eye(100, dtype=np.int64)
    counts[5, 5], counts[5, 40] = 5, 5
    characters = [chr(33 + n % 90) for n in range(100)]
    image = draw_confusion(counts, characters, [], [], "characters: 62 %")
    colours = cells(image)
    assert (colours[0, 0] == colours[99, 99]).all()
    assert (colours[5, 5] == colours[5, 40]).all()
    assert colours[0, 0].sum() < colours[5, 40].sum() < 3 * 255
    assert (colours[40, 5] == 255).all()
    assert image.shape[1] < draw(counts).shape[1] - GROUPS
