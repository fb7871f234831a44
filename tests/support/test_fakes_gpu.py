"""The fakes of TensorRT and pycuda refuse what the real ones refuse, and what would make them crash or keep silent.

That they compute, and fail on request, shows in the tests of the backend and of `tools.build_engine`.
"""

import importlib
import json
import threading

import numpy as np
import pytest
from onnx import helper
from support import fake_pycuda, fake_tensorrt
from support.graphs import graph

SHAPE = (1, 3, 8, 8)


def small_model(opset=13, domain=""):
    """y = relu(conv(x)), with height and width free."""
    nodes = [helper.make_node("Conv", ["x", "k"], ["c"]), helper.make_node("Relu", ["c"], ["y"], domain=domain)]
    kernel = np.reshape([0.1, 0.2, 0.3, 0.4, 0.5, 0.6], (2, 3, 1, 1))
    ends = {"x": (1, 3, "h", "w")}, {"y": (1, 2, "h", "w")}
    return graph(nodes, *ends, constants={"k": kernel}, opset=opset).SerializeToString()


class Log:
    """Collects the errors that a logger is told."""

    def __init__(self, trt):
        errors = self.errors = []

        class Collector(trt.ILogger):
            def __init__(self):
                super().__init__()

            def log(self, severity, msg):
                if severity == trt.ILogger.ERROR:
                    errors.append(msg)

        self.logger = Collector()
        trt.init_libnvinfer_plugins(self.logger, "")


class Build:
    """The steps of a build, to be spoilt one by one."""

    def __init__(self, trt, model=None, shape=SHAPE, flags=None):
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
            profile.set_shape("x", shape, shape, shape)
            assert self.config.add_optimization_profile(profile) == 0

    def run(self):
        return self.builder.build_serialized_network(self.network, self.config)


class Rig:
    """All that an inference on 8.2 needs, to be spoilt one by one."""

    def __init__(self):
        self.trt = fake_tensorrt.make("8.2")
        self.build = Build(self.trt)
        self.errors = self.build.log.errors
        self.plan = self.build.run()
        self.cuda = fake_pycuda.make()
        self.cuda.init()
        self.current = self.cuda.Device(0).retain_primary_context()
        self.current.push()
        self.runtime = self.trt.Runtime(self.build.log.logger)
        self.engine = self.runtime.deserialize_cuda_engine(self.plan)
        self.context = self.engine.create_execution_context()
        assert self.context.set_binding_shape(0, SHAPE)
        self.stream = self.cuda.Stream()
        shapes = [tuple(self.context.get_binding_shape(index)) for index in range(2)]
        self.host = [self.cuda.pagelocked_empty(shape, np.float32) for shape in shapes]
        self.device = [self.cuda.mem_alloc(array.nbytes) for array in self.host]
        self.addresses = [int(memory) for memory in self.device]

    def without(self, *names):
        for name in names:
            delattr(self, name)
        return self

    def upload(self, array=None, where=None):
        array = self.host[0] if array is None else array
        self.cuda.memcpy_htod_async(self.device[0] if where is None else where, array, self.stream)
        return self

    def execute(self, addresses=None, stream=None):
        handle = self.stream.handle if stream is None else stream
        return self.context.execute_async_v2(self.addresses if addresses is None else addresses, handle)

    def elsewhere(self, call):
        """Call in another thread; what it raised is raised here."""
        raised = []

        def work():
            try:
                call()
            except Exception as error:
                raised.append(error)

        thread = threading.Thread(target=work)
        thread.start()
        thread.join(10)
        raise raised[0]

    def after_free(self):
        self.upload()
        self.device[0].free()
        self.stream.synchronize()

    def after_pop(self):
        self.cuda.Context.pop()
        return self.execute()

    def orphaned(self):
        assert self.execute()
        self.without("context").stream.synchronize()


@pytest.fixture
def rig():
    return Rig()


