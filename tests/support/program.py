"""The command itself, in a process of its own, and what it leaves behind."""

import json
import os
import subprocess
import sys

import cv2

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


def detect(*args, **options):
    """Run the command to its end: (exit code, standard output, standard error)."""
    process = start(*args, **options)
    try:
        out, err = process.communicate(timeout=PATIENCE)
    finally:
        process.kill()
    return process.returncode, out, err


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
