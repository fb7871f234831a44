"""What trainings leave in their process, for the tests of all that train."""

import signal
import sys

import pytest


@pytest.fixture(autouse=True)
def nothing_global_is_left():
    """A run sets Keras' precision, the random seed and the handler of SIGTERM for its whole process."""
    handler = signal.getsignal(signal.SIGTERM)
    yield
    signal.signal(signal.SIGTERM, handler)
    if "keras" in sys.modules:
        sys.modules["keras"].mixed_precision.set_dtype_policy("float32")
    if "tensorflow" in sys.modules:
        sys.modules["tensorflow"].random.set_seed(None)  # as in a new process
