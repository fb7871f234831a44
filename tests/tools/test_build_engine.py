"""Building engines: on the fakes of TensorRT's releases, and with the real TensorRT for RTX.

One test runs on every fake, the others where releases differ. The real one parses and builds without a GPU.
"""

import hashlib
import json
import os
import re
import resource
import signal
import sys
import time

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper
from support import fake_tensorrt
from support.fake_tensorrt_machine import build, linked_yolo, needs_converter, needs_yolo, running, write_stubs
from support.graphs import graph
from support.program import start
from tqdm import tqdm

from app.backends import open_backend
from app.backends.onnx import OnnxBackend
from app.modelcard import WEIGHTS
from tools import build_engine
from tools.convert import convert

DARKNET = os.path.join(WEIGHTS, "yolov3-tiny.weights")
BOTH = pytest.mark.parametrize("style", ["8.2", "10"])  # progress, FP16 and calls changed in between
SWAP = "swapon /swapfile"
PATIENCE = 30  # seconds after which a command that hangs has failed

needs_weights = pytest.mark.skipif(
    not os.path.exists(DARKNET), reason="the weights are not here: python -m tools.fetch"
)


def sha256(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


def write(path, nodes, shape, output, constants=(), inputs=("images",)):
    """A model with one output, and its card. Height and width are multiples of 2."""
    onnx.save(graph(nodes, dict.fromkeys(inputs, shape), {"out": output}, constants=constants), str(path))
    return write_card(path)


def write_card(path, **fields):
    card = dict({"sha256": sha256(path), "input": {"multiple": 2}}, **fields)
    path.with_suffix(".json").write_text(json.dumps(card))
    return path


FREE = ("n", 3, "h", "w")


def write_free(folder):
    """A model of any size: two convolutions."""
    random = np.random.RandomState(0)
    nodes = [
        helper.make_node("Conv", ["images", "k1"], ["between"], name="first"),
        helper.make_node("Conv", ["between", "k2"], ["out"], name="second"),
    ]
    kernels = {"k1": random.normal(size=(4, 3, 1, 1)), "k2": random.normal(size=(2, 4, 1, 1))}
    return write(folder / "free.onnx", nodes, FREE, ("n", 2, "h", "w"), kernels)


def write_classifier(folder, layout):
    """Pictures of 32x32, 0 to 255, to 100 logits. The graph scales, and turns NHWC round."""
    random = np.random.RandomState(0)
    constants = {"deviation": 60, "kernel": random.normal(size=(8, 3, 3, 3)), "weights": random.normal(size=(8, 100))}
    nodes = [
        helper.make_node("Div", ["nchw" if layout == "NHWC" else "images", "deviation"], ["normal"]),
        helper.make_node("Conv", ["normal", "kernel"], ["conv"], pads=[1, 1, 1, 1]),
        helper.make_node("GlobalAveragePool", ["conv"], ["pool"]),
        helper.make_node("Flatten", ["pool"], ["flat"]),
        helper.make_node("MatMul", ["flat", "weights"], ["out"]),
    ]
    shape = ("n", 3, 32, 32)
    if layout == "NHWC":
        nodes.insert(0, helper.make_node("Transpose", ["images"], ["nchw"], perm=[0, 3, 1, 2]))
        shape = ("n", 32, 32, 3)
    return write(folder / "classifier.onnx", nodes, shape, ("n", 100), constants)


machine, yolo = pytest.fixture(running), pytest.fixture(linked_yolo)


@pytest.fixture
def model(tmp_path):
    return write_free(tmp_path)


def without_notice(err):
    return [line for line in err.splitlines() if not line.startswith("building for ")]


@pytest.fixture
def run(capfd):
    """Run the command on a model: (exit code, standard output, lines on standard error but the notice)."""

    def run(*arguments, **options):
        capfd.readouterr()
        code = build(*(arguments + (() if options.get("memory_check") else ("--no-memory-check",))))
        out, err = capfd.readouterr()
        return code, out, without_notice(err)

    return run


def files(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.fixture
def refused(machine, run, tmp_path):
    """Run the command; it fails with one line that has this phrase, and leaves every file as it was. That line."""

    def refused(*arguments, code=4, phrase, **options):
        before = files(tmp_path)
        actual, out, err = run(*arguments, **options)
        assert (actual, out, len(err)) == (code, "", 1)
        assert err[0].startswith("error: ")
        assert phrase in err[0]
        assert files(tmp_path) == before
        return err[0]

    return refused


def sidecar_of(path):
    return json.loads((path.parent / (path.name + ".json")).read_text())


def engine_of(folder):
    """The one engine there is."""
    (path,) = folder.glob("*.engine")
    return path


@pytest.mark.parametrize("style", ["8.0", "8.2", "8.6", "10", "11"])
def test_an_engine_and_what_its_sidecar_says(machine, run, model, tmp_path, style):
    machine.start(style)
    version = fake_tensorrt.VERSIONS[style]
    assert run(model, "--size", "8x6", "--workspace", "64M") == (0, "{}\n".format(engine_of(tmp_path)), [])
    path = engine_of(tmp_path)
    assert path.name == "free.8x6.fp32.tensorrt{}.sm53.{}.engine".format(version, sha256(model)[:8])
    assert sidecar_of(path) == {
        "sha256": sha256(path),
        "model": {"file": "free.onnx", "sha256": sha256(model)},
        "runtime": "tensorrt " + version,
        "gpu": {"architecture": "sm53", "name": "NVIDIA Tegra X1"},
        "input": [1, 3, 6, 8],
        "outputs": ["out"],
        "precision": "fp32",
    }
    built = fake_tensorrt.describe(path.read_bytes())
    assert (built["workspace"], built["fp16"]) == (64 << 20, False)
    assert built["profile"] == {"images": [[1, 3, 6, 8]] * 3}
    cache = "timing.tensorrt{}.sm53.cache".format(version)
    assert set(files(tmp_path)) == {"free.onnx", "free.json", path.name, path.name + ".json", cache, cache + ".json"}
    assert machine.driver.leaks() == []


@pytest.mark.parametrize("style", ["8.2", "10", pytest.param("11", marks=needs_converter)])
def test_fp16(machine, run, model, tmp_path, style):
    machine.start(style)
    assert run(model, "--size", "8x6", "--fp16")[0] == 0
    path = engine_of(tmp_path)
    assert ".8x6.fp16." in path.name
    assert sidecar_of(path)["precision"] == "fp16"
    weights = onnx.load_from_string(fake_tensorrt.model_of(path.read_bytes())).graph.initializer
    in_fp16 = {tensor.data_type for tensor in weights} == {TensorProto.FLOAT16}
    flag = fake_tensorrt.describe(path.read_bytes())["fp16"]
    assert (flag, in_fp16) == ((False, True) if style == "11" else (True, False))
    assert sidecar_of(path)["model"]["sha256"] == sha256(model)


@pytest.mark.parametrize("given, size", [("512K", 512 << 10), ("3M", 3 << 20), ("1G", 1 << 30), (None, 256 << 20)])
def test_workspace(machine, run, model, tmp_path, given, size):
    machine.start("10")
    assert run(model, "--size", "8", *(["--workspace", given] if given else []))[0] == 0
    assert fake_tensorrt.describe(engine_of(tmp_path).read_bytes())["workspace"] == size


@pytest.fixture
def steps(run, monkeypatch):
    """Run the command as if on a terminal; how many steps it showed."""
    shown = {"disable": False, "mininterval": 0}
    monkeypatch.setattr(build_engine, "tqdm", lambda **options: tqdm(**dict(options, **shown)))

    def steps(*arguments):
        code, _, err = run(*arguments)
        assert code == 0, err
        return int(re.findall(r"building, 00:0\d, (\d+) steps", " ".join(err))[-1])

    return steps


@BOTH
def test_layers_are_timed_once(machine, steps, model, tmp_path, style):
    """For all sizes and models: the timings are kept, and the progress says that there is less to do."""
    machine.start(style)
    first, again, smaller = steps(model, "--size", "8"), steps(model, "--size", "8"), steps(model, "--size", "4")
    assert first >= 2
    assert again == smaller == first - 2  # two layers
    machine.start(style, capability=(8, 7))
    assert steps(model, "--size", "8") == first
    assert len(list(tmp_path.glob("timing.*.cache"))) == 2


@BOTH
def test_a_terminal_that_is_gone_ends_no_build(machine, run, model, monkeypatch, style):
    """TensorRT's callbacks must not raise: up to 8.2 that ends the process."""

    class Gone(tqdm):
        def update(self, n=1):
            raise OSError("Input/output error")

    machine.start(style)
    monkeypatch.setattr(build_engine, "tqdm", Gone)
    assert run(model, "--size", "8")[0] == 0


def flip(path):
    data = path.read_bytes()
    path.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))


