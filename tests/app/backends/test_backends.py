"""What all backends have in common: how one is chosen, and what each makes of wrong tensors, files and machines."""

import hashlib
import importlib.util
import json
import os
import platform
import sys
import threading

import cv2
import numpy as np
import onnx
import pytest
from onnx import helper
from support.graphs import graph
from support.program import finish, start
from support.runtimes import MODEL, RUNTIMES, skip_unless_installed

import app.detect
from app import backends
from app.artefact import sidecar_path
from app.backends import BACKENDS, CLASSES, check_precision, importing, one_line, open_backend, running
from app.backends.fake import FakeBackend
from app.engine import EngineSource, EngineTarget, write_engine
from app.errors import ModelError, ShapeError, UsageError
from app.modelcard import card_path, graph_path

OTHERS = ("onnxruntime", "tensorflow", "openvino", "tensorrt", "tensorrt_rtx", "tensorrt_rtx_bindings", "pycuda")

# Old TensorFlow was compiled with an older numpy, which is harmless, and which numpy itself keeps quiet about.
pytestmark = pytest.mark.filterwarnings("ignore:numpy.ufunc size changed")
every_backend = pytest.mark.parametrize("name", sorted(RUNTIMES))
readers_of_onnx = pytest.mark.parametrize("name", ["onnx", "opencv", "openvino"])
needs_model = pytest.mark.skipif(
    not os.path.exists(card_path(MODEL)), reason="the model is not here: python -m tools.convert"
)


def write_model(path, shape=("n", 3, "h", "w"), operator="Conv"):
    """A model of one convolution, in words that the oldest reader knows."""
    node = helper.make_node(operator, ["images", "kernel"], ["sums"], "sums", kernel_shape=[1, 1])
    ends = {"images": shape}, {"sums": (shape[0], 2, shape[2], shape[3])}
    onnx.save(graph([node], *ends, constants={"kernel": np.full((2, 3, 1, 1), 0.5)}, opset=8), str(path))
    return str(path)


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    return write_model(tmp_path_factory.mktemp("model") / "small.onnx")


@pytest.fixture
def model_for(small, network_for):
    """A model that a backend can load, or a skipped test."""

    def path(name):
        skip_unless_installed(name)
        return network_for(name) if name == "tensorflow" else small

    return path


# How a backend is chosen


@pytest.fixture
def opened(monkeypatch):
    """Name, device and precision of every backend that is opened, none of which loads anything.

    Names put into `opened.broken` fail.
    """

    class Opened(list):
        broken = ()
        fitting = True  # whether an engine fits

    calls = Opened()

    def stand_in(name):
        def open_it(path, device, precision, workers=1):
            calls.append((name, device, precision))
            if name in calls.broken:
                raise ModelError(f"{name} is broken")
            backend = FakeBackend([])
            backend.has_engine = lambda: calls.fitting  # as TensorRT's has
            return backend

        return open_it

    monkeypatch.setattr(backends, "backend_class", stand_in)
    return calls


ALL = ("onnxruntime", "openvino", "tensorflow")


@pytest.mark.parametrize(
    "installed, machine, device, precision, expected",
    [
        pytest.param(ALL, "x86_64", "auto", "auto", "openvino", id="OpenVINO on x86"),
        pytest.param(ALL, "AMD64", "auto", "auto", "openvino", id="x86 as Windows calls it"),
        pytest.param(ALL, "aarch64", "auto", "auto", "onnx", id="ONNX Runtime elsewhere"),
        pytest.param(("onnxruntime",), "x86_64", "auto", "auto", "onnx", id="no OpenVINO"),
        pytest.param((), "x86_64", "auto", "auto", "opencv", id="nothing installed"),
        pytest.param(ALL, "x86_64", "gpu", "auto", "onnx", id="a GPU"),
        pytest.param((), "aarch64", "gpu", "auto", "onnx", id="a GPU, whose runtime is missing: that is said"),
        pytest.param(ALL, "x86_64", "auto", "fp16", "onnx", id="fp16"),
        pytest.param(ALL, "x86_64", "auto", "bf16", "openvino", id="bf16"),
        pytest.param((), "aarch64", "auto", "bf16", "openvino", id="bf16, whose runtime is missing: that is said"),
    ],
)
def test_auto(monkeypatch, opened, tmp_path, installed, machine, device, precision, expected):
    monkeypatch.setattr(backends, "_installed", installed.__contains__)
    monkeypatch.setattr(platform, "machine", lambda: machine)
    open_backend(str(tmp_path / "small.onnx"), "auto", device, precision)
    assert opened == [(expected, device, precision)]


