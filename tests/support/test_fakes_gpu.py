"""The fakes of TensorRT and pycuda: right where they compute, strict where the real ones crash or keep silent."""

import importlib
import json
import os
import threading

import numpy as np
import onnxruntime
import pytest
from onnx import TensorProto, helper
from support import fake_pycuda, fake_tensorrt
from support.program import MODEL

STYLES = sorted(fake_tensorrt.VERSIONS)


def small_model(opset=13, operator="Relu", domain="", free=True):
    """y = operator(conv(x)), with height and width free."""
    size = "h" if free else 8
    kernel = helper.make_tensor("kernel", TensorProto.FLOAT, (2, 3, 1, 1), [0.1, 0.2, 0.3, 0.4, 0.5, 0.6])
    nodes = [helper.make_node("Conv", ["x", "kernel"], ["c"], name="conv1")]
    nodes.append(helper.make_node(operator, ["c"], ["y"], name="last", domain=domain))
    ends = [helper.make_tensor_value_info(n, TensorProto.FLOAT, (1, c, size, size)) for n, c in (("x", 3), ("y", 2))]
    graph = helper.make_graph(nodes, "small", ends[:1], ends[1:], [kernel])
    opsets = [helper.make_opsetid("", opset)] + ([helper.make_opsetid(domain, 1)] if domain else [])
    model = helper.make_model(graph, opset_imports=opsets)
    model.ir_version = 7
    return model.SerializeToString()


class Log:
    """Collects what a logger is told."""

    def __init__(self, trt):
        lines = self.lines = []

        class Collector(trt.ILogger):
            def __init__(self):
                super().__init__()

            def log(self, severity, msg):
                lines.append((severity, msg))

        self.logger = Collector()
        trt.init_libnvinfer_plugins(self.logger, "")

    def errors(self):
        return [text for severity, text in self.lines if severity.name == "ERROR"]


class Build:
    """The steps of a build, to be spoilt one by one."""

    def __init__(self, trt, model=None, shape=(1, 3, 8, 8), flags=None):
        self.trt, self.log = trt, Log(trt)
        self.builder = trt.Builder(self.log.logger)
        explicit = getattr(trt.NetworkDefinitionCreationFlag, "EXPLICIT_BATCH", None)
        default = 0 if explicit is None else 1 << int(explicit)
        self.network = self.builder.create_network(default if flags is None else flags)
        self.parser = trt.OnnxParser(self.network, self.log.logger)
        self.parsed = self.parser.parse(model or small_model())
        self.config = self.builder.create_builder_config()
        if hasattr(self.config, "set_memory_pool_limit"):
            self.config.set_memory_pool_limit(trt.MemoryPoolType.WORKSPACE, 1 << 28)
        else:
            self.config.max_workspace_size = 1 << 28
        if shape:
            profile = self.builder.create_optimization_profile()
            profile.set_shape(self.network.get_input(0).name if self.parsed else "x", shape, shape, shape)
            assert self.config.add_optimization_profile(profile) == 0

    def run(self):
        return self.builder.build_serialized_network(self.network, self.config)


def ready(**options):
    """A driver with a current context, and that context."""
    cuda = fake_pycuda.make(**options)
    cuda.init()
    context = cuda.Device(0).retain_primary_context()
    context.push()
    return cuda, context


