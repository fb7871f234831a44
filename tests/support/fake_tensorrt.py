"""A fake of NVIDIA TensorRT's Python API, for machines without a GPU. An engine of it is an ONNX file in a wrapper.

make(style) gives the API of one release, and only what that release has: "8.0" and "8.2" (bindings), "8.6" (bindings
and named tensors), "10" (named tensors), "11" (the same, strongly typed: no FP16 flag). Names, arguments and messages
are those of NVIDIA's bindings, as published and as seen in TensorRT for RTX 1.7. As there:

- failures give None or False and a line in the log, but constructors raise;
- nothing can be set that does not exist; a Dims is no tuple, an IHostMemory has no len(), a flag is no int;
- an exception in a callback never comes through: it is printed to standard error (before 8.6 the process dies, which is
  Abort here), and in a progress monitor it cancels the build.

It is stricter than the real one, so that tests are sure to fail:

- plugins have to be initialised before parsing and deserialising; ONNX opsets above 13 are refused by all of 8;
- an object whose parent was collected raises RuntimeError: parser without network (the real one crashes), context
  without engine, engine without Runtime, anything without logger (the real ones of 8.2 and later keep these alive);
- a timing cache has to live until the build ends;
- execution needs live addresses with room and a stream of fake_pycuda, and waits there until somebody synchronises;
- leaks() of fake_pycuda names an engine that outlived its Runtime, and what outlived CUDA's context.

ONNX Runtime computes, in FP32; an FP16 engine rounds the outputs. describe(engine) tells what is written in
one, and model_of(engine) is its ONNX file.

    trt = fake_tensorrt.make("8.2")
    fake_tensorrt.install(monkeypatch, trt)
"""

import hashlib
import importlib.machinery
import sys
import types
import weakref

import numpy as np
import onnxruntime
from support import fake_pycuda
from support.fake_tensorrt_base import (
    CHECKSUM,
    MAGIC,
    NUMPY,
    PLAIN,
    Abort,
    Dims,
    Entry,
    ILogger,
    Object,
    allowed,
    describe,
    make_enum,
    model_of,
    to_shape,
    typed,
    unsigned,
)
from support.fake_tensorrt_builder import STYLED

__all__ = ["BUILDING", "RUNNING", "VERSIONS", "Abort", "describe", "install", "make", "model_of"]

BUILDING = "parse", "build", "build_out_of_memory"
RUNNING = "deserialize", "create_execution_context", "execute"
VERSIONS = {"8.0": "8.0.1.6", "8.2": "8.2.1.8", "8.6": "8.6.1.6", "10": "10.3.0", "11": "11.0.0"}
WORKSPACE = {"max_workspace_size"}
POOL = {"set_memory_pool_limit", "MemoryPoolType"}
BINDINGS = {"num_bindings", "get_binding_name", "get_binding_shape", "get_binding_dtype", "binding_is_input"}
BINDINGS |= {"set_binding_shape", "execute_async_v2"}
NAMED = {"num_io_tensors", "get_tensor_name", "get_tensor_shape", "get_tensor_dtype", "get_tensor_mode"}
NAMED |= {"TensorIOMode", "set_input_shape", "set_tensor_address", "execute_async_v3"}
MONITOR = {"IProgressMonitor", "progress_monitor"}
LACKS = {
    "8.0": POOL | NAMED | MONITOR,
    "8.2": POOL | NAMED | MONITOR,
    "8.6": MONITOR,
    "10": WORKSPACE | BINDINGS,
    "11": WORKSPACE | BINDINGS | {"platform_has_fast_fp16"},
}


class _Loaded(Object):
    """What lives in the GPU: to be gone before its parent, and before CUDA's context."""

    __slots__ = ("_driver",)

    def __init__(self, parent):
        super().__init__(parent)
        self._driver = fake_pycuda.own(self)

    def __repr__(self):
        return type(self).__name__

    def __del__(self):
        for name, parent in self._parents:
            if self._driver and parent() is None:
                self._driver._late.append(f"{self!r} freed after its {name}")


class Runtime(Entry):
    __slots__ = ()

    def deserialize_cuda_engine(self, serialized_engine):
        data, here = bytes(memoryview(serialized_engine)), self._trt._place()
        if not self._trt._plugins:
            return self._fail("Error Code 1: the plugins are not initialised")
        if self._trt._fail == "deserialize" or not data.startswith(MAGIC):
            return self._fail("Error Code 1: Serialization (assertion magicTagRead == kMAGIC_TAG failed)")
        if hashlib.sha256(data[:-CHECKSUM]).digest() != data[-CHECKSUM:]:
            return self._fail("Error Code 1: Serialization (the plan is truncated or corrupt)")
        header = describe(data)
        for what, ours, its in zip(("library version", "compute"), here, header["place"]):
            if ours != its:
                text = "Error Code 6: The engine plan file is not compatible: expecting {} {} got {}, please rebuild."
                return self._fail(text.format(what, ours, its))
        return self._trt.ICudaEngine(self, header, model_of(data))


