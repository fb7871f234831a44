"""Another program that keeps one core busy, as on a desktop."""

import os
import subprocess
import sys
from contextlib import contextmanager
from typing import Iterator

# It also ends when the process that started it has been killed, and could not end it.
SPIN = """
import os, sys
while os.getppid() == int(sys.argv[1]):
    for _ in range(1000000):
        pass
"""


@contextmanager
def busy_core() -> Iterator["subprocess.Popen[bytes]"]:
    """Keep one core busy meanwhile, by a process at this one's priority."""
    command = [sys.executable, "-c", SPIN, str(os.getpid())]
    # In a session of its own, so that Ctrl-C does not end it with a traceback before this process ends it.
    process = subprocess.Popen(command, start_new_session=True)
    try:
        yield process
    finally:
        process.kill()
        process.wait()