@pytest.fixture
def with_engine(tmp_path):
    """A model with an engine."""
    model = str(tmp_path / "small.onnx")
    place = EngineTarget("tensorrt 8.2.1.8", "sm53")
    write_engine(b"engine", EngineSource(model, "0" * 64, (1, 3, 320, 416), "fp16"), place, "Tegra", ["out"])
    return model


@pytest.mark.parametrize(
    "device, precision, first",
    [
        pytest.param("auto", "auto", "tensorrt", id="auto"),
        pytest.param("gpu", "fp16", "tensorrt", id="GPU"),
        pytest.param("cpu", "auto", "onnx", id="the CPU is asked for"),
        pytest.param("auto", "bf16", "openvino", id="a precision that it has not"),
    ],
)
def test_auto_where_there_is_an_engine(monkeypatch, opened, with_engine, device, precision, first):
    monkeypatch.setattr(platform, "machine", lambda: "aarch64")
    open_backend(with_engine, "auto", device, precision)
    assert opened == [(first, device, precision)]


@pytest.mark.parametrize(
    "broken, fitting, words", [(("tensorrt",), True, "tensorrt is broken"), ((), False, "no engine fits")]
)
def test_auto_says_why_an_engine_is_not_used(monkeypatch, opened, with_engine, capsys, broken, fitting, words):
    monkeypatch.setattr(platform, "machine", lambda: "aarch64")
    opened.broken, opened.fitting = broken, fitting
    open_backend(with_engine)
    assert [name for name, _, _ in opened] == ["tensorrt", "onnx"]
    assert "warning: TensorRT is not used: " + words in capsys.readouterr().err


@pytest.mark.parametrize("name", list(CLASSES))
def test_what_is_asked_for_by_name_is_used_or_an_error(opened, with_engine, name):
    open_backend(with_engine, name, "gpu", "fp16")
    assert opened == [(name, "gpu", "fp16")]
    opened.broken = (name,)
    with pytest.raises(ModelError, match="is broken"):
        open_backend(with_engine, name)


def test_auto_for_real(small):
    on_x86 = platform.machine().lower() in ("x86_64", "amd64")
    with open_backend(small, device="cpu") as backend:
        expected = "openvino" if on_x86 and importlib.util.find_spec("openvino") else "onnxruntime"
        assert backend.description.split()[0] == expected


def test_unknown_backend(tmp_path):
    with pytest.raises(ModelError, match="unknown backend 'abacus'; choose one of {}".format(", ".join(BACKENDS))):
        open_backend(str(tmp_path / "small.onnx"), "abacus")


@pytest.mark.parametrize("option, names", [("device", "auto, cpu, gpu"), ("precision", "auto, fp32, fp16, bf16")])
def test_a_name_that_means_nothing_is_no_silent_default(small, option, names):
    with pytest.raises(ModelError, match="unknown {} 'cuda'; choose one of {}".format(option, names)):
        open_backend(small, **{option: "cuda"})


# What is installed


def listed(lines):
    """What is said of each backend, by name."""
    states = dict(line.split(None, 1) for line in lines)
    assert list(states) == list(CLASSES)
    return states


