import cv2
import numpy as np
import pytest

from app.sources.pictures.header import read_header
from app.sources.pictures.jpeg_end import with_end

RESTART = cv2.IMWRITE_JPEG_RST_INTERVAL


def picture(channels=3):
    """37x30 pixels, so that the last blocks hang over the edges."""
    generator = np.random.RandomState(7)
    blocks = np.kron(generator.randint(0, 255, (5, 4, channels)), np.ones((6, 10, 1)))[:, :37]
    return (blocks + generator.randint(0, 9, blocks.shape)).clip(0, 255).astype(np.uint8)


def jpeg(*options, channels=3):
    return cv2.imencode(".jpg", picture(channels), list(options))[1].tobytes()


def decoded(data):
    return cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)


BASELINE = [
    pytest.param(jpeg(), id="baseline"),
    pytest.param(jpeg(channels=1), id="grey"),
    pytest.param(jpeg(cv2.IMWRITE_JPEG_OPTIMIZE, 1), id="its own tables"),
    pytest.param(jpeg(RESTART, 1), id="a restart marker after every block"),
    pytest.param(jpeg(RESTART, 2), id="a restart marker after every second"),
]


@pytest.mark.parametrize("data", BASELINE)
def test_only_the_end_is_missing(data):
    for length in (len(data) - 1, len(data) - 2):
        assert read_header(data[:length]).damage is not None
        assert with_end(data[:length]) == data
    assert np.array_equal(decoded(with_end(data[:-2])), decoded(data))


@pytest.mark.parametrize("data", BASELINE)
def test_more_than_the_end_is_missing(data):
    start = data.index(b"\xff\xda") + 12
    for length in range(start, len(data) - 2):
        assert with_end(data[:length]) is None, "{} bytes before the end".format(len(data) - length)


def test_of_a_progressive_jpeg_nobody_knows():
    data = jpeg(cv2.IMWRITE_JPEG_PROGRESSIVE, 1)
    assert with_end(data[:-2]) is None


@pytest.mark.parametrize("data", [b"", b"\xff\xd8", b"\xff\xd8\xff\xda", jpeg()[:-2].replace(b"\xff\xc0", b"\xff\xc5")])
def test_no_picture(data):
    assert with_end(data) is None


def test_libjpegs_warnings_are_not_shown(capfd):
    with_end(jpeg()[:-20])
    assert capfd.readouterr().err == ""
