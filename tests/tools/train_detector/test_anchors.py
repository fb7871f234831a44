import numpy as np
import pytest

from app.errors import UsageError
from models.yolov3_tiny import NETWORK
from tools.train_detector.anchors import fit_anchors, for_heads, mean_best_iou, shape_iou


def test_iou_of_boxes_with_one_centre():
    sides, anchors = np.array([[10.0, 10], [20, 5]]), np.array([[10.0, 10], [5, 20]])
    # 10x10 and 5x20 share 5x10 = 50 of 150; 20x5 and 10x10 the same; 20x5 and 5x20 share 25 of 175.
    assert shape_iou(sides, anchors) == pytest.approx(np.array([[1, 1 / 3], [1 / 3, 1 / 7]]))


def test_fitted_anchors_are_the_middles_of_the_groups():
    rng = np.random.default_rng(0)
    middles = np.array([[10, 12], [40, 30], [100, 140], [300, 250]])
    sides = np.concatenate([middle * rng.uniform(0.95, 1.05, (50, 2)) for middle in middles])
    anchors = fit_anchors(sides, 4)
    assert anchors == pytest.approx(middles, rel=0.03)
    assert mean_best_iou(sides, anchors) > 0.9


def test_the_smallest_anchors_are_for_the_finest_head():
    anchors = np.array([[size, size] for size in (10, 20, 30, 40, 50, 60)], float)
    coarse, fine = for_heads(anchors, NETWORK.heads)  # strides 32 and 16
    assert fine == ((10, 10), (20, 20), (30, 30))
    assert coarse == ((40, 40), (50, 50), (60, 60))


def test_too_few_boxes():
    with pytest.raises(UsageError, match="6 anchors need as many different boxes, there are 2"):
        fit_anchors(np.array([[10.0, 10], [20, 20], [20, 20]]), 6)
