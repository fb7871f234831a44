"""Puts the repository and this folder on the path, and makes tests repeatable."""

import gc
import os
import signal
import sys

from hypothesis import settings

# Two processes test side by side, and sums in one thread are the same every time.
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
HOST_ONLY = ["tools/bench", "tools/cost", "tools/report", "tools/soak", "tools/train"]
HOST_ONLY += ["models/test_cifar.py", "models/test_keras_onnx.py", "tools/test_bench_classifier.py"]
HOST_ONLY += ["tools/score/test_{}.py".format(name) for name in ("chance", "mistakes", "precision", "score")]
HOST_ONLY += ["deploy"]
collect_ignore = HOST_ONLY if sys.version_info < (3, 9) else []

settings.register_profile("tests", deadline=None, derandomize=True, max_examples=60)
settings.load_profile("tests")


def pytest_collection_finish():
    """Tests of leaks collect garbage often, which takes half a second each where Keras and TensorFlow are loaded."""
    if hasattr(gc, "freeze"):  # Python 3.7
        gc.collect()
        gc.freeze()