class Inference:
    """An engine with its memory, in either style."""

    def __init__(self, trt, cuda, plan, shape, log):
        self.log, self.cuda = log, cuda
        self.runtime = trt.Runtime(log.logger)
        self.engine = self.runtime.deserialize_cuda_engine(plan)
        self.context = self.engine.create_execution_context()
        self.stream = cuda.Stream()
        if hasattr(self.engine, "num_io_tensors"):
            names = [self.engine.get_tensor_name(i) for i in range(self.engine.num_io_tensors)]
            assert self.engine.get_tensor_mode(names[0]) == trt.TensorIOMode.INPUT
            assert self.context.set_input_shape(names[0], shape)
            shapes = [tuple(self.context.get_tensor_shape(name)) for name in names]
        else:
            assert self.engine.get_binding_dtype(0) == trt.float32
            assert self.context.set_binding_shape(0, shape)
            shapes = [tuple(self.context.get_binding_shape(i)) for i in range(self.engine.num_bindings)]
        self.host = [cuda.pagelocked_empty(shape, np.float32) for shape in shapes]
        self.device = [cuda.mem_alloc(array.nbytes) for array in self.host]
        self.addresses = [int(memory) for memory in self.device]
        if hasattr(self.context, "set_tensor_address"):
            assert all(self.context.set_tensor_address(name, at) for name, at in zip(names, self.addresses))

    def start(self, tensor):
        """Queue everything; True if the engine accepts."""
        np.copyto(self.host[0], tensor)
        self.cuda.memcpy_htod_async(self.device[0], self.host[0], self.stream)
        if hasattr(self.context, "execute_async_v3"):
            started = self.context.execute_async_v3(stream_handle=self.stream.handle)
        else:
            started = self.context.execute_async_v2(bindings=self.addresses, stream_handle=self.stream.handle)
        for memory, array in list(zip(self.device, self.host))[1:]:
            self.cuda.memcpy_dtoh_async(array, memory, self.stream)
        return started


def test_every_style_has_the_api_of_its_release_and_no_more():
    table = {  # PLATFORM.md
        ("IBuilderConfig", "max_workspace_size"): "8.0 8.2 8.6",
        ("IBuilderConfig", "set_memory_pool_limit"): "8.6 10 11",
        ("Builder", "build_serialized_network"): "8.0 8.2 8.6 10 11",
        ("ICudaEngine", "num_bindings"): "8.0 8.2 8.6",
        ("ICudaEngine", "get_binding_shape"): "8.0 8.2 8.6",
        ("IExecutionContext", "execute_async_v2"): "8.0 8.2 8.6",
        ("ICudaEngine", "num_io_tensors"): "8.6 10 11",
        ("ICudaEngine", "get_tensor_name"): "8.6 10 11",
        ("IExecutionContext", "set_tensor_address"): "8.6 10 11",
        ("IExecutionContext", "execute_async_v3"): "8.6 10 11",
        ("NetworkDefinitionCreationFlag", "EXPLICIT_BATCH"): "8.0 8.2 8.6 10",
        ("BuilderFlag", "FP16"): "8.0 8.2 8.6 10",
        ("Builder", "platform_has_fast_fp16"): "8.0 8.2 8.6 10",
        ("IBuilderConfig", "progress_monitor"): "10 11",
    }
    for (cls, name), styles in table.items():
        having = [style for style in STYLES if hasattr(getattr(fake_tensorrt.make(style), cls), name)]
        assert sorted(having) == sorted(styles.split()), name
    assert not hasattr(fake_tensorrt.make("8.2"), "IProgressMonitor")
    build = Build(fake_tensorrt.make("10"))
    for name in ("max_workspace_size", "fp16_mode"):
        assert not hasattr(build.config, name)
        with pytest.raises(AttributeError):
            setattr(build.config, name, 1)


def test_what_style_11_offers_exists_in_the_real_thing():
    real = pytest.importorskip("tensorrt_rtx_bindings")
    fake = fake_tensorrt.make("11")
    assert {name for name in vars(fake) if name[0] != "_"} <= set(dir(real))
    for cls in (item for item in vars(fake).values() if isinstance(item, type)):
        names = {name for name in dir(cls) if name[0] != "_" and hasattr(cls, name)}
        if issubclass(cls, bytes):
            names = {"nbytes"}
        assert names <= set(dir(getattr(real, cls.__name__))) | {"value", "name"}, cls


