import numpy as np
import pytest

from tools.train_detector.augmentation import Sample, colour, mosaic, single

SIZE = 96


def square(x, y, side, width=80, height=60):
    """A black picture with a white square, and its box."""
    image = np.zeros((height, width, 3), np.uint8)
    image[y : y + side, x : x + side] = 255
    return Sample(image, np.array([[x, y, x + side, y + side]], np.float32), np.array([3], np.int32))


def white_box(image):
    """The box round what is white; None if nothing is."""
    rows, columns = np.nonzero(image[..., 0] > 190)
    return None if not len(rows) else np.array([columns.min(), rows.min(), columns.max() + 1, rows.max() + 1])


@pytest.mark.parametrize("flip", [True, False])
def test_a_box_stays_round_its_object(flip):
    rng = np.random.default_rng(0)
    seen = 0
    for _ in range(60):
        made = single(square(20, 10, 24), SIZE, flip, rng)
        assert made.image.shape == (SIZE, SIZE, 3)
        if len(made.boxes):
            seen += 1
            assert made.classes.tolist() == [3]
            np.testing.assert_allclose(made.boxes[0], white_box(made.image), atol=1.1)
    assert seen > 50


def test_mirroring_happens_only_if_it_is_asked_for():
    left = square(0, 0, 20)  # the left edge is white: after mirroring the right one would be
    for flip, expected in ((False, {False}), (True, {False, True})):
        rng, found = np.random.default_rng(0), set()
        for _ in range(40):
            made = single(left, SIZE, flip, rng)
            covered = np.flatnonzero((made.image != 128).any(axis=(0, 2)))  # but the grey bars
            if len(made.boxes) and covered[0] > 0 and covered[-1] < SIZE - 1:
                x1, x2 = made.boxes[0, [0, 2]]
                found.add(bool(covered[-1] - x2 < x1 - covered[0]))
        assert found == expected


def test_four_pictures_meet_in_a_mosaic():
    rng = np.random.default_rng(0)
    for _ in range(30):
        samples = [square(30, 20, 20)._replace(classes=np.array([number], np.int32)) for number in range(4)]
        made = mosaic(samples, SIZE, True, rng)
        assert (made.boxes >= 0).all()
        assert (made.boxes <= SIZE).all()
        for box in made.boxes:  # a box is white, up to its edge
            x1, y1, x2, y2 = np.rint(box).astype(int)
            if min(x2 - x1, y2 - y1) > 4:
                assert (made.image[y1 + 2 : y2 - 2, x1 + 2 : x2 - 2] > 190).all()
        assert len(set(made.classes.tolist())) == len(made.classes)


def test_of_a_box_that_leaves_the_picture_enough_must_be_left():
    rng = np.random.default_rng(0)
    for _ in range(100):
        made = single(square(0, 0, 60, 60, 60), SIZE, False, rng)  # the object fills the picture
        if len(made.boxes):
            assert (made.boxes[0, 2:] - made.boxes[0, :2]).min() >= 3


def test_colour_varies_a_little_and_leaves_black_and_the_shape_alone():
    rng = np.random.default_rng(0)
    image = np.full((8, 8, 3), (40, 90, 200), np.uint8)
    image[0] = 0
    made = [colour(image, rng) for _ in range(10)]
    assert all((one[0] == 0).all() for one in made)
    assert len({one[1, 1].tobytes() for one in made}) > 5
    assert all(one[1, 1, 2] > one[1, 1, 1] > one[1, 1, 0] for one in made), "an orange stays an orange"


def test_a_seed_gives_the_same_picture():
    one, other = (single(square(20, 10, 24), SIZE, True, np.random.default_rng(5)) for _ in range(2))
    assert (one.image == other.image).all()
    assert (one.boxes == other.boxes).all()


def test_pictures_without_objects():
    empty = Sample(np.zeros((9, 9, 3), np.uint8), np.zeros((0, 4), np.float32), np.zeros(0, np.int32))
    made = mosaic([empty] * 4, SIZE, True, np.random.default_rng(0))
    assert made.boxes.shape == (0, 4)
    assert made.classes.shape == (0,)
