import math
import warnings

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from support.heads import CARD
from support.oracles import decode as slow_decode

from app.errors import ModelError
from app.heads import decode
from app.heads.candidates import sigmoid
from app.layout import Head

ANCHORS = ((10.0, 14.0), (81.0, 82.0), (344.0, 319.0), (5.0, 100.0))


def random_heads(seed, grids, anchors, classes, squared):
    """Heads with strides 32, 16, ... and random logits for them."""
    random = np.random.RandomState(seed)
    heads = [
        Head(32 >> index, ANCHORS[:anchors], scale, squared) for index, scale in zip(range(len(grids)), (1.0, 1.2, 2.0))
    ]
    return heads, [random.normal(0, 2, (1, anchors * (5 + classes)) + grid).astype(np.float32) for grid in grids]


def decoded(outputs, heads, classes, threshold, multi_label=False):
    """The candidates of a model with such heads, for an input that fits its first output."""
    card = CARD._replace(heads=tuple(heads), labels=tuple(map(str, range(classes))))
    shape = tuple(side * heads[0].stride for side in outputs[0].shape[2:])
    return decode(outputs, card, shape, threshold, multi_label)


def one_cell(logits, scale_x_y=1.0, squared=False):
    """A head of a single cell, anchor 10 x 20, stride 32."""
    output = np.array(logits, np.float32).reshape(1, -1, 1, 1)
    return [output], [Head(32, ((10.0, 20.0),), scale_x_y, squared)], len(logits) - 5


@given(
    st.integers(0, 2**31),
    st.sampled_from([((1, 1),), ((2, 3),), ((3, 2), (6, 4)), ((1, 2), (2, 4), (4, 8))]),
    st.integers(1, len(ANCHORS)),
    st.integers(1, 6),
    st.sampled_from([0.0, 0.01, 0.1, 0.25, 0.5, 0.9]),
    st.booleans(),
    st.booleans(),
)
def test_decode_is_the_slow_one(seed, grids, anchors, classes, threshold, multi_label, squared):
    heads, outputs = random_heads(seed, grids, anchors, classes, squared)
    candidates = slow_decode(outputs, heads, classes, 0, multi_label)
    assume(all(abs(score - threshold) > 1e-6 for _, score, _ in candidates))
    expected = [candidate for candidate in candidates if candidate[1] >= threshold]

    boxes, scores, labels = decoded(outputs, heads, classes, threshold, multi_label)

    assert boxes.shape == (len(expected), 4)
    assert labels.tolist() == [label for _, _, label in expected]
    assert scores == pytest.approx([score for _, score, _ in expected], abs=1e-6)
    np.testing.assert_allclose(boxes, np.reshape([box for box, _, _ in expected], (-1, 4)), rtol=1e-4, atol=1e-2)


def test_dtypes():
    heads, outputs = random_heads(0, ((2, 2),), 2, 3, False)
    boxes, scores, labels = decoded(outputs, heads, 3, 0.1)
    assert len(boxes) > 0
    assert (boxes.dtype, scores.dtype, labels.dtype) == (np.float32, np.float32, np.int32)


def test_threshold_1_gives_nothing():
    heads, outputs = random_heads(2, ((4, 4), (8, 8)), 3, 5, True)
    boxes, scores, labels = decoded(outputs, heads, 5, 1.0, True)
    assert (boxes.shape, scores.shape, labels.shape) == ((0, 4), (0,), (0,))


@pytest.mark.parametrize("multi_label", [True, False])
@pytest.mark.parametrize(
    "threshold, kept",
    [
        pytest.param(0.25, 1, id="exactly at the threshold"),
        pytest.param(np.nextafter(np.float32(0.25), np.float32(1)), 0, id="one bit below the threshold"),
    ],
)
def test_threshold_is_not_strict(threshold, kept, multi_label):
    assert len(decoded(*one_cell([0, 0, 0, 0, 0, 0]), threshold=threshold, multi_label=multi_label)[0]) == kept


def test_best_class_or_every_class():
    outputs, heads, classes = one_cell([0, 0, 0, 0, 9, 2, -9, 3])
    assert decoded(outputs, heads, classes, 0.5, multi_label=False)[2].tolist() == [2]
    assert decoded(outputs, heads, classes, 0.5, multi_label=True)[2].tolist() == [0, 2]


def test_box_by_hand():
    boxes, scores, labels = decoded(*one_cell([0, 0, 0, math.log(2), 20, -20, 20]), threshold=0.5)
    assert boxes.tolist() == [pytest.approx([11, -4, 21, 36])]
    assert scores.tolist() == [pytest.approx(1)]
    assert labels.tolist() == [1]


def test_scaled_and_squared_box_by_hand():
    """sigmoid(log 3) is 3/4: the centre is at (2 * 3/4 - 1/2) * 32 and at (2 * 1/2 - 1/2) * 32; sides are 9/4 and 1."""
    logits = [math.log(3), 0, math.log(3), 0, 20, 20]
    boxes, _, _ = decoded(*one_cell(logits, 2.0, True), threshold=0.5)
    assert boxes.tolist() == [pytest.approx([32 - 11.25, 16 - 10, 32 + 11.25, 16 + 10])]


@pytest.mark.parametrize("squared", [False, True])
@pytest.mark.parametrize("logit", [90, 1000, 1e30, -90, -1000, -1e30])
def test_huge_logits_are_harmless(logit, squared):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        boxes, scores, _ = decoded(
            *one_cell([logit, logit, logit, logit, logit, logit, 0], 1.2, squared), threshold=0.0
        )
    assert np.isfinite(scores).all()
    assert ((scores >= 0) & (scores <= 1)).all()
    assert not np.isnan(boxes).any()


@pytest.mark.parametrize(
    "shapes, phrase",
    [
        pytest.param([(1, 16, 2, 2)], "1 outputs", id="an output is missing"),
        pytest.param([(1, 16, 2, 2)] * 3, "3 outputs", id="an output too many"),
        pytest.param([(1, 16, 2, 2), (1, 15, 2, 2)], "does not fit", id="channels of another number of classes"),
        pytest.param([(1, 2, 2, 16), (1, 2, 2, 16)], "does not fit", id="channels last"),
        pytest.param([(16, 2, 2), (16, 2, 2)], "does not fit", id="no batch"),
        pytest.param([(2, 16, 2, 2), (2, 16, 2, 2)], "does not fit", id="two frames at once"),
        pytest.param([(1, 16, 2, 2), (1, 16, 2, 2)], r"stride 16, .* a head of \(4, 4\)", id="of another stride"),
    ],
)
def test_wrong_shapes(shapes, phrase):
    card = CARD._replace(heads=(Head(32, ANCHORS[:2]), Head(16, ANCHORS[:2])), labels=("a", "b", "c"))
    with pytest.raises(ModelError, match=phrase):
        decode([np.zeros(shape, np.float32) for shape in shapes], card, (64, 64), 0.5)


def test_sigmoid_is_symmetric_and_bounded():
    x = np.array([-1e30, -1000, -1, 0, 1, 1000, 1e30], np.float32)
    assert sigmoid(x) == pytest.approx([0, 0, 1 / (1 + math.e), 0.5, math.e / (1 + math.e), 1, 1])
