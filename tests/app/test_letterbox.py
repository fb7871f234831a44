import functools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.heads import CARD

from app.letterbox import Letterbox, preprocess

sides = st.integers(1, 5000)
sizes = st.integers(1, 40).map(lambda n: 32 * n)


boxes = st.one_of(
    st.builds(Letterbox.fit, sides, sides, sizes, square=st.booleans()),
    st.builds(Letterbox.into, sides, sides, sizes, sizes),
)


@given(boxes, st.floats(0, 1), st.floats(0, 1))
def test_a_point_comes_back(box, across, down):
    x, y = across * box.frame_width, down * box.frame_height
    inside_x = box.left + x * box.scaled_width / box.frame_width
    inside_y = box.top + y * box.scaled_height / box.frame_height
    assert 0 <= inside_x <= box.width
    assert 0 <= inside_y <= box.height
    back = box.invert(np.array([[inside_x, inside_y, inside_x, inside_y]], np.float32))[0]
    # A float32 among the input's pixels is good to its side * 2 ** -23; a pixel of the input is that many of the frame.
    pixel = max(box.frame_width / box.scaled_width, box.frame_height / box.scaled_height)
    tolerance = 4 * max(box.width, box.height) * 2.0**-23 * pixel + 1e-6 * max(x, y)
    assert back == pytest.approx([x, y, x, y], abs=tolerance)


@given(sides, sides, sizes)
def test_rectangular_input_is_no_larger_than_needed(width, height, size):
    box = Letterbox.fit(width, height, size)
    assert (box.left, box.top) == (0, 0)
    assert max(box.width, box.height) == max(box.scaled_width, box.scaled_height) == size
    for side, scaled in ((box.width, box.scaled_width), (box.height, box.scaled_height)):
        assert side % 32 == 0
        assert 0 <= side - scaled < 32


@given(sides, sides, sizes)
def test_picture_keeps_its_shape(width, height, size):
    box = Letterbox.fit(width, height, size)
    scale = size / max(width, height)
    assert max(1, width * scale) - 1 < box.scaled_width <= max(1, width * scale) + 1e-6
    assert max(1, height * scale) - 1 < box.scaled_height <= max(1, height * scale) + 1e-6


@given(sides, sides, sizes)
def test_a_square_is_an_input_of_a_given_size(width, height, size):
    assert Letterbox.fit(width, height, size, square=True) == Letterbox.into(width, height, size, size)


@given(sides, sides, sizes, sizes)
def test_into_an_input_of_a_given_size(width, height, input_width, input_height):
    box = Letterbox.into(width, height, input_width, input_height)
    assert (box.frame_width, box.frame_height, box.width, box.height) == (width, height, input_width, input_height)
    assert 1 <= box.scaled_width <= box.width
    assert 1 <= box.scaled_height <= box.height
    assert box.scaled_width >= box.width - 1 or box.scaled_height >= box.height - 1, "as large as it can be"
    assert 0 <= box.width - box.scaled_width - 2 * box.left <= 1, "in the middle"
    assert 0 <= box.height - box.scaled_height - 2 * box.top <= 1
    scale = min(input_width / width, input_height / height)
    assert max(1, width * scale) - 1 < box.scaled_width + 1e-6, "it keeps its shape"
    assert max(1, height * scale) - 1 < box.scaled_height + 1e-6


@pytest.mark.parametrize(
    "frame, size, expected",
    [
        pytest.param((640, 480), 416, (416, 320), id="4:3 lying"),
        pytest.param((480, 640), 416, (320, 416), id="4:3 standing"),
        pytest.param((1920, 1080), 416, (416, 256), id="16:9"),
        pytest.param((640, 480), 160, (160, 128), id="160"),
        pytest.param((416, 416), 416, (416, 416), id="square frame"),
        pytest.param((1, 1), 416, (416, 416), id="one pixel"),
        pytest.param((10000, 1), 416, (416, 32), id="a line"),
        pytest.param((1, 10000), 416, (32, 416), id="an upright line"),
    ],
)
def test_input_shape(frame, size, expected):
    box = Letterbox.fit(frame[0], frame[1], size)
    assert (box.width, box.height) == expected


@pytest.mark.parametrize(
    "frame, size, scaled, corner",
    [
        pytest.param((480, 640), (416, 320), (240, 320), (88, 0), id="standing into lying"),
        pytest.param((640, 480), (320, 416), (320, 240), (0, 88), id="lying into standing"),
        pytest.param((640, 480), (416, 320), (416, 312), (0, 4), id="into its own input, though in the middle"),
        pytest.param((640, 480), (416, 416), (416, 312), (0, 52), id="into a square"),
        pytest.param((64, 64), (416, 320), (320, 320), (48, 0), id="enlarged"),
        pytest.param((10000, 1), (64, 64), (64, 1), (0, 31), id="a line"),
        pytest.param((1280, 720), (768, 416), (739, 416), (14, 0), id="as high as the input"),
    ],
)
def test_into(frame, size, scaled, corner):
    assert Letterbox.into(*frame, *size) == Letterbox(*frame, *size, *scaled, *corner)


