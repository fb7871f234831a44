"""The TensorRT backend on fakes of TensorRT and of pycuda: calling order, shapes, lifetimes, and every way to fail.

ONNX Runtime computes in the fake, so right numbers here mean that the right ones were handed over. The engines are
built by `tools.build_engine`, as everybody's are.
"""

import functools
import json
import os
import sys
import threading

import numpy as np
import pytest
from onnx import TensorProto, helper, save
from support.fake_tensorrt_machine import build as build_engine
from support.fake_tensorrt_machine import linked_yolo, needs_converter, needs_yolo, running
from support.graphs import graph
from support.program import SHARED

from app import detect
from app.backends import backend_class, open_backend
from app.backends.onnx import OnnxBackend
from app.errors import ModelError
from app.modelcard import WEIGHTS, hash_file

CLIP = os.path.join(WEIGHTS, "bikes.mp4")
PHOTO = os.path.join(SHARED, "dog.jpg")
TOLERANCES = {"fp32": 1e-5, "fp16": 0.05}
OPTIONS = {"fp32": [], "fp16": ["--fp16"]}


machine, yolo = pytest.fixture(running), pytest.fixture(linked_yolo)


def write_model(folder, seed=0, kind=TensorProto.FLOAT):
    """A model of any input size with a coarse and a fine output, and its card."""
    random = np.random.RandomState(seed)
    kernels = {f"k{n}": random.normal(size=(n, 3, 1, 1)) for n in (4, 5)}
    nodes = [
        helper.make_node("MaxPool", ["images"], ["small"], kernel_shape=[2, 2], strides=[2, 2]),
        helper.make_node("Conv", ["small", "k4"], ["real"]),
        helper.make_node("Cast", ["real"], ["coarse"], to=kind),
        helper.make_node("Conv", ["images", "k5"], ["fine"]),
    ]
    ends = {"images": ("n", 3, "h", "w")}, {"coarse": ("n", 4, "h2", "w2"), "fine": ("n", 5, "h", "w")}
    path = str(folder / "small.onnx")
    save(graph(nodes, *ends, constants=kernels, kinds={"coarse": kind}), path)
    (folder / "small.json").write_text(json.dumps({"sha256": hash_file(path), "input": {"multiple": 2}}))
    return path


@pytest.fixture
def model(tmp_path):
    return write_model(tmp_path)


def build(model, size, *options):
    assert build_engine(model, "--size", size, "--no-memory-check", *options) == 0


def backend(path, **options):
    return open_backend(path, "tensorrt", **options)


def tensor(height, width, seed=0):
    return np.random.RandomState(seed).uniform(size=(1, 3, height, width)).astype(np.float32)


def expected(path, images):
    with OnnxBackend(path, "cpu", threads=1) as reference:
        return reference.infer(images)


def same(ours, others, tolerance=TOLERANCES["fp32"]):
    assert [array.dtype for array in ours] == [np.float32] * len(others)
    assert [array.shape for array in ours] == [array.shape for array in others]
    for one, other in zip(ours, others):
        np.testing.assert_allclose(one, other, atol=tolerance, rtol=0)


def engine_of(model):
    """The one engine there is of a model."""
    folder = os.path.dirname(model)
    (name,) = [name for name in os.listdir(folder) if name.endswith(".engine")]
    return os.path.join(folder, name)


def change_sidecar(path, **fields):
    with open(path + ".json") as file:
        fields = dict(json.load(file), **fields)
    with open(path + ".json", "w") as file:
        json.dump(fields, file)


def damage(path):
    """Change one byte, not the length; the new hash."""
    with open(path, "r+b") as file:
        file.seek(-100, os.SEEK_END)
        byte = file.read(1)
        file.seek(-1, os.SEEK_CUR)
        file.write(bytes([byte[0] ^ 1]))
    return hash_file(path)


def refusal(call):
    """The one line with which a call fails."""
    with pytest.raises(ModelError) as caught:
        call()
    assert len(str(caught.value).splitlines()) == 1
    return str(caught.value)


