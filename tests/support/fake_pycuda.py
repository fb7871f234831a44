"""A fake of `pycuda.driver`, for machines without a GPU. Nothing here computes on one: device memory is host memory.

It mirrors names, signatures and error texts of pycuda 2022, of the little that an inference backend needs: the primary
context, page-locked and device memory, asynchronous copies, streams. It is stricter than the real one, so
that a mistake which would show on the board now and then shows in a test always:

- every call needs a current context in the thread that makes it; nothing works before init();
- work on a stream waits in a queue until somebody synchronises; new memory is full of 0xFF (NaN), freed memory too;
- a copy needs a page-locked, C-contiguous array and room; a stream must be named. The real one takes any array, and is
  then silently synchronous;
- memory is looked up by its address when the work runs, so what was freed or collected by then is an error;
- leaks() tells what is left, and what was freed too late, after the last context was detached, or too early.

There is no autoinit, gpuarray or compiler. Whatever else is missing raises AttributeError.
"""

import gc
import importlib.machinery
import itertools
import sys
import threading
import types
import weakref

import numpy as np

CAPABILITY = (5, 3)
NAME = "NVIDIA Tegra X1"
TOTAL_MEMORY = 4156780544  # bytes; a Jetson Nano's

# What is alive, in any driver of this process: by start address, and by handle.
MEMORY = weakref.WeakValueDictionary()
STREAMS = weakref.WeakValueDictionary()
_newest = None  # a reference to the driver made last
_handles = itertools.count(0x7F0000000010, 0x10)


# The driver's own, though two of the names are builtins.
Error = type("Error", (Exception,), {})
LogicError = type("LogicError", (Error,), {})
MemoryError = type("MemoryError", (Error,), {})
RuntimeError = type("RuntimeError", (Error,), {})


def view(address, nbytes, device=True):
    """The bytes at an address; None unless they lie in one live allocation, which the device can see if `device`."""
    for start, memory in list(MEMORY.items()):
        if start <= address and address + nbytes <= start + memory._bytes.nbytes and (memory._on_device or not device):
            return memory._bytes[address - start : address - start + nbytes]
    return None


def access(address, nbytes, device=True):
    """The bytes at an address, for work that runs."""
    found = view(address, nbytes, device)
    if found is None:
        raise LogicError("cuStreamSynchronize failed: an illegal memory access was encountered")
    return found


def own(thing):
    """Put what another library made into the newest driver's context, if this thread has one: it must not leak."""
    driver = _newest() if _newest else None
    if driver is None or not driver._has_context():
        return None
    driver._alive.add(thing)
    return driver


class _Resource:
    """What lives in a context and is to be gone before it."""

    __slots__ = ("__weakref__",)

    def __init__(self, call):
        self._driver._need_context(call)
        self._driver._alive.add(self)

    def __repr__(self):
        return "{}{}".format(type(self).__name__, f"({self._bytes.nbytes})" if hasattr(self, "_bytes") else "")


class _Memory(_Resource):
    __slots__ = ("_bytes",)
    _on_device = False

    def __init__(self, nbytes, call):
        super().__init__(call)
        self._bytes = np.full(nbytes, 0xFF, np.uint8)
        MEMORY[self._address] = self

    @property
    def _address(self):
        return self._bytes.ctypes.data

    def _is_free(self):
        return MEMORY.get(self._address) is not self

    def free(self):
        self._driver._need_context("cuMemFree")
        if self._is_free():
            raise LogicError(f"{type(self).__name__}::free failed: invalid resource handle")
        if any(stream._queue for stream in list(STREAMS.values()) if stream._driver is self._driver):
            self._driver._late.append(f"{self!r} freed with work still queued")
        self._bytes[:] = 0xFF
        del MEMORY[self._address]
        self._driver._alive.discard(self)


class DeviceAllocation(_Memory):
    """Memory of the device. int() of it is its address."""

    __slots__ = ()
    _on_device = True

    def __int__(self):
        return self._address


class PagelockedHostAllocation(_Memory):
    """The `.base` of a page-locked array."""

    __slots__ = ("__array_interface__",)


class Stream(_Resource):
    __slots__ = ("_queue", "handle")

    def __init__(self):
        super().__init__("cuStreamCreate")
        self._queue = []
        self.handle = next(_handles)
        STREAMS[self.handle] = self

    def _enqueue(self, work):
        self._driver._need_context("cuStreamQuery")
        self._queue.append(work)

    def synchronize(self):
        self._driver._need_context("cuStreamSynchronize")
        while self._queue:
            self._queue.pop(0)()


class Device:
    __slots__ = ()

    def __init__(self, number):
        self._driver._need_init("cuDeviceGet")
        if number != 0:
            raise LogicError("cuDeviceGet failed: invalid device ordinal")

    def name(self):
        return self._driver._name

    def compute_capability(self):
        return self._driver._capability

    def get_attribute(self, attribute):
        return {self._driver.device_attribute.INTEGRATED: int(self._driver._integrated)}[attribute]

    def retain_primary_context(self):
        context = self._driver.Context()
        self._driver._retained.append(context)
        return context


class Context:
    """The primary context; each one retained is to be detached."""

    __slots__ = ()

    def push(self):
        if self not in self._driver._retained:
            raise LogicError("cuCtxPushCurrent failed: invalid device context")
        self._driver._stack().append(self)

    @classmethod
    def pop(cls):
        if not cls._driver._stack():
            raise LogicError("context::pop failed: invalid device context - cannot pop non-current context")
        cls._driver._stack().pop()

    def detach(self):
        if self not in self._driver._retained:
            raise LogicError("context::detach failed: invalid device context - cannot detach from invalid context")
        self._driver._retained.remove(self)
        if not self._driver._retained:
            self._driver._late += [what + ", not freed before its context" for what in self._driver._left()]


