"""Rows, distances and boxes against slow decoders, and by hand."""

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from support import decoders
from support.heads import CARD

from app.errors import ModelError
from app.heads import decode
from app.layout import Layout

SHAPE = (64, 96)
STRIDES = (16, 32)
PLACES = 4 * 6 + 2 * 3
THRESHOLDS = st.sampled_from([0.0, 0.01, 0.25, 0.5, 0.9])


def card(form, classes, **layout):
    return CARD._replace(form=form, heads=(), layout=Layout(**layout), labels=tuple(map(str, range(classes))))


def random_rows(seed, *parts):
    """Rows (PLACES, channels): each part is how many channels, and their least and greatest value."""
    random = np.random.RandomState(seed)
    return np.concatenate([random.uniform(low, high, (PLACES, count)) for count, low, high in parts], 1).astype("f4")


def compared(found, expected, threshold):
    """Check candidates against all of a slow decoder's, whatever their order."""
    boxes, scores, labels = found
    assert (boxes.dtype, scores.dtype, labels.dtype) == (np.float32, np.float32, np.int32)
    assume(all(abs(score - threshold) > 1e-6 for _, score, _ in expected))
    expected = sorted((candidate for candidate in expected if candidate[1] >= threshold), key=lambda one: one[1:])
    assume(all(first[1] + 1e-6 < second[1] for first, second in zip(expected, expected[1:])))
    assert boxes.shape == (len(expected), 4)
    order = np.argsort(scores, kind="stable")
    assert labels[order].tolist() == [label for _, _, label in expected]
    assert scores[order] == pytest.approx([score for _, score, _ in expected], abs=1e-6)
    np.testing.assert_allclose(boxes[order], np.reshape([box for box, _, _ in expected], (-1, 4)), rtol=1e-4, atol=1e-2)


@given(st.integers(0, 2**31), st.integers(1, 6), st.booleans(), THRESHOLDS, st.booleans())
def test_rows_of_ultralytics(seed, classes, channels_first, threshold, multi_label):
    rows = random_rows(seed, (4, -9, 99), (classes, 0, 1))
    output = (rows.T if channels_first else rows)[None]
    model = card("rows", classes, channels_first=channels_first)
    expected = decoders.ultralytics(rows.astype(float).tolist(), 0, multi_label)
    compared(decode([output], model, SHAPE, threshold, multi_label), expected, threshold)


@given(st.integers(0, 2**31), st.integers(1, 6), st.booleans(), THRESHOLDS, st.booleans())
def test_rows_with_objectness(seed, classes, raw, threshold, multi_label):
    rows = random_rows(seed, (4, -3, 3) if raw else (4, -9, 99), (1 + classes, 0, 1))
    model = card("rows", classes, objectness=True, strides=STRIDES if raw else ())
    values = rows.astype(float).tolist()
    expected = (
        decoders.yolox(values, SHAPE, STRIDES, 0, multi_label) if raw else decoders.yolov5(values, 0, multi_label)
    )
    compared(decode([rows[None]], model, SHAPE, threshold, multi_label), expected, threshold)


@given(st.integers(0, 2**31), st.integers(1, 6), st.integers(1, 9), st.booleans(), THRESHOLDS, st.booleans())
def test_distances_of_nanodet(seed, classes, bins, plus, threshold, multi_label):
    rows = random_rows(seed, (classes, 0, 1), (4 * bins, -4, 4))
    centre = 0.0 if plus else 0.5
    model = card("distances", classes, strides=STRIDES, bins=bins, centre=centre)
    expected = decoders.nanodet(rows.astype(float).tolist(), SHAPE, STRIDES, classes, bins, centre, 0, multi_label)
    compared(decode([rows[None]], model, SHAPE, threshold, multi_label), expected, threshold)


@given(st.integers(0, 2**31), st.integers(1, 6), THRESHOLDS, st.booleans())
def test_boxes_of_ssd(seed, classes, threshold, multi_label):
    rows = random_rows(seed, (4, 0, 1), (1 + classes, 0, 1))
    model = card("boxes", classes, background=True, fractions=True)
    expected = decoders.ssd(rows.astype(float).tolist(), SHAPE, 0, multi_label)
    compared(decode([rows[None]], model, SHAPE, threshold, multi_label), expected, threshold)