def replace(path):
    """Something else, with a sidecar that agrees."""
    path.write_bytes(b"something else")
    sidecar = path.parent / (path.name + ".json")
    sidecar.write_text(json.dumps(dict(json.loads(sidecar.read_text()), sha256=sha256(path))))


@pytest.mark.parametrize(
    "damage, warning",
    [
        pytest.param(flip, "damaged", id="a byte changed"),
        pytest.param(lambda path: (path.parent / (path.name + ".json")).unlink(), "cannot be read", id="no sidecar"),
        pytest.param(replace, None, id="what TensorRT does not take"),
    ],
)
def test_a_damaged_timing_cache_is_replaced(machine, run, model, tmp_path, damage, warning):
    assert run(model, "--size", "8")[0] == 0
    (cache,) = tmp_path.glob("timing.*.cache")
    whole = cache.read_bytes()
    damage(cache)
    machine.start(fail="build")  # the reason that is given is not what TensorRT had to say about the cache
    assert "Could not find any implementation" in run(model, "--size", "8")[2][-1]
    machine.start()
    code, _, err = run(model, "--size", "8")
    assert code == 0
    if warning:
        assert err[0].startswith("warning: " + str(cache))
        assert warning in err[0]
        assert "timing all layers again" in err[0]
    assert len(err) == (1 if warning else 0)
    assert cache.read_bytes() == whole
    assert sidecar_of(cache)["sha256"] == sha256(cache)


