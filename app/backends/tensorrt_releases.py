"""All differences between the releases of TensorRT, 8.0 to 11, and TensorRT for RTX.

Code branches on features, never on version numbers. TensorRT reports failures as None or False: every call is checked.
"""

import importlib
from typing import TYPE_CHECKING, Any, Callable, List, NamedTuple, Optional, Sequence, Tuple

from app.backends import importing, running
from app.errors import ModelError

MODULES = ("tensorrt", "tensorrt_rtx", "tensorrt_rtx_bindings")


def _import() -> Any:
    """The first of `MODULES` that can be imported. Raises the first one's ImportError where none can."""
    failure: Optional[ImportError] = None
    for name in MODULES:
        try:
            module = importlib.import_module(name)
        except ImportError as error:
            failure = failure or error
        else:
            if hasattr(module, "Builder"):  # an empty folder of that name can be imported, too
                return module
    raise failure or ImportError("no TensorRT")


if TYPE_CHECKING:
    import tensorrt as trt
else:
    with importing(
        "TensorRT", "python3 -m pip install tensorrt pycuda (on a Jetson it is part of JetPack, for python3)"
    ):
        trt = _import()

IS_RTX = "rtx" in trt.__name__
RUNTIME = "{} {}".format("tensorrt-rtx" if IS_RTX else "tensorrt", trt.__version__)


class Log(trt.ILogger):
    """TensorRT's messages: errors are kept, since failing calls return no reason; the rest goes to `watch`."""

    def __init__(self) -> None:
        super().__init__()
        self.watch: Optional[Callable[[str], None]] = None
        self.errors: List[str] = []

    def log(self, severity: "trt.ILogger.Severity", message: str) -> None:
        if severity in (trt.ILogger.INTERNAL_ERROR, trt.ILogger.ERROR):
            self.errors.append(message)
        elif self.watch is not None:
            _notify(self.watch, message)

    def reason(self) -> str:
        """The first error, in one line; later ones are mostly its consequences."""
        return " ".join(self.errors[0].split()) if self.errors else "TensorRT gave no reason"

    @property
    def out_of_memory(self) -> bool:
        """Whether one of the errors is about a lack of memory."""
        return any("outofmemory" in error.lower().replace(" ", "") for error in self.errors)


def _notify(listener: Callable[[str], None], text: str) -> None:
    """Call a listener from C++, which must see no exception: up to 8.2 it ends the process, later the build."""
    try:
        listener(text)
    except Exception:  # such as a terminal that has gone
        pass


LOG = Log()  # the only one: TensorRT ignores all but the first logger in use


def start() -> None:
    """Prepare TensorRT. Call it before parsing an ONNX file or loading an engine."""
    trt.init_libnvinfer_plugins(LOG, "")
    LOG.errors.clear()


class Tensor(NamedTuple):
    """An input or output of an engine."""

    name: str
    is_input: bool


class Engine:
    """A deserialised engine with its execution context, and its `tensors` in order.

    This base class is for the releases up to 8.4, where tensors are `bindings` with numbers.
    """

    def __init__(self, runtime: Any, engine: Any, context: Any) -> None:
        # An engine must not outlive its runtime, nor a context its engine.
        self._runtime, self._engine, self._context = runtime, engine, context
        self._addresses: List[int] = []
        self.tensors = self._list_tensors()

    def _list_tensors(self) -> List[Tensor]:
        engine = self._engine
        return [Tensor(engine.get_binding_name(i), engine.binding_is_input(i)) for i in range(engine.num_bindings)]

    def set_shape(self, index: int, shape: Sequence[int]) -> bool:
        """Set the shape of an input; False when the engine does not take it."""
        return bool(self._context.set_binding_shape(index, tuple(shape)))

    def shape(self, index: int) -> Tuple[int, ...]:
        """Shape of a tensor. Set the input's shape first."""
        return tuple(self._context.get_binding_shape(index))

    def is_float32(self, index: int) -> bool:
        return bool(self._engine.get_binding_dtype(index) == trt.DataType.FLOAT)

    def bind(self, addresses: Sequence[int]) -> bool:
        """Set the GPU addresses of the tensors, in order; False when that failed."""
        self._addresses = list(addresses)
        return True

    def enqueue(self, stream: int) -> bool:
        """Start an inference on a CUDA stream; False when that failed."""
        return bool(self._context.execute_async_v2(bindings=self._addresses, stream_handle=stream))

    def close(self) -> None:
        """Free context, engine and runtime, in this order."""
        self._context = None
        self._engine = None
        self._runtime = None


class NamedTensorEngine(Engine):
    """The same for releases from 8.5 on, where tensors have names."""

    def _list_tensors(self) -> List[Tensor]:
        engine = self._engine
        names = [engine.get_tensor_name(i) for i in range(engine.num_io_tensors)]
        return [Tensor(name, engine.get_tensor_mode(name) == trt.TensorIOMode.INPUT) for name in names]

    def set_shape(self, index: int, shape: Sequence[int]) -> bool:
        return bool(self._context.set_input_shape(self.tensors[index].name, tuple(shape)))

    def shape(self, index: int) -> Tuple[int, ...]:
        return tuple(self._context.get_tensor_shape(self.tensors[index].name))

    def is_float32(self, index: int) -> bool:
        return bool(self._engine.get_tensor_dtype(self.tensors[index].name) == trt.DataType.FLOAT)

    def bind(self, addresses: Sequence[int]) -> bool:
        pairs = zip(self.tensors, addresses)
        return all(self._context.set_tensor_address(tensor.name, address) for tensor, address in pairs)

    def enqueue(self, stream: int) -> bool:
        return bool(self._context.execute_async_v3(stream_handle=stream))


