"""ONNX Runtime's GPU build, which few machines have: a fake of it says what was asked for, and refuses what 1.11 would.

No GPU computes here. Sessions compute with the real ONNX Runtime on the CPU.
"""

import os
import shutil

import numpy as np
import onnxruntime
import pytest
from onnx import helper, save
from support.graphs import graph

from app.backends import onnx as backend_module
from app.backends.onnx import CPU, CUDA, TENSORRT, OnnxBackend
from app.errors import ModelError, OutputError
from app.modelcard import hash_file

EVERYTHING = (TENSORRT, CUDA, CPU)
SETTINGS = {  # those of release 1.11 that are of use here; it raises for others
    CPU: set(),
    CUDA: {"device_id", "gpu_mem_limit", "arena_extend_strategy", "cudnn_conv_algo_search"},
    TENSORRT: {
        "device_id",
        "trt_max_workspace_size",
        "trt_fp16_enable",
        "trt_engine_cache_enable",
        "trt_engine_cache_path",
    },
}


class FakeOnnxRuntime:
    """The module `onnxruntime`. What the real one has and this has not, raises.

    has: the providers it was built with. starts: those that find their GPU; for another, the session gets the CPU
    without a word. asked: provider and settings of each session.
    """

    __version__ = "1.11.0"

    class SessionOptions:
        __slots__ = ("intra_op_num_threads", "log_severity_level", "entries")

        def __init__(self):
            self.entries = {}

        def add_session_config_entry(self, key, value):
            assert isinstance(key, str)
            assert isinstance(value, str)
            self.entries[key] = value

    def __init__(self, folder, has=EVERYTHING, starts=EVERYTHING):
        self.__file__ = str(folder / "onnxruntime" / "__init__.py")
        self.has = has
        self.starts = starts
        self.asked = []

    def get_available_providers(self):
        return list(self.has)

    def set_default_logger_severity(self, severity):
        assert severity in range(5)

    def InferenceSession(self, path, options, providers, enable_fallback):
        assert isinstance(options, self.SessionOptions)
        assert not enable_fallback, "it would print to standard output"
        ((provider, settings),) = providers
        assert provider in self.has
        for key, value in settings.items():
            if key not in SETTINGS[provider]:
                raise RuntimeError(f"Invalid provider option: {key}")
            if key.endswith("_enable") and value not in ("True", "False"):
                raise RuntimeError(f"{key} should be a boolean i.e. 'True' or 'False'")
        self.asked.append((provider, settings))
        return FakeSession(path, provider if provider in self.starts else CPU)


class FakeNewOnnxRuntime(FakeOnnxRuntime):
    """As 1.31 is, where CUDA's libraries are missing: `preload_dlls` says so with print."""

    __version__ = "1.31.1"

    def preload_dlls(self):
        print("Failed to load libcublasLt.so.13: cannot open shared object file: No such file or directory")


class FakeSession:
    """A session that says it runs on `provider`."""

    def __init__(self, path, provider):
        self._real = onnxruntime.InferenceSession(path, providers=[CPU])
        self._provider = provider
        self.get_inputs = self._real.get_inputs
        self.run = self._real.run

    def get_providers(self):
        return [self._provider] if self._provider == CPU else [self._provider, CPU]


@pytest.fixture
def model(tmp_path):
    """A model that doubles its input."""
    path, shape = str(tmp_path / "tiny.onnx"), ("n", 3, "h", "w")
    save(graph([helper.make_node("Add", ["images", "images"], ["twice"])], {"images": shape}, {"twice": shape}), path)
    return path


@pytest.fixture
def install(tmp_path, monkeypatch):
    """Put a fake in the place of ONNX Runtime."""

    def make(kind=FakeOnnxRuntime, **options):
        fake = kind(tmp_path, **options)
        monkeypatch.setattr(backend_module, "onnxruntime", fake)
        return fake

    return make


def provide(fake, provider, data):
    """Put a shared library of a provider where the fake has it."""
    name = {CUDA: "libonnxruntime_providers_cuda.so", TENSORRT: "libonnxruntime_providers_tensorrt.so"}[provider]
    folder = os.path.join(os.path.dirname(fake.__file__), "capi")
    os.makedirs(folder)
    with open(os.path.join(folder, name), "wb") as file:
        file.write(data)


@pytest.mark.parametrize(
    "has, device, precision, expected",
    [
        pytest.param((CUDA, CPU), "auto", "auto", CUDA, id="auto takes the GPU"),
        pytest.param((CUDA, CPU), "cpu", "auto", CPU, id="CPU though there is a GPU"),
        pytest.param(EVERYTHING, "gpu", "fp32", CUDA, id="fp32 with CUDA, which builds no engines"),
        pytest.param(EVERYTHING, "auto", "fp16", TENSORRT, id="fp16 with TensorRT"),
        pytest.param((TENSORRT, CPU), "gpu", "fp32", TENSORRT, id="fp32 without CUDA"),
        pytest.param((CPU,), "auto", "auto", CPU, id="auto without a GPU build"),
    ],
)
def test_the_provider_asked_for(model, install, has, device, precision, expected):
    fake = install(has=has)
    tensor = np.random.RandomState(0).normal(size=(1, 3, 4, 6)).astype(np.float32)
    with OnnxBackend(model, device, precision) as backend:
        assert [provider for provider, _ in fake.asked] == [expected]
        assert "onnxruntime 1.11.0 " + expected in backend.description
        assert ("fp16" in backend.description) == (precision == "fp16")
        np.testing.assert_array_equal(backend.infer(tensor)[0], 2 * tensor)


