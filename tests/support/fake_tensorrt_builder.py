"""The half of the fake of TensorRT that builds engines: parser, network, configuration, builder. See fake_tensorrt."""

import hashlib
import json
import weakref

import onnx
from support import fake_pycuda
from support.fake_tensorrt_base import (
    CACHE_MAGIC,
    MAGIC,
    TYPES,
    Dims,
    Entry,
    ErrorCode,
    IHostMemory,
    ILogger,
    IProgressMonitor,
    Object,
    ParserError,
    Severity,
    allowed,
    to_shape,
    typed,
    unsigned,
)


class ITensor(Object):
    __slots__ = ("name", "shape", "dtype")

    def __init__(self, network, info):
        super().__init__(network, keep=True)
        self.name = info.name
        dims = info.type.tensor_type.shape.dim
        self.shape = Dims([dim.dim_value if dim.HasField("dim_value") else -1 for dim in dims])
        self.dtype = self._trt.DataType[{code: name for code, name, _ in TYPES}[info.type.tensor_type.elem_type]]


class INetworkDefinition(Object):
    __slots__ = ("_flags", "_model")

    def __init__(self, builder, flags):
        super().__init__(builder, keep=True)
        self._flags, self._model = flags, onnx.ModelProto()

    def _inputs(self):
        constants = {tensor.name for tensor in self._model.graph.initializer}
        return [self._trt.ITensor(self, info) for info in self._model.graph.input if info.name not in constants]

    def _outputs(self):
        return [self._trt.ITensor(self, info) for info in self._model.graph.output]

    num_inputs = property(lambda self: len(self._inputs()))
    num_outputs = property(lambda self: len(self._outputs()))

    def get_input(self, index):
        return self._inputs()[index]

    def get_output(self, index):
        return self._outputs()[index]


class OnnxParser(Object):
    __slots__ = ("_errors",)

    def __init__(self, network, logger):
        typed("__init__", (network, INetworkDefinition), (logger, ILogger))
        super().__init__(network, logger)
        self._errors = []

    def parse(self, model):
        data = bytes(memoryview(model))
        try:
            proto = onnx.load_from_string(data)
            self._errors += [ParserError(*error) for error in self._objections(proto)]
            if not self._errors and data:  # no data is a model of nothing, here and there
                onnx.checker.check_model(proto)
        except Exception:  # protobuf's and the checker's
            self._errors.append(ParserError(ErrorCode.MODEL_DESERIALIZE_FAILED, "Failed to parse the ONNX model."))
        for error in self._errors:
            self._log(Severity.ERROR, str(error))
        if not self._errors:
            self._parents[0][1]()._model = proto
        return not self._errors

    def _objections(self, proto):
        trt, network = self._trt, self._parents[0][1]()
        if not trt._plugins or trt._fail == "parse":
            what = "the plugins are not initialised" if not trt._plugins else "Assertion failed: ctx"
            yield ErrorCode.INTERNAL_ERROR, what
        if trt._style.startswith("8") and not network._flags & 1:
            what = "This version of the ONNX parser only supports TensorRT INetworkDefinitions with an explicit batch "
            yield ErrorCode.INVALID_GRAPH, what + "dimension."
        for opset in proto.opset_import:
            if trt._style.startswith("8") and opset.domain in ("", "ai.onnx") and opset.version > 13:
                yield ErrorCode.UNSUPPORTED_GRAPH, f"Assertion failed: opset {opset.version} <= 13"
        for index, node in enumerate(proto.graph.node):
            if node.domain not in ("", "ai.onnx"):
                yield ErrorCode.UNSUPPORTED_NODE, "No importer registered for op: " + node.op_type, index

    num_errors = property(lambda self: len(self._errors))

    def get_error(self, index):
        return self._errors[index]


class IOptimizationProfile(Object):
    __slots__ = ("_shapes",)

    def __init__(self, builder):
        super().__init__(builder, keep=True)
        self._shapes = {}

    def set_shape(self, input, min, opt, max):
        self._shapes[input] = to_shape(min), to_shape(opt), to_shape(max)


class ITimingCache(Object):
    """Knows the layers that were timed once, and where."""

    __slots__ = ("_origin", "_layers")

    def __init__(self, origin, layers):
        super().__init__()
        self._origin, self._layers = origin, layers

    def serialize(self):
        return IHostMemory(CACHE_MAGIC + json.dumps([self._origin, self._layers]).encode())


