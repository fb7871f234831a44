import numpy as np
import pytest

from app.detections import Detection, Detections


@pytest.fixture
def three():
    boxes = np.array([[0, 0, 1, 1], [0, 0, 2, 2], [0, 0, 3, 3]])
    return Detections(boxes, np.array([0.2, 0.9, 0.5]), np.array([7, 8, 9]))


def test_highest_score_comes_first(three):
    assert three.scores.tolist() == pytest.approx([0.9, 0.5, 0.2])
    assert three.classes.tolist() == [8, 9, 7]
    assert three.boxes[:, 2].tolist() == [2, 3, 1]


def test_equal_scores_keep_their_order():
    count = 50
    tied = Detections(np.zeros((count, 4)), np.full(count, 0.5), np.arange(count))
    assert tied.classes.tolist() == list(range(count))


def test_tracks_are_sorted_and_selected_with_the_rest(three):
    assert three.tracks.dtype == np.int64
    assert three.tracks.tolist() == [0, 0, 0], "without a tracker"
    tracked = Detections(three.boxes, np.array([0.2, 0.9, 0.5]), three.classes, tracks=np.array([4, 2**40, 6]))
    assert tracked.tracks.tolist() == [2**40, 6, 4]
    assert tracked[tracked.scores < 0.6].tracks.tolist() == [6, 4]
    with pytest.raises(ValueError, match="tracks"):
        Detections(three.boxes, three.scores, three.classes, tracks=np.zeros(2))


def test_dtypes(three):
    assert (three.boxes.dtype, three.scores.dtype, three.classes.dtype) == (np.float32, np.float32, np.int32)


def test_arrays_handed_in_are_left_alone():
    scores = np.array([0.1, 0.2], np.float32)
    Detections(np.zeros((2, 4), np.float32), scores, np.zeros(2, np.int32)).scores[:] = 0
    assert scores.tolist() == pytest.approx([0.1, 0.2])


@pytest.mark.parametrize(
    "selected, classes",
    [
        pytest.param(np.array([True, False, True]), [8, 7], id="mask"),
        pytest.param(np.array([False, False, False]), [], id="mask that selects nothing"),
        pytest.param(slice(0, 2), [8, 9], id="slice"),
        pytest.param(slice(5, 9), [], id="slice past the end"),
        pytest.param(np.array([2, 0]), [8, 7], id="positions, sorted again"),
    ],
)
def test_indexing(three, selected, classes):
    chosen = three[selected]
    assert isinstance(chosen, Detections)
    assert chosen.classes.tolist() == classes
    assert len(chosen) == len(chosen.boxes) == len(chosen.scores) == len(classes)


def test_iterating():
    boxes = np.array([[0, 0, 1, 1.5], [0, 0, 2, 2]])
    found = list(Detections(boxes, np.array([0.25, 0.75]), np.array([0, 1]), ("person", "dog")))
    assert found == [
        Detection("dog", 0.75, (0.0, 0.0, 2.0, 2.0), 1),
        Detection("person", 0.25, (0.0, 0.0, 1.0, 1.5), 0),
    ]


def test_one_of_them(three):
    assert three[0] == Detection("8", pytest.approx(0.9), (0, 0, 2, 2), 8)
    assert three[np.int64(-1)].class_id == 7
    with pytest.raises(IndexError):
        three[3]


def test_labels(three):
    assert list(three.names) == ["8", "9", "7"], "without labels, the class numbers"
    named = Detections(three.boxes, three.scores, np.array([1, 0, 1]), ("person", "dog"))
    assert list(named.names) == ["dog", "person", "dog"]
    assert list(named[named.classes == 0].names) == ["person"], "a selection keeps the labels"


def test_empty():
    none = Detections.empty()
    assert len(none) == 0
    assert (none.boxes.shape, none.scores.shape, none.classes.shape) == ((0, 4), (0,), (0,))
    assert (none.boxes.dtype, none.scores.dtype, none.classes.dtype) == (np.float32, np.float32, np.int32)
    assert len(none[np.zeros(0, bool)]) == 0


@pytest.mark.parametrize(
    "boxes, scores, classes",
    [
        pytest.param((2, 4), (3,), (3,), id="too few boxes"),
        pytest.param((3, 5), (3,), (3,), id="boxes of five"),
        pytest.param((12,), (3,), (3,), id="flat boxes"),
        pytest.param((3, 4), (3,), (2,), id="too few classes"),
        pytest.param((3, 4), (3, 1), (3,), id="scores in a column"),
    ],
)
def test_shapes_that_disagree(boxes, scores, classes):
    with pytest.raises(ValueError, match=r"\(N, 4\)"):
        Detections(np.zeros(boxes), np.zeros(scores), np.zeros(classes))


def test_with_other_tracks():
    found = Detections(np.zeros((2, 4)), np.array([0.5, 0.9]), np.array([1, 2]), ("a", "b", "c"))
    tracked = found.with_tracks(np.array([7, 8]))
    assert [(one.label, one.score) for one in tracked] == [("c", pytest.approx(0.9)), ("b", 0.5)]
    assert (tracked.tracks.tolist(), found.tracks.tolist()) == ([7, 8], [0, 0])