def test_a_timing_cache_that_cannot_be_written(machine, run, model, tmp_path):
    """The engine is what counts."""
    (tmp_path / "timing.tensorrt8.2.1.8.sm53.cache").mkdir()
    code, out, err = run(model, "--size", "8")
    assert (code, out) == (0, "{}\n".format(engine_of(tmp_path)))
    assert all(line.startswith("warning: ") for line in err)
    assert "time all layers again" in err[-1]
    assert sidecar_of(engine_of(tmp_path))["sha256"] == sha256(engine_of(tmp_path))


def test_the_time_that_a_build_takes_is_said_first(machine, model, capfd):
    assert build(model, "--size", "8", "--no-memory-check") == 0
    assert capfd.readouterr().err == "building for sm53; this takes minutes on a Jetson Nano\n"


def test_an_engine_that_cannot_be_written(machine, model, tmp_path, capfd):
    """That is said before the build, which takes minutes."""
    (tmp_path / "free.8x8.fp32.tensorrt8.2.1.8.sm53.{}.engine".format(sha256(model)[:8])).mkdir()
    assert build(model, "--size", "8", "--no-memory-check") == 5
    (error,) = capfd.readouterr().err.splitlines()
    assert "is a folder" in error


FAILURES = [  # the call that fails, and what is said
    ("start", "failed: pybind11::init(): factory function returned nullptr"),
    ("parse", "free.onnx: TensorRT cannot read node -1: INTERNAL_ERROR: Assertion failed: ctx"),
    ("build", "free.onnx: TensorRT cannot build it: IBuilder::buildSerializedNetwork: Error Code 10"),
    ("build_out_of_memory", "free.onnx: TensorRT ran out of memory; lower --workspace, or"),
]