def infer(path, images, **options):
    with backend(path, **options) as opened:
        return [output.copy() for output in opened.infer(images)]


@needs_yolo
@pytest.mark.parametrize(
    "style, precision",
    [("8.2", "fp32"), ("10", "fp32"), ("8.2", "fp16"), pytest.param("11", "fp16", marks=needs_converter)],
)
def test_the_heads_of_the_real_model(machine, yolo, style, precision):
    machine.start(style)
    images = tensor(64, 96)
    reference = expected(yolo, images)
    assert [head.shape for head in reference] == [(1, 255, 2, 3), (1, 255, 4, 6)]
    build(yolo, "96x64", *OPTIONS[precision])
    with backend(yolo) as opened:
        outputs = opened.infer(images)
        same(outputs, reference, TOLERANCES[precision])
        assert any((ours != other).any() for ours, other in zip(outputs, reference)) == (precision == "fp16")
        version = sys.modules["tensorrt"].__version__
        assert opened.description == f"tensorrt {version} NVIDIA Tegra X1 {precision}"
        del outputs
    assert machine.driver.leaks() == []


@pytest.mark.parametrize("style", ["8.2", "10"])
def test_fp16_first_unless_fp32_is_asked_for(machine, model, style):
    machine.start(style)
    images = tensor(4, 6)
    build(model, "6x4")
    build(model, "6x4", "--fp16")
    for asked, taken in (("auto", "fp16"), ("fp16", "fp16"), ("fp32", "fp32")):
        with backend(model, precision=asked) as opened:
            same(opened.infer(images), expected(model, images), TOLERANCES[taken])
            assert opened.description.split()[-1] == taken
    assert machine.driver.leaks() == []


@pytest.mark.parametrize("style", ["8.0", "8.2", "8.6", "10", "11"])
def test_shapes_in_turn(machine, model, style):
    """Each has its engine, and none is left in the GPU but the last one."""
    machine.start(style)
    build(model, "6x4")
    build(model, "4x6")
    with backend(model) as opened:
        for seed, (height, width) in enumerate([(4, 6), (6, 4), (6, 4), (4, 6)]):
            images = tensor(height, width, seed)
            same(opened.infer(images), expected(model, images))
        assert sum("DeviceAllocation" in leak for leak in machine.driver.leaks()) == 3
    assert machine.driver.leaks() == []


@pytest.mark.parametrize("style", ["8.2", "10"])
def test_outputs_in_the_order_of_the_sidecar(machine, model, style):
    """Which is the model's, whatever the order in the engine."""
    machine.start(style, backwards=True)
    build(model, "6x4")
    images = tensor(4, 6)
    reference = expected(model, images)
    same(infer(model, images), reference)
    change_sidecar(engine_of(model), outputs=["fine", "coarse"])
    same(infer(model, images), reference[::-1])


def test_outputs_are_the_same_page_locked_buffers_at_each_call(machine, model):
    build(model, "6x4")
    with backend(model) as opened:
        before = opened.infer(tensor(4, 6, 1))
        kept = [output.copy() for output in before]
        after = opened.infer(tensor(4, 6, 2))
        for old, new, copy in zip(before, after, kept):
            assert isinstance(new.base, machine.driver.PagelockedHostAllocation)
            assert np.shares_memory(old, new)
            assert (new != copy).any()
        del before, after, old, new
    assert machine.driver.leaks() == []


def test_one_context_for_all_and_nothing_left_on_the_stack(machine, model):
    build(model, "6x4")
    with backend(model) as one, backend(model) as two:
        for opened in (one, two, one):
            opened.infer(tensor(4, 6))
            assert not any("pushed" in leak for leak in machine.driver.leaks())
        two.close()  # twice, with the end of the block
    backend(model).close()  # nothing was loaded
    assert machine.driver.leaks() == []