@pytest.mark.slow
def test_list_of_backends():
    code, out, err = finish(start("--list-backends"))
    assert (code, err) == (0, "")
    states = listed(out.splitlines())
    assert states["opencv"] == f"{cv2.__version__}: CPU"
    for name, runtime in RUNTIMES.items():
        assert states[name].startswith("- ") == (importlib.util.find_spec(runtime) is None), states[name]


@pytest.fixture
def without_runtimes(monkeypatch, tmp_path):
    """No runtime can be imported but OpenCV, which always is there. Called with a statement, each raises by it."""

    def apply(raises=None, gone=OTHERS):
        for name in (*CLASSES, "cuda", "tensorrt_releases"):
            monkeypatch.delitem(sys.modules, "app.backends." + name, raising=False)
        for name in gone:
            if raises is None:
                monkeypatch.setitem(sys.modules, name, None)  # as if it were not installed
            else:
                monkeypatch.delitem(sys.modules, name, raising=False)
                (tmp_path / (name + ".py")).write_text(raises)
        if raises is not None:
            monkeypatch.syspath_prepend(str(tmp_path))

    return apply


def test_list_of_backends_where_nothing_is_installed(without_runtimes):
    without_runtimes()
    states = listed(backends.list_backends())
    assert not states.pop("opencv").startswith("- ")
    for name, state in states.items():
        assert state.startswith("- ")
        assert f"python3 -m pip install {RUNTIMES.get(name, name)}" in state


@pytest.mark.slow
@pytest.mark.parametrize(
    "raises, phrase",
    [
        pytest.param(
            "raise ImportError('libcudart.so.10: cannot open')", "(libcudart.so.10: cannot open)", id="library"
        ),
        pytest.param("raise AttributeError('module has no\\n\\nattribute')", "(module has no attribute)", id="lines"),
        pytest.param("raise RuntimeError()", "(RuntimeError)", id="without a word"),
    ],
)
def test_list_of_backends_where_all_are_broken(without_runtimes, raises, phrase):
    without_runtimes(raises)
    for name, state in listed(backends.list_backends()).items():
        assert name == "opencv" or phrase in state, state


# What all modules of backends use


@pytest.mark.parametrize(
    "precision, possible, expected",
    [
        pytest.param("auto", ("fp32", "fp16"), "fp32", id="auto is the first"),
        pytest.param("fp16", ("fp32", "fp16"), "fp16", id="another"),
    ],
)
def test_precision(precision, possible, expected):
    assert check_precision("Any", precision, possible) == expected


@pytest.mark.parametrize("possible, words", [(("fp32",), "fp32"), (("fp32", "fp16"), "fp32 or fp16")])
def test_a_precision_that_is_not_possible(possible, words):
    with pytest.raises(ModelError, match=f"--precision bf16: Any computes in {words} here"):
        check_precision("Any", "bf16", possible)


@pytest.mark.parametrize(
    "error, reason",
    [
        pytest.param(ImportError("No module named 'x'"), "No module named 'x'", id="one line"),
        pytest.param(RuntimeError("\n\n  first \nsecond\n"), "first second", id="several lines in one"),
        pytest.param(
            RuntimeError(
                "Exception from src/core.cpp:84:\nCheck 'false' failed at src/ops.cpp:151:\nNo rule for: Magic\n\n"
            ),
            "No rule for: Magic",
            id="places in OpenVINO's source say nothing",
        ),
        pytest.param(RuntimeError("Exception from src/core.cpp:84:"), "RuntimeError", id="nothing else was said"),
        pytest.param(ValueError(), "ValueError", id="without a message"),
        pytest.param(ValueError("word " * 9999), "word " * 80, id="no longer than 400 characters"),
        pytest.param(OSError(2, "No such file", "lib.so"), "[Errno 2] No such file: 'lib.so'", id="an OSError"),
    ],
)
def test_one_line(error, reason):
    assert one_line(error) == reason


