import os
import time

import pytest
from support.program import finish, start

from tools.bench.busy import busy_core

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not os.path.exists("/proc/self/stat"), reason="needs Linux's /proc"),
]
LIMIT = 20  # seconds
BENCHMARK = """
import time
from tools.bench.busy import busy_core
with busy_core() as process:
    print(process.pid, flush=True)
    time.sleep(60)
"""


def until(reached):
    end = time.monotonic() + LIMIT
    while not reached():
        assert time.monotonic() < end
        time.sleep(0.05)


def ticks(pid):
    """The processor time of a process, in ticks of the kernel."""
    with open(f"/proc/{pid}/stat") as file:
        return int(file.read().rpartition(")")[2].split()[11])


def has_ended(pid):
    """Whether there is no such process, or nobody has asked for its exit code yet."""
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True


def test_a_core_is_busy_until_the_end():
    with busy_core() as process:
        until(lambda: ticks(process.pid) > 20)
        assert process.poll() is None
    assert process.poll() is not None


def test_it_ends_with_an_interruption():
    with pytest.raises(KeyboardInterrupt), busy_core() as process:
        raise KeyboardInterrupt
    assert process.poll() is not None


def test_it_ends_when_the_benchmark_is_killed():
    benchmark = start(code=BENCHMARK)
    spinning = int(benchmark.stdout.readline())
    until(lambda: ticks(spinning) > 5)
    benchmark.kill()
    until(lambda: has_ended(spinning))
    finish(benchmark)
