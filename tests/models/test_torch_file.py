"""The reader of PyTorch's old format, with files that are put together here opcode by opcode."""

import hashlib
import os
import struct

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.torch_file import TorchFileError, read_torch_file

MAGIC = b"\x80\x02\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19."
VERSION = b"\x80\x02M\xe9\x03."
NAME = b"c%s\n%s\n"
ORDERED_DICT = NAME % (b"collections", b"OrderedDict")


def text(value):
    return b"X" + struct.pack("<I", len(value)) + value.encode()


def number(value):
    return b"J" + struct.pack("<i", value)


def numbers(values):
    return b"(" + b"".join(number(value) for value in values) + b"t"


def machine(little=b"\x88"):
    return b"\x80\x02}" + text("little_endian") + little + b"s."


def tensor(key="7", kind=b"FloatStorage", count=6, offset=0, shape=(2, 3), strides=(3, 1)):
    storage = b"(" + text("storage") + NAME % (b"torch", kind) + text(key) + text("cpu") + number(count) + b"NtQ"
    end = b"\x89" + ORDERED_DICT + b")RtR"
    start = NAME % (b"torch._utils", b"_rebuild_tensor_v2")
    return start + b"(" + storage + number(offset) + numbers(shape) + numbers(strides) + end


def state_dict(**tensors):
    metadata = b"}" + text("_metadata") + ORDERED_DICT + b")Rsb"
    items = b"".join(text(name) + value for name, value in tensors.items())
    return b"\x80\x02" + ORDERED_DICT + b")R(" + items + b"u" + metadata + b"."


def keys(*names):
    return b"\x80\x02](" + b"".join(text(name) for name in names) + b"e."


def storage(values, dtype="<f4"):
    return struct.pack("<q", len(values)) + np.asarray(values, dtype).tobytes()


START = MAGIC + VERSION + machine()
VALUES = [0, 1, 2, 3, 4, 5]
COUNTER = tensor("8", b"LongStorage", 1, 0, (), ())
GOOD = START + state_dict(a=tensor(), n=COUNTER) + keys("8", "7") + storage([9], "<i8") + storage(VALUES)


@pytest.fixture(scope="module")
def read(tmp_path_factory):
    path = str(tmp_path_factory.mktemp("torch") / "weights.pth")

    def read(data):
        with open(path, "wb") as file:
            file.write(data)
        return read_torch_file(path, hashlib.sha256(data).hexdigest())

    return read


def one(values=VALUES, **changes):
    """A file of one tensor."""
    return START + state_dict(a=tensor(**changes)) + keys("7") + storage(values)


def test_tensors_are_read(read):
    tensors = read(GOOD)
    assert list(tensors) == ["a", "n"]
    assert (tensors["a"].dtype, tensors["n"].dtype) == (np.float32, np.int64)
    assert tensors["a"].tolist() == [[0, 1, 2], [3, 4, 5]]
    assert tensors["n"].tolist() == 9


def test_strides_and_offset(read):
    """A transposed tensor is written with its storage as it is."""
    assert read(one(strides=(1, 2)))["a"].tolist() == [[0, 2, 4], [1, 3, 5]]
    assert read(one(offset=2, shape=(2,), strides=(3,)))["a"].tolist() == [2, 5]


@pytest.mark.verify
def test_pytorch_reads_the_same(tmp_path):
    torch = pytest.importorskip("torch")
    for data in (GOOD, one(strides=(1, 2)), one(offset=2, shape=(2,), strides=(3,))):
        (tmp_path / "weights.pth").write_bytes(data)
        expected = torch.load(str(tmp_path / "weights.pth"), weights_only=True)
        actual = read_torch_file(str(tmp_path / "weights.pth"), hashlib.sha256(data).hexdigest())
        assert list(actual) == list(expected)
        for name, values in expected.items():
            np.testing.assert_array_equal(actual[name], values.numpy())


def test_another_file_is_not_even_looked_at(tmp_path):
    (tmp_path / "weights.pth").write_bytes(GOOD)
    with pytest.raises(TorchFileError, match="SHA-256"):
        read_torch_file(str(tmp_path / "weights.pth"), "0" * 64)


