import numpy as np
import pytest

from app.sources.upright import swaps_sides, upright

STORED = np.arange(2 * 3 * 3, dtype=np.uint8).reshape(2, 3, 3)
ROWS_AND_COLUMNS = {  # EXIF 2.32, table of tag 0x0112, as index arithmetic: what is seen at (row, column)
    1: STORED,
    2: STORED[:, ::-1],
    3: STORED[::-1, ::-1],
    4: STORED[::-1],
    5: STORED.swapaxes(0, 1),
    6: STORED[::-1].swapaxes(0, 1),
    7: STORED[::-1, ::-1].swapaxes(0, 1),
    8: STORED[:, ::-1].swapaxes(0, 1),
}


@pytest.mark.parametrize("orientation", range(1, 9))
def test_every_orientation(orientation):
    turned = upright(STORED, orientation)
    assert np.array_equal(turned, ROWS_AND_COLUMNS[orientation])
    assert turned.dtype == np.uint8
    assert turned.flags.c_contiguous
    assert swaps_sides(orientation) == (turned.shape[0] == 3)


def test_what_is_upright_stays_the_same_array():
    assert upright(STORED, 1) is STORED


@pytest.mark.parametrize("orientation", [0, 9, -1])
def test_what_exif_does_not_have(orientation):
    with pytest.raises(ValueError, match="1 to 8"):
        upright(STORED, orientation)
    assert not swaps_sides(orientation)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_pillow_agrees(orientation):
    image = pytest.importorskip("PIL.Image", reason="needs Pillow")
    ops = pytest.importorskip("PIL.ImageOps")
    picture = image.fromarray(STORED)
    picture.getexif()[0x0112] = orientation
    assert np.array_equal(np.asarray(ops.exif_transpose(picture)), upright(STORED, orientation))
