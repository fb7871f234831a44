import gzip

import numpy as np
import pytest
from support.characters import idx, packed

from app.classification.idx import open_idx
from app.errors import SourceError

ARRAY = np.arange(3 * 2 * 4, dtype=np.uint8).reshape(3, 2, 4)
ADVICE = "get it again"


@pytest.fixture(params=["", ".gz"])
def write(request, tmp_path):
    """Write a file's content, packed or not; its path."""

    def write(content):
        path = tmp_path / ("some-idx" + request.param)
        path.write_bytes(packed(content) if request.param else content)
        return str(path)

    return write


def read_all(path, shape=(2, 4), step=2):
    with open_idx(path, shape, ADVICE) as file:
        blocks = [file.read(min(step, file.count - first)) for first in range(0, file.count, step)]
        file.finish()
    return np.concatenate(blocks)


def fails(path, phrase, shape=(2, 4)):
    with pytest.raises(SourceError) as caught:
        read_all(path, shape)
    message = str(caught.value)
    assert message.startswith(path + ": ")
    assert message.endswith("; " + ADVICE)
    assert "\n" not in message
    assert phrase in message


@pytest.mark.parametrize("step", [1, 2, 3])
def test_records_in_order(write, step):
    read = read_all(write(idx(ARRAY)), step=step)
    assert read.dtype == np.uint8
    assert read.tolist() == ARRAY.tolist()


def test_the_format_byte_by_byte(write):
    content = b"\0\0\x08\x03\0\0\0\x02\0\0\0\x01\0\0\0\x03\x01\x02\x03\xff\x00\x05"
    assert read_all(write(content), (1, 3)).tolist() == [[[1, 2, 3]], [[255, 0, 5]]]


def test_numbers(write):
    assert read_all(write(idx(np.array([5, 0, 61], np.uint8))), ()).tolist() == [5, 0, 61]


@pytest.mark.parametrize(
    "content, phrase",
    [
        pytest.param(b"", "its header is cut off", id="empty"),
        pytest.param(idx(ARRAY)[:3], "its header is cut off", id="three bytes"),
        pytest.param(idx(ARRAY)[:11], "its header is cut off", id="half a header"),
        pytest.param(idx(ARRAY[:, 0]), "its magic number is 00000802 instead of 00000803", id="two dimensions"),
        pytest.param(idx(ARRAY, magic=b"\0\0\x0d\x03"), "its magic number is 00000d03", id="floating point"),
        pytest.param(idx(ARRAY, magic=b"\1\0\x08\x03"), "its magic number is 01000803", id="first byte"),
        pytest.param(idx(ARRAY.transpose(0, 2, 1)), "its records are of 4x2 instead of 2x4", id="other size"),
        pytest.param(idx(ARRAY[:0]), "its header says 0 records", id="no records"),
        pytest.param(idx(ARRAY, count=2**32 - 1), "its header says 4294967295 records", id="four thousand million"),
        pytest.param(idx(ARRAY, count=4), "record 3 of 4 is cut off, or missing", id="a record too few"),
        pytest.param(idx(ARRAY)[:-1], "record 2 of 3 is cut off, or missing", id="a byte too few"),
        pytest.param(idx(ARRAY)[:17], "record 0 of 3 is cut off, or missing", id="a byte of a record"),
        pytest.param(idx(ARRAY) + b"\0", "is longer than its 3 records", id="a byte too many"),
        pytest.param(idx(ARRAY, count=2), "is longer than its 2 records", id="a record too many"),
    ],
)
def test_wrong_contents(write, content, phrase):
    fails(write(content), phrase)


def test_a_packed_file_that_breaks_off(tmp_path):
    """Every byte counts, and the record is named at which it ends."""
    array = np.random.RandomState(0).randint(0, 256, (300, 28, 28)).astype(np.uint8)
    content, path = packed(idx(array)), tmp_path / "data.gz"
    for length in [0, 1, 9, 15, len(content) // 2, len(content) - 8, len(content) - 1]:
        path.write_bytes(content[:length])
        fails(str(path), "", (28, 28))
    path.write_bytes(content[: len(content) // 2])
    fails(str(path), "record 1", (28, 28))  # 100 to 199: noise is hardly compressed
    path.write_bytes(content[:-1])
    fails(str(path), "its end is cut off", (28, 28))


def test_a_packed_file_that_is_damaged(tmp_path):
    content, path = bytearray(packed(idx(ARRAY))), tmp_path / "data.gz"
    content[-8] ^= 1
    path.write_bytes(bytes(content))
    fails(str(path), "cannot be read: CRC check failed")
    content = bytearray(gzip.compress(idx(np.zeros((3, 50, 50), np.uint8))))
    content[10] = 0xFF
    path.write_bytes(bytes(content))
    fails(str(path), "damaged: ", (50, 50))


def test_a_file_of_the_wrong_name(tmp_path):
    path = tmp_path / "data.gz"
    path.write_bytes(idx(ARRAY))
    fails(str(path), "cannot be read: ")
    path = tmp_path / "data"
    path.write_bytes(packed(idx(ARRAY)))
    fails(str(path), "its magic number is 1f8b08")


def test_no_file(tmp_path):
    fails(str(tmp_path / "absent"), "cannot be read: No such file")
    fails(str(tmp_path / "absent.gz"), "cannot be read: No such file")
    fails(str(tmp_path), "cannot be read: Is a directory")