@pytest.mark.parametrize("kind", ["fake", "real"])
def test_the_builder_does_what_the_real_one_does(kind):
    trt = fake_tensorrt.make("11") if kind == "fake" else pytest.importorskip("tensorrt_rtx_bindings")

    def start(*args, **kwargs):
        build = Build(trt, *args, **kwargs)
        if kind == "real":  # else it looks for a GPU
            build.config.num_compute_capabilities = 1
            build.config.set_compute_capability(trt.ComputeCapability.SM89, 0)
        return build

    class Monitor(trt.IProgressMonitor):
        def __init__(self, answer):
            super().__init__()
            self.answer = answer

        def phase_start(self, phase_name, parent_phase, num_phases):
            pass

        def step_complete(self, phase_name, step):
            return {}[step] if self.answer == "raise" else self.answer

        def phase_finish(self, phase_name):
            pass

    build = start()
    shape = build.network.get_input(0).shape
    assert build.parsed
    assert shape == (1, 3, -1, -1)
    assert repr(shape) == "(1, 3, -1, -1)"
    assert build.network.get_input(0).dtype == trt.float32
    plan = build.run()
    assert memoryview(plan).nbytes == plan.nbytes == len(bytes(plan))
    for mistake in (
        lambda: len(plan),
        lambda: plan + b"",
        lambda: hash(shape),
        lambda: shape + (1,),
        lambda: json.dumps(shape),
        lambda: 1 << trt.NetworkDefinitionCreationFlag.STRONGLY_TYPED,
        lambda: build.config.set_flag(1),
        lambda: build.config.set_memory_pool_limit(trt.MemoryPoolType.WORKSPACE, 1e6),
        lambda: setattr(build.config, "progress_monitor", "x"),
        lambda: build.parser.parse("text"),
    ):
        with pytest.raises(TypeError):
            mistake()
    with pytest.raises(AttributeError):
        build.config.max_workspace_size = 1
    for answer in (True, False, None, "raise"):
        build.config.progress_monitor = Monitor(answer)
        assert bool(build.run()) == (answer is True)
        assert any("BuildCanceled" in text for text in build.log.errors()) == (answer is not True)
    runtime = trt.Runtime(build.log.logger)
    assert runtime.deserialize_cuda_engine(b"") is runtime.deserialize_cuda_engine(b"garbage") is None
    del runtime, build
    build = start(shape=None)
    assert build.run() is None
    assert "no optimization profile has been defined" in build.log.errors()[0]
    del build
    build = start(b"garbage")
    assert not build.parsed
    assert build.parser.num_errors == 1
    error = build.parser.get_error(0)
    assert (error.code().name, error.node()) == ("MODEL_DESERIALIZE_FAILED", -1)
    assert "Failed to parse the ONNX model." in error.desc()
    assert build.run() is None
    assert any("Network must have at least one output" in text for text in build.log.errors())


@pytest.mark.skipif(not os.path.exists(MODEL), reason="weights/yolov3-tiny.onnx is not there")
@pytest.mark.parametrize("style", ["8.2", "11"])
def test_an_engine_of_the_real_model_computes_what_onnx_runtime_does(style):
    with open(MODEL, "rb") as file:
        model = file.read()
    trt, shape = fake_tensorrt.make(style), (1, 3, 160, 160)
    build = Build(trt, model, shape)
    assert build.network.get_input(0).shape == (-1, 3, -1, -1)
    assert build.network.num_outputs == 2
    plan = bytes(build.run())
    cuda, context = ready()
    inference = Inference(trt, cuda, plan, shape, build.log)
    assert tuple(inference.host[1].shape) == (1, 255, 5, 5)
    tensor = np.random.RandomState(1).rand(*shape).astype(np.float32)
    assert inference.start(tensor)
    inference.stream.synchronize()
    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    for ours, its in zip(inference.host[1:], session.run(None, {session.get_inputs()[0].name: tensor})):
        np.testing.assert_allclose(ours, its, atol=1e-4)
    del inference.context
    del inference.engine
    del inference, ours
    cuda.Context.pop()
    context.detach()
    assert cuda.leaks() == []


def test_an_engine_may_list_its_tensors_last_first():
    build = Build(fake_tensorrt.make("8.2", backwards=True))
    runtime = build.trt.Runtime(build.log.logger)
    engine = runtime.deserialize_cuda_engine(build.run())
    listed = [(engine.get_binding_name(i), engine.binding_is_input(i)) for i in range(engine.num_bindings)]
    assert listed == [("y", False), ("x", True)]