@pytest.mark.parametrize("multi_label", [False, True])
def test_boxes_with_a_class_each(multi_label):
    rows = [[1, 2, 30, 40, 0.75, 1], [5, 6, 7, 8, 0.5, 0], [1, 1, 2, 2, 0.25, 1], [0, 0, 9, 9, 0.75, 2]]
    rows += [[0, 0, 9, 9, 0.75, -1], [0, 0, 9, 9, 0.75, np.nan], [0, 0, 9, 9, np.nan, 1]]
    model = card("boxes", 2, labelled=True)
    boxes, scores, labels = decode([np.array([rows], np.float32)], model, SHAPE, 0.5, multi_label)
    assert boxes.tolist() == [[1, 2, 30, 40], [5, 6, 7, 8]]
    assert scores.tolist() == [0.75, 0.5]
    assert labels.tolist() == [1, 0]


def test_raw_row_by_hand():
    """The second cell of stride 32 is at column 1: its middle at (1 + 0.5) * 32; the sides are 2 and 1 strides."""
    rows = np.zeros((PLACES, 6), np.float32)
    rows[4 * 6 + 1] = [0.5, 0.25, np.log(2), 0, 0.5, 0.5]
    model = card("rows", 1, objectness=True, strides=STRIDES)
    boxes, scores, _ = decode([rows[None]], model, SHAPE, 0.25)
    assert boxes.tolist() == [pytest.approx([48 - 32, 8 - 16, 48 + 32, 8 + 16])]
    assert scores.tolist() == [0.25]


def test_distances_by_hand():
    """Equal weights of 0 and 1 are half a stride, and a large logit is that distance itself."""
    rows = np.zeros((PLACES, 1 + 8), np.float32)
    rows[0] = [1, 0, 0, 50, 0, 0, 50, 0, 0]
    model = card("distances", 1, strides=STRIDES, bins=2, centre=0.5)
    boxes, _, _ = decode([rows[None]], model, SHAPE, 0.5)
    assert boxes.tolist() == [pytest.approx([8 - 8, 8 - 0, 8 + 16, 8 + 8])]


def test_cells_that_are_cut_off_count():
    """NanoDet-Plus at 416: 52, 26, 13 and, of stride 64, 7 cells a side."""
    rows = np.zeros((1, 52 * 52 + 26 * 26 + 13 * 13 + 7 * 7, 1 + 8), np.float32)
    rows[0, -1] = [1, 50, 0, 50, 0, 0, 50, 0, 50]
    model = card("distances", 1, strides=(8, 16, 32, 64), bins=2)
    assert decode([rows], model, (416, 416), 0.5)[0].tolist() == [pytest.approx([384, 384, 448, 448])]


def test_huge_logarithms_are_harmless():
    rows = np.full((1, PLACES, 6), 1e30, np.float32)
    rows[..., 4:] = 1
    boxes = decode([rows], card("rows", 1, objectness=True, strides=STRIDES), SHAPE, 0.5)[0]
    assert not np.isnan(boxes).any()
    rows = np.full((1, PLACES, 9), 1e30, np.float32)
    rows[..., 0] = 1
    boxes = decode([rows], card("distances", 1, strides=STRIDES, bins=2), SHAPE, 0.5)[0]
    assert np.isfinite(boxes).all()


@pytest.mark.parametrize(
    "form, layout, shapes, phrase",
    [
        pytest.param("rows", {}, [], "one output", id="no output"),
        pytest.param("rows", {}, [(1, 8, 7), (1, 8, 7)], r"one output of \(1, places, 7\)", id="two outputs"),
        pytest.param("rows", {"channels_first": True}, [(1, 8, 7)], r"\(1, 7, places\), not \(1, 8, 7\)", id="turned"),
        pytest.param("rows", {}, [(2, 8, 7)], r"not \(2, 8, 7\)", id="two frames at once"),
        pytest.param("rows", {}, [(8, 7)], r"not \(8, 7\)", id="no batch"),
        pytest.param("rows", {"objectness": True}, [(1, 8, 7)], r"\(1, places, 8\)", id="no objectness"),
        pytest.param(
            "rows", {"objectness": True, "strides": STRIDES}, [(1, 29, 8)], "30 places, not 29", id="other grids"
        ),
        pytest.param(
            "distances", {"strides": STRIDES, "bins": 2}, [(1, 30, 12)], r"\(1, places, 11\)", id="other bins"
        ),
        pytest.param("distances", {"strides": (32,), "bins": 2}, [(1, 30, 11)], "6 places, not 30", id="other strides"),
        pytest.param("boxes", {"labelled": True}, [(1, 30, 7)], r"\(1, places, 6\)", id="boxes with more"),
        pytest.param("boxes", {"background": True}, [(1, 30, 7)], r"\(1, places, 8\)", id="no background"),
    ],
)
def test_wrong_shapes(form, layout, shapes, phrase):
    with pytest.raises(ModelError, match=phrase):
        decode([np.zeros(shape, np.float32) for shape in shapes], card(form, 3, **layout), SHAPE, 0.5)