@BOTH
@pytest.mark.parametrize("fail, phrase", FAILURES, ids=[row[0] for row in FAILURES])
def test_a_build_that_fails_leaves_what_was_there(machine, run, refused, model, tmp_path, style, fail, phrase):
    bare = files(tmp_path)
    machine.start(style)
    assert run(model, "--size", "8")[0] == 0
    before = files(tmp_path)
    for there in (before, bare):
        for name in set(before) - set(there):
            (tmp_path / name).unlink()
        machine.start(style, fail=fail)
        assert (SWAP in refused(model, "--size", "8", phrase=phrase)) == (fail == "build_out_of_memory")


@pytest.mark.parametrize("style, layout", [("8.2", "NCHW"), ("11", "NHWC")])
def test_a_classifier_needs_no_size(machine, run, tmp_path, style, layout):
    machine.start(style)
    model = write_classifier(tmp_path, layout)
    code, _, err = run(model, "--size", "64")
    assert (code, err) == (4, ["error: {}: takes images of 32x32 only".format(model)])
    assert run(model)[0] == 0
    assert ".32x32.fp32." in engine_of(tmp_path).name
    shape = (1, 3, 32, 32) if layout == "NCHW" else (1, 32, 32, 3)
    assert tuple(sidecar_of(engine_of(tmp_path))["input"]) == shape
    assert run(model, "--size", "32")[0] == 0
    images = np.random.RandomState(0).randint(0, 256, shape).astype(np.float32)
    with open_backend(str(model), "tensorrt") as backend, OnnxBackend(str(model), "cpu", threads=1) as reference:
        (logits,) = backend.infer(images)
        assert logits.shape == (1, 100)
        np.testing.assert_allclose(logits, reference.infer(images)[0], rtol=1e-5)
        del logits
    assert machine.driver.leaks() == []


def test_a_detector_needs_no_size_where_its_card_has_one(machine, run, model, tmp_path):
    machine.start("8.2")
    given = {"layout": "NCHW", "colour": "RGB", "scale": 1, "multiple": 2, "resize": "stretch", "size": [8, 6]}
    heads = [{"stride": 2, "anchors": [[1, 1]]}]
    write_card(model, name="free", input=given, heads=heads, labels=["a", "b"])
    assert run(model)[0] == 0
    assert engine_of(tmp_path).name.startswith("free.8x6.")


USAGE = {  # options, and what the error says
    "no size": ([], "choose one with --size WIDTHxHEIGHT"),
    "height odd": (["--size", "8x7"], "--size 8x7: should be multiples of 2"),
    "width odd": (["--size", "7"], "--size 7x7: should be multiples of 2"),
    "size in words": (["--size", "big"], "should be WIDTHxHEIGHT, as 416x320, is big"),
    "half a size": (["--size", "8x"], "should be WIDTHxHEIGHT"),
    "three sides": (["--size", "8x8x8"], "should be WIDTHxHEIGHT"),
    "no width": (["--size", "0x8"], "should be WIDTHxHEIGHT"),
    "no height": (["--size", "8x00"], "should be WIDTHxHEIGHT"),
    "far too large": (["--size", "123456"], "should be WIDTHxHEIGHT"),
    "no unit": (["--workspace", "256"], "should be memory, as 256M or 1G, is 256"),
    "another unit": (["--workspace", "1T"], "should be memory"),
    "no capability": (["--capability", "89"], "should be a compute capability, as 8.9, is 89"),
    "unknown option": (["--int8"], "--int8"),
}


