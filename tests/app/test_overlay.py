import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.fakes import FakeClock
from support.oracles import contrast

from app.detections import Detections
from app.overlay import StatusLine, Style, banner, class_colour, draw, status, text_colour, wrap
from app.timing import FrameTimes, Timing

LABELS = ["traffic light"] + ["class {}".format(number) for number in range(1, 80)]
SIZES = [(1, 1), (2, 2), (7, 300), (320, 240), (1280, 720), (3840, 2160)]
GREY = 90


def detections(*boxes, **also):
    """One detection of each box; `label`: the class of all."""
    count = len(boxes)
    classes = np.full(count, also.get("label", 0))
    labels = also.get("labels", LABELS)
    return Detections(np.array(boxes, np.float32).reshape(-1, 4), np.linspace(0.9, 0.5, count), classes, labels)


def drawn(width, height, found):
    """A grey image with these detections."""
    return draw(np.full((height, width, 3), GREY, np.uint8), found)


def border_boxes(w, h):
    """Boxes at all borders and corners, and some that are hardly there."""
    third, two = [w / 3, h / 3], [2 * w / 3, 2 * h / 3]
    return [
        (0, 0, w, h),
        (0, 0, third[0], third[1]),
        (two[0], 0, w, third[1]),
        (0, two[1], third[0], h),
        (two[0], two[1], w, h),
        (third[0], 0, two[0], 1),
        (w - 1, third[1], w, two[1]),
        (w, h, w, h),
        (0, 0, 0, 0),
        (w - 0.4, h - 0.4, w, h),
    ]


@pytest.mark.parametrize("size", SIZES, ids=str)
def test_nothing_is_drawn_outside_the_picture(size):
    width, height = size
    around = np.full((height + 40, width + 40, 3), GREY, np.uint8)
    status_line = StatusLine(run_at(20, None))
    for box in border_boxes(width, height):
        draw(around[20:-20, 20:-20], detections(box))
        status_line.draw(around[20:-20, 20:-20])
    assert (around[20:-20, 20:-20] != GREY).any()
    around[20:-20, 20:-20] = GREY
    banner(around[20:-20, 20:-20], "no image for 12 s: connection refused")
    assert (around[20:-20, 20:-20] == GREY).mean() < 0.01, "darkened all over"
    around[20:-20, 20:-20] = GREY
    assert (around == GREY).all()


