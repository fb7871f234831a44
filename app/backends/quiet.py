"""For runtimes that talk on standard error whatever their log level says."""

import os
import sys
from contextlib import contextmanager
from typing import Iterator


@contextmanager
def without_stderr() -> Iterator[None]:
    """Nothing written to file descriptor 2: on its import TensorFlow 2.21 greets there, whatever its log level says."""
    sys.stderr.flush()
    kept, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)
