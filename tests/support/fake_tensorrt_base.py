"""What both halves of the fake of TensorRT share: loggers, shapes, memory, objects with parents. See fake_tensorrt."""

import enum
import json
import operator
import weakref

import numpy as np

# Element type in ONNX, here, in numpy.
TYPES = [(1, "FLOAT", np.float32), (10, "HALF", np.float16), (3, "INT8", np.int8), (6, "INT32", np.int32)]
TYPES += [(9, "BOOL", np.bool_), (2, "UINT8", np.uint8), (7, "INT64", np.int64)]
NUMPY = {name: dtype for _, name, dtype in TYPES}
MAGIC, CACHE_MAGIC, CHECKSUM = b"fake TensorRT plan\n", b"fake timing cache\n", 32


class Abort(BaseException):
    """Here the real process would have died."""


class _Enum(enum.Enum):
    """As pybind11 makes them: int() works, being one does not; ordered among themselves."""

    def __int__(self):
        return self.value

    def __le__(self, other):
        return self.value <= type(self)(other).value

    def __lt__(self, other):
        return self.value < type(self)(other).value


def make_enum(name, members):
    return _Enum(name, members.split(), start=0)


Severity = make_enum("Severity", "INTERNAL_ERROR ERROR WARNING INFO VERBOSE")
ErrorCode = make_enum(
    "ErrorCode",
    "SUCCESS INTERNAL_ERROR MEM_ALLOC_FAILED MODEL_DESERIALIZE_FAILED INVALID_VALUE INVALID_GRAPH INVALID_NODE "
    "UNSUPPORTED_GRAPH UNSUPPORTED_NODE",
)


class _Derivable(type):
    def __call__(cls, *args, **kwargs):
        instance = super().__call__(*args, **kwargs)
        if not hasattr(instance, "_ready"):
            raise TypeError(f"tensorrt.{cls.__name__}.__init__() must be called when overriding __init__")
        return instance


class ILogger(metaclass=_Derivable):
    __slots__ = ("__weakref__", "_ready")
    Severity = Severity
    INTERNAL_ERROR, ERROR, WARNING, INFO, VERBOSE = Severity

    def __init__(self):
        self._ready = True

    def log(self, severity, msg):
        raise NotImplementedError('Tried to call pure virtual function "ILogger::log"')


class IProgressMonitor(metaclass=_Derivable):
    """Derive from it: phase_start, step_complete, which cancels when it returns False, and phase_finish."""

    __slots__ = ("__weakref__", "_ready")

    def __init__(self):
        self._ready = True


class Dims:
    __slots__ = ("_dims",)
    __hash__ = None

    def __init__(self, shape):
        self._dims = to_shape(shape)

    def __len__(self):
        return len(self._dims)

    def __getitem__(self, index):
        return self._dims[index]

    def __eq__(self, other):
        return self._dims == tuple(other)

    def __repr__(self):
        return repr(self._dims)


class IHostMemory(bytes):
    """A buffer: bytes(), memoryview(), hashlib and file.write() take it. What only bytes can do, it cannot."""

    nbytes = property(bytes.__len__)
    __len__ = __getitem__ = __iter__ = __contains__ = __add__ = decode = startswith = None

    def __bool__(self):
        return True


class ParserError:
    __slots__ = ("_code", "_desc", "_node")

    def __init__(self, code, desc, node=-1):
        self._code, self._desc, self._node = code, desc, node

    def code(self):
        return self._code

    def desc(self):
        return self._desc

    def node(self):
        return self._node

    def __str__(self):
        return f"In node {self._node} (parseGraph): {self._code.name}: {self._desc}"


PLAIN = (ILogger, IProgressMonitor, Dims, IHostMemory, ParserError, ErrorCode)


class Object:
    """What has parents: it is of no use without them. `_trt` is the module."""

    __slots__ = ("__weakref__", "_parents")

    def __init__(self, *parents, keep=False):
        hold = (lambda parent: lambda: parent) if keep else weakref.ref
        self._parents = [(type(parent).__name__, hold(parent)) for parent in parents]

    def __getattribute__(self, name):
        if not name.startswith("_"):
            self._check()
        return super().__getattribute__(name)

    def _check(self):
        for name, reference in self._parents:
            parent = reference()
            if parent is None:
                raise RuntimeError(f"{type(self).__name__} used after its {name} was deleted")
            if isinstance(parent, Object):
                parent._check()

    def _logger(self):
        parent = self._parents[-1][1]()
        return parent._logger() if isinstance(parent, Object) else parent

    def _log(self, severity, text):
        self._trt._call_back("log", self._logger().log, severity, text)

    def _fail(self, text, result=None):
        self._log(Severity.ERROR, text)
        return result


class Entry(Object):
    """Builder or Runtime."""

    __slots__ = ()

    def __init__(self, logger):
        typed("__init__", (logger, ILogger))
        if self._trt._fail == "start":
            raise TypeError("pybind11::init(): factory function returned nullptr")
        super().__init__(logger)


def typed(call, *pairs):
    for value, kind in pairs:
        if not isinstance(value, kind):
            raise TypeError(f"{call}(): incompatible function arguments: {value!r}")


def unsigned(value):
    """An unsigned integer argument: no float, no DeviceAllocation."""
    typed("", (value, (int, np.integer)))
    if value < 0:
        raise TypeError(f"incompatible function arguments: {value}")
    return int(value)


def to_shape(values):
    return tuple(operator.index(value) for value in values)


def allowed(dims, profile, shape):
    """Is this a shape for a tensor with these dimensions, -1 where free, within that profile?"""
    fits = len(dims) == len(shape) and all(d in (-1, n) for d, n in zip(dims, shape))
    return fits and all(low <= n <= high for low, n, high in zip(profile[0], shape, profile[2]))


def describe(engine):
    """What is written in an engine: place ([version, capability]), fp16, workspace, tensors, profile."""
    return json.loads(bytes(engine).split(b"\n", 2)[1].decode())


def model_of(engine):
    """The ONNX file that is in an engine."""
    return bytes(engine).split(b"\n", 2)[2][:-CHECKSUM]