@pytest.mark.parametrize(
    "context, args, message",
    [
        (importing, ("Any", "pip install any"), "Any cannot be loaded (no luck); install it with: pip install any"),
        (running, ("Any",), "Any failed: no luck"),
        (running, ("Any", "small.onnx"), "small.onnx: Any cannot load it: no luck"),
    ],
)
def test_what_fails_is_said_in_one_line(context, args, message):
    with pytest.raises(ModelError) as caught:
        with context(*args):
            raise RuntimeError("no\nluck")
    assert str(caught.value) == message


@pytest.mark.parametrize("context, args", [(importing, ("Any", "pip install any")), (running, ("Any",))])
@pytest.mark.parametrize(
    "error",
    [
        pytest.param(ModelError("it was said"), id="one line already"),
        pytest.param(ShapeError("the shape was said"), id="of a kind that matters"),
        pytest.param(KeyboardInterrupt(), id="the user's doing"),
    ],
)
def test_what_is_left_alone(context, args, error):
    with pytest.raises(type(error)) as caught:
        with context(*args):
            raise error
    assert caught.value is error


# Wrong tensors


@every_backend
@pytest.mark.parametrize(
    "tensor, kind, phrase",
    [
        pytest.param(np.zeros((3, 32, 32), np.float32), ShapeError, r"\(3, 32, 32\)", id="no batch"),
        pytest.param(np.zeros((1, 3, 32, 64), np.float32)[..., ::2], ValueError, "C-contiguous", id="every other"),
    ],
)
def test_wrong_tensor(model_for, name, tensor, kind, phrase):
    """See test_backend_fake.py for all that check_tensor refuses."""
    with open_backend(model_for(name), name, "cpu") as backend:
        with pytest.raises(kind, match=phrase):
            backend.infer(tensor)
        backend.close()  # twice, with the end of the block


@pytest.mark.parametrize("name", ["onnx", "openvino", "tensorflow"])
def test_wrong_channels(model_for, name):
    """OpenCV does not know what its model takes."""
    with open_backend(model_for(name), name, "cpu") as backend:
        assert backend.input_shape == (None, 3, None, None)
        with pytest.raises(ShapeError, match=r"\(None, 3, None, None\).*\(1, 1, 32, 32\)"):
            backend.infer(np.zeros((1, 1, 32, 32), np.float32))


@pytest.mark.parametrize("name", ["onnx", "openvino"])
def test_another_shape_than_the_model_has(tmp_path, name):
    skip_unless_installed(name)
    with open_backend(write_model(tmp_path / "fixed.onnx", (1, 3, 32, 64)), name, "cpu") as backend:
        assert backend.input_shape == (1, 3, 32, 64)
        assert backend.infer(np.ones((1, 3, 32, 64), np.float32))[0].max() == 1.5
        with pytest.raises(ShapeError, match=r"\(1, 3, 32, 64\).*\(1, 3, 64, 32\)") as caught:
            backend.infer(np.zeros((1, 3, 64, 32), np.float32))
    assert isinstance(caught.value, ModelError), "the command ends with exit code 4"
    assert isinstance(caught.value, ValueError), "as for any other wrong tensor"
    assert not isinstance(caught.value, UsageError)


def test_openvino_binds_its_threads_to_no_core(model_for):
    """Else processes of one thread each share the same core: two did 0.6 of the work."""
    with open_backend(model_for("openvino"), "openvino", "cpu") as backend:
        assert backend._model.get_property("ENABLE_CPU_PINNING") is False


# Several threads that infer at once


def tensors_of(number, turns):
    """Tensors of two shapes that no other number has."""
    return [np.full((1, 3, 32, 32 * (1 + turn % 2)), number + turn / 8, np.float32) for turn in range(turns)]


