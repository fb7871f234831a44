"""The loss against sums in plain Python."""

import math

import numpy as np
import pytest

keras = pytest.importorskip("keras", "3")
pytest.importorskip("tensorflow")

from app.heads.darknet import decode  # noqa: E402
from models.darknet_transfer import with_classes  # noqa: E402
from models.yolov3_tiny import NETWORK  # noqa: E402
from tools.train_detector.loss import DetectionLoss, complete_iou  # noqa: E402
from tools.train_detector.targets import make_targets  # noqa: E402
from tools.train_detector.validation import validation_card  # noqa: E402

pytestmark = pytest.mark.slow  # TensorFlow takes seconds to load
SIZE, CLASSES = 64, 2
NET = with_classes(NETWORK, CLASSES)
ROWS = (2 * 2 + 4 * 4) * 3


def sigmoid(x):
    return 1 / (1 + math.exp(-x))


def entropy(wanted, logit):
    p = sigmoid(logit)
    return -wanted * math.log(p) - (1 - wanted) * math.log(1 - p)


def slow_ciou(a, b):
    """IoU and complete IoU of two boxes cx cy w h, as in the paper."""
    ax, ay, aw, ah = a
    bx, by, bw, bh = b
    axes = ((ax, aw, bx, bw), (ay, ah, by, bh))
    overlap = [max(0, min(p + s / 2, q + t / 2) - max(p - s / 2, q - t / 2)) for p, s, q, t in axes]
    both = overlap[0] * overlap[1]
    iou = both / (aw * ah + bw * bh - both)
    hull = [max(p + s / 2, q + t / 2) - min(p - s / 2, q - t / 2) for p, s, q, t in axes]
    v = 4 / math.pi**2 * (math.atan(aw / ah) - math.atan(bw / bh)) ** 2
    alpha = v / (1 - iou + v)
    return iou, iou - ((ax - bx) ** 2 + (ay - by) ** 2) / (hull[0] ** 2 + hull[1] ** 2) - alpha * v


def slow_loss(targets, logits, boxes):
    box = objectness = classes = 0.0
    for want, have, found in zip(targets.tolist(), logits.tolist(), boxes.tolist()):
        iou = 0.0
        if want[5]:
            iou, complete = slow_ciou(want[:4], found)
            box += 1 - complete
            classes += sum(entropy(float(kind == want[4]), have[5 + kind]) for kind in range(CLASSES))
        objectness += entropy(iou, have[4])
    return (5 * box + objectness + classes) / targets[:, 5].sum()


def make():
    rng = np.random.default_rng(0)
    boxes = np.array([[3, 5, 30, 41], [20, 20, 60, 50]], np.float32)
    return make_targets(NET, SIZE, boxes, np.array([0, 1])), rng.normal(0, 1, (ROWS, 5 + CLASSES)).astype(np.float32)


def test_equals_the_sum_in_loops():
    targets, logits = make()
    loss = DetectionLoss(NET, SIZE)
    boxes = np.asarray(loss.boxes(logits[None]))[0]
    assert float(loss(targets[None], logits[None])) == pytest.approx(slow_loss(targets, logits, boxes), rel=1e-4)


@pytest.mark.parametrize("squared, scale", [(False, 1.0), (False, 1.05), (True, 2.0)])
def test_boxes_are_those_that_the_app_decodes(squared, scale):
    net = NET._replace(heads=tuple(head._replace(squared=squared, scale_x_y=scale) for head in NET.heads))
    logits = make()[1]
    boxes = np.asarray(DetectionLoss(net, SIZE).boxes(logits[None]))[0]
    outputs, start = [], 0
    for head in net.heads:
        side = SIZE // head.stride
        rows = logits[start : start + side * side * 3].reshape(side, side, 3 * (5 + CLASSES))
        outputs.append(np.ascontiguousarray(rows.transpose(2, 0, 1)[None]))
        start += side * side * 3
    corners, scores, _ = decode(outputs, validation_card(net, ("a", "b"), "rectangle"), (SIZE, SIZE), 0.0)
    assert len(corners) == ROWS
    own = np.concatenate([boxes[:, :2] - boxes[:, 2:] / 2, boxes[:, :2] + boxes[:, 2:] / 2], axis=1)
    best = 1 / (1 + np.exp(-logits[:, 4])) / (1 + np.exp(-logits[:, 5:].max(axis=1)))
    order, other = np.argsort(best), np.argsort(scores)
    np.testing.assert_allclose(own[order], corners[other], rtol=1e-3, atol=1e-2)


def test_a_perfect_answer_costs_next_to_nothing_and_a_wrong_one_more():
    targets, _ = make()
    loss = DetectionLoss(NET, SIZE)
    grid = loss._grid
    logits = np.full((ROWS, 5 + CLASSES), -12, np.float32)
    for row in np.flatnonzero(targets[:, 5]):
        share = np.clip(targets[row, :2] / grid.strides[row] - grid.cells[row], 1e-4, 1 - 1e-4)
        logits[row, :2] = np.log(share / (1 - share))
        logits[row, 2:4] = np.log(targets[row, 2:4] / grid.anchors[row])
        logits[row, 4] = 12
        logits[row, 5 + int(targets[row, 4])] = 12
    perfect = float(loss(targets[None], logits[None]))
    assert 0 <= perfect < 0.01
    for column in (0, 2, 4, 5):
        worse = logits.copy()
        worse[targets[:, 5] > 0, column] += 3 if column in (0, 2) else -20
        assert float(loss(targets[None], worse[None])) > perfect + 0.3


def test_no_gradient_is_infinite():
    """Not even for pictures without objects, equal boxes, or logits beyond all reason."""
    import tensorflow as tf

    targets, logits = make()
    loss = DetectionLoss(NET, SIZE)
    for wanted in (targets, np.zeros_like(targets)):
        for scale in (0, 1, 100, 10000):
            x = tf.constant((logits * scale)[None])
            with tf.GradientTape() as tape:
                tape.watch(x)
                value = loss(wanted[None], x)
            assert np.isfinite(float(value))
            assert np.isfinite(np.asarray(tape.gradient(value, x))).all()


def test_complete_iou_of_boxes_by_hand():
    # 4x4 boxes two apart: 8 of 24; the hull is 6x4.
    iou, complete = complete_iou(np.array([[2.0, 2, 4, 4]]), np.array([[4.0, 2, 4, 4]]))
    assert float(iou[0]) == pytest.approx(1 / 3)
    assert float(complete[0]) == pytest.approx(1 / 3 - 4 / 52)