class Driver(types.ModuleType):
    """The module `pycuda.driver`, with its own state; leaks() is this fake's own."""

    def __init__(self, name, capability, integrated, no_gpu, out_of_memory):
        super().__init__("pycuda.driver")
        self._name, self._capability, self._integrated = name, capability, integrated
        self._no_gpu, self._out_of_memory = no_gpu, out_of_memory
        self._initialised, self._allocations = False, 0
        self._local = threading.local()
        self._stacks = []  # of all threads
        self._retained = []
        self._alive = weakref.WeakSet()
        self._late = []
        global _newest
        _newest = weakref.ref(self)
        self.device_attribute = types.SimpleNamespace(INTEGRATED=18)
        for cls in (DeviceAllocation, PagelockedHostAllocation, Stream, Device, Context):
            setattr(self, cls.__name__, type(cls.__name__, (cls,), {"__slots__": (), "_driver": self}))
        for cls in (Error, LogicError, MemoryError, RuntimeError):
            setattr(self, cls.__name__, cls)

    def init(self):
        if self._no_gpu:
            raise RuntimeError("cuInit failed: no CUDA-capable device is detected")
        self._initialised = True

    def mem_alloc(self, nbytes):
        self._need_context("cuMemAlloc")
        if self._out_of_memory is not None and self._allocations >= self._out_of_memory:
            raise MemoryError("cuMemAlloc failed: out of memory")
        self._allocations += 1
        if nbytes <= 0:
            raise LogicError("cuMemAlloc failed: invalid argument")
        return self.DeviceAllocation(nbytes, "cuMemAlloc")

    def pagelocked_empty(self, shape, dtype):
        shape = (shape,) if isinstance(shape, int) else tuple(shape)
        nbytes = int(np.prod(shape)) * np.dtype(dtype).itemsize
        memory = self.PagelockedHostAllocation(nbytes, "cuMemHostAlloc")
        described = {"version": 3, "shape": shape, "typestr": np.dtype(dtype).str, "data": (memory._address, False)}
        memory.__array_interface__ = described
        return np.asarray(memory)

    def memcpy_htod_async(self, dest, src, stream):
        address, nbytes = self._host(src, "cuMemcpyHtoDAsync")
        device = self._device(dest, nbytes, "cuMemcpyHtoDAsync")
        stream._enqueue(lambda: np.copyto(access(device, nbytes), access(address, nbytes, device=False)))

    def memcpy_dtoh_async(self, dest, src, stream):
        address, nbytes = self._host(dest, "cuMemcpyDtoHAsync")
        device = self._device(src, nbytes, "cuMemcpyDtoHAsync")
        stream._enqueue(lambda: np.copyto(access(address, nbytes, device=False), access(device, nbytes)))

    def leaks(self):
        """What is still alive, in words; empty when everything was freed, and in the right order."""
        if self._alive:
            gc.collect()
        pushed = ["a context pushed and not popped"] * sum(len(stack) for stack in self._stacks)
        return self._late + self._left() + pushed + ["a context retained and not detached"] * len(self._retained)

    def _left(self):
        return sorted(f"{resource!r} alive" for resource in self._alive)

    def _stack(self):
        if not hasattr(self._local, "stack"):
            self._local.stack = []
            self._stacks.append(self._local.stack)
        return self._local.stack

    def _has_context(self):
        return bool(self._stack()) and self._stack()[-1] in self._retained

    def _need_init(self, call):
        if not self._initialised:
            raise LogicError(f"{call} failed: initialization error")

    def _need_context(self, call):
        self._need_init(call)
        if not self._has_context():
            raise LogicError(f"{call} failed: invalid device context")

    def _host(self, array, call):
        """Address and size of a page-locked array, or of a part of one."""
        self._need_context(call)
        base = array
        while isinstance(base, np.ndarray):
            base = base.base
        if not isinstance(base, PagelockedHostAllocation) or base._is_free():
            raise LogicError(f"{call} refused by the fake: the array is not page-locked")
        if not array.flags["C_CONTIGUOUS"]:
            raise ValueError("ndarray is not C-contiguous")
        return array.ctypes.data, array.nbytes

    def _device(self, memory, nbytes, call):
        """The address of device memory, which is to have room for that many bytes."""
        if view(int(memory), nbytes) is None:
            raise LogicError(f"{call} failed: invalid argument")
        return int(memory)


def make(name=NAME, capability=CAPABILITY, integrated=True, no_gpu=False, out_of_memory=None):
    """A fresh `pycuda.driver`. no_gpu: init() fails. out_of_memory: mem_alloc() fails after so many calls."""
    return Driver(name, capability, integrated, no_gpu, out_of_memory)


def install(monkeypatch, driver):
    """Let `import pycuda.driver` find this one for the length of a test; no other part of pycuda is to be found."""
    package = types.ModuleType("pycuda")
    package.__spec__ = importlib.machinery.ModuleSpec("pycuda", None)
    package.driver = driver
    for name in [name for name in sys.modules if name.startswith("pycuda.")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "pycuda", package)
    monkeypatch.setitem(sys.modules, "pycuda.driver", driver)
