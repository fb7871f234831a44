"""Images: which are decoded smaller, and which are refused."""

import cv2
import numpy as np
import pytest
from support.video import picture

from app.errors import SourceError
from app.sources import open_source, pictures
from app.sources.pictures import read_picture


@pytest.fixture
def large(tmp_path, monkeypatch):
    """A function that writes an image of 640x480, of which 160 pixels of the longer side have to be left."""
    monkeypatch.setattr(pictures, "REDUCED_SIDE", 160)

    def write(name):
        image = picture((20, 90, 200), (640, 480))
        image[:240, :320] = 250
        assert cv2.imwrite(str(tmp_path / name), image)
        return str(tmp_path / name)

    return write


@pytest.mark.parametrize(
    "most, shape", [(640 * 480, (480, 640)), (640 * 480 - 1, (120, 160)), (100 * 100, (60, 80))], ids=["fits", "4", "8"]
)
def test_a_large_jpeg_is_decoded_smaller(large, most, shape):
    """As small as leaves enough of it, or smaller where it has to be."""
    found = read_picture(large("dog.jpg"), most)
    assert found.size == (640, 480)
    assert found.image.shape == shape + (3,)
    corners = found.image[4, 4], found.image[-4, -4]
    assert [corner.tolist() for corner in corners] == [
        pytest.approx([250] * 3, abs=4),
        pytest.approx([20, 90, 200], abs=4),
    ]


@pytest.mark.parametrize("name, most", [("dog.png", 640 * 480 - 1), ("dog.jpg", 4000)])
def test_what_is_too_large_is_refused_with_what_would_read_it(large, name, most):
    with pytest.raises(SourceError, match="0 megapixels, more than the limit of 0; app.detect .*--max-megapixels 1$"):
        read_picture(large(name), most)


def test_a_frame_knows_the_size_of_its_file(large, tmp_path, capsys):
    with open_source(large("dog.jpg"), most_pixels=100 * 100) as source:
        (frame,) = [frame for frame in source if frame is not None]
    assert (frame.size, frame.image.shape) == ((640, 480), (60, 80, 3))
    assert "decoded at 80x60 of 640x480 pixels" in capsys.readouterr().err


def test_a_broken_image_leaves_its_time_free(tmp_path):
    for number in range(3):
        assert cv2.imwrite(str(tmp_path / f"{number}.png"), np.full((8, 8, 3), 9, np.uint8))
    (tmp_path / "1.png").write_bytes(b"broken")
    with open_source(str(tmp_path)) as source:
        frames = [frame for frame in source if frame is not None]
    assert [(frame.name, frame.time) for frame in frames] == [("0.png", 0), ("2.png", pytest.approx(0.08))]


def test_an_image_whose_name_is_not_utf8(tmp_path):
    path = bytes(tmp_path) + b"/caf\xe9.png"
    with open(path, "wb") as file:
        file.write(cv2.imencode(".png", picture(40))[1].tobytes())
    assert read_picture(path.decode("utf-8", "surrogateescape")).image[0, 0].tolist() == [40] * 3
