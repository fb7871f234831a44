"""A command, run in this process or in one of its own, and what it leaves behind."""

import json
import os
import subprocess
import sys
import tempfile

import cv2

import app.detect

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
SHARED = os.path.join(ROOT, "..", "shared", "data")
CLIP = os.path.join(ROOT, "weights", "bikes.mp4")
MODEL = os.path.join(ROOT, "weights", "yolov3-tiny.onnx")
CARD = os.path.join(ROOT, "weights", "yolov3-tiny.json")
PATIENCE = 60  # seconds after which a command that hangs is killed


def start(*args, **options):
    """Start the command; options go to Popen, `env` on top of this process's environment. code: run that instead."""
    env = dict(os.environ, **options.pop("env", {}))
    code = options.pop("code", None)
    command = [sys.executable] + (["-m", "app.detect"] if code is None else ["-c", code]) + [str(arg) for arg in args]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "universal_newlines": True}
    return subprocess.Popen(command, cwd=ROOT, env=env, **dict(pipes, **options))


def finish(process):
    """(exit code, standard output, standard error) of a process, which is killed if it hangs."""
    try:
        out, err = process.communicate(timeout=PATIENCE)
    finally:
        process.kill()
    return process.returncode, out, err


def call(main, *args, **env):
    """Run the main function of a command in this process: (exit code, standard output, standard error).

    The descriptors are captured, so that what libraries in C print is in it too. env: environment variables.
    Much faster than a process of its own, which is needed only where the test is about signals, limits, memory, the
    encoding of the arguments or what is imported.
    """
    environment = dict(os.environ)
    streams, saved = (sys.stdout, sys.stderr), []
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        for stream, file, number in zip(streams, (out, err), (1, 2)):
            stream.flush()
            saved.append(os.dup(number))
            os.dup2(file.fileno(), number)
        sys.stdout, sys.stderr = (open(number, "w", closefd=False) for number in (1, 2))  # noqa: SIM115
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
        texts = []
        for file in (out, err):
            file.seek(0)
            texts.append(file.read().decode())
    return code, texts[0], texts[1]


def detect(*args, **options):
    """Run app.detect to its end: (exit code, standard output, standard error). With options, in its own process."""
    if options:
        return finish(start(*args, **options))
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