class IBuilderConfig(Object):
    __slots__ = ("_flags", "_workspace", "_profiles", "_cache", "_monitor")

    def __init__(self, builder):
        super().__init__(builder, keep=True)
        self._flags, self._profiles, self._cache, self._monitor = set(), [], None, None
        self._workspace = 0 if self._trt._style in ("8.0", "8.2") else fake_pycuda.TOTAL_MEMORY

    def _set_workspace(self, size):
        self._workspace = unsigned(size)

    max_workspace_size = property(lambda self: self._workspace, _set_workspace)

    def set_memory_pool_limit(self, pool, pool_size):
        typed("set_memory_pool_limit", (pool, self._trt.MemoryPoolType))
        self._workspace = unsigned(pool_size)

    def _set_monitor(self, monitor):
        typed("progress_monitor", (monitor, (IProgressMonitor, type(None))))
        self._monitor = monitor

    progress_monitor = property(lambda self: self._monitor, _set_monitor)

    def set_flag(self, flag):
        typed("set_flag", (flag, self._trt.BuilderFlag))
        self._flags.add(flag.name)

    def add_optimization_profile(self, profile):
        typed("add_optimization_profile", (profile, IOptimizationProfile))
        self._profiles.append(dict(profile._shapes))
        return len(self._profiles) - 1

    def create_timing_cache(self, serialized_timing_cache):
        data = bytes(memoryview(serialized_timing_cache))
        if data and not data.startswith(CACHE_MAGIC):
            return self._fail("Error Code 1: Serialization (Serialization assertion failed. Magic tag does not match)")
        here = self._trt._place()
        return self._trt.ITimingCache(*(json.loads(data[len(CACHE_MAGIC) :].decode()) if data else (here, [])))

    def set_timing_cache(self, cache, ignore_mismatch):
        typed("set_timing_cache", (cache, ITimingCache), (ignore_mismatch, bool))
        if cache._origin != self._trt._place() and not ignore_mismatch:
            return self._fail(f"Timing cache header mismatch: made by {cache._origin}", False)
        self._cache = weakref.ref(cache)
        return True


class Builder(Entry):
    __slots__ = ()
    platform_has_fast_fp16 = property(lambda self: self._trt._fast_fp16)

    def create_network(self, flags=0):
        return self._trt.INetworkDefinition(self, unsigned(flags))

    def create_builder_config(self):
        return self._trt.IBuilderConfig(self)

    def create_optimization_profile(self):
        return self._trt.IOptimizationProfile(self)

    def build_serialized_network(self, network, config):
        typed("build_serialized_network", (network, INetworkDefinition), (config, IBuilderConfig))
        objection = self._objection(network, config)
        if objection:
            return self._fail("IBuilder::buildSerializedNetwork: " + objection)
        if not self._time(network, config):
            return self._fail("IBuilder::buildSerializedNetwork: Error Code 7: BuildCanceled (Build canceled by user)")
        if config._cache and not config._cache():
            return self._fail("Error Code 1: the timing cache was destroyed before the end of the build")
        tensors = [(t.name, True, t.dtype.name, list(t.shape)) for t in network._inputs()]
        tensors += [(t.name, False, t.dtype.name, list(t.shape)) for t in network._outputs()]
        if self._trt._backwards:
            tensors.reverse()
        header = {"place": self._trt._place(), "fp16": "FP16" in config._flags, "workspace": config._workspace}
        header.update(tensors=tensors, profile=config._profiles[0] if config._profiles else {})
        body = MAGIC + json.dumps(header).encode() + b"\n" + network._model.SerializeToString()
        return IHostMemory(body + hashlib.sha256(body).digest())

    def _objection(self, network, config):
        """Why the network cannot be built; None where it can."""
        if self._trt._fail == "build" or not config._workspace:
            return f"Error Code 10: Internal Error (Could not find any implementation for node {_layers(network)[:1]}.)"
        if self._trt._fail == "build_out_of_memory":
            return "Error Code 2: OutOfMemory (no further information)"
        if not network.num_outputs:
            return "Error Code 4: API Usage Error (Network must have at least one output)"
        for tensor in network._inputs():
            if -1 in tensor.shape and not config._profiles:
                return "Error Code 4: Network has dynamic or shape inputs, but no optimization profile has been defined"
            shapes = config._profiles[0].get(tensor.name) if -1 in tensor.shape else [tuple(tensor.shape)] * 3
            if shapes is None:
                return f"Error Code 4: {tensor.name}: dynamic input is missing dimensions in profile 0."
            if not all(allowed(tensor.shape, shapes, shape) for shape in shapes):
                return f"Error Code 4: {tensor.name}: profile 0 does not match network definition: {shapes}"
        return None

    def _time(self, network, config):
        """Go through the layers, telling log and monitor; False when the monitor wants no more."""
        monitor, cache, layers = config._monitor, config._cache and config._cache(), _layers(network)

        def tell(call, *args):
            return not monitor or self._trt._call_back(call, getattr(monitor, call), *args)

        phases = [("Building engine", None, 1), ("Timing graph nodes", "Building engine", len(layers))]
        going = True
        for phase in phases:
            tell("phase_start", *phase)
        for step, layer in enumerate(layers):
            if not cache or layer not in cache._layers:
                self._log(Severity.VERBOSE, f"--------------- Timing Runner: {layer}")
            going = going and bool(tell("step_complete", phases[1][0], step))
        for phase in reversed(phases):
            tell("phase_finish", phase[0])
        if cache:
            cache._layers = sorted(set(cache._layers) | set(layers))
        return going


STYLED = (ITensor, INetworkDefinition, OnnxParser, IOptimizationProfile, ITimingCache, IBuilderConfig, Builder)


def _layers(network):
    return [f"{node.name or node.output[0]} ({node.op_type})" for node in network._model.graph.node]