def infer_side_by_side(backend, model, name, threads, turns=40):
    """Have so many threads infer tensors of their own; how many got what a backend with one worker gives them."""
    right = []
    with open_backend(model, name, "cpu") as one:
        expected = [
            [[output.copy() for output in one.infer(tensor)] for tensor in tensors_of(number, turns)]
            for number in range(threads)
        ]

    def work(number):
        for tensor, outputs in zip(tensors_of(number, turns), expected[number]):
            found = backend.infer(tensor)
            right.append(all(np.allclose(a, b, rtol=1e-5, atol=1e-6) for a, b in zip(found, outputs)))

    running = [threading.Thread(target=work, args=[number]) for number in range(threads)]
    for thread in running:
        thread.start()
    for thread in running:
        thread.join()
    return sum(right)


@pytest.mark.parametrize("name", ["onnx", "openvino", "tensorflow"])
def test_workers_share_a_model(model_for, name):
    model = model_for(name)
    with open_backend(model, name, "cpu", workers=3) as backend:
        assert backend.workers == 3
        assert "3 workers of one thread" in backend.description
        assert infer_side_by_side(backend, model, name, 3) == 3 * 40


@pytest.mark.parametrize("name", ["onnx", "openvino"])
def test_the_number_of_workers_can_change_while_one_infers(model_for, name):
    model = model_for(name)
    with open_backend(model, name, "cpu") as backend:
        assert backend.workers == 1
        right = []
        running = threading.Thread(target=lambda: right.append(infer_side_by_side(backend, model, name, 1, turns=400)))
        running.start()
        backend.share(2)
        running.join()
        assert right == [400]
        assert backend.workers == 2
        assert "2 workers of one thread" in backend.description
        assert infer_side_by_side(backend, model, name, 2) == 2 * 40


def test_opencv_has_one_worker_with_all_threads(model_for):
    with open_backend(model_for("opencv"), "opencv", "cpu", workers=4) as backend:
        assert backend.workers == 1
        backend.share(4)
        assert backend.workers == 1


# Wrong files


def half_a_model(path):
    with open(write_model(path), "rb") as file:
        data = file.read()
    return data[: len(data) // 2]


@every_backend
@pytest.mark.parametrize("what", ["absent", "folder", "empty", "text", "zeros", "half a model"])
def test_not_a_model(tmp_path, capfd, name, what):
    skip_unless_installed(name)
    path = tmp_path / "broken.onnx"
    content = {"empty": b"", "text": b"This is not a model.\n" * 9, "zeros": bytes(1000)}
    content["half a model"] = half_a_model(tmp_path / "half.onnx")
    if what == "folder":
        path.mkdir()
    elif what != "absent":
        path.write_bytes(content[what])
    with pytest.raises(ModelError, match="broken") as caught:
        open_backend(str(path), name, "cpu")
    assert "\n" not in str(caught.value)
    assert capfd.readouterr().out == ""


def test_a_graph_without_its_model(tmp_path, model_for):
    graph = graph_path(model_for("tensorflow"))
    os.symlink(graph, str(tmp_path / "small.pb"))
    os.symlink(sidecar_path(graph), str(tmp_path / "small.pb.json"))
    with pytest.raises(ModelError, match="small.onnx"):
        open_backend(str(tmp_path / "small.onnx"), "tensorflow", "cpu")


@readers_of_onnx
def test_a_model_that_a_runtime_cannot_read(tmp_path, capfd, name):
    """For its operator, or for its name, on which these runtimes crash."""
    skip_unless_installed(name)
    path = write_model(tmp_path / "strange.onnx", operator="Abracadabra")
    with pytest.raises(ModelError, match="strange.onnx.*Abracadabra") as caught:
        open_backend(path, name, "cpu")
    assert "\n" not in str(caught.value)
    assert capfd.readouterr().out == ""
    renamed = os.fsdecode(os.fsencode(str(tmp_path)) + b"/\xff.onnx")
    os.rename(path, renamed)
    with pytest.raises(ModelError, match="not UTF-8"):
        open_backend(renamed, name, "cpu")


# Wrong machines


def has_gpu(name):
    if name == "onnx":
        import onnxruntime

        return "CUDAExecutionProvider" in onnxruntime.get_available_providers()
    if name == "tensorflow":
        from app.backends.tensorflow import tf

        return bool(tf.config.list_physical_devices("GPU"))
    if name == "openvino":
        import openvino

        return "GPU" in openvino.Core().available_devices
    return False


@every_backend
def test_gpu_where_there_is_none(model_for, name):
    model = model_for(name)
    if has_gpu(name):
        pytest.skip(f"{name} has a GPU here")
    with pytest.raises(ModelError, match="GPU|CUDA") as caught:
        open_backend(model, name, "gpu")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["onnx", "opencv", "tensorflow"])
