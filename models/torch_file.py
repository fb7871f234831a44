"""Reads tensors from PyTorch's file format before version 1.6, without PyTorch and without running what is in the file.

Such a file is five pickles (a magic number, a version, facts about the machine, the tensors, and the keys of their
storages), followed by the storages: each an int64 count and that many little-endian values. A pickle is a program for a
stack machine, and Python's `pickle` would call what it names. Here it is only taken apart, by `pickletools.genops`, and
a machine of our own follows the few opcodes that tensors need. It imports and calls nothing that the file names: the
four names that it knows become labels, and every other name or opcode is an error. Besides, callers state the SHA-256
of the file that they expect, and it is checked before anything is read.

Source of the layout: `_legacy_save` and `_legacy_load` in PyTorch's `torch/serialization.py`.
"""

import hashlib
import io
import math
import pickletools
from typing import Any, NamedTuple

import numpy as np

MAGIC, VERSION = 0x1950A86A20F9469CFC6C, 1001
ORDERED_DICT, REBUILD = "collections OrderedDict", "torch._utils _rebuild_tensor_v2"
STORAGES: dict[str, np.dtype] = {"torch FloatStorage": np.dtype("<f4"), "torch LongStorage": np.dtype("<i8")}
TUPLES = {"EMPTY_TUPLE": 0, "TUPLE1": 1, "TUPLE2": 2, "TUPLE3": 3}
CONSTANTS = {"NONE": None, "NEWTRUE": True, "NEWFALSE": False}


class TorchFileError(ValueError):
    """The file is another than the expected one, is damaged, or holds something that tensors do not need."""


class _Name(NamedTuple):
    """What a GLOBAL opcode names: a label, nothing that can be called."""

    text: str


class _Storage(NamedTuple):
    key: str
    dtype: np.dtype
    values: int


class _Tensor(NamedTuple):
    storage: _Storage
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]


def read_torch_file(path: str, sha256: str) -> dict[str, np.ndarray]:
    """The tensors of a state dict by name, in the file's order: float32 or int64 arrays with PyTorch's shapes.

    sha256: of the whole file, in hexadecimal. Raises TorchFileError, and OSError when the file cannot be read.
    """
    with open(path, "rb") as file:
        data = file.read()
    actual = hashlib.sha256(data).hexdigest()
    if actual != sha256:
        raise TorchFileError(f"{path}: its SHA-256 is {actual} instead of {sha256}; it is damaged or another file")
    try:
        return _read(io.BytesIO(data))
    except TorchFileError as error:
        raise TorchFileError(f"{path}: {error}") from error
    # Raised where an opcode is unknown or cut off, or finds no value, or one of a wrong type.
    except (ValueError, IndexError, KeyError, TypeError, AttributeError) as error:
        raise TorchFileError(f"{path}: is damaged, or not in PyTorch's format before version 1.6") from error


def _read(file: io.BytesIO) -> dict[str, np.ndarray]:
    magic, version, machine = (_follow(file) for _ in range(3))
    if (magic, version) != (MAGIC, VERSION):
        raise TorchFileError("is not in PyTorch's format before version 1.6")
    if machine["little_endian"] is not True:
        raise TorchFileError("was written on a big-endian machine")
    tensors, keys = _follow(file), _follow(file)
    described = {tensor.storage.key: tensor.storage for tensor in tensors.values()}
    if not all(type(key) is str for key in keys) or not len(described) == len(keys) == len(tensors):
        raise TorchFileError("does not have one storage for each tensor")
    storages = {key: _read_storage(file, described[key]) for key in keys}
    if file.read(1):
        raise TorchFileError("is longer than its tensors")
    return {name: _view(storages[tensor.storage.key], tensor) for name, tensor in tensors.items()}


def _read_storage(file: io.BytesIO, storage: _Storage) -> np.ndarray:
    (count,) = np.frombuffer(file.read(8), "<i8").tolist()
    if count != storage.values or count < 0:
        raise TorchFileError(f"a storage has {count} values instead of {storage.values}")
    left = file.getbuffer().nbytes - file.tell()
    if count * storage.dtype.itemsize > left:
        raise TorchFileError("a storage is cut off")
    return np.frombuffer(file.read(count * storage.dtype.itemsize), storage.dtype)


