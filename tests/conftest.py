"""Puts the repository and this folder on the path, makes tests repeatable, and keeps the quick ones quick.

A test without a mark is in every tier. `slow` are those that start a process, wait for a clock or take seconds, and
without that mark a test that does so fails. The marks are in pyproject.toml, what each tier runs is in the Makefile.
"""

import functools
import gc
import os
import platform
import shutil
import signal
import subprocess
import sys
import threading
import time

import pytest
from hypothesis import settings

# Two processes test side by side, and a sum in one thread is the same every time.
for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS"):
    os.environ.setdefault(variable, "1")

TESTS = os.path.dirname(os.path.abspath(__file__))
# The repository first: this folder has an `app` too, but no package of that name.
for folder in (TESTS, os.path.dirname(TESTS)):
    if folder in sys.path:
        sys.path.remove(folder)
    sys.path.insert(0, folder)

import app  # noqa: E402, F401  (before OpenCV is imported, which it tells to print nothing)

# Under nohup, and in the background of a script, these are ignored, and would be in every command that a test starts.
signal.signal(signal.SIGHUP, signal.SIG_DFL)
signal.signal(signal.SIGINT, signal.default_int_handler)
signal.signal(signal.SIGQUIT, signal.SIG_DFL)

# Of the tools, these run on the developer's machine only.
HOST_ONLY = [
    "tools/adopt",
    "tools/batch",
    "tools/bench",
    "tools/cost",
    "tools/report",
    "tools/search",
    "tools/soak",
    "tools/train",
    "tools/train_detector",
]
HOST_ONLY += [
    "models/test_{}.py".format(name)
    for name in (
        "characters", "cifar", "efficientnet_lite", "freezing", "keras_onnx", "lecture", "nano_cifar", "regularisers",
        "torch_file", "transfer",
    )
]  # fmt: skip
HOST_ONLY += ["tools/test_bench_classifier.py"]
HOST_ONLY += ["tools/test_bench_loader.py", "tools/test_bench_training.py"]
HOST_ONLY += ["tools/score/test_{}.py".format(name) for name in ("chance", "mistakes", "precision", "score")]
HOST_ONLY += ["deploy", "app/web/browser"]
ON_DEVICE = sys.version_info < (3, 9)
collect_ignore = HOST_ONLY if ON_DEVICE else []
# Whole files, and folders, of slow tests; single ones carry the mark themselves.
SLOW = ["deploy", "app/sources/test_live.py", "app/test_reference.py", "tools/camera_servers"]
SLOW += ["app/backends/test_backend_tensorrt.py", "tools/test_build_engine.py", "tools/bench/test_bench.py"]
SLOW += ["app/checks/test_checks_{}.py".format(name) for name in ("gpu", "host", "nano", "process")]
SLOW += ["app/web/browser", "tools/report/test_in_a_browser.py", "tools/search/test_search.py", "tools/soak/test_soak"]
SLOW += ["tools/sweep/test_sweep.py", "tools/train/test_train.py"]
# Long with the device's ONNX Runtime, and short on a host: on Python 3.6 for make verify.
LONG_ON_DEVICE = (
    "app/test_reference.py::test_reference_detections_are_met[416",
    "app/classification/test_shipped_classifier.py::test_it_is_as",
)

settings.register_profile("tests", deadline=None, derandomize=True, max_examples=60)
settings.register_profile("verify", deadline=None, max_examples=2000)
settings.load_profile("tests")

LONGEST_SLEEP = 0.05  # seconds


class Quick:
    """While a test without a mark runs, starting a process or a long sleep raises in its thread, and the test fails.

    Only in its thread: in another, OpenVINO forks to send statistics. The functions are replaced. An audit hook would
    see more, but Python 3.11 also calls it while it installs coverage's trace function in a new thread, and if another
    thread begins in just that moment, it dies.
    """

    def __init__(self):
        self.running = False
        self.found = []

    def replace(self):
        """Replace the functions, for good."""
        subprocess.Popen.__init__ = self.guarded("subprocess.Popen", subprocess.Popen.__init__)
        for name in ("fork", "forkpty", "posix_spawn", "posix_spawnp", "system"):
            setattr(os, name, self.guarded("os." + name, getattr(os, name)))
        time.sleep = self.guarded("a long sleep", time.sleep, lambda seconds: seconds > LONGEST_SLEEP)

    def guarded(self, name, function, counts=lambda *args: True):
        """A function in the place of another. counts: whether a call with these arguments is not quick."""

        @functools.wraps(function)
        def call(*args, **options):
            if self.running and threading.current_thread() is threading.main_thread() and counts(*args):
                self.found.append("{} {!r}".format(name, args[-1:]))
                raise AssertionError("{} in a test that is not marked slow".format(self.found[-1]))
            return function(*args, **options)

        return call

    def start(self, item):
        self.found = []
        self.running = item.get_closest_marker("slow") is None

    @pytest.hookimpl(hookwrapper=True)
    def pytest_runtest_setup(self, item):
        self.start(item)
        yield
        self.running = False

    @pytest.hookimpl(hookwrapper=True)
    def pytest_runtest_call(self, item):
        """Fail also where the program under test took the exception for a failure of its own."""
        self.start(item)
        outcome = yield
        self.running = False
        if self.found and outcome.excinfo is None:
            outcome.force_exception(AssertionError("in a test that is not marked slow: " + "; ".join(self.found)))


def pytest_configure(config):
    if not ON_DEVICE:
        platform.processor()  # starts uname, and remembers its answer: TensorFlow asks when it is imported
        quick = Quick()
        quick.replace()
        config.pluginmanager.register(quick)


@pytest.fixture
def display():
    """The name of a virtual display."""
    if not (shutil.which("Xvfb") and shutil.which("xdotool")):
        pytest.skip("needs Xvfb and xdotool")
    read_end, write_end = os.pipe()
    command = ["Xvfb", "-displayfd", str(write_end), "-screen", "0", "800x600x24"]
    server = subprocess.Popen(command, pass_fds=[write_end], stderr=subprocess.DEVNULL)
    os.close(write_end)
    with os.fdopen(read_end) as pipe:
        yield ":" + pipe.readline().strip()
    server.terminate()
    server.wait()


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items):
    """Before the marks choose."""
    for item in items:
        place = os.path.relpath(str(item.fspath), TESTS) + "::" + item.name
        if place.startswith(tuple(SLOW)):
            item.add_marker(pytest.mark.slow)
        if ON_DEVICE and place.startswith(LONG_ON_DEVICE):
            item.add_marker(pytest.mark.verify)


def pytest_collection_finish():
    """Tests of leaks collect garbage often, which takes half a second each where Keras and TensorFlow are loaded."""
    if hasattr(gc, "freeze"):  # Python 3.7
        gc.collect()
        gc.freeze()