@pytest.mark.parametrize(
    "resize, made_for, square, expected",
    [
        pytest.param("rectangle", None, False, (320, 256, 320, 240, 0, 0), id="rectangle"),
        pytest.param("letterbox", None, False, (320, 320, 320, 240, 0, 40), id="letterbox"),
        pytest.param("stretch", None, False, (320, 320, 320, 320, 0, 0), id="stretch"),
        pytest.param("stretch", (416, 416), False, (320, 320, 320, 320, 0, 0), id="stretch, made for a square"),
        pytest.param("stretch", (608, 304), False, (320, 160, 320, 160, 0, 0), id="stretch, made for 2:1"),
        pytest.param("letterbox", (304, 608), False, (160, 320, 160, 120, 0, 100), id="letterbox, made for 1:2"),
        pytest.param("stretch", (608, 304), True, (320, 320, 320, 240, 0, 40), id="--square, whatever the card says"),
        pytest.param("rectangle", (608, 304), True, (320, 320, 320, 240, 0, 40), id="rectangle, but --square"),
    ],
)
def test_as_the_card_says(resize, made_for, square, expected):
    card = CARD._replace(resize=resize, size=made_for)
    assert Letterbox.of_card(card, 640, 480, 320, square=square) == Letterbox(640, 480, *expected)


def test_a_stretched_box_comes_back():
    box = Letterbox.of_card(CARD._replace(resize="stretch"), 640, 480, 320)
    assert box.invert(np.array([[10, 20, 100, 320]], np.float32)).tolist() == [[20, 30, 200, 480]]


def test_a_stretched_tensor_has_no_bars():
    box = Letterbox.of_card(CARD._replace(resize="stretch"), 640, 480, 320)
    assert (preprocess(np.full((480, 640, 3), 255, np.uint8), box, 1 / 255) == 1).all()


def test_multiple_of_the_model():
    box = Letterbox.fit(640, 480, 128, multiple=64)
    assert (box.width, box.height) == (128, 128)


@pytest.mark.parametrize(
    "fit", [Letterbox.fit, functools.partial(Letterbox.into, height=64)], ids=["rectangular", "into 96x64"]
)
@pytest.mark.parametrize("frame", [(640, 480), (33, 77), (1, 1), (10000, 1), (1, 10000)], ids=str)
def test_grey_bars_round_the_picture(frame, fit):
    width, height = frame
    box = fit(width, height, 96)
    canvas = box.apply(np.full((height, width, 3), (10, 20, 30), np.uint8))
    assert canvas.shape == (box.height, box.width, 3)
    assert canvas.dtype == np.uint8
    right, bottom = box.left + box.scaled_width, box.top + box.scaled_height
    assert (canvas[box.top : bottom, box.left : right] == (10, 20, 30)).all()
    canvas[box.top : bottom, box.left : right] = 128
    assert (canvas == 128).all()


def test_boxes_are_not_clipped():
    box = Letterbox.fit(640, 480, 320, square=True)
    assert (box.scaled_width, box.scaled_height, box.top) == (320, 240, 40)
    assert box.invert(np.array([[0, 0, 320, 320]], np.float32)).tolist() == [[0, -80, 640, 560]]


def test_no_boxes():
    assert Letterbox.fit(640, 480, 320).invert(np.zeros((0, 4), np.float32)).shape == (0, 4)


@pytest.mark.parametrize("scale", [1 / 255, 1.0, 1 / 127.5], ids=["0..1", "0..255", "0..2"])
def test_preprocess_pixel_by_pixel(scale):
    image = np.random.RandomState(0).randint(0, 256, (32, 64, 3)).astype(np.uint8)
    tensor = preprocess(image, Letterbox.fit(64, 32, 64), scale)
    assert tensor.shape == (1, 3, 32, 64)
    assert tensor.dtype == np.float32
    assert tensor.flags["C_CONTIGUOUS"]
    for channel, bgr in enumerate((2, 1, 0)):
        np.testing.assert_allclose(tensor[0, channel], image[:, :, bgr] * scale, rtol=1e-6)


def test_preprocess_of_a_frame_that_is_part_of_another():
    whole = np.random.RandomState(0).randint(0, 256, (40, 80, 3)).astype(np.uint8)
    part = whole[3:35, 5:69]
    box = Letterbox.fit(64, 32, 64)
    assert (preprocess(part, box) == preprocess(part.copy(), box)).all()


@pytest.mark.parametrize("factor", [2, 3, 4, 8, 10])
def test_a_larger_frame_is_averaged_and_not_sampled(factor):
    noise = np.random.RandomState(0).randint(0, 256, (64 * factor, 64 * factor, 3)).astype(np.uint8)
    small = Letterbox.fit(64 * factor, 64 * factor, 64).apply(noise)
    assert small.mean() == pytest.approx(noise.mean(), abs=1)
    assert small.std() < 1.1 * noise.std() / 2, "as of 4 pixels or more"


def test_the_pixels_of_a_much_larger_frame_come_from_all_over_their_cell():
    """Bilinear alone would take four neighbours from the middle of each 8x8 cell."""
    cells = np.zeros((64, 8, 64, 8, 3), np.uint8)
    cells[:, 3:5, :, 3:5] = 255
    image = cells.reshape(512, 512, 3)
    assert Letterbox.fit(512, 512, 64).apply(image).max() < 255


@pytest.mark.parametrize("factor", [1, 2, 3, 5])
def test_resampling_shifts_nothing(factor):
    """The middle of a bright square in the frame is the middle of the square in the input."""
    image = np.zeros((64 * factor, 96 * factor, 3), np.uint8)
    image[20 * factor : 36 * factor, 40 * factor : 72 * factor] = 255
    small = Letterbox.fit(96 * factor, 64 * factor, 96).apply(image)[:, :, 0].astype(float)
    rows, columns = np.indices(small.shape)
    assert ((rows + 0.5) * small).sum() / small.sum() == pytest.approx(28, abs=0.1)
    assert ((columns + 0.5) * small).sum() / small.sum() == pytest.approx(56, abs=0.1)