LOGIC = fake_pycuda.LogicError
RAISES = {
    # calls that need init(), and a context in this thread
    "no init": (lambda rig: fake_pycuda.make().Device(0), LOGIC, "initialization error"),
    "no GPU": (lambda rig: fake_pycuda.make(no_gpu=True).init(), fake_pycuda.RuntimeError, "no CUDA-capable device"),
    "another thread": (lambda rig: rig.elsewhere(rig.cuda.Stream), LOGIC, "invalid device context"),
    "pop, not pushed": (lambda rig: rig.elsewhere(rig.cuda.Context.pop), LOGIC, "non-current context"),
    "detach twice": (lambda rig: rig.current.detach() or rig.current.detach(), LOGIC, "invalid context"),
    # copies
    "not page-locked": (lambda rig: rig.upload(np.zeros(4, np.float32)), LOGIC, "not page-locked"),
    "too long": (lambda rig: rig.upload(where=int(rig.cuda.mem_alloc(4))), LOGIC, "invalid argument"),
    "to no memory": (lambda rig: rig.upload(where=4096), LOGIC, "invalid argument"),
    "to host memory": (lambda rig: rig.upload(where=rig.host[0].ctypes.data), LOGIC, "invalid argument"),
    "not contiguous": (lambda rig: rig.upload(rig.host[0][0, 0].T), ValueError, "C-contiguous"),
    "freed too early": (lambda rig: rig.after_free(), LOGIC, "illegal memory access"),
    "freed twice": (lambda rig: rig.device[0].free() or rig.device[0].free(), LOGIC, "free failed"),
    # objects without their parents
    "no engine": (lambda rig: rig.without("engine").context.set_binding_shape(0, SHAPE), RuntimeError, "ICudaEngine"),
    "no runtime": (lambda rig: rig.without("runtime").engine.create_execution_context(), RuntimeError, "Runtime"),
    "context gone": (lambda rig: rig.orphaned(), LOGIC, "context was deleted"),
    # types
    "memory, not its address": (lambda rig: rig.execute(rig.device), TypeError, "incompatible"),
    "a flag is no int": (lambda rig: 1 << rig.trt.BuilderFlag.FP16, TypeError, "unsupported operand"),
    "an int is no flag": (lambda rig: rig.build.config.set_flag(0), TypeError, "incompatible"),
    "what 8.2 lacks": (lambda rig: rig.engine.num_io_tensors, AttributeError, "num_io_tensors"),
    "a misspelt option": (lambda rig: setattr(rig.build.config, "fp16_mode", 1), AttributeError, "fp16_mode"),
}  # fmt: skip


@pytest.mark.parametrize("misuse, error, phrase", list(RAISES.values()), ids=list(RAISES))
def test_misuse_raises(rig, misuse, error, phrase):
    with pytest.raises(error, match=phrase):
        misuse(rig)


def parse(style="8.2", **options):
    build = Build(fake_tensorrt.make(style), **options)
    return build.parsed, build.log.errors


def run(trt, **options):
    build = Build(trt, **options)
    return build.run(), build.log.errors


def load(rig, **options):
    trt = fake_tensorrt.make("8.2", **options)
    log = Log(trt)
    return trt.Runtime(log.logger).deserialize_cuda_engine(rig.plan), log.errors


def without_plugins(rig):
    rig.trt._plugins = False
    return rig.runtime.deserialize_cuda_engine(rig.plan)


def without_workspace(rig):
    rig.build.config.max_workspace_size = 0
    return rig.build.run()


REFUSES = {
    "opset 14 on 8.2": (lambda rig: parse(model=small_model(opset=14)), "opset 14"),
    "an implicit batch": (lambda rig: parse(flags=0), "explicit batch"),
    "a foreign operator": (lambda rig: parse("10", model=small_model(domain="my")), "No importer registered"),
    "no plugins": (without_plugins, "plugins are not initialised"),
    "no workspace": (without_workspace, "Could not find any implementation"),
    "no profile": (lambda rig: run(fake_tensorrt.make("10"), shape=None), "no optimization profile"),
    "another profile": (lambda rig: run(fake_tensorrt.make("10"), shape=(1, 4, 8, 8)), "does not match"),
    "an engine of another GPU": (lambda rig: load(rig, capability=(8, 7)), "8.7 got 5.3"),
    "a shape not in the profile": (lambda rig: rig.context.set_binding_shape(0, (1, 3, 16, 16)), "max range"),
    "no stream": (lambda rig: rig.execute(stream=0), "invalid resource handle"),
    "no current context": (lambda rig: rig.after_pop(), "invalid resource handle"),
    "an address short": (lambda rig: rig.execute(rig.addresses[:1]), "y: no, or a wrong address"),
    "a host address": (lambda rig: rig.execute([rig.addresses[0], rig.host[1].ctypes.data]), "y: no, or a wrong"),
    "too little memory": (lambda rig: rig.execute([rig.addresses[0], int(rig.cuda.mem_alloc(1))]), "y: no, or a wrong"),
}