class ICudaEngine(_Loaded):
    __slots__ = ("_header", "_tensors", "_session", "_known")

    def __init__(self, runtime, header, model):
        super().__init__(runtime)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        self._session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
        self._header, self._tensors, self._known = header, header["tensors"], {}

    def create_execution_context(self):
        if self._trt._fail == "create_execution_context":
            return self._fail("Error Code 1: Cuda Runtime (out of memory)")
        return self._trt.IExecutionContext(self)

    def _named(self, name):
        return {tensor[0]: tensor for tensor in self._tensors}[name]

    num_bindings = num_io_tensors = property(lambda self: len(self._tensors))

    def binding_is_input(self, index):
        return self._tensors[index][1]

    def get_binding_dtype(self, index):
        return self._trt.DataType[self._tensors[index][2]]

    def get_binding_shape(self, index):
        return Dims(self._tensors[index][3])

    def get_tensor_name(self, index):
        return self._tensors[index][0]

    get_binding_name = get_tensor_name

    def get_tensor_mode(self, name):
        return self._trt.TensorIOMode["INPUT" if self._named(name)[1] else "OUTPUT"]

    def get_tensor_dtype(self, name):
        return self._trt.DataType[self._named(name)[2]]

    def get_tensor_shape(self, name):
        return Dims(self._named(name)[3])

    def _run(self, feeds):
        names = [name for name, is_input, _, _ in self._tensors if not is_input]
        arrays = self._session.run(names, feeds)
        if self._header["fp16"]:
            with np.errstate(over="ignore"):
                arrays = [array.astype(np.float16).astype(array.dtype) for array in arrays]
        return dict(zip(names, arrays))

    def _output_shapes(self, shapes):
        """All outputs' shapes for these inputs' shapes: found by trying, once."""
        key = tuple(sorted(shapes.items()))
        if key not in self._known:
            zeros = {name: np.zeros(shape, NUMPY[self._named(name)[2]]) for name, shape in shapes.items()}
            self._known[key] = {name: array.shape for name, array in self._run(zeros).items()}
        return self._known[key]


class IExecutionContext(_Loaded):
    __slots__ = ("_shapes", "_addresses")

    def __init__(self, engine):
        super().__init__(engine)
        self._addresses = {}
        self._shapes = {name: tuple(s) for name, is_input, _, s in engine._tensors if is_input and -1 not in s}

    def _engine(self):
        return self._parents[0][1]()

    def _all_shapes(self):
        """Shape of every tensor; None before every input has one."""
        engine = self._engine()
        if any(tensor[1] and tensor[0] not in self._shapes for tensor in engine._tensors):
            return None
        return dict(self._shapes, **engine._output_shapes(self._shapes))

    def set_input_shape(self, name, shape):
        engine, shape = self._engine(), to_shape(shape)
        expected = engine._named(name)[3]
        profile = engine._header["profile"].get(name, [expected] * 3)
        if not engine._named(name)[1] or not allowed(expected, profile, shape):
            text = "Error Code 3: API Usage Error (Supplied binding dimension {} for {} exceed min ~ max range {} ~ {}"
            return self._fail(text.format(shape, name, profile[0], profile[2]), False)
        self._shapes[name] = shape
        return True

    def get_tensor_shape(self, name):
        return Dims((self._all_shapes() or self._shapes).get(name, self._engine()._named(name)[3]))

    def set_tensor_address(self, name, memory):
        self._engine()._named(name)
        self._addresses[name] = unsigned(memory)
        return True

    def set_binding_shape(self, binding, shape):
        return IExecutionContext.set_input_shape(self, self._engine()._tensors[binding][0], shape)

    def get_binding_shape(self, binding):
        return IExecutionContext.get_tensor_shape(self, self._engine()._tensors[binding][0])

    def execute_async_v2(self, bindings, stream_handle):
        names = [tensor[0] for tensor in self._engine()._tensors]
        return self._execute(dict(zip(names, [unsigned(address) for address in bindings])), stream_handle)

    def execute_async_v3(self, stream_handle):
        return self._execute(dict(self._addresses), stream_handle)

    def _execute(self, addresses, stream_handle):
        engine, shapes, stream = self._engine(), self._all_shapes(), fake_pycuda.STREAMS.get(unsigned(stream_handle))
        if self._trt._fail == "execute":
            return self._fail("Error Code 1: Cuda Runtime (unspecified launch failure)", False)
        if stream is None or not stream._driver._has_context():
            return self._fail("Error Code 1: Cuda Runtime (invalid resource handle)", False)
        if shapes is None:
            return self._fail("Error Code 3: API Usage Error (allInputDimensionsSpecified(0) is false)", False)
        places = []
        for name, is_input, dtype, _ in engine._tensors:
            dtype = np.dtype(NUMPY[dtype])
            places.append((name, is_input, dtype, addresses.get(name, 0), int(np.prod(shapes[name])) * dtype.itemsize))
            if fake_pycuda.view(*places[-1][3:]) is None:
                return self._fail(f"Error Code 3: API Usage Error ({name}: no, or a wrong address)", False)
        reference = weakref.ref(self)

        def work():
            if reference() is None:
                raise fake_pycuda.LogicError("the execution context was deleted with its work still queued")
            memory = {name: fake_pycuda.access(*place).view(dtype) for name, _, dtype, *place in places}
            feeds = {name: memory[name].reshape(shapes[name]) for name, is_input, *_ in places if is_input}
            for name, array in reference()._engine()._run(feeds).items():
                memory[name][:] = array.ravel()

        stream._enqueue(work)
        return True


