"""A disk of a test's own, which fills up."""

import contextlib
import subprocess

import pytest


@contextlib.contextmanager
def small_disk(folder, size):
    """A new folder with as much room as `size` says, for example 8m; skips the test without the right to mount one."""
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder)]
    mounted = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    if mounted.returncode:
        pytest.skip("needs the right to mount a disk")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


def fill(path):
    """Write to a file until the disk is full."""
    with contextlib.suppress(OSError), open(str(path), "wb", buffering=0) as file:
        while file.write(bytes(1 << 12)) == 1 << 12:
            pass