@pytest.mark.parametrize("precision, flag", [("fp16", "True"), ("fp32", "False")])
def test_settings_of_tensorrt(model, install, capsys, precision, flag):
    fake = install(has=(TENSORRT, CPU))
    OnnxBackend(model, "gpu", precision)
    cache = engine_cache(model)
    ((_, settings),) = fake.asked
    assert settings["trt_fp16_enable"] == flag
    assert settings["trt_engine_cache_enable"] == "True"
    assert settings["trt_engine_cache_path"] == cache
    assert 0 < int(settings["trt_max_workspace_size"]) <= 1 << 30
    assert os.path.isdir(cache)
    captured = capsys.readouterr()
    assert captured.out == ""
    assert cache in captured.err, "the wait of minutes is announced"
    assert "minutes" in captured.err


@pytest.mark.parametrize(
    "has, starts, device, precision, phrase",
    [
        pytest.param(
            (CPU,), (CPU,), "gpu", "auto", "no CUDAExecutionProvider.*install onnxruntime-gpu", id="CPU build"
        ),
        pytest.param((CUDA, CPU), EVERYTHING, "gpu", "fp16", "no TensorrtExecutionProvider", id="no TensorRT for fp16"),
        pytest.param(EVERYTHING, (CPU,), "gpu", "auto", "CUDAExecutionProvider did not start.*GPU", id="no GPU"),
        pytest.param(EVERYTHING, (CPU,), "auto", "fp16", "TensorrtExecutionProvider did not start", id="fp16 is asked"),
        pytest.param((CPU,), (CPU,), "auto", "fp16", "computes in fp32 here", id="fp16 on a CPU"),
        pytest.param(EVERYTHING, EVERYTHING, "gpu", "bf16", "computes in fp32 or fp16 here", id="bf16"),
    ],
)
def test_what_is_not_to_be_had(model, install, has, starts, device, precision, phrase):
    """Whoever asked for a GPU, or for FP16, does not get the CPU or FP32 without a word."""
    install(has=has, starts=starts)
    with pytest.raises(ModelError, match=phrase) as caught:
        OnnxBackend(model, device, precision)
    assert "\n" not in str(caught.value)


def test_auto_takes_the_cpu_and_says_so(model, install, capsys):
    fake = install(starts=(CPU,))
    with OnnxBackend(model, "auto") as backend:
        assert CPU in backend.description
        assert "threads" in backend.description
        assert backend.infer(np.ones((1, 3, 2, 2), np.float32))[0].sum() == 24
    assert [provider for provider, _ in fake.asked] == [CUDA, CPU]
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("warning: CUDAExecutionProvider did not start")
    assert len(captured.err.splitlines()) == 1


@pytest.fixture
def library():
    """A shared library that really can be loaded."""
    path = os.path.join(os.path.dirname(onnxruntime.__file__), "capi", "libonnxruntime_providers_shared.so")
    if not os.path.exists(path):
        pytest.skip("this ONNX Runtime has no small shared library to try with")
    with open(path, "rb") as file:
        return file.read()


@pytest.mark.parametrize("precision, provider", [("fp32", CUDA), ("fp16", TENSORRT)])
def test_a_missing_shared_library_is_named(model, install, library, precision, provider):
    """As on a machine with a GPU and without cuBLAS: the provider's library is there, what it needs is not."""
    assert b"libc.so.6\0" in library
    provide(install(), provider, library.replace(b"libc.so.6\0", b"libc.so.9\0"))
    with pytest.raises(ModelError, match=provider + " did not start: libc.so.9: cannot open shared object file"):
        OnnxBackend(model, "gpu", precision)


def test_auto_names_the_missing_library_and_takes_the_cpu(model, install, capsys):
    fake = install()
    provide(fake, CUDA, b"this is not a library")
    with OnnxBackend(model, "auto") as backend:
        assert CPU in backend.description
    assert [provider for provider, _ in fake.asked] == [CPU], "CUDA is not even tried: it would only log"
    assert "libonnxruntime_providers_cuda.so" in capsys.readouterr().err
    OnnxBackend(model, "cpu")
    assert capsys.readouterr().err == "", "no library is looked for on the CPU"


def test_nothing_is_printed_where_results_are(model, install, capsys):
    install(kind=FakeNewOnnxRuntime, starts=(CPU,))
    OnnxBackend(model, "auto")
    assert capsys.readouterr().out == ""


def test_nothing_is_missing(model, install, library):
    fake = install()
    provide(fake, CUDA, library)
    OnnxBackend(model, "gpu")
    assert [provider for provider, _ in fake.asked] == [CUDA]


@pytest.mark.parametrize("device", ["auto", "gpu"])
def test_not_a_model(tmp_path, install, device):
    install()
    path = tmp_path / "text.onnx"
    path.write_text("this is not a model")
    with pytest.raises(ModelError, match="text.onnx: ONNX Runtime cannot load it") as caught:
        OnnxBackend(str(path), device)
    assert "\n" not in str(caught.value)


def engine_cache(model):
    """The folder of the provider's engines: one for each model file and release."""
    version = backend_module.onnxruntime.__version__
    return model.replace(".onnx", f".{hash_file(model):.8}.onnxruntime{version}")


def test_no_place_for_the_engine_cache(model, install):
    """A file has the folder's name; a folder that is read-only is the same."""
    install()
    shutil.copy(model, engine_cache(model))
    with pytest.raises(OutputError, match="tiny.*: cannot create the folder"):
        OnnxBackend(model, "gpu", "fp16")
