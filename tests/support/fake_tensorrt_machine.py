"""A computer with the fakes of TensorRT, pycuda and a GPU, and the modules of app.backends that import them anew."""

import gc
import os
import shutil
import signal
import sys
from unittest import mock

import pytest
from support import fake_pycuda, fake_tensorrt
from support.program import CARD, MODEL, ROOT

import app.backends
from tools import build_engine

needs_yolo = pytest.mark.skipif(not os.path.exists(MODEL), reason="the model is not here: python -m tools.convert")
needs_converter = pytest.mark.skipif(
    sys.version_info < (3, 8), reason="TensorRT 11 takes an FP16 model, and on Python 3.6 nothing converts to it"
)
IMPORTERS = ("cuda", "tensorrt", "tensorrt_releases")  # they import their runtime when they are imported


class Machine:
    """Made within a test. start() may be called again: the same disk, another computer."""

    def __init__(self, monkeypatch):
        self._monkeypatch = monkeypatch
        self.driver = None

    def start(self, style="8.2", fail=None, backwards=False, fast_fp16=True, **gpu):
        """style, fail, backwards, fast_fp16: see fake_tensorrt.make; all others: see fake_pycuda.make."""
        capability = gpu.get("capability", fake_pycuda.CAPABILITY)
        self.driver = fake_pycuda.make(**gpu)
        fake_pycuda.install(self._monkeypatch, self.driver)
        fake_tensorrt.install(self._monkeypatch, fake_tensorrt.make(style, capability, fast_fp16, fail, backwards))
        self.forget()

    def forget(self):
        """Have the modules imported anew. A module is an attribute of its package too."""
        for name in IMPORTERS:
            sys.modules.pop("app.backends." + name, None)
            vars(app.backends).pop(name, None)


def running(monkeypatch):
    """For pytest.fixture(): a Machine that has started."""
    machine = Machine(monkeypatch)
    machine.start()
    yield machine
    machine.forget()


def linked_yolo(tmp_path):
    """For pytest.fixture(): path of the real model in the test's folder, linked if possible, being large; it goes."""
    for path in (MODEL, CARD):
        try:
            os.link(path, str(tmp_path / os.path.basename(path)))
        except OSError:
            shutil.copy(path, str(tmp_path))
    yield str(tmp_path / os.path.basename(MODEL))
    shutil.rmtree(str(tmp_path))


def write_stubs(folder, tensorrt='fake_tensorrt.make("8.2")', gpu="", before=""):
    """Modules `tensorrt` and `pycuda` for other processes, and the PYTHONPATH with which they are found.

    tensorrt: the expression that makes the first, after the code `before`. gpu: arguments of fake_pycuda.make.
    """
    (folder / "pycuda").mkdir(parents=True)
    code = "import sys\nfrom support import fake_pycuda, fake_tensorrt\n{}\nsys.modules[__name__] = {}\n"
    (folder / "tensorrt.py").write_text(code.format(before, tensorrt))
    (folder / "pycuda" / "__init__.py").write_text("VERSION_TEXT = '2022.1'\n")
    (folder / "pycuda" / "driver.py").write_text(code.format("", f"fake_pycuda.make({gpu})"))
    return os.pathsep.join([str(folder), os.path.join(ROOT, "tests"), ROOT])


def build(*arguments):
    """Run tools.build_engine; its exit code.

    It forks, and what it does in the copy must not collect a session of ONNX Runtime, which would wait for threads that
    were not copied. In a process that ends soon after, it collects garbage before; here, where there is much more of
    it, that takes longer than the build, so nothing is collected in the meantime.
    """
    gc.disable()
    before = signal.getsignal(signal.SIGTERM)
    try:
        with mock.patch.object(gc, "collect"):
            return build_engine.main([str(argument) for argument in arguments])
    finally:
        signal.signal(signal.SIGTERM, before)
        gc.enable()