def load_engine(data: bytes) -> Engine:
    """Deserialise an engine. Raises ModelError, with TensorRT's reason."""
    start()
    with running(RUNTIME):
        runtime: Any = trt.Runtime(LOG)
    engine = runtime.deserialize_cuda_engine(data)
    context = engine.create_execution_context() if engine is not None else None
    if context is None:
        engine = None  # freed here, before its runtime, and not with the traceback
        runtime = None
        raise ModelError(f"{RUNTIME} cannot load it: {LOG.reason()}")
    kind = NamedTensorEngine if hasattr(engine, "num_io_tensors") else Engine
    return kind(runtime, engine, context)


def has_fp16_flag() -> bool:
    """Whether FP16 is a build flag. Otherwise the network's types decide, and the ONNX file must be in FP16."""
    return hasattr(trt.BuilderFlag, "FP16")


class Build:
    """A builder with all that a build needs: the `network`, its parser, and the configuration."""

    def __init__(self) -> None:
        """Raises ModelError if TensorRT finds no CUDA."""
        start()
        with running(RUNTIME):  # constructors raise; other calls return None
            self._builder: Any = trt.Builder(LOG)
        # ONNX files need the batch as an explicit dimension. TensorRT 11 has no other kind, and no flag for it.
        flag = getattr(trt.NetworkDefinitionCreationFlag, "EXPLICIT_BATCH", None)
        self.network = self._builder.create_network(0 if flag is None else 1 << int(flag))
        self._parser = trt.OnnxParser(self.network, LOG)
        self._config = self._builder.create_builder_config()

    def parse(self, data: bytes) -> None:
        """Fill the network from an ONNX file's bytes. Raises ModelError with the parser's first complaint."""
        if not self._parser.parse(data):
            if not self._parser.num_errors:
                raise ModelError("TensorRT cannot read it and gave no reason")
            error = self._parser.get_error(0)
            operator = f" ({error.node_operator()})" if hasattr(error, "node_operator") else ""
            code, reason = str(error.code()).split(".")[-1], " ".join(error.desc().split())
            raise ModelError(f"TensorRT cannot read node {error.node()}{operator}: {code}: {reason}")
        if self.network.num_inputs != 1:  # a file that is not ONNX at all may leave an empty network
            raise ModelError(f"its network should have one input, has {self.network.num_inputs}")

    def input(self) -> Tuple[str, Tuple[int, ...]]:
        """Name and shape of the network's first input, -1 where it is free."""
        tensor = self.network.get_input(0)
        return tensor.name, tuple(tensor.shape)  # type: ignore[arg-type]  # Dims is a sequence, but not in the stubs

    def fix_shape(self, name: str, shape: Sequence[int]) -> None:
        """Build for this shape of the input only."""
        profile = self._builder.create_optimization_profile()
        profile.set_shape(name, tuple(shape), tuple(shape), tuple(shape))
        if self._config.add_optimization_profile(profile) < 0:
            raise ModelError(f"TensorRT does not take an input of {shape}: {LOG.reason()}")

    def limit_workspace(self, size: int) -> None:
        """Limit the memory that layers may use, in bytes. The default is 0 up to 8.2, and all memory from 8.5 on."""
        if hasattr(self._config, "set_memory_pool_limit"):
            self._config.set_memory_pool_limit(trt.MemoryPoolType.WORKSPACE, size)
        else:
            config: Any = self._config  # the type stubs are of a newer release
            config.max_workspace_size = size

    def allow_fp16(self) -> None:
        """Let the builder use FP16. Raises ModelError if the GPU is not faster with it."""
        if not getattr(self._builder, "platform_has_fast_fp16", True):
            raise ModelError("this GPU is not faster in FP16; build without --fp16")
        self._config.set_flag(trt.BuilderFlag.FP16)

    def aim_at(self, capability: Tuple[int, int]) -> None:
        """Build for another GPU than this machine's, which TensorRT for RTX can. Raises ModelError."""
        name = "SM{}{}".format(*capability)
        targets = getattr(trt, "ComputeCapability", None)
        if targets is None:
            raise ModelError(f"{RUNTIME} builds only for the GPU of this machine")
        config: Any = self._config  # not in the type stubs
        config.num_compute_capabilities = 1
        if not hasattr(targets, name) or not config.set_compute_capability(getattr(targets, name), 0):
            raise ModelError(f"{RUNTIME} cannot build for {name}")

    def watch_progress(self, step: Callable[[str], None]) -> None:
        """Call `step` with the name of each phase that makes progress, where the release reports it (from 8.6 on)."""
        if not hasattr(self._config, "progress_monitor"):
            return

        class Monitor(trt.IProgressMonitor):
            def phase_start(self, phase_name: str, parent_phase: str, num_phases: int) -> None:
                _notify(step, phase_name)

            def step_complete(self, phase_name: str, step_number: int) -> bool:
                _notify(step, phase_name)
                return True

            def phase_finish(self, phase_name: str) -> None:
                _notify(step, phase_name)

        self._config.progress_monitor = Monitor()

    def use_timing_cache(self, data: bytes) -> Any:
        """Start from the timings of earlier builds. Returns the cache, which must be kept until the build has ended.

        None if this release has no cache: TensorRT for RTX measures no timings.
        """
        if IS_RTX:
            return None
        cache = self._config.create_timing_cache(data) or self._config.create_timing_cache(b"")
        return cache if cache is not None and self._config.set_timing_cache(cache, False) else None

    def run(self) -> Optional[bytes]:
        """The serialised engine; None when the build failed, with the reason in the log."""
        LOG.errors.clear()  # earlier errors did not prevent the build
        engine = self._builder.build_serialized_network(self.network, self._config)
        return None if engine is None else bytes(engine)