def _view(values: np.ndarray, tensor: _Tensor) -> np.ndarray:
    """A copy of the part of a storage that is a tensor; strides and offset count values, not bytes."""
    _, offset, shape, strides = tensor
    if not all(type(number) is int and number >= 0 for number in (offset, *shape, *strides)):
        raise TorchFileError("a tensor's shape, strides or offset are not numbers from 0")
    last = offset + sum((length - 1) * stride for length, stride in zip(shape, strides))
    if len(shape) != len(strides) or math.prod(shape) > len(values) or not 0 <= last < len(values):
        raise TorchFileError("a tensor reaches beyond its storage")
    size = values.itemsize
    view = np.lib.stride_tricks.as_strided(values[offset:], shape, [stride * size for stride in strides])
    return np.array(view, order="C")


def _follow(file: io.BytesIO) -> Any:
    """The value of the pickle that starts here; the file then stands behind it."""
    stack: list[Any] = []
    marks: list[int] = []  # heights of the stack
    memo: dict[Any, Any] = {}

    def take(count: int) -> tuple[Any, ...]:
        start = len(stack) - count
        if start < (marks[-1] if marks else 0):
            raise IndexError("the stack is too short")
        taken = tuple(stack[start:])
        del stack[start:]
        return taken

    def since_mark() -> tuple[Any, ...]:
        return take(len(stack) - marks[-1]) if marks else take(1 + len(stack))

    for opcode, argument, _ in pickletools.genops(file):
        name = opcode.name
        if name in ("BINUNICODE", "BININT", "BININT1", "BININT2", "LONG1"):
            stack.append(argument)
        elif name in CONSTANTS:
            stack.append(CONSTANTS[name])
        elif name == "MARK":
            marks.append(len(stack))
        elif name in TUPLES:
            stack.append(take(TUPLES[name]))
        elif name in ("TUPLE", "SETITEMS", "APPENDS"):
            items = since_mark()
            marks.pop()
            if name == "TUPLE":
                stack.append(items)
            else:
                _extend(stack[-1], items, list if name == "APPENDS" else dict)
        elif name == "SETITEM":
            items = take(2)
            _extend(stack[-1], items, dict)
        elif name in ("EMPTY_DICT", "EMPTY_LIST"):
            stack.append({} if name == "EMPTY_DICT" else [])
        elif name in ("BINPUT", "LONG_BINPUT"):
            memo[argument] = stack[-1]
        elif name in ("BINGET", "LONG_BINGET"):
            stack.append(memo[argument])
        elif name == "GLOBAL" and argument in (ORDERED_DICT, REBUILD, *STORAGES):
            stack.append(_Name(argument))
        elif name == "REDUCE":
            stack.append(_build(*take(2)))
        elif name == "BINPERSID":
            stack.append(_describe(*take(1)))
        elif name == "BUILD":
            take(1)  # the state dict's versions of layers
            if type(stack[-1]) is not dict:
                raise TorchFileError("gives attributes to what is no dictionary")
        elif name == "STOP":
            (value,) = stack
            return value
        elif name != "PROTO":
            raise TorchFileError(
                f"has {name} {str(argument)[:60]!r}, which tensors do not need; it is not to be trusted"
            )
    raise IndexError("a pickle without an end")


def _extend(target: Any, items: tuple[Any, ...], kind: Any) -> None:
    """Add values to a list, or keys and values to a dictionary. Keys are text: to hash others may take for ever."""
    if type(target) is not kind:
        raise TypeError("neither a list nor a dictionary")
    if isinstance(target, list):
        target.extend(items)
        return
    keys, values = items[::2], items[1::2]
    if len(keys) != len(values) or not all(type(key) is str for key in keys):
        raise TypeError("not pairs of a name and a value")
    target.update(zip(keys, values))


def _build(function: Any, arguments: Any) -> Any:
    """What the two functions that a file may name would make: an empty dictionary, or a tensor's description."""
    if function == _Name(ORDERED_DICT) and arguments == ():
        return {}
    storage, offset, shape, strides, _gradient, _hooks = arguments
    if function != _Name(REBUILD) or not isinstance(storage, _Storage):
        raise TypeError("not a tensor")
    return _Tensor(storage, offset, shape, strides)


def _describe(identity: Any) -> _Storage:
    kind, storage, key, _device, count, view = identity
    if kind != "storage" or not isinstance(storage, _Name) or type(key) is not str or view is not None:
        raise TypeError("not a storage")
    return _Storage(key, STORAGES[storage.text], count)