@pytest.mark.parametrize("loaded", [False, True])
def test_in_another_thread(machine, model, loaded):
    """It works, or says that it does not."""
    build(model, "6x4")
    images, results = tensor(4, 6), []

    def work():
        try:
            results.append([output.copy() for output in opened.infer(images)])
        except ModelError as error:
            results.append(error)

    with backend(model) as opened:
        if loaded:
            opened.infer(images)
        thread = threading.Thread(target=work)
        thread.start()
        thread.join(10)
        assert len(results) == 1
        if not isinstance(results[0], ModelError):
            same(results[0], expected(model, images))
        same(opened.infer(images), expected(model, images))  # and this thread works still
    assert machine.driver.leaks() == []


@pytest.mark.parametrize(
    "there, images, precision, phrase, options",
    [
        pytest.param(None, (4, 6), "auto", "has no engine for 6x4", "--size 6x4 --fp16", id="none"),
        pytest.param(None, (4, 6), "fp32", "has no engine for 6x4", "--size 6x4", id="none in FP32"),
        pytest.param("fp32", (6, 4), "auto", "for an input of 6x4, not 4x6", "--size 4x6", id="another size"),
        pytest.param("fp16", (4, 6), "fp32", "in fp16, not fp32", "--size 6x4", id="FP32 is asked for"),
    ],
)
def test_no_engine(machine, model, there, images, precision, phrase, options):
    """The command is that of an engine which would do."""
    if there:
        build(model, "6x4", *OPTIONS[there])
    text = refusal(lambda: infer(model, tensor(*images), precision=precision))
    assert phrase in text
    command = f"python -m tools.build_engine {model} {options}"
    assert text.endswith("with: " + command)
    assert machine.driver.leaks() == []
    build(*command.split()[3:4] + command.split()[5:])
    infer(model, tensor(*images), precision=precision)


@pytest.mark.parametrize(
    "built, here, phrase",
    [
        pytest.param({"style": "8.0"}, {}, "for tensorrt 8.0.1.6, not tensorrt 8.2.1.8", id="another TensorRT"),
        pytest.param({"capability": (8, 7)}, {}, "for a GPU of architecture sm87, not sm53", id="another GPU"),
        pytest.param({"seed": 1}, {}, "for another ONNX file", id="another model"),
    ],
)
def test_an_engine_that_does_not_fit(machine, tmp_path, built, here, phrase):
    model = write_model(tmp_path, built.get("seed", 0))
    machine.start(**{name: value for name, value in built.items() if name != "seed"})
    build(model, "6x4")
    write_model(tmp_path)
    machine.start(**here)
    text = refusal(lambda: infer(model, tensor(4, 6)))
    assert text.startswith(engine_of(model))
    assert phrase in text
    assert text.endswith(f"python -m tools.build_engine {model} --size 6x4")
    assert machine.driver.leaks() == []


def test_a_damaged_engine(machine, model):
    """Before it was hashed, or its sidecar was: see test_engine.py for other damage."""
    build(model, "6x4")
    path = engine_of(model)
    for fields, phrase in (
        (lambda: {"outputs": ["coarse", "other"]}, "its tensors differ"),
        (lambda: {"sha256": damage(path)}, "cannot load it: Error Code 1: Serialization"),
    ):
        change_sidecar(path, **fields())
        text = refusal(lambda: infer(model, tensor(4, 6)))
        assert text.startswith(path)
        assert phrase in text
        assert text.endswith(f"python -m tools.build_engine {model} --size 6x4")
        assert machine.driver.leaks() == []


