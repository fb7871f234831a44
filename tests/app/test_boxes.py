import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.oracles import iou as slow_iou
from support.oracles import nms as slow_nms

from app import boxes as box_math

UNIT = (0, 0, 10, 10)
NO_BOXES = (np.zeros((0, 4), np.float32), np.zeros(0, np.float32), np.zeros(0, np.int32))


def array(*boxes):
    return np.array(boxes, np.float32).reshape(-1, 4)


def nms(boxes, scores, classes=None, threshold=0.5, agnostic=False):
    classes = [0] * len(scores) if classes is None else classes
    kept = box_math.nms(array(*boxes), np.array(scores, np.float32), np.array(classes), threshold, agnostic)
    return kept.tolist()


@pytest.mark.parametrize(
    "other, expected",
    [
        pytest.param((20, 20, 30, 30), 0, id="disjoint"),
        pytest.param((20, 0, 30, 10), 0, id="disjoint in one direction only"),
        pytest.param((10, 0, 20, 10), 0, id="touching along an edge"),
        pytest.param((10, 10, 20, 20), 0, id="touching at a corner"),
        pytest.param((0, 0, 10, 10), 1, id="identical"),
        pytest.param((2, 2, 7, 7), 0.25, id="nested"),
        pytest.param((5, 0, 15, 10), 1 / 3, id="half over"),
        pytest.param((5, 5, 5, 5), 0, id="a point inside"),
        pytest.param((0, 5, 10, 5), 0, id="a line across"),
        pytest.param((10, 10, 0, 0), 0, id="inside out"),
        pytest.param((8, 2, 2, 8), 0, id="inside out in one direction"),
    ],
)
def test_iou(other, expected):
    overlaps = box_math.iou(array(UNIT, other), array(other))
    assert overlaps.shape == (2, 1)
    assert overlaps[0] == pytest.approx([expected])


def test_iou_of_two_empty_boxes_is_zero():
    assert box_math.iou(array((3, 3, 3, 3)), array((3, 3, 3, 3))).tolist() == [[0]]


def test_iou_with_no_boxes_is_empty():
    assert box_math.iou(array(UNIT), array()).shape == (1, 0)


@pytest.mark.parametrize(
    "box, expected",
    [
        pytest.param((2, 3, 5, 7), 12, id="no pixel is added"),
        pytest.param((2, 3, 2, 7), 0, id="no width"),
        pytest.param((5, 7, 2, 3), 0, id="inside out in both directions"),
        pytest.param((5, 3, 2, 7), 0, id="inside out in one direction"),
    ],
)
def test_area(box, expected):
    assert box_math.area(array(box)).tolist() == [expected]


# A box 10 x 10 and a part of it 10 x h: their IoU is h / 10.
@pytest.mark.parametrize(
    "other, threshold, kept",
    [
        pytest.param((0, 0, 10, 5), 0.5, [0, 1], id="exactly at the threshold stays"),
        pytest.param((0, 0, 10, 5.001), 0.5, [0], id="just above goes"),
        pytest.param((0, 0, 10, 4.999), 0.5, [0, 1], id="just below stays"),
        pytest.param((0, 0, 10, 10), 1.0, [0, 1], id="identical at threshold 1 stays"),
        pytest.param((10, 0, 20, 10), 0.0, [0, 1], id="touching at threshold 0 stays"),
        pytest.param((9.9, 9.9, 20, 20), 0.0, [0], id="overlapping at threshold 0 goes"),
    ],
)
def test_nms_threshold(other, threshold, kept):
    assert nms([UNIT, other], [0.9, 0.8], threshold=threshold) == kept


def test_nms_keeps_classes_apart_unless_agnostic():
    assert nms([UNIT, UNIT], [0.8, 0.9], [0, 1]) == [1, 0]
    assert nms([UNIT, UNIT], [0.8, 0.9], [0, 1], agnostic=True) == [1]


def test_nms_of_a_tie_keeps_the_earlier():
    assert nms([UNIT, UNIT, UNIT], [0.5, 0.5, 0.5]) == [0]


def test_nms_lets_a_suppressed_box_suppress_nothing():
    chain = [(0, 0, 10, 10), (4, 0, 14, 10), (8, 0, 18, 10)]
    assert nms(chain, [0.9, 0.8, 0.7], threshold=0.4) == [0, 2]


def test_nms_of_nothing():
    kept = box_math.nms(*NO_BOXES, threshold=0.5, agnostic=False)
    assert kept.shape == (0,)
    assert box_math.clip(NO_BOXES[0][kept], 10, 10).shape == (0, 4)


# Quarters: every IoU of such boxes is the same in single and double precision, or far from the thresholds below.
sides = st.integers(0, 24).map(lambda n: n / 4)
some_boxes = st.lists(st.tuples(sides, sides, sides, sides), max_size=12)


@given(some_boxes, st.sampled_from([0.05, 0.23, 0.45, 0.71, 0.95]), st.booleans(), st.randoms())
def test_nms_is_the_slow_one(boxes, threshold, agnostic, random):
    scores = [random.choice((0.25, 0.5, 0.75, 1.0)) for _ in boxes]
    classes = [random.randrange(3) for _ in boxes]
    assert nms(boxes, scores, classes, threshold, agnostic) == slow_nms(boxes, scores, classes, threshold, agnostic)


@given(some_boxes.filter(len))
def test_iou_is_the_slow_one(boxes):
    fast = box_math.iou(array(*boxes), array(*boxes))
    assert fast == pytest.approx(np.array([[slow_iou(box, other) for other in boxes] for box in boxes]), abs=1e-6)
    assert ((fast >= 0) & (fast <= 1)).all()


@pytest.mark.parametrize(
    "box, expected",
    [
        pytest.param((10, 20, 30, 40), (10, 20, 30, 40), id="inside"),
        pytest.param((-5, -6, 700, 500), (0, 0, 640, 480), id="larger than the picture"),
        pytest.param((0, 0, 640, 480), (0, 0, 640, 480), id="the picture"),
        pytest.param((-9, 10, -3, 20), (0, 10, 0, 20), id="outside: no area is left"),
        pytest.param((-np.inf, 0, np.inf, 9), (0, 0, 640, 9), id="infinite"),
    ],
)
def test_clip(box, expected):
    boxes = array(box)
    clipped = box_math.clip(boxes, 640, 480)
    assert clipped.tolist() == [list(expected)]
    assert clipped.dtype == np.float32
    assert boxes.tolist() == [list(box)], "its argument is left alone"


@pytest.mark.parametrize("agnostic", [False, True])
def test_nms_of_more_boxes_than_fit_one_block(agnostic):
    random = np.random.RandomState(1)
    corners = random.uniform(0, 300, (3 * box_math.NMS_BLOCK // 2, 2))
    boxes = np.concatenate([corners, corners + random.uniform(5, 60, corners.shape)], axis=1).astype(np.float32)
    scores, classes = random.uniform(size=len(boxes)).astype(np.float32), random.randint(0, 3, len(boxes))
    kept = box_math.nms(boxes, scores, classes, 0.3, agnostic).tolist()
    assert kept == slow_nms(boxes.tolist(), scores.tolist(), classes.tolist(), 0.3, agnostic)
    assert len(kept) < len(boxes)
