"""Kill the real command with SIGKILL at random moments while it records, and check what is left."""

import argparse
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from typing import List

import cv2
from tqdm import tqdm

from app.errors import NanoyoloError
from tools.soak.figure import Figure
from tools.soak.program import PATIENCE, ROOT

SOURCES = ("test://640x480@30?live", "test://160x120@5?live")  # besides the file


def soak(args: argparse.Namespace) -> List[Figure]:
    """Run the test."""
    chance = random.Random(args.seed)
    bad_lines, unreadable, lost, lines = 0, 0, [], 0
    for turn in tqdm(range(args.kills), unit=" kills", leave=False, disable=None):
        source = (args.cam, *SOURCES)[turn % (1 + len(SOURCES))]
        with tempfile.TemporaryDirectory() as folder:
            texts, video = record_and_kill(source, folder, chance)
            good = [line for line in map(_parse, texts) if line is not None]
            bad_lines += len(texts) - len(good)
            lines += len(good)
            frames = _frames(video)
            unreadable += not frames
            seconds = good[-1]["t"] - good[0]["t"] if good else 0.0
            rate = (len(good) - 1) / seconds if seconds else 1.0
            lost.append(max(0, len(good) - frames) / rate)
    return [
        Figure("incomplete JSON lines", f"{bad_lines} of {lines + bad_lines}", "none", bad_lines == 0),
        Figure("unreadable recordings", f"{unreadable} of {args.kills}", "none", unreadable == 0),
        Figure("most that a recording lost", f"{max(lost):.2f} s", "at most 1 s", max(lost) <= 1),
    ]


def record_and_kill(source: str, folder: str, chance: random.Random) -> "tuple[List[bytes], str]":
    """The lines written until the kill, and the recording's path."""
    video, path = os.path.join(folder, "kill.mkv"), os.path.join(folder, "kill.jsonl")
    arguments = ["--cam", source, "--loop", "--size", "160", "--backend", "onnx", "--save", video, "--jsonl", path]
    command = [sys.executable, "-m", "app.detect", "--no-show", "--offline", *arguments]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    deadline = time.monotonic() + PATIENCE
    while not (os.path.exists(path) and os.path.getsize(path)):
        if process.poll() is not None or time.monotonic() > deadline:
            process.kill()
            raise NanoyoloError(f"{source}: did not start: {process.communicate()[1].decode()}")
        time.sleep(0.01)
    time.sleep(chance.uniform(0.5, 4))
    process.kill()
    process.communicate()
    with open(path, "rb") as file:
        return file.read().splitlines(), video


def _parse(text: bytes) -> "dict | None":
    try:
        return dict(json.loads(text.decode()))
    except ValueError:
        return None


def _frames(video: str) -> int:
    capture = cv2.VideoCapture(video)
    count = 0
    while capture.read()[0]:
        count += 1
    capture.release()
    return count