@pytest.mark.parametrize("options, phrase", list(USAGE.values()), ids=list(USAGE))
def test_usage(refused, model, options, phrase):
    refused(model, *options, code=2, phrase=phrase)


def change(path):
    path.write_bytes(path.read_bytes() + b"\0")


@pytest.mark.parametrize(
    "spoil, phrase",
    [
        pytest.param(lambda path: path.unlink(), "no such model", id="no model"),
        pytest.param(change, "was written for another file", id="changed model"),
        pytest.param(lambda path: write_card(path, input={"multiple": 0}), "not a model card", id="of 0"),
    ],
)
def test_a_model_that_is_not_as_its_card_says(refused, model, spoil, phrase):
    """See test_modelcard.py for other cards."""
    spoil(model)
    refused(model, "--size", "8", phrase=phrase)


@pytest.mark.parametrize(
    "here, gone, options, phrase",
    [
        pytest.param({"fast_fp16": False}, [], ["--fp16"], "without --fp16", id="no fast FP16"),
        pytest.param({}, ["tensorrt"], [], "pip install tensorrt", id="no TensorRT"),
        pytest.param({}, ["pycuda", "pycuda.driver"], [], "pip install pycuda", id="no pycuda"),
        pytest.param({"no_gpu": True}, [], [], "no CUDA-capable device", id="no GPU"),
        pytest.param({}, [], ["--capability", "8.9"], "builds only for the GPU of this machine", id="another GPU"),
    ],
)
def test_what_is_not_here(machine, refused, model, monkeypatch, here, gone, options, phrase):
    machine.start("10", **here)
    for name in gone + ["tensorrt_rtx", "tensorrt_rtx_bindings"]:
        monkeypatch.setitem(sys.modules, name, None)
    refused(model, "--size", "8", *options, phrase=phrase)


SHARED, APART = build_engine.NEEDED_WHERE_SHARED, build_engine.NEEDED_ELSEWHERE


@pytest.mark.parametrize(
    "free, integrated, options, expected",
    [
        pytest.param(SHARED - 1, True, [], 4, id="too little on a Jetson"),
        pytest.param(SHARED, True, [], 0, id="enough on a Jetson"),
        pytest.param(APART - 1, False, [], 4, id="too little beside a GPU with memory of its own"),
        pytest.param(0, True, ["--no-memory-check"], 0, id="not checked"),
        pytest.param(None, True, [], 0, id="not known"),
    ],
)
def test_memory_is_checked_first(machine, run, refused, model, monkeypatch, free, integrated, options, expected):
    machine.start(integrated=integrated)
    monkeypatch.setattr(build_engine, "free_memory", lambda: free)
    if expected:
        error = refused(model, "--size", "8", *options, memory_check=True, phrase=f"{free / 1e9:.1f} GB are free")
        assert "--no-memory-check" in error
        assert SWAP in error
    else:
        assert run(model, "--size", "8", *options, memory_check=True)[0] == 0


@pytest.mark.parametrize(
    "text, expected",
    [
        ("MemTotal: 9000 kB\nMemFree: 1 kB\nMemAvailable:    1000 kB\nSwapFree:    24 kB\n", 1024 << 10),
        ("MemAvailable: 1000 kB\n", None),
        ("MemAvailable: much\nSwapFree: 0 kB\n", None),
        ("nothing of the kind\n", None),
        (None, None),
    ],
)
def test_free_memory(tmp_path, text, expected):
    path = tmp_path / "meminfo"
    if text is not None:
        path.write_text(text)
    assert build_engine.free_memory(str(path)) == expected


@pytest.mark.skipif(not os.path.exists("/proc/meminfo"), reason="no Linux")
def test_free_memory_here():
    assert build_engine.free_memory() > 1 << 20