def test_nothing_happens_before_somebody_synchronises():
    trt = fake_tensorrt.make("8.0")
    build = Build(trt)
    build.config.set_flag(trt.BuilderFlag.FP16)
    cuda, _ = ready()
    inference = Inference(trt, cuda, build.run(), (1, 3, 8, 8), build.log)
    assert inference.start(np.full((1, 3, 8, 8), 1.0, np.float32))
    assert np.isnan(inference.host[1]).all()
    assert not inference.stream.is_done()
    inference.host[0][:] = 2.0  # too early: this is what is computed
    event = cuda.Event().record(inference.stream)
    event.synchronize()
    assert inference.stream.is_done()
    expected = np.array([0.6, 1.5], np.float32) * 2
    np.testing.assert_array_equal(inference.host[1][0, :, 0, 0], expected.astype(np.float16).astype(np.float32))
    assert cuda.Event().record(inference.stream).synchronize().time_till(event) <= 0


def test_cuda_needs_init_and_a_context_in_this_thread(monkeypatch):
    with pytest.raises(fake_pycuda.RuntimeError, match="cuInit failed: no CUDA-capable device is detected"):
        fake_pycuda.make(no_gpu=True).init()
    with pytest.raises(fake_pycuda.LogicError, match="initialization error"):
        fake_pycuda.make().Device(0)
    cuda, _ = ready(out_of_memory=1, capability=(8, 7), name="Orin", integrated=False)
    device = cuda.Device(0)
    assert (device.name(), device.compute_capability()) == ("Orin", (8, 7))
    assert device.get_attribute(cuda.device_attribute.INTEGRATED) == 0
    assert int(cuda.mem_alloc(4))
    with pytest.raises(cuda.MemoryError, match="cuMemAlloc failed: out of memory"):
        cuda.mem_alloc(4)
    failures = []

    def elsewhere():
        for call in (cuda.Stream, cuda.Event, lambda: cuda.pagelocked_empty(1, np.float32), cuda.Context.pop):
            try:
                call()
            except cuda.LogicError as error:
                failures.append(str(error))

    thread = threading.Thread(target=elsewhere)
    thread.start()
    thread.join(10)
    assert len(failures) == 4
    assert all("invalid device context" in text for text in failures)

    fake_pycuda.install(monkeypatch, cuda)
    assert importlib.import_module("pycuda.driver") is cuda
    for name in ("pycuda.autoinit", "pycuda.gpuarray"):
        with pytest.raises(ImportError):
            importlib.import_module(name)
    fake_tensorrt.install(monkeypatch, fake_tensorrt.make("8.0"))
    assert importlib.import_module("tensorrt").__version__ == "8.0.1.6"


def test_copies_are_strict():
    cuda, _ = ready()
    stream, memory, host = cuda.Stream(), cuda.mem_alloc(16), cuda.pagelocked_empty(4, np.float32)
    for error, array, where in (
        (cuda.LogicError, np.zeros(4, np.float32), memory),  # not page-locked
        (cuda.LogicError, cuda.pagelocked_empty(5, np.float32), memory),  # too long
        (cuda.LogicError, host, 4096),  # no such memory
        (cuda.LogicError, host, host.ctypes.data),  # not the device's
        (ValueError, cuda.pagelocked_empty((2, 2), np.float32).T, memory),  # not contiguous
    ):
        for call in (cuda.memcpy_htod_async, lambda a, b, s: cuda.memcpy_dtoh_async(b, a, s)):
            with pytest.raises(error):
                call(where, array, stream)
    cuda.memcpy_htod_async(int(memory) + 8, host[:2], stream)
    memory.free()
    with pytest.raises(cuda.LogicError, match="illegal memory access"):
        stream.synchronize()
    with pytest.raises(cuda.LogicError, match="DeviceAllocation::free failed"):
        memory.free()
    mapped = cuda.pagelocked_empty(4, np.float32, mem_flags=cuda.host_alloc_flags.DEVICEMAP)
    assert mapped.base.get_device_pointer()
    with pytest.raises(cuda.LogicError):
        host.base.get_device_pointer()
    host.base.free()
    with pytest.raises(cuda.LogicError, match="not page-locked"):
        cuda.memcpy_htod_async(cuda.mem_alloc(16), host, stream)


