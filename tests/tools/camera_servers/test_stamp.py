import cv2
import numpy as np
import pytest
from support.streams import decode

from tools.camera_servers.stamp import LEAST_WIDTH, read_stamp, write_stamp


@pytest.mark.parametrize("quality", [50, 75])
@pytest.mark.parametrize("size", [(128, 96), (160, 120), (322, 242), (640, 480), (854, 480), (1280, 720)])
def test_stamp_survives(size, quality):
    width, height = size
    random = np.random.RandomState(0)
    for number in [0, 1, 61, 12345678, 2**24 - 1]:
        for image in (np.zeros((height, width, 3), np.uint8), random.randint(0, 256, (height, width, 3)).astype("u1")):
            write_stamp(image, number)
            assert read_stamp(image) == number
            jpeg = decode(cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, quality])[1])
            assert read_stamp(jpeg) == number
            larger = cv2.resize(jpeg, (width * 3 // 2, height * 3 // 2))
            assert read_stamp(cv2.resize(larger, (width, height))) == number


def test_stamp_wraps_round():
    image = np.zeros((24, 320, 3), np.uint8)
    write_stamp(image, 2**24 + 7)
    assert read_stamp(image) == 7


def test_stamp_is_missing_or_damaged():
    image = np.zeros((24, 320, 3), np.uint8)
    assert read_stamp(image) is None
    assert read_stamp(np.full((24, 320, 3), 255, np.uint8)) is None
    assert read_stamp(np.zeros((240, LEAST_WIDTH - 1, 3), np.uint8)) is None
    for block in range(32):
        write_stamp(image, 1234567)
        side = slice(10 * block, 10 * block + 10)
        image[:10, side] = 255 - image[:10, side]
        assert read_stamp(image) is None, f"block {block} is wrong"
        image[:10, side] = 128
        assert block < 2 or read_stamp(image) is None, f"block {block} is grey"


@pytest.mark.parametrize("shape", [(240, LEAST_WIDTH - 1, 3), (9, 320, 3)])
def test_stamp_has_no_room(shape):
    with pytest.raises(ValueError, match="a stamp needs"):
        write_stamp(np.zeros(shape, np.uint8), 1)