@pytest.mark.parametrize(
    "number, phrase",
    [(signal.SIGKILL, "killed, most likely for lack of memory; add swap: sudo"), (signal.SIGSEGV, "crashed (SIGSEGV)")],
    ids=["killed", "crashed"],
)
def test_a_build_that_dies(refused, model, monkeypatch, number, phrase):
    def die(args, model_hash):
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        signal.signal(signal.SIGSEGV, signal.SIG_DFL)  # pytest's would tell where it crashed
        os.kill(os.getpid(), number)

    monkeypatch.setattr(build_engine, "_build", die)
    assert (SWAP in refused(model, "--size", "8", phrase=phrase)) == (number == signal.SIGKILL)


SLOW_TENSORRT = """
import os, time

slow = fake_tensorrt.make("8.2")

class Builder(slow.Builder):
    __slots__ = ()

    def build_serialized_network(self, network, config):
        wait()

def wait(*_):
    with open(os.environ["STARTED"], "w") as file:
        file.write(str(os.getpid()))
    time.sleep(60)

if os.environ["DURING"] == "build":
    slow.Builder = Builder
else:
    os.fsync = wait
"""


@pytest.mark.parametrize(
    "number, to_all, during, expected, said",
    [
        pytest.param(signal.SIGINT, True, "build", 130, 1, id="Ctrl-C in a terminal"),
        pytest.param(signal.SIGINT, False, "build", 130, 1, id="SIGINT"),
        pytest.param(signal.SIGTERM, False, "build", 143, 0, id="SIGTERM"),
        pytest.param(signal.SIGINT, True, "write", 130, 1, id="while it writes"),
    ],
)
def test_an_interrupted_build_leaves_nothing_behind(model, tmp_path, number, to_all, during, expected, said):
    path, started = write_stubs(tmp_path / "stubs", "slow", before=SLOW_TENSORRT), tmp_path / "stubs" / "started"
    env = {"PYTHONPATH": path, "STARTED": str(started), "DURING": during, "PYTHONDONTWRITEBYTECODE": "1"}
    options = {"module": "tools.build_engine", "env": env, "start_new_session": True}
    before = sorted(os.listdir(str(tmp_path)))
    process = start(model, "--size", "8", "--no-memory-check", **options)
    try:
        deadline = time.monotonic() + PATIENCE
        while not (started.exists() and started.read_text()) and time.monotonic() < deadline:
            time.sleep(0.01)
        (os.killpg if to_all else os.kill)(process.pid, number)
        out, err = process.communicate(timeout=PATIENCE)
    finally:
        try:
            os.killpg(process.pid, signal.SIGKILL)  # what is left, where this failed
        except ProcessLookupError:
            pass
    assert (process.returncode, out, len(without_notice(err))) == (expected, "", said), err
    with pytest.raises(ProcessLookupError):
        os.kill(int(started.read_text()), 0)
    assert sorted(os.listdir(str(tmp_path))) == before


@pytest.fixture
def rtx(machine, monkeypatch):
    """The real TensorRT for RTX."""
    pytest.importorskip("tensorrt_rtx_bindings")
    monkeypatch.setitem(sys.modules, "tensorrt", None)
    machine.forget()


@needs_yolo
@pytest.mark.parametrize("size, shape", [("160x128", [128, 160]), ("416", [416, 416])])
def test_the_detector_in_the_real_tensorrt(rtx, run, yolo, tmp_path, size, shape):
    sizes = []
    for options in ([], ["--fp16"]):
        code, out, err = run(yolo, "--size", size, "--capability", "8.9", *options)
        assert (code, err) == (0, [])
        path = engine_of(tmp_path)
        assert out == "{}\n".format(path)
        fields = sidecar_of(path)
        assert fields["input"] == [1, 3] + shape
        assert fields["precision"] == ("fp16" if options else "fp32")
        assert fields["outputs"] == [output.name for output in onnx.load(yolo).graph.output]
        assert fields["runtime"].startswith("tensorrt-rtx 1.")
        assert fields["gpu"] == {"architecture": "sm89", "name": "not here"}
        assert fields["sha256"] == sha256(path)
        sizes.append(path.stat().st_size)
        path.unlink()
    assert sizes[0] > 35e6  # 8.8 million weights of four bytes
    assert 17e6 < sizes[1] < 0.6 * sizes[0]