def test_leaks_are_told():
    cuda, context = ready()
    memory, stream = cuda.mem_alloc(1), cuda.Stream()
    host, other = [cuda.pagelocked_empty(2, np.uint8) for _ in range(2)]
    assert len(cuda.leaks()) == 6
    host.base.free()
    part = other[:1]
    del other
    assert sum("Pagelocked" in leak for leak in cuda.leaks()) == 1
    del part
    memory.free()
    cuda.Context.pop()
    assert cuda.leaks() == ["Stream alive", "a context retained and not detached"]
    context.detach()
    del stream
    assert cuda.leaks() == ["Stream alive, not freed before its context"]
    with pytest.raises(cuda.LogicError):
        context.detach()


@pytest.mark.parametrize(
    "gone, left, expected",
    [
        pytest.param("context engine runtime", "", [], id="in order"),
        pytest.param("engine context", "", ["IExecutionContext freed after its ICudaEngine"], id="engine first"),
        pytest.param("context runtime engine", "", ["ICudaEngine freed after its Runtime"], id="runtime first"),
        pytest.param(
            "context", "engine", ["ICudaEngine alive, not freed before its context", "ICudaEngine alive"], id="too late"
        ),
    ],
)
def test_an_engine_is_to_be_freed_in_order(gone, left, expected):
    build, (cuda, context) = Build(fake_tensorrt.make("8.2")), ready()
    inference = Inference(build.trt, cuda, build.run(), (1, 3, 8, 8), build.log)
    for name in gone.split():
        delattr(inference, name)
    inference.__dict__ = {name: vars(inference)[name] for name in ["runtime"] + left.split() if name in vars(inference)}
    cuda.Context.pop()
    context.detach()
    assert cuda.leaks() == expected


def test_memory_is_not_to_be_freed_while_there_is_work():
    cuda, _ = ready()
    stream, memory, other = cuda.Stream(), cuda.mem_alloc(16), cuda.mem_alloc(16)
    cuda.memcpy_htod_async(memory, cuda.pagelocked_empty(4, np.float32), stream)
    other.free()
    assert "DeviceAllocation(16) freed with work still queued" in cuda.leaks()


@pytest.mark.parametrize("style", ["8.2", "10"])
def test_every_failure_is_a_none_and_a_line_in_the_log(style):
    for fail in fake_tensorrt.BUILDING:
        build = Build(fake_tensorrt.make(style, fail=fail))
        assert build.parsed == (fail != "parse")
        assert build.run() is None
        assert build.log.errors()
    with pytest.raises(TypeError, match="returned nullptr"):
        Build(fake_tensorrt.make(style, fail="start"))
    plan = Build(fake_tensorrt.make(style)).run()
    for fail in fake_tensorrt.RUNNING:
        trt = fake_tensorrt.make(style, fail=fail)
        log, (cuda, _) = Log(trt), ready()
        if fail == "execute":
            assert not Inference(trt, cuda, plan, (1, 3, 8, 8), log).start(0)
        else:
            runtime = trt.Runtime(log.logger)
            engine = runtime.deserialize_cuda_engine(plan)
            assert (engine if fail == "deserialize" else engine.create_execution_context()) is None
        assert len(log.errors()) == 1


def test_an_engine_fits_one_release_and_one_gpu():
    plan = Build(fake_tensorrt.make("8.2")).run()
    assert fake_tensorrt.describe(plan)["place"] == ["8.2.1.8", "5.3"]
    assert memoryview(plan).nbytes == plan.nbytes == len(bytes(plan))
    with pytest.raises(TypeError):
        len(plan)
    corrupt = bytes(plan)[:-40] + b"x" + bytes(plan)[-39:]
    for trt, data, reason in (
        (fake_tensorrt.make("8.0"), plan, "8.0.1.6 got 8.2.1.8"),
        (fake_tensorrt.make("8.2", capability=(8, 7)), plan, "8.7 got 5.3"),
        (fake_tensorrt.make("8.2"), corrupt, "corrupt"),
        (fake_tensorrt.make("8.2"), b"", "magicTag"),
    ):
        log = Log(trt)
        assert trt.Runtime(log.logger).deserialize_cuda_engine(data) is None
        assert reason in log.errors()[0]


