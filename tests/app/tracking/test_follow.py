import cv2
import numpy as np
import pytest

from app.detections import Detections
from app.tracking.follow import MOST, Last
from app.tracking.grey import SIDE, small_grey


def texture(height, width, seed=0):
    noise = np.random.default_rng(seed).normal(0, 1, (height, width))
    smooth = cv2.GaussianBlur(noise, (0, 0), 3)
    return np.clip(128 + 40 * smooth / smooth.std(), 0, 255).astype(np.uint8)


BACKGROUND = texture(240, 320)
THING = texture(60, 40, seed=1)


def picture(x, y, scale=1):
    """A grey picture with the thing's top left corner at x, y; as BGR, enlarged."""
    image = BACKGROUND.copy()
    image[y : y + 60, x : x + 40] = THING
    image = cv2.cvtColor(image, cv2.COLOR_GRAY2BGR)
    return cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_LINEAR)


def found(*boxes, **rest):
    count = len(boxes)
    corners = np.array(boxes, np.float32).reshape(-1, 4)
    return Detections(corners, np.linspace(0.9, 0.5, count), np.zeros(count, int), **rest)


def test_a_small_grey_picture_keeps_the_proportions():
    assert small_grey(np.zeros((1080, 1920, 3), np.uint8)).shape == (216, SIDE)
    assert small_grey(np.zeros((1000, 10, 3), np.uint8)).shape == (SIDE, 4)
    assert small_grey(np.zeros((5000, 1, 3), np.uint8)).shape == (SIDE, 1)


def test_an_image_that_is_small_enough_is_only_made_grey():
    image = np.full((2, 3, 3), (10, 20, 30), np.uint8)
    # 0.114 B + 0.587 G + 0.299 R (ITU-R BT.601) = 21.85
    np.testing.assert_array_equal(small_grey(image), np.full((2, 3), 22))


@pytest.mark.parametrize("scale", [1, 3])
def test_a_box_moves_with_what_is_in_it_and_one_beside_it_stays(scale):
    first, later = picture(100, 80, scale), picture(110, 75, scale)
    boxes = found(
        (100 * scale, 80 * scale, 140 * scale, 140 * scale), (220 * scale, 20 * scale, 260 * scale, 90 * scale)
    )
    moved = Last(small_grey(first), boxes, first.shape).at(small_grey(later))
    expected = boxes.boxes + scale * np.array([[10, -5, 10, -5], [0, 0, 0, 0]])
    np.testing.assert_allclose(moved.boxes, expected, atol=0.5 * scale)


def test_the_rest_of_a_detection_stays():
    boxes = found((100, 80, 140, 140), (10, 10, 50, 50), labels=["thing"], tracks=np.array([7, 0]))
    moved = Last(small_grey(picture(100, 80)), boxes, BACKGROUND.shape).at(small_grey(picture(104, 80)))
    assert moved.tracks.tolist() == [7, 0]
    assert moved.labels == ["thing"]
    np.testing.assert_array_equal(moved.scores, boxes.scores)


def test_noise_does_not_move_what_stands_however_long():
    noise = np.random.default_rng(2)
    boxes = found((100, 80, 140, 140))
    last = Last(small_grey(picture(100, 80)), boxes, BACKGROUND.shape)
    for _ in range(20):
        noisy = np.clip(picture(100, 80) + noise.normal(0, 5, (240, 320, 1)), 0, 255).astype(np.uint8)
        np.testing.assert_allclose(last.at(small_grey(noisy)).boxes, boxes.boxes, atol=0.5)


def test_the_order_of_the_frames_does_not_matter():
    last = Last(small_grey(picture(100, 80)), found((100, 80, 140, 140)), BACKGROUND.shape)
    later = small_grey(picture(112, 80))
    alone = last.at(later)
    last.at(small_grey(picture(90, 80)))
    np.testing.assert_array_equal(last.at(later).boxes, alone.boxes)


def test_a_box_where_nothing_can_be_followed_stays():
    flat = np.full((240, 320), 90, np.uint8)
    boxes = found((100, 80, 140, 140))
    np.testing.assert_array_equal(Last(flat, boxes, flat.shape).at(flat).boxes, boxes.boxes)


def test_a_box_is_clipped_to_the_frame():
    boxes = found((270, 80, 310, 140))
    last = Last(small_grey(picture(270, 80)), boxes, BACKGROUND.shape)
    # By 20 to the right; of the thing 30 of 40 columns are left. What the border hides cannot be followed.
    shifted = picture(270, 80)
    shifted[:, 20:] = shifted[:, :-20].copy()
    moved = last.at(small_grey(shifted)).boxes[0]
    assert moved[2] == 320
    assert abs(moved[0] - 290) <= 0.5


def test_a_picture_of_another_size_leaves_the_boxes_where_they_are():
    boxes = found((100, 80, 140, 140))
    moved = Last(small_grey(picture(100, 80)), boxes, BACKGROUND.shape).at(np.zeros((100, 100), np.uint8))
    np.testing.assert_array_equal(moved.boxes, boxes.boxes)


def test_of_very_many_boxes_those_with_the_best_scores_are_followed():
    boxes = found(*[(100, 80, 140, 140)] * (MOST + 1))
    moved = Last(small_grey(picture(100, 80)), boxes, BACKGROUND.shape).at(small_grey(picture(108, 80)))
    assert len(moved) == MOST + 1
    np.testing.assert_allclose(moved.boxes[:MOST, 0], 108, atol=0.5)
    assert moved.boxes[MOST, 0] == 100


def test_nothing_found_is_nothing_to_follow():
    assert len(Last(BACKGROUND, Detections.empty(), BACKGROUND.shape).at(BACKGROUND)) == 0