def plate_of(width, height):
    """The label as it looks where there is room all around: the plate without its outermost pixels."""
    top = height // 2
    bare = drawn(width, height, detections())
    with_label = drawn(width, height, detections((width // 2, top, width // 2 + 9, top + 9)))
    changed = (bare != with_label).any(axis=2)
    changed[top - 3 :] = False  # the box itself begins there
    rows, columns = np.nonzero(changed.any(axis=1))[0], np.nonzero(changed.any(axis=0))[0]
    return with_label[rows[0] + 1 : rows[-1], columns[0] + 1 : columns[-1]]


# Wide pictures, because the status line fills the bottom left.
@pytest.mark.parametrize("size", [(1600, 240), (2400, 480), (9000, 2160)], ids=str)
@pytest.mark.parametrize(
    "box",
    [
        pytest.param((0.5, 0.4, 0.6, 0.6), id="middle"),
        pytest.param((0, 0.3, 0.1, 0.6), id="left edge"),
        pytest.param((0, 0, 0.1, 0.5), id="top left corner"),
        pytest.param((0.5, 0, 0.6, 0.5), id="top edge"),
        pytest.param((0.5, 0.01, 0.6, 0.5), id="just below the top edge"),
        pytest.param((0.999, 0, 1, 0.5), id="top right corner"),
        pytest.param((0.999, 0.5, 1, 0.6), id="right edge"),
        pytest.param((0.8, 0.999, 0.9, 1), id="bottom edge"),
        pytest.param((0.999, 0.999, 1, 1), id="bottom right corner"),
        pytest.param((1, 1, 1, 1), id="no box left"),
        pytest.param((0, 0, 1, 1), id="whole picture"),
    ],
)
def test_labels_are_wholly_visible(size, box):
    plate = plate_of(*size)
    height, width = plate.shape[:2]
    assert height > 8
    assert width > 6 * len(LABELS[0])
    corners = np.array(box) * (size * 2)
    left, top = max(0, int(corners[0]) - 2 * width), max(0, int(corners[1]) - 3 * height)
    near = drawn(size[0], size[1], detections(corners))[top : top + 6 * height, left : left + 4 * width]
    _, _, (x, y), _ = cv2.minMaxLoc(cv2.matchTemplate(near, plate, cv2.TM_SQDIFF))
    assert (near[y : y + height, x : x + width] == plate).all()


def test_a_label_in_a_picture_hardly_taller_than_itself():
    plate = plate_of(1600, 100)
    canvas = drawn(1600, 20, detections((1000, 13, 1100, 19)))
    assert cv2.matchTemplate(canvas, plate, cv2.TM_CCOEFF_NORMED).max() > 0.999


def test_highest_score_is_on_top():
    box = (200, 200, 400, 400)
    both = Detections(np.array([box, box]), np.array([0.9, 0.6]), np.array([0, 1]), LABELS)
    assert (drawn(640, 480, both)[300, 200] == class_colour(0)).all()


def test_labels_of_neighbours_do_not_cover_each_other():
    box = (300, 200, 340, 240)
    one = drawn(640, 480, Detections(np.array([box]), np.array([0.9]), np.array([0]), LABELS))
    two = drawn(640, 480, Detections(np.array([box, box]), np.array([0.9, 0.6]), np.array([0, 1]), LABELS))
    assert (one[:195] == two[:195]).all(), "the higher score's label stays above, whole"
    assert (one[245:] != two[245:]).any(), "the lower one's is below"


def test_draw_works_in_place_and_returns_the_image():
    canvas = np.full((480, 640, 3), GREY, np.uint8)
    assert draw(canvas, detections()) is canvas
    assert (canvas == GREY).all(), "without detections nothing is drawn"


def test_the_status_line_is_at_the_bottom():
    canvas = np.full((480, 640, 3), GREY, np.uint8)
    StatusLine(run_at(20, None)).draw(canvas)
    assert (canvas[:300] == GREY).all()
    assert (canvas[300:] != GREY).any()


def test_the_status_line_fits_when_the_camera_changes_its_resolution():
    timing = run_at(20, None)
    status_line = StatusLine(timing)
    for width, height in [(320, 240), (1280, 720), (320, 240)]:
        canvas, expected = (np.full((height, width, 3), GREY, np.uint8) for _ in range(2))
        status_line.draw(canvas)
        StatusLine(timing).draw(expected)
        assert (canvas == expected).all()


def test_colours_of_80_classes_differ_and_stay():
    colours = [class_colour(index) for index in range(80)]
    assert len(set(colours)) == 80
    assert colours == [class_colour(index) for index in range(80)]
    assert all(len(colour) == 3 and all(0 <= channel <= 255 for channel in colour) for colour in colours)


def test_colours_belong_to_the_class_and_not_to_the_model():
    box = (100, 100, 300, 300)
    few, many = detections(box, label=2, labels=LABELS[:3]), detections(box, label=2)
    assert (drawn(640, 480, few) == drawn(640, 480, many)).all()


@pytest.mark.parametrize("index", range(80))
def test_text_is_readable_on_every_class(index):
    colour = class_colour(index)
    assert contrast(colour, text_colour(colour)) >= 4.5


@pytest.mark.parametrize(
    "background, text", [((255, 255, 255), (0, 0, 0)), ((0, 0, 0), (255, 255, 255)), ((0, 255, 255), (0, 0, 0))]
)
def test_text_colour(background, text):
    assert text_colour(background) == text


@given(st.lists(st.text("abc1 .", min_size=1, max_size=12), max_size=10), st.integers(0, 400))
def test_wrap(parts, width):
    style = Style.fit(320, 240)
    lines = wrap(parts, style, width)
    assert " ".join(lines) == " ".join(parts)
    for line in lines:
        assert style.width(line) <= width or line in parts


@pytest.mark.parametrize("size", SIZES[3:], ids=str)
def test_text_is_of_a_readable_size(size):
    style = Style.fit(*size)
    assert 8 <= style.height <= size[1] / 20
    assert style.width("traffic light 100%") <= size[0] / 2


def run_at(fps, configured, live=False):
    """A timing that has seen frames at this rate, every third of the camera, each 12.5 ms of inference and 50 old."""
    clock = FakeClock()
    timing = Timing(configured, live=live, now=clock.now)
    for index in range(20):
        clock.sleep(1 / fps)
        times = FrameTimes(3 * index, clock.time - 0.05)
        times.seconds["infer"] = 0.0125
        times.processed_at = times.delivered_at = clock.time
        timing.add(times)
    return timing


@pytest.mark.parametrize(
    "options, start",
    [
        pytest.param((20, 30), "20.0 / 30 FPS", id="a rate to keep"),
        pytest.param((20, 29.97), "20.0 / 29.97 FPS", id="a broken one"),
        pytest.param((20, None), "20.0 / max", id="none"),
        pytest.param((10, 40), "10.0 / 40 FPS", id="one that is not reached"),
        pytest.param((10, 40, True), "10.0 / 40 FPS  camera 30.0  dropped 38 ", id="a camera"),
    ],
)
def test_status(options, start):
    text = " ".join(status(run_at(*options)))
    assert text.startswith(start)
    assert ("camera" in text) == ("camera" in start)
    assert "inf 12.5" in text
    assert "latency 50.0 p95 50.0 ms" in text
    assert text.endswith("ms")


def test_status_has_what_slow_sinks_skipped_where_they_did():
    timing = run_at(10, None)
    assert "skipped" not in " ".join(status(timing))
    timing.sink_skipped("WindowSink")
    assert "skipped 1 " in " ".join(status(timing))


def test_a_banner_is_read_in_the_middle():
    canvas = np.full((480, 640, 3), 255, np.uint8)
    banner(canvas, "no image for 12 s: connection refused")
    rows, columns = np.nonzero((canvas > 200).all(axis=2))  # OpenCV 4.1.1 draws thin, and smooth
    assert len(rows) > 100, "white letters"
    assert abs(rows.mean() - 240) < 20
    assert abs(columns.mean() - 320) < 20
    assert columns.min() > 20
    assert columns.max() < 620


def test_status_before_the_second_frame():
    assert " ".join(status(Timing(30))).startswith("- / 30 FPS")
