import numpy as np

from models.darknet_transfer import with_classes
from models.yolov3_tiny import NETWORK
from tools.train_detector.targets import RATIO, make_grid, make_targets

SIZE = 64  # coarse: 2 x 2 cells, fine: 4 x 4, three anchors each
TWO = with_classes(NETWORK, 2)


def slow_rows(boxes, classes):
    """The rule of `targets.py` in loops: {row: (cx, cy, w, h, class)}."""
    taken = {}
    for (x1, y1, x2, y2), label in zip(boxes.tolist(), classes.tolist()):
        w, h, cx, cy = x2 - x1, y2 - y1, (x1 + x2) / 2, (y1 + y2) / 2
        choices, row = [], 0
        for head in TWO.heads:
            side = SIZE // head.stride
            for cell in range(side * side):
                for aw, ah in head.anchors:
                    here = (int(cx // head.stride), int(cy // head.stride)) == (cell % side, cell // side)
                    both = min(w, aw) * min(h, ah)
                    iou = both / (w * h + aw * ah - both)
                    near = max(w / aw, aw / w, h / ah, ah / h) < RATIO
                    if here:
                        choices.append((iou, near, row))
                    row += 1
        best = max(iou for iou, _, _ in choices)
        for iou, near, row in choices:
            if (near or iou >= best - 1e-9) and iou >= taken.get(row, (0,))[0]:
                taken[row] = (iou, (cx, cy, w, h, label))
    return {row: values for row, (_, values) in taken.items()}


def test_equals_the_rule_in_loops():
    rng = np.random.default_rng(1)
    for _ in range(30):
        count = int(rng.integers(1, 6))
        corners = rng.uniform(0, SIZE - 20, (count, 2))
        boxes = np.concatenate([corners, corners + rng.uniform(4, 20, (count, 2))], axis=1).astype(np.float32)
        classes = rng.integers(0, 2, count)
        rows = make_targets(TWO, SIZE, boxes, classes)
        expected = slow_rows(boxes, classes)
        found = {int(row): tuple(rows[row, :5]) for row in np.flatnonzero(rows[:, 5])}
        assert set(found) == set(expected)
        for row in found:
            np.testing.assert_allclose(found[row], expected[row], rtol=1e-5)


def test_a_box_alone_by_hand():
    # Centre (40, 24), 20 x 30. Fine head: cell (2, 1) of 4 x 4; anchors 23x27 and 37x58 are within a factor of 4, and
    # 81x82 is not (81 / 20 > 4). Coarse: none of 81x82, 135x169, 344x319 is.
    rows = make_targets(TWO, SIZE, np.array([[30, 9, 50, 39]], np.float32), np.array([1]))
    first = 2 * 2 * 3 + (1 * 4 + 2) * 3  # behind the coarse head's rows
    assert np.flatnonzero(rows[:, 5]).tolist() == [first, first + 1]
    assert rows[first].tolist() == [40, 24, 20, 30, 1, 1]


def test_a_box_at_the_edge_is_in_the_last_cell():
    rows = make_targets(TWO, SIZE, np.array([[63, 63, 65, 65]], np.float32), np.array([0]))
    assert rows[:, 5].sum() == 1
    assert make_targets(TWO, SIZE, np.zeros((0, 4), np.float32), np.zeros(0, int)).sum() == 0


def test_the_grid_tells_where_the_rows_are():
    grid = make_grid(TWO, SIZE)
    row = 2 * 2 * 3 + (1 * 4 + 2) * 3 + 1
    assert (grid.cells[row].tolist(), grid.strides[row].tolist(), grid.anchors[row].tolist()) == (
        [2, 1],
        [16],
        [37, 58],
    )