@pytest.mark.parametrize("style", ["8.2", "10"])
@pytest.mark.parametrize(
    "here, phrase",
    [
        pytest.param({"fail": "start"}, "factory function returned nullptr", id="runtime"),
        pytest.param({"fail": "create_execution_context"}, "cannot load it: Error Code 1", id="context"),
        pytest.param({"fail": "execute"}, "TensorRT failed: Error Code 1: Cuda Runtime", id="execution"),
        pytest.param({"out_of_memory": 0}, "CUDA failed: cuMemAlloc failed: out of memory", id="no memory"),
        pytest.param({"out_of_memory": 2}, "cuMemAlloc failed: out of memory", id="too little memory"),
        pytest.param({"no_gpu": True}, "no GPU that CUDA can use: cuInit failed: no CUDA-capable device", id="no GPU"),
    ],
)
def test_a_computer_that_fails(machine, model, style, here, phrase):
    machine.start(style)
    build(model, "6x4")
    machine.start(style, **here)
    assert phrase in refusal(lambda: infer(model, tensor(4, 6)))
    assert machine.driver.leaks() == []


def test_a_failure_does_not_spoil_what_comes_after(machine, model):
    """A folder of photos has one of a size that there is no engine for."""
    build(model, "6x4")
    build(model, "4x6")
    with backend(model) as opened:
        images = tensor(4, 6)
        for wrong in (tensor(8, 8), np.zeros((2, 3, 4, 6), np.float32), np.zeros((1, 4, 4, 6), np.float32)):
            refusal(functools.partial(opened.infer, wrong))
            same(opened.infer(images), expected(model, images))
    assert machine.driver.leaks() == []


def test_wrong_tensor(machine, model):
    """See test_backend_fake.py for what check_tensor refuses."""
    build(model, "6x4")
    with backend(model) as opened:
        with pytest.raises(ValueError, match="float32.*uint8"):
            opened.infer(np.zeros((1, 3, 4, 6), np.uint8))


def test_outputs_that_are_not_float32(machine, tmp_path):
    model = write_model(tmp_path, kind=TensorProto.INT32)
    build(model, "6x4")
    assert "not all float32" in refusal(lambda: infer(model, tensor(4, 6)))
    assert machine.driver.leaks() == []


def test_what_it_cannot_do(machine, model, tmp_path):
    assert "--backend onnx" in refusal(lambda: backend(model, device="cpu"))
    assert "TensorRT computes in fp32 or fp16" in refusal(lambda: backend(model, precision="bf16"))
    assert "absent.onnx" in refusal(lambda: backend(str(tmp_path / "absent.onnx")))
    assert machine.driver.leaks() == []
    machine.driver.Device = type("Device", (), {})  # before 2020.1 it had no primary context
    assert "pip install pycuda" in refusal(lambda: backend(model))


def test_about(machine):
    assert backend_class("tensorrt").about() == "8.2.1.8: NVIDIA Tegra X1"
    assert machine.driver.leaks() == []


NO_DRIVER = "raise ImportError('libcuda.so.1: cannot open shared object file: No such file or directory')"


@pytest.mark.parametrize(
    "gone, instead, phrases",
    [
        pytest.param("pycuda", None, ["pycuda", "nvcc", "pip install pycuda"], id="no pycuda"),
        pytest.param("pycuda", {"__init__.py": "", "driver.py": NO_DRIVER}, ["libcuda.so.1", "driver"], id="no driver"),
        pytest.param("tensorrt", None, ["TensorRT", "pip install tensorrt"], id="no TensorRT"),
        pytest.param("tensorrt", {}, ["TensorRT", "pip install tensorrt"], id="an empty folder called tensorrt"),
    ],
)
def test_what_is_not_installed(machine, model, tmp_path, monkeypatch, gone, instead, phrases):
    for name in (gone, gone + ".driver", "tensorrt_rtx", "tensorrt_rtx_bindings"):
        monkeypatch.setitem(sys.modules, name, None)
    if instead is not None:
        del sys.modules[gone], sys.modules[gone + ".driver"]
        (tmp_path / gone).mkdir()
        for name, text in instead.items():
            (tmp_path / gone / name).write_text(text)
        monkeypatch.syspath_prepend(str(tmp_path))
    text = refusal(lambda: backend(model))
    for phrase in phrases:
        assert phrase in text