def test_the_parser_refuses():
    trt = fake_tensorrt.make("8.2")
    for model, flags, reason in (
        (b"garbage", None, "Failed to parse the ONNX model"),
        (small_model(opset=14), None, "opset 14"),
        (small_model(operator="Sprinkle", domain="my"), None, "No importer registered for op: Sprinkle"),
        (small_model(), 0, "explicit batch"),
    ):
        build = Build(trt, model, flags=flags)
        assert not build.parsed
        assert reason in build.parser.get_error(0).desc()
        assert build.parser.num_errors == len(build.log.errors()) == 1
        assert build.run() is None
        del build  # or the next one gets its logger
    assert Build(fake_tensorrt.make("10"), small_model(opset=14), flags=0).parsed
    trt = fake_tensorrt.make("10")
    trt.init_libnvinfer_plugins = lambda logger, namespace: False
    build = Build(trt)
    assert not build.parsed
    plan = Build(fake_tensorrt.make("10")).run()
    assert trt.Runtime(build.log.logger).deserialize_cuda_engine(plan) is None


def test_the_builder_refuses():
    build = Build(fake_tensorrt.make("8.0"))
    build.config.max_workspace_size = 0
    assert build.run() is None
    for shape in (None, (1, 3, 8), (1, 4, 8, 8)):
        assert Build(fake_tensorrt.make("8.0"), shape=shape).run() is None
    assert Build(fake_tensorrt.make("8.0"), small_model(free=False), shape=None).run()
    with pytest.raises(TypeError):
        build.config.set_flag(0)
    with pytest.raises(TypeError):
        1 << build.trt.BuilderFlag.FP16


def test_a_timing_cache_lives_until_the_build_ends():
    build = Build(fake_tensorrt.make("8.2"))
    config = build.config
    assert config.create_timing_cache(b"garbage") is None
    cache = config.create_timing_cache(b"")
    assert config.set_timing_cache(cache, ignore_mismatch=False)
    assert build.run()
    build.log.lines.clear()
    assert build.run()
    assert build.log.lines == []  # everything was timed before
    data = bytes(config.get_timing_cache().serialize())
    other = Build(fake_tensorrt.make("8.2", capability=(8, 7)))
    loaded = other.config.create_timing_cache(data)
    assert not other.config.set_timing_cache(loaded, False)
    assert other.config.set_timing_cache(loaded, True)
    del cache
    assert build.run() is None


def test_progress_is_in_the_log_and_in_the_monitor(capsys):
    build = Build(fake_tensorrt.make("8.2"))
    build.run()
    lines = [text for severity, text in build.log.lines if severity == build.trt.Logger.VERBOSE]
    assert lines[0] == "--------------- Timing Runner: conv1 (CudnnConvolution)"
    assert len(lines) == build.network.num_layers == 2

    build = Build(fake_tensorrt.make("11"))
    calls = []

    class Monitor(build.trt.IProgressMonitor):
        answer = True

        def __init__(self):
            super().__init__()

        def phase_start(self, phase_name, parent_phase, num_phases):
            calls.append((phase_name, parent_phase, num_phases))

        def step_complete(self, phase_name, step):
            if self.answer is None:
                raise KeyboardInterrupt
            return self.answer

        def phase_finish(self, phase_name):
            calls.append(phase_name)

    monitor = build.config.progress_monitor = Monitor()
    assert build.run()
    assert calls == [
        ("Building engine", None, 1),
        ("Timing graph nodes", "Building engine", 2),
        "Timing graph nodes",
        "Building engine",
    ]
    for monitor.answer in (False, None):
        assert build.run() is None
        assert "BuildCanceled" in build.log.errors()[-1]
    assert "KeyboardInterrupt" in capsys.readouterr().err