def test_a_precision_that_a_cpu_has_not(model_for, name):
    with pytest.raises(ModelError, match="--precision fp16: .* computes in fp32 here"):
        open_backend(model_for(name), name, "cpu", "fp16")


# The command


@pytest.mark.slow
@needs_model
def test_only_its_own_backend_imports_tensorflow(small, network_for):
    program = """
import sys
from app.backends import open_backend
for argument in sys.argv[2:]:
    with open_backend(sys.argv[1], argument, "cpu"):
        pass
print([name for name in sys.modules if name.split(".")[0] in ("tensorflow", "keras")])
"""
    names = [name for name in ("onnx", "opencv", "openvino") if importlib.util.find_spec(RUNTIMES[name])]
    assert finish(start(small, "auto", *names, code=program))[1] == "[]\n"


@pytest.fixture
def detect(capfd):
    """Run app.detect here on three frames: (exit code, standard output, lines of standard error)."""

    def run(name, *args):
        command = ["--cam", "test://64x48?frames=3", "--backend", name, "--device", "cpu", "--no-show", "--offline"]
        code = app.detect.main(command + list(args))
        out, err = capfd.readouterr()
        return code, out, err.splitlines()

    return run


def write_card_for(model):
    """Give a model the card of the real one."""
    with open(card_path(MODEL)) as file:
        card = json.load(file)
    with open(model, "rb") as file:
        card["sha256"] = hashlib.sha256(file.read()).hexdigest()
    with open(card_path(model), "w") as file:
        json.dump(card, file)


@pytest.mark.slow
@needs_model
@pytest.mark.parametrize("name", ["onnx", "openvino"])
def test_the_command_with_a_model_of_one_shape(detect, tmp_path, name):
    skip_unless_installed(name)
    model = onnx.load(MODEL)
    for axis, length in enumerate((1, 3, 64, 64)):
        model.graph.input[0].type.tensor_type.shape.dim[axis].dim_value = length
    path = str(tmp_path / "fixed.onnx")
    onnx.save(model, path)
    write_card_for(path)
    code, _, err = detect(name, "--model", path, "--size", "64", "--square")
    assert code == 0, err
    code, out, err = detect(name, "--model", path, "--size", "96", "--square")
    assert (code, out) == (4, "")
    error = "error: the model takes a tensor of shape (1, 3, 64, 64), was given (1, 3, 96, 96)"
    assert [line for line in err if line.startswith("error")] == err[-1:] == [error]


@needs_model
def test_the_command_with_something_that_is_no_model(detect, tmp_path):
    path = tmp_path / "broken.onnx"
    path.write_bytes(b"This is not a model.")
    write_card_for(str(path))
    code, out, (error,) = detect("onnx", "--model", str(path))
    assert (code, out) == (4, "")
    assert error.startswith("error: ")


@needs_model
def test_the_command_where_the_runtime_is_missing(detect, without_runtimes):
    without_runtimes(gone=["onnxruntime"])
    code, out, (error,) = detect("onnx")
    assert (code, out) == (4, "")
    assert error.startswith("error: ")
    assert "python3 -m pip install onnxruntime" in error