class _Lacking:
    """A name that this release does not have."""

    def __init__(self, name):
        self._name = name

    def __get__(self, instance, owner):
        raise AttributeError(f"'{owner.__name__}' object has no attribute '{self._name}'")


class TensorRT(types.ModuleType):
    """The module `tensorrt` of one release."""

    def __init__(self, style, capability, fast_fp16, fail, backwards):
        super().__init__("tensorrt")
        self.__version__ = VERSIONS[style]
        self._style, self._capability, self._fast_fp16, self._fail = style, capability, fast_fp16, fail
        self._backwards, self._plugins = backwards, False
        enums = {"DataType": "FLOAT HALF INT8 INT32 BOOL" + {"8.0": "", "8.2": ""}.get(style, " UINT8 FP8 BF16 INT64")}
        enums["BuilderFlag"] = "DEBUG TF32" if style == "11" else "FP16 DEBUG TF32"
        flags = {"10": "EXPLICIT_BATCH STRONGLY_TYPED", "11": "STRONGLY_TYPED"}
        enums["NetworkDefinitionCreationFlag"] = flags.get(style, "EXPLICIT_BATCH")
        enums.update(MemoryPoolType="WORKSPACE", TensorIOMode="NONE INPUT OUTPUT")
        names = {name: make_enum(name, members) for name, members in enums.items()}
        names.update({cls.__name__: cls for cls in PLAIN})
        names.update({cls.__name__: self._styled(cls) for cls in STYLED + (Runtime, ICudaEngine, IExecutionContext)})
        names["float32"] = names["DataType"].FLOAT
        for name in set(names) - LACKS[style]:
            setattr(self, name, names[name])

    def _styled(self, cls):
        """The class as this release has it."""
        body = {"__slots__": (), "_trt": self}
        body.update({name: _Lacking(name) for name in LACKS[self._style] if name in vars(cls)})
        return type(cls.__name__, (cls,), body)

    def _place(self):
        """Where an engine or a timing cache of this release fits."""
        return [self.__version__, "{}.{}".format(*self._capability)]

    def _call_back(self, name, function, *args):
        """Call the user's code; None when it raised."""
        try:
            return function(*args)
        except BaseException as error:
            if self._style in ("8.0", "8.2"):
                raise Abort(f"terminate called after throwing an exception in {name}(): {error!r}") from error
            print(f"[ERROR] Exception caught in {name}(): {error!r}", file=sys.stderr)
            return None

    def init_libnvinfer_plugins(self, logger, namespace):
        typed("init_libnvinfer_plugins", (logger, ILogger), (namespace, str))
        self._plugins = True
        return True

    def nptype(self, trt_type):
        typed("nptype", (trt_type, self.DataType))
        if self._style.startswith("8") and [int(n) for n in np.__version__.split(".")[:2]] >= [1, 24]:
            raise AttributeError("module 'numpy' has no attribute 'bool'")  # numpy 2 has it again; do not rely on it
        return NUMPY[trt_type.name]


def make(style, capability=fake_pycuda.CAPABILITY, fast_fp16=True, fail=None, backwards=False):
    """A fresh `tensorrt`. fail: the call that fails. backwards: its engines list their tensors last first."""
    assert fail in (None, "start") + BUILDING + RUNNING
    return TensorRT(style, capability, fast_fp16, fail, backwards)


def install(monkeypatch, module):
    """Let `import tensorrt` find this one for the length of a test."""
    module.__spec__ = importlib.machinery.ModuleSpec("tensorrt", None)
    monkeypatch.setitem(sys.modules, "tensorrt", module)