COMMAND = text("touch /tmp/harmed")
CALLS = {
    "REDUCE": NAME % (b"os", b"system") + b"(" + COMMAND + b"tR.",
    "REDUCE of a built-in": NAME % (b"builtins", b"eval") + COMMAND + b"\x85R.",
    "INST": b"(" + COMMAND + b"ios\nsystem\n.",
    "OBJ": b"(" + NAME % (b"os", b"system") + COMMAND + b"o.",
    "NEWOBJ": ORDERED_DICT + b")\x81.",
    "NEWOBJ_EX": ORDERED_DICT + b")}\x92.",
    "STACK_GLOBAL": text("os") + text("system") + b"\x93" + COMMAND + b"\x85R.",
    "EXT1": b"\x82\x01.",
    "PERSID": b"Pos.system\n.",
    "an attribute of a name": NAME % (b"torch._utils", b"_rebuild_tensor_v2.__globals__") + b".",
    "a name that starts like a known one": NAME % (b"torch", b"FloatStorage2") + b".",
    "a name with a blank": NAME % (b"os system", b"") + b".",
    "BUILD of a name": ORDERED_DICT + b"}" + text("__call__") + COMMAND + b"sb.",
    "BUILD of a tensor": tensor() + b"}" + text("storage") + COMMAND + b"sb.",
    "a name from the memo": ORDERED_DICT + b"q\x000h\x00" + COMMAND + b"\x85R.",
    "a storage called": NAME % (b"torch", b"FloatStorage") + number(10) + b"\x85R.",
    "text called": COMMAND + b")R.",
    "a call of more than six arguments": tensor()[:-2] + b"NtR.",
    "an unknown storage": tensor(kind=b"HalfStorage") + b".",
    "a key that is no text": b"}" + numbers((1,)) + COMMAND + b"s.",
    "an empty stack": b"R.",
    "a memo that is empty": b"h\x07.",
    "two values": COMMAND + COMMAND + b".",
    "values before a mark": COMMAND + b"(\x85t.",
    "no dictionary": COMMAND + b".",
    "no tensors": b"}" + text("a") + COMMAND + b"s.",
    "a list of itself": b"]q\x00h\x00a.",
}


@pytest.mark.parametrize("pickle", CALLS.values(), ids=CALLS)
def test_a_hostile_file_runs_nothing(read, monkeypatch, pickle):
    called = []
    monkeypatch.setattr(os, "system", called.append)
    for place in range(5):
        parts = [MAGIC, VERSION, machine(), state_dict(a=tensor()), keys("7")]
        parts[place] = b"\x80\x02" + pickle
        with pytest.raises(TorchFileError):
            read(b"".join(parts) + storage(VALUES))
    assert not called


def test_python_itself_would_run_it(monkeypatch):
    """So that the test above can fail: the attacks are real ones."""
    import pickle

    called = []
    monkeypatch.setattr(os, "system", called.append)
    for name in ("REDUCE", "INST", "OBJ", "STACK_GLOBAL"):
        pickle.loads(b"\x80\x02" + CALLS[name])
    assert called == ["touch /tmp/harmed"] * 4


def test_a_truncated_file(read):
    for length in range(0, len(GOOD), 7):
        with pytest.raises(TorchFileError):
            read(GOOD[:length])


@pytest.mark.parametrize(
    "changes",
    [
        {"count": 7},
        {"count": -6},
        {"offset": 1},
        {"offset": -1},
        {"shape": (3, 3)},
        {"shape": (2, -3)},
        {"shape": (2, 3), "strides": (-3, 1)},
        {"strides": (3,)},
        {"strides": (2**31 - 1, 2**31 - 1)},
        {"shape": (2**31 - 1, 2**31 - 1), "strides": (0, 0)},
        {"shape": (7,), "strides": (0,)},
        {"shape": (1,) * 65, "strides": (1,) * 65},
    ],
)
def test_a_tensor_beyond_its_storage(read, changes):
    with pytest.raises(TorchFileError):
        read(one(**changes))


@pytest.mark.parametrize(
    "data",
    [
        GOOD + b"0",
        START + state_dict(a=tensor()) + keys("6") + storage(VALUES),
        START + state_dict(a=tensor()) + keys("7", "7") + storage(VALUES) * 2,
        START + state_dict(a=tensor(), b=tensor()) + keys("7") + storage(VALUES),
        START + state_dict(a=tensor()) + keys("7") + struct.pack("<q", -6) + storage(VALUES)[8:],
        START + state_dict(a=tensor()) + keys("7") + struct.pack("<q", 2**62) + storage(VALUES)[8:],
        MAGIC + b"\x80\x02K\x01." + GOOD[len(MAGIC + VERSION) :],
        MAGIC + VERSION + machine(b"\x89") + GOOD[len(START) :],
        b"PK\x03\x04" + GOOD,
        b"",
    ],
)
def test_another_structure(read, data):
    with pytest.raises(TorchFileError):
        read(data)


@given(st.lists(st.tuples(st.integers(0, len(GOOD) - 1), st.integers(0, 255)), min_size=1, max_size=5))
def test_damage_anywhere_is_an_error_or_other_numbers(read, changes):
    data = bytearray(GOOD)
    for place, value in changes:
        data[place] = value
    try:
        tensors = read(bytes(data))
    except TorchFileError:
        return
    assert sum(values.size for values in tensors.values()) <= 7
