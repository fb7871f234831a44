"""A command, run in this process or in one of its own, and what it leaves behind."""

import json
import os
import signal
import subprocess
import sys
import tempfile

import cv2
import pytest

import app.detect

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
SHARED = os.path.join(ROOT, "..", "shared", "data")
CLIP = os.path.join(ROOT, "weights", "bikes.mp4")
MODEL = os.path.join(ROOT, "weights", "yolov3-tiny.onnx")
CARD = os.path.join(ROOT, "weights", "yolov3-tiny.json")
needs_model = pytest.mark.skipif(not os.path.exists(MODEL), reason="the model is not here: python -m tools.convert")
PATIENCE = 60  # seconds after which a command that hangs is killed


def start(*args, module="app.detect", code=None, command=None, env=None, **options):
    """Start a module, some code, or any command, in a process.

    env: added to this process's environment. options: for Popen.
    """
    if command is None:
        command = [sys.executable] + (["-m", module] if code is None else ["-c", code]) + [str(arg) for arg in args]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "universal_newlines": True}
    return subprocess.Popen(command, cwd=ROOT, env=dict(os.environ, **env or {}), **dict(pipes, **options))


def finish(process, patience=PATIENCE):
    """(exit code, standard output, standard error) of a process, which is killed if it hangs."""
    try:
        out, err = process.communicate(timeout=patience)
    finally:
        process.kill()
    return process.returncode, out, err


def call(main, *args, **env):
    """Run the main function of a command in this process: (exit code, standard output, standard error).

    Both descriptors are captured, so that what libraries in C print counts too. env: environment variables. Many times
    faster than a process, which only tests of signals, limits, memory, encodings and imports need.
    """
    environment, streams = dict(os.environ), (sys.stdout, sys.stderr)
    handlers = [(number, signal.getsignal(number)) for number in (signal.SIGINT, signal.SIGTERM)]
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        saved = [_redirect(stream, number, file) for stream, number, file in zip(streams, (1, 2), (out, err))]
        sys.stdout = open(1, "w", closefd=False)  # noqa: SIM115
        sys.stderr = open(2, "w", errors="backslashreplace", closefd=False)  # noqa: SIM115
        os.environ.update(env)
        try:
            code = main([str(arg) for arg in args])
        except SystemExit as ended:  # argparse, after --help
            code = ended.code or 0
        finally:
            os.environ.clear()
            os.environ.update(environment)
            for stream, number, copy in zip((sys.stdout, sys.stderr), (1, 2), saved):
                stream.flush()
                os.dup2(copy, number)
                os.close(copy)
            sys.stdout, sys.stderr = streams
            for number, handler in handlers:
                signal.signal(number, handler)
        return code, _text(out), _text(err)


def _redirect(stream, number, file):
    """Have a descriptor write to a file; a copy of the descriptor."""
    stream.flush()
    copy = os.dup(number)
    os.dup2(file.fileno(), number)
    return copy


def _text(file):
    file.seek(0)
    return file.read().decode()


def detect(*args):
    """Run app.detect to its end in this process, without a display: (exit code, standard output, standard error)."""
    return call(app.detect.main, *args, DISPLAY="")


def frames_of(path):
    """Number of frames that can really be decoded."""
    capture = cv2.VideoCapture(str(path))
    count = 0
    while capture.read()[0]:
        count += 1
    capture.release()
    return count


def lines_of(path):
    """The JSON lines of a file; one that is not whole is an error."""
    with open(str(path)) as file:
        return [json.loads(line) for line in file]