def test_loggers(capsys):
    for style, expected in (("8.2", fake_tensorrt.Abort), ("8.6", None)):
        trt = fake_tensorrt.make(style)

        class Raising(trt.ILogger):
            def __init__(self):
                super().__init__()

            def log(self, severity, msg):
                raise KeyboardInterrupt

        class Careless(trt.ILogger):
            def __init__(self):
                pass

        with pytest.raises(TypeError, match="must be called"):
            Careless()
        raising, second = Raising(), Log(trt)
        runtime = trt.Runtime(raising)
        if expected:
            with pytest.raises(expected):
                runtime.deserialize_cuda_engine(b"")
        else:
            assert runtime.deserialize_cuda_engine(b"") is None
            assert trt.Runtime(second.logger).deserialize_cuda_engine(b"") is None
            assert second.lines == []  # the first logger is everybody's
            assert "Exception caught in log()" in capsys.readouterr().err
    logger = trt.Logger()
    logger.log(trt.Logger.INFO, "one")
    logger.log(trt.Logger.ERROR, "two")
    assert capsys.readouterr().out == "[TRT] [E] two\n"


def test_an_object_is_of_no_use_without_its_parent():
    trt = fake_tensorrt.make("8.2")
    build = Build(trt)
    plan = build.run()
    runtime = trt.Runtime(build.log.logger)
    engine = runtime.deserialize_cuda_engine(plan)
    context = engine.create_execution_context()
    assert not context.execute_async_v2([0, 0], 0)
    del engine
    with pytest.raises(RuntimeError, match="IExecutionContext used after its ICudaEngine was deleted"):
        context.set_binding_shape(0, (1, 3, 8, 8))
    engine = runtime.deserialize_cuda_engine(plan)
    del runtime
    with pytest.raises(RuntimeError, match="ICudaEngine used after its Runtime was deleted"):
        engine.create_execution_context()
    del build.network
    with pytest.raises(RuntimeError, match="OnnxParser used after its INetworkDefinition"):
        build.parser.parse(b"")
    build.log.logger = None
    with pytest.raises(RuntimeError, match="Builder used after its Collector was deleted"):
        build.builder.create_network(1)


def test_execution_refuses():
    trt = fake_tensorrt.make("8.2")
    build, (cuda, current) = Build(trt), ready()
    inference = Inference(trt, cuda, build.run(), (1, 3, 8, 8), build.log)
    context, handle = inference.context, inference.stream.handle
    assert inference.engine.get_binding_shape(0) == (1, 3, -1, -1)
    assert not context.set_binding_shape(0, (1, 3, 16, 16))
    for bindings, stream in (
        (inference.addresses, 0),
        (inference.addresses[:1], handle),
        (inference.addresses[:1] + [inference.host[1].ctypes.data], handle),
        (inference.addresses[:1] + [int(cuda.mem_alloc(1))], handle),
    ):
        before = len(build.log.errors())
        assert not context.execute_async_v2(bindings, stream)
        assert len(build.log.errors()) == before + 1
    with pytest.raises(TypeError):
        context.execute_async_v2(inference.device, handle)
    fresh = inference.engine.create_execution_context()
    assert fresh.get_binding_shape(1) == (1, 2, -1, -1)
    assert not fresh.execute_async_v2(inference.addresses, handle)
    assert inference.start(0)
    cuda.Context.pop()
    assert not context.execute_async_v2(inference.addresses, handle)
    current.push()
    del context, inference.context
    with pytest.raises(cuda.LogicError, match="context was deleted"):
        inference.stream.synchronize()


def test_nptype_is_broken_where_the_real_one_is():
    new = [int(n) for n in np.__version__.split(".")[:2]] >= [1, 24]
    for style in STYLES:
        trt = fake_tensorrt.make(style)
        if new and style.startswith("8"):
            with pytest.raises(AttributeError):
                trt.nptype(trt.float32)
        else:
            assert trt.nptype(trt.float32) is np.float32
