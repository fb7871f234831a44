"""Standard output that cannot be written to ends every command with one line and exit code 5."""

import errno
import importlib
import io
import os
import subprocess
import sys

import pytest
from support.program import MODEL, ROOT, needs_model

from app.command import exit_code

COMMANDS = ["app.detect", "app.classify", "app.evaluate", "app.doctor", "nanoyolo.__main__", "tools.sweep.__main__"]
COMMANDS += ["tools.fetch.__main__", "tools.convert", "tools.build_engine", "tools.demo", "tools.camera_servers.mjpeg"]
if sys.version_info >= (3, 9):  # the others run on the developer's machine only
    COMMANDS += ["tools." + name for name in ("bench.__main__", "cost.__main__", "report.__main__", "soak.__main__")]
    COMMANDS += ["tools.train.__main__", "tools.score.__main__", "tools.bench_classifier"]
needs_full = pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs /dev/full")


class Full(io.StringIO):
    """Standard output on a full disk."""

    def write(self, text):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


@pytest.mark.parametrize("name", COMMANDS)
def test_help_on_a_full_disk(monkeypatch, capsys, name):
    module = importlib.import_module(name)
    monkeypatch.setattr(sys, "argv", ["it", "--help"])
    monkeypatch.setattr(sys, "stdout", Full())
    try:
        code = exit_code(module.demo) if name == "tools.demo" else module.main()
    except SystemExit as end:  # the command of the package
        code = end.code
    assert code == 5
    assert capsys.readouterr().err == "error: cannot write to standard output: No space left on device\n"


DETECT = ["-m", "app.detect", "--cam", "test://64x48?frames=3", "--size", "64", "--no-show"]
DETECT += ["--model", MODEL, "--jsonl"]
LISTED = ["-m", "app.detect", "--list-backends"]
CASES = [
    pytest.param(LISTED, ">/dev/full", 5, "No space left on device", id="a full disk"),
    pytest.param(LISTED, ">&-", 5, "it is closed", id="closed"),
    pytest.param(LISTED, ">/dev/full 2>/dev/full", 5, "", id="both on a full disk"),
    pytest.param([*LISTED, "--bogus"], "2>/dev/full", 2, "", id="an error on a full disk"),
    pytest.param([*DETECT, "-"], ">/dev/full", 5, "No space left on device", id="JSON lines on a full disk"),
    pytest.param([*DETECT, "-"], ">&-", 5, "is closed; name a file", id="JSON lines where it is closed"),
    pytest.param([*DETECT, "{}"], "<&- >&- 2>&-", 0, "", id="all closed, and not needed"),
    pytest.param([*DETECT, "{}"], "2>/dev/full", 0, "", id="a summary on a full disk"),
]


@pytest.mark.slow
@needs_model
@needs_full
@pytest.mark.parametrize("args, streams, code, words", CASES)
def test_processes(tmp_path, args, streams, code, words):
    """What Python does at its end is part of it: it flushes, and would complain and end with 120."""
    lines = tmp_path / "found.jsonl"
    command = [sys.executable] + [str(lines) if arg == "{}" else arg for arg in args]
    done = subprocess.run(
        ["sh", "-c", 'exec "$@" ' + streams, "sh", *command],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        universal_newlines=True,
    )
    errors = [line for line in done.stderr.splitlines() if not line.startswith(("3 frames", "ms per", "0 det", "yolo"))]
    assert done.returncode == code, done.stderr
    assert len(errors) == bool(words), done.stderr
    assert words in done.stderr
    if "{}" in args:
        assert len(lines.read_text().splitlines()) == 3


@pytest.mark.slow
@needs_model
@pytest.mark.parametrize("args", [LISTED, [*DETECT, "-"]], ids=["a list", "JSON lines"])
def test_a_pipe_whose_reader_ended(args):
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run(
        [sys.executable, *args], cwd=ROOT, stdout=writer, stderr=subprocess.PIPE, universal_newlines=True
    )
    os.close(writer)
    assert done.returncode == 5, done.stderr
    assert "standard output" in done.stderr
    assert "Exception ignored" not in done.stderr


@pytest.mark.slow
@needs_model
@pytest.mark.parametrize("variables", [{"PYTHONIOENCODING": "ascii"}, {"LC_ALL": "C", "PYTHONUTF8": "0"}], ids=str)
def test_a_name_that_the_terminal_cannot_show(tmp_path, variables):
    """On both streams."""
    name = str(tmp_path / "caf\u00e9.png").encode()
    args = [sys.executable, "-m", "nanoyolo", "detect", "--cam", name]
    env = dict(os.environ, **variables)
    done = subprocess.run(args, cwd=ROOT, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert (done.returncode, len(done.stderr.splitlines())) == (3, 1)
    assert b"caf" in done.stderr
