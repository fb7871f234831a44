"""The questions that are put to TensorRT, pycuda and the CUDA driver, answered by fakes, in real processes."""

import shutil
import subprocess

import pytest
from support import fake_nano, fake_pycuda
from support.fake_tensorrt_machine import write_stubs

from app.checks import FAIL, PASS, SKIP, WARN, models, nvidia, software
from app.checks.machine import Machine

LIBCUDA = """
int cuInit(unsigned flags) { return CODE; }
int cuDriverGetVersion(int *version) { *version = 10020; return 0; }
int cuDeviceGetCount(int *count) { *count = 1; return 0; }
"""


@pytest.fixture
def board(monkeypatch, tmp_path):
    """A machine whose Python finds fakes of TensorRT and pycuda. gpu: arguments of fake_pycuda.make."""

    def make(gpu=""):
        monkeypatch.setenv("PYTHONPATH", write_stubs(tmp_path / "stubs", gpu=gpu))
        return Machine(str(tmp_path), fake_nano.write_model(tmp_path / "weights", engine=False))

    return make


def test_tensorrt(board):
    result = nvidia.tensorrt(board())
    assert result.state == (PASS if "tensorrt 8.2" in result.message and not has_trap() else WARN)
    assert "tensorrt 8.2.1" in result.message


def has_trap():
    """Whether this numpy lacks what TensorRT 8.2 takes from it."""
    import numpy

    return tuple(int(part) for part in numpy.__version__.split(".")[:2]) >= (1, 24)


def test_pycuda(board):
    assert nvidia.pycuda(board()) == (PASS, "2022.1", None, "")


def test_the_backend_and_its_gpu(board):
    machine = board()
    assert software.backend("tensorrt", machine).message.endswith(": " + fake_pycuda.NAME)
    result = models.engine(machine)
    assert result.state == WARN
    assert f"on {fake_pycuda.NAME}: its GPU is not used" in result.message
    assert result.fix.endswith("small.onnx --size 416x320 --fp16")


def test_the_engine_that_fits(board, tmp_path):
    machine = board()
    place = machine.ask(models.PLACE)
    assert place == [place[0], "sm{}{}".format(*fake_pycuda.CAPABILITY), fake_pycuda.NAME]
    model = fake_nano.write_model(tmp_path / "weights")  # with an engine for the board in fake_nano
    assert (place[0], place[1]) == (fake_nano.RUNTIME, fake_nano.SM)
    assert model == machine.model_path
    assert models.engine(machine).state == PASS


def test_no_gpu(board):
    machine = board(gpu="no_gpu=True")
    result = software.backend("tensorrt", machine)
    assert (result.state, bool(result.fix)) == (WARN, True)
    assert "no GPU that CUDA can use" in result.message
    assert models.engine(machine).state == SKIP


@pytest.mark.skipif(shutil.which("cc") is None, reason="needs a C compiler, for a driver that is none")
@pytest.mark.parametrize("code, state", [(0, PASS), (100, WARN)])
def test_driver(monkeypatch, tmp_path, code, state):
    source, library = tmp_path / "fake_libcuda.c", tmp_path / "libcuda.so.1"
    source.write_text(LIBCUDA.replace("CODE", str(code)))
    subprocess.check_call(["cc", "-shared", "-fPIC", "-o", str(library), str(source)])
    monkeypatch.setenv("LD_LIBRARY_PATH", str(tmp_path))
    result = nvidia.cuda(Machine(str(tmp_path)))
    assert result.state == state
    assert ("driver for CUDA 10.2, 1 GPU, " in result.message) == (code == 0)


def test_a_driver_that_is_no_library(monkeypatch, tmp_path):
    (tmp_path / "libcuda.so.1").write_text("nonsense")
    monkeypatch.setenv("LD_LIBRARY_PATH", str(tmp_path))
    assert nvidia.cuda(Machine(str(tmp_path))).state == SKIP
    fake_nano.write_files(tmp_path, {"etc/nv_tegra_release": fake_nano.RELEASE})
    assert nvidia.cuda(Machine(str(tmp_path))).state == FAIL
