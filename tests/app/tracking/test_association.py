import numpy as np
import pytest

from app.tracking.association import buffered_iou, foot_distance, pairs


def boxes(*rows):
    """From x, y of the centre, width, height."""
    return np.array(rows, float).reshape(-1, 4)


def test_without_a_buffer_it_is_the_iou():
    # 10 x 10 boxes that are 5 apart share 50 of 150 pixels.
    assert buffered_iou(boxes([5, 5, 10, 10]), boxes([10, 5, 10, 10], [5, 5, 10, 10], [30, 5, 10, 10]), 0).tolist() == [
        [pytest.approx(1 / 3), 1, 0]
    ]


def test_a_buffer_joins_boxes_that_are_apart():
    # 10 wide, 12 apart: enlarged by half on each side they are 20 wide, and share 8 x 20 of 2 * 400 - 160.
    apart = boxes([0, 0, 10, 10]), boxes([12, 0, 10, 10])
    assert buffered_iou(*apart, 0).item() == 0
    assert buffered_iou(*apart, 0.5).item() == pytest.approx(160 / 640)


def test_a_box_inside_another():
    assert buffered_iou(boxes([10, 10, 20, 20]), boxes([8, 8, 10, 10]), 0).item() == pytest.approx(100 / 400)


def test_feet():
    here = np.zeros(1)
    # One width to the right, half a height down, and as high.
    assert foot_distance(boxes([0, 0, 10, 20]), boxes([10, 10, 30, 20]), here).item() == pytest.approx(np.hypot(1, 0.5))
    # On the same feet, and twice as high.
    assert foot_distance(boxes([0, 0, 10, 20]), boxes([0, -10, 10, 40]), here).item() == pytest.approx(np.log(2))


def test_feet_of_what_may_have_gone_further():
    # Half a height on all sides makes it 30 wide and 40 high.
    found = foot_distance(boxes([0, 0, 10, 20]), boxes([30, 0, 10, 20], [0, 20, 10, 20]), np.array([0.5]))
    assert found.tolist() == [[1, 0.5]]


def test_pairs_of_the_most_similar_come_first():
    similarity = np.array([[0.9, 0.8, 0.0], [0.85, 0.1, 0.0], [0.0, 0.0, 0.3]])
    rows, columns = pairs(similarity, 0.05)
    # 0.9 takes the first row and column, which leaves 0.1 for the second row although 0.8 and 0.85 were higher.
    assert sorted(zip(rows.tolist(), columns.tolist())) == [(0, 0), (1, 1), (2, 2)]


def test_nothing_below_the_least_is_a_pair():
    rows, columns = pairs(np.array([[0.2, 0.0], [0.0, 0.5]]), 0.3)
    assert (rows.tolist(), columns.tolist()) == ([1], [1])


@pytest.mark.parametrize("shape", [(0, 3), (3, 0), (0, 0)])
def test_nothing_to_pair(shape):
    rows, columns = pairs(np.zeros(shape), 0.1)
    assert len(rows) == len(columns) == 0


@pytest.mark.parametrize("seed", range(20))
def test_as_going_through_all_entries(seed):
    random = np.random.RandomState(seed)
    similarity = random.uniform(size=(random.randint(1, 9), random.randint(1, 9)))
    expected, used = [], (set(), set())
    for place in np.argsort(-similarity, axis=None):
        row, column = np.unravel_index(place, similarity.shape)
        if similarity[row, column] >= 0.2 and row not in used[0] and column not in used[1]:
            expected.append((row, column))
            used[0].add(row)
            used[1].add(column)
    assert sorted(zip(*pairs(similarity.copy(), 0.2))) == sorted(expected)


def test_equal_similarities_all_find_a_partner():
    rows, columns = pairs(np.ones((4, 4)), 0.5)
    assert sorted(rows.tolist()) == sorted(columns.tolist()) == [0, 1, 2, 3]