@needs_yolo
@needs_weights
def test_the_file_of_opset_8_in_the_real_tensorrt(rtx, run, yolo, tmp_path):
    convert(DARKNET, str(tmp_path / "old.onnx"), opset=8)
    assert run(tmp_path / "old.onnx", "--size", "160x128", "--capability", "8.9")[0] == 0
    assert engine_of(tmp_path).stat().st_size > 35e6


@pytest.mark.parametrize("layout", ["NCHW", "NHWC"])
@pytest.mark.parametrize("options", [[], ["--fp16"]], ids=["fp32", "fp16"])
def test_a_classifier_in_the_real_tensorrt(rtx, run, tmp_path, layout, options):
    model = write_classifier(tmp_path, layout)
    code, out, err = run(model, "--capability", "8.9", *options)
    assert (code, err) == (0, [])
    path = engine_of(tmp_path)
    assert out == "{}\n".format(path)
    assert path.name.startswith("classifier.32x32.{}.tensorrt-rtx".format("fp16" if options else "fp32"))
    assert sidecar_of(path)["input"] == ([1, 3, 32, 32] if layout == "NCHW" else [1, 32, 32, 3])
    assert sidecar_of(path)["outputs"] == ["out"]


def write_bytes(data):
    def write_model(path):
        path.write_bytes(data)
        return write_card(path)

    return write_model


def write_node(operator, shape=FREE, inputs=("images",), domain=None):
    def write_model(path):
        nodes = [helper.make_node(operator, list(inputs), ["out"], domain=domain)]
        return write(path, nodes, shape, shape, inputs=inputs)

    return write_model


UNREADABLE = [  # what the file is, what is said, and whether the fake refuses it too
    ("text", write_bytes(b"This is not a model."), "", True),
    ("empty", write_bytes(b""), "its network should have one input, has 0", True),
    ("an unknown operator", write_node("Sprinkle", domain="my"), "TensorRT cannot read node 0", True),
    ("an operator that TensorRT lacks", write_node("Det"), "cannot read node 0 (Det): UNSUPPORTED_NODE", False),
    ("two inputs", write_node("Add", inputs=("images", "others")), "should have one input, has 2", True),
    ("an input of two dimensions", write_node("Relu", ("n", 3)), "its input has 2 dimensions, should have 4", True),
]


@pytest.mark.parametrize("make, phrase", [row[1:3] for row in UNREADABLE], ids=[row[0] for row in UNREADABLE])
def test_a_model_that_the_real_tensorrt_cannot_read(rtx, refused, tmp_path, make, phrase):
    model = make(tmp_path / "strange.onnx")
    error = refused(model, "--size", "8", "--capability", "8.9", phrase=phrase)
    assert error.startswith("error: {}: ".format(model))


@BOTH
@pytest.mark.parametrize(
    "make, phrase", [row[1:3] for row in UNREADABLE if row[3]], ids=[row[0] for row in UNREADABLE if row[3]]
)
def test_a_model_that_no_tensorrt_can_read(machine, refused, tmp_path, style, make, phrase):
    machine.start(style)
    model = make(tmp_path / "strange.onnx")
    assert refused(model, "--size", "8", phrase=phrase).startswith("error: {}: ".format(model))


@pytest.mark.parametrize("capability", ["5.3", "9.9"], ids=["too old", "unknown"])
def test_a_gpu_that_the_real_tensorrt_does_not_know(rtx, refused, model, capability):
    phrase = "cannot build for SM" + capability.replace(".", "")
    refused(model, "--size", "8", "--capability", capability, phrase=phrase)
