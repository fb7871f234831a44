import pytest

from app.errors import SourceError
from tools.score.yolo import ROUNDING, read_yolo


def read(folder, text, classes=2, polygons=False):
    path = folder / "7.txt"
    path.write_text(text)
    return list(read_yolo(str(path), classes, polygons))


def edges(labelled):
    """Left, top, right and bottom."""
    _, cx, cy, w, h = labelled
    return [cx - w / 2, cy - h / 2, cx + w / 2, cy + h / 2]


@pytest.mark.parametrize(
    "line, expected",
    [
        pytest.param("0 0.5 0.5 1.0000001 0.5", [0, 0.25, 1, 0.75], id="a side above 1"),
        pytest.param("0 0.02 0.5 0.0401 0.5", [0, 0.25, 0.04005, 0.75], id="a box that leaves the image at the left"),
        pytest.param("0 0.5 0.98 0.5 0.0401", [0.25, 0.95995, 0.75, 1], id="at the bottom"),
        pytest.param("0 -0.0000004 0.5 0.1 0.5", [-0.05, 0.25, 0.05, 0.75], id="a centre below 0"),
        pytest.param("0 1.0001 0.5 0 0.5", [1, 0.25, 1, 0.75], id="a centre above 1"),
        pytest.param("0 0.1 0.5 0.4 0.5", [-0.1, 0.25, 0.3, 0.75], id="a box that leaves it further stays"),
        pytest.param("0 0.3 0.4 0.2 0.2", [0.2, 0.3, 0.4, 0.5], id="inside"),
    ],
)
def test_rounding_is_clipped(tmp_path, line, expected):
    (found,) = read(tmp_path, line)
    assert edges(found) == pytest.approx(expected, abs=1e-9)


def test_numbers_inside_stay_exactly_what_they_are(tmp_path):
    assert read(tmp_path, "1 0.123456 0.234567 0.1 0.2\n") == [(1, 0.123456, 0.234567, 0.1, 0.2)]


@pytest.mark.parametrize("word, label", [("0.0", 0), ("1.000000", 1), ("1e0", 1), ("+1", 1)])
def test_a_class_may_be_a_whole_float(tmp_path, word, label):
    (found,) = read(tmp_path, word + " 0.5 0.5 1 1")
    assert found.label == label
    assert isinstance(found.label, int)


@pytest.mark.parametrize(
    "line, message",
    [
        pytest.param("1 0.5 0.5", "should be: class cx cy w h", id="too few"),
        pytest.param("1", "should be: class cx cy w h", id="a class only"),
        pytest.param("0.5 0.5 0.5 1 1", "class is a whole number", id="a class that is none"),
        pytest.param("nan 0.5 0.5 1 1", "class is a whole number", id="a class that is no number"),
        pytest.param("inf 0.5 0.5 1 1", "class is a whole number", id="a class without end"),
        pytest.param("dog 0.5 0.5 1 1", "class is a whole number", id="a name"),
        pytest.param("2 0.5 0.5 1 1", "class 2 is not one of 0 to 1; .* --model", id="no such class"),
        pytest.param("-1 0.5 0.5 1 1", "class -1 is not one of 0 to 1", id="a class below 0"),
        pytest.param("1 0.5 0.5 1.5 1", "sides should be from 0 to 1; divide pixels by", id="too wide"),
        pytest.param("1 0.5 0.5 1.0002 1", "sides should be from 0 to 1", id="more than rounding"),
        pytest.param("1 -0.0002 0.5 1 1", "sides should be from 0 to 1", id="below 0 by more than rounding"),
        pytest.param("1 0.5 nan 1 1", "sides should be from 0 to 1", id="NaN"),
        pytest.param("1 0.5 0.5 1 1 0.9", "a detection with a score, not a label; .* remove the sixth", id="a score"),
        pytest.param("1 0 0 1 0 1 1", "a polygon of 3 points; .* --polygons", id="a triangle"),
        pytest.param("1" + " 0 1" * 17, "a polygon of 17 points; .* --polygons", id="a polygon"),
        pytest.param("1 0 0 1 0 1 1 0.5", "should be: class cx cy w h", id="a number too many"),
    ],
)
def test_what_is_wrong_and_where(tmp_path, line, message):
    with pytest.raises(SourceError, match=r"7.txt:3: .*" + message) as raised:
        read(tmp_path, "0 0.5 0.5 1 1\n\n" + line + "\n")
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    "line, expected",
    [
        pytest.param("1 0.1 0.2 0.5 0.9 0.3 0.1", [0.1, 0.1, 0.5, 0.9], id="a triangle"),
        pytest.param("1 0 0 1.00001 0 1 1 -0.00001 1", [0, 0, 1, 1], id="the image, by rounding"),
        pytest.param("1 0.2 0.2 0.2 0.2 0.2 0.2", [0.2, 0.2, 0.2, 0.2], id="a point"),
    ],
)
def test_the_box_of_a_polygon(tmp_path, line, expected):
    (found,) = read(tmp_path, line, polygons=True)
    assert found.label == 1
    assert edges(found) == pytest.approx(expected, abs=1e-9)


def test_polygons_and_boxes_in_one_file(tmp_path):
    first, second = read(tmp_path, "0 0.5 0.5 0.5 0.5\n1 0 0 1 0 1 1 0 1\n", polygons=True)
    assert (edges(first), edges(second)) == ([0.25, 0.25, 0.75, 0.75], [0, 0, 1, 1])


@pytest.mark.parametrize(
    "line, message",
    [
        pytest.param("1 0 0 2 0 1 1", "corners should be from 0 to 1", id="a corner outside"),
        pytest.param("1 0 0 1 nan 1 1", "corners should be from 0 to 1", id="NaN"),
        pytest.param("1 0 0 1 1", "", id="a box"),
        pytest.param("1 0.5 0.5 1 1 0.9", "a detection with a score", id="a score"),
        pytest.param("2 0 0 1 0 1 1", "class 2 is not one of", id="no such class"),
    ],
)
def test_polygons_are_checked_too(tmp_path, line, message):
    if not message:
        assert len(read(tmp_path, line, polygons=True)) == 1
        return
    with pytest.raises(SourceError, match="7.txt:1: " + message):
        read(tmp_path, line, polygons=True)


def test_the_tolerance_is_far_below_a_pixel_of_a_usual_picture():
    assert ROUNDING * 4096 < 0.5
