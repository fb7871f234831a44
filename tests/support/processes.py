"""Processes that a test may kill or suspend, with all that came of them."""

import os
import signal
import time


def children(pid):
    """The processes that a process has started."""
    try:
        with open(f"/proc/{pid}/task/{pid}/children") as file:
            return [int(child) for child in file.read().split()]
    except FileNotFoundError:
        return []


def family(pid):
    """A process and all that came of it."""
    return [pid] + [one for child in children(pid) for one in family(child)]


def is_running(pid):
    """Whether a process exists and is no zombie."""
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def send(pids, number):
    """Send a signal to those of the processes that still exist."""
    for pid in pids:
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            pass


def kill_family(process):
    """End a process and all that came of it at once, as a power cut does."""
    send(family(process.pid), signal.SIGKILL)
    process.communicate()


def wait_at_random(process, folder, generator, longest, most=6):
    """Wait for a random time of at most `longest` seconds, or until files in a folder have changed 1 to `most` times.

    One is as probable as the other: a program seldom writes, and a kill does most harm while it does. Returns early
    where the process ends.
    """
    changes = generator.randint(1, most) if generator.random() < 0.5 else 0
    until = time.monotonic() + (30 * longest if changes else generator.uniform(0, longest))
    seen = _files(folder)
    while time.monotonic() < until and process.poll() is None:
        time.sleep(0.002)
        found = _files(folder)
        if changes and found != seen:
            seen, changes = found, changes - 1
            if not changes:
                return


def _files(folder):
    """Every file in a folder and those in it, with what changes when it is written."""
    found = set()
    for place, _, names in os.walk(str(folder)):
        for name in names:
            try:
                status = os.stat(os.path.join(place, name))
            except FileNotFoundError:
                continue
            found.add((place, name, status.st_ino, status.st_size))
    return found