@pytest.fixture
def no_openvino(monkeypatch):
    monkeypatch.setitem(sys.modules, "openvino", None)


def test_auto_takes_an_engine_where_there_is_one(machine, model, no_openvino, capsys):
    """Of any size, since that of the first frame is not known yet. See test_backends.py for other devices."""
    with open_backend(model) as opened:
        assert opened.description.startswith("onnxruntime ")
    build(model, "6x4")
    capsys.readouterr()
    with open_backend(model) as opened:
        same(opened.infer(tensor(4, 6)), expected(model, tensor(4, 6)))
        assert opened.description.startswith("tensorrt ")
        assert "--size 4x6" in refusal(lambda: opened.infer(tensor(6, 4)))
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(
    "here, gone, phrase",
    [
        pytest.param({"no_gpu": True}, None, "no CUDA-capable device", id="no GPU"),
        pytest.param({"style": "10"}, None, "no engine fits", id="another TensorRT"),
        pytest.param({}, "tensorrt", "pip install tensorrt", id="no TensorRT"),
    ],
)
def test_auto_falls_back_with_a_warning(machine, model, no_openvino, monkeypatch, capsys, here, gone, phrase):
    build(model, "6x4")
    machine.start(**here)
    capsys.readouterr()
    for name in [gone, "tensorrt_rtx", "tensorrt_rtx_bindings"] if gone else []:
        monkeypatch.setitem(sys.modules, name, None)
    with open_backend(model) as opened:
        assert "tensorrt" not in opened.description
        same(opened.infer(tensor(4, 6)), expected(model, tensor(4, 6)))
    err = capsys.readouterr().err
    assert err.startswith("warning: TensorRT is not used: ")
    assert phrase in err
    assert len(err.splitlines()) == 1
    assert machine.driver.leaks() == []


def run(model, lines, *options):
    """Run app.detect here; its exit code."""
    return detect.main(["--model", model, "--size", "160", "--no-show", "--jsonl", str(lines)] + list(options))


@needs_yolo
@pytest.mark.parametrize(
    "style, source, size, frames",
    [
        pytest.param("8.2", PHOTO, "160x128", 1, id="photo"),
        pytest.param("10", CLIP, "160x96", 40, id="clip"),
    ],
)
def test_the_command(machine, yolo, tmp_path, capsys, style, source, size, frames):
    if not os.path.exists(source):
        pytest.skip(f"{source} is not here")
    machine.start(style)
    lines = tmp_path / "found.jsonl"
    source = ["--cam", source, "--max-frames", str(frames)]
    found = []
    for name in ("onnx", "tensorrt"):
        if name == "tensorrt":
            build(yolo, size)
        assert run(yolo, lines, *source, "--backend", name) == 0
        found.append([json.loads(line) for line in lines.read_text().splitlines()])
    assert "tensorrt" in capsys.readouterr().err.splitlines()[-1]
    assert len(found[0]) == len(found[1]) == frames
    assert sum(len(line["detections"]) for line in found[0]) > 1
    for ours, theirs in zip(found[1], found[0]):
        assert [one["label"] for one in ours["detections"]] == [one["label"] for one in theirs["detections"]]
        for one, other in zip(ours["detections"], theirs["detections"]):
            assert one["box"] == pytest.approx(other["box"], abs=0.11)
            assert one["score"] == pytest.approx(other["score"], abs=1.1e-3)
    assert machine.driver.leaks() == []


@needs_yolo
def test_the_command_without_an_engine(machine, yolo, tmp_path, capsys):
    assert run(yolo, tmp_path / "found.jsonl", "--cam", "test://640x480?frames=3", "--backend", "tensorrt") == 4
    said = capsys.readouterr().err.splitlines()
    command = f"python -m tools.build_engine {yolo} --size 160x128 --fp16"
    assert said[-1] == f"error: {yolo} has no engine for 160x128; build it with: {command}"
    assert [line for line in said if line.startswith("error")] == said[-1:]
    assert machine.driver.leaks() == []