@pytest.mark.parametrize("misuse, phrase", list(REFUSES.values()), ids=list(REFUSES))
def test_misuse_is_refused_with_a_line_in_the_log(rig, misuse, phrase):
    """What a misuse returns, and, where it is not the rig's, the log."""
    found = misuse(rig)
    result, errors = found if isinstance(found, tuple) else (found, rig.errors)
    assert not result
    assert phrase in errors[0]


def free(rig, *names):
    while rig.device:
        rig.device.pop().free()
    rig.without("host", "stream", *names)
    rig.cuda.Context.pop()
    rig.current.detach()


LEAKS = {
    "in order": (lambda rig: free(rig, "context", "engine", "runtime"), []),
    "engine first": (lambda rig: free(rig, "engine", "context"), ["IExecutionContext freed after its ICudaEngine"]),
    "runtime first": (lambda rig: free(rig, "context", "runtime", "engine"), ["ICudaEngine freed after its Runtime"]),
    "too late": (
        lambda rig: free(rig, "context"),
        ["ICudaEngine alive, not freed before its context", "ICudaEngine alive"],
    ),
    "all of it": (lambda rig: None, ["Stream alive", "Allocation(768) alive", "context pushed", "context retained"]),
    "work queued": (lambda rig: rig.upload().device[1].free(), ["freed with work still queued", "Stream alive"]),
}


@pytest.mark.parametrize("leave, expected", list(LEAKS.values()), ids=list(LEAKS))
def test_leaks_are_told(rig, leave, expected):
    leave(rig)
    leaks = rig.cuda.leaks()
    assert all(any(phrase in leak for leak in leaks) for phrase in expected), leaks
    assert bool(leaks) == bool(expected)


def test_nothing_happens_before_somebody_synchronises(rig):
    rig.host[0][:] = 1
    assert rig.upload().execute()
    rig.cuda.memcpy_dtoh_async(rig.host[1], rig.device[1], rig.stream)
    assert np.isnan(rig.host[1]).all()
    rig.host[0][:] = 2  # too early: this is what is computed
    rig.stream.synchronize()
    np.testing.assert_allclose(rig.host[1][0, :, 0, 0], [1.2, 3.0], rtol=1e-6)


def test_a_timing_cache_lives_until_the_build_ends(rig):
    config = rig.build.config
    cache = config.create_timing_cache(b"")
    assert config.set_timing_cache(cache, ignore_mismatch=False)
    assert rig.build.run()
    other = Build(fake_tensorrt.make("8.2", capability=(8, 7)))
    assert not other.config.set_timing_cache(other.config.create_timing_cache(cache.serialize()), False)
    del cache
    assert rig.build.run() is None


@pytest.mark.parametrize("style, kind", [("8.2", fake_tensorrt.Abort), ("8.6", None)])
def test_a_logger_that_raises(capsys, style, kind):
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
    raising = Raising()
    runtime = trt.Runtime(raising)
    if kind:
        with pytest.raises(kind):
            runtime.deserialize_cuda_engine(b"")
    else:
        assert runtime.deserialize_cuda_engine(b"") is None
        assert "Exception caught in log()" in capsys.readouterr().err


def test_what_is_installed_is_all_there_is(monkeypatch, rig):
    fake_pycuda.install(monkeypatch, rig.cuda)
    fake_tensorrt.install(monkeypatch, rig.trt)
    assert importlib.import_module("pycuda.driver") is rig.cuda
    assert importlib.import_module("tensorrt").__version__ == "8.2.1.8"
    for name in ("pycuda.autoinit", "pycuda.gpuarray"):
        with pytest.raises(ImportError):
            importlib.import_module(name)


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
    """See test_build_engine.py for the files that neither can read."""
    trt = fake_tensorrt.make("11") if kind == "fake" else pytest.importorskip("tensorrt_rtx_bindings")

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

    build = Build(trt)
    if kind == "real":  # else it looks for a GPU
        build.config.num_compute_capabilities = 1
        build.config.set_compute_capability(trt.ComputeCapability.SM89, 0)
    shape = build.network.get_input(0).shape
    assert build.parsed
    assert repr(shape) == "(1, 3, -1, -1)"
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
        assert any("BuildCanceled" in text for text in build.log.errors) == (answer is not True)
    assert trt.Runtime(build.log.logger).deserialize_cuda_engine(b"garbage") is None
