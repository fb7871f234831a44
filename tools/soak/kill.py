"""Kill the real command with SIGKILL at random moments while it records, and check what is left."""

import argparse
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from typing import List, Sequence

import cv2
from tqdm import tqdm

from app.errors import NanoyoloError
from tools.soak.figure import Figure
from tools.soak.program import PATIENCE, ROOT, cameras_and_names

SOURCES = ("test://640x480@30?live", "test://160x120@5?live")  # besides the file


def soak(args: argparse.Namespace) -> List[Figure]:
    """Run the test."""
    chance = random.Random(args.seed)
    bad_lines, unreadable, lost, lines = 0, 0, [], 0
    for turn in tqdm(range(args.kills), unit=" kills", leave=False, disable=None):
        kinds = (args.cam, *SOURCES)
        sources = [kinds[(turn + number) % len(kinds)] for number in range(args.cameras)]
        with tempfile.TemporaryDirectory() as folder:
            for texts, video in record_and_kill(sources, folder, chance):
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
        Figure("unreadable recordings", f"{unreadable} of {len(lost)}", "none", unreadable == 0),
        Figure("most that a recording lost", f"{max(lost):.2f} s", "at most 1 s", max(lost) <= 1),
    ]


def record_and_kill(sources: Sequence[str], folder: str, chance: random.Random) -> "List[tuple[List[bytes], str]]":
    """The lines of each source that were written until the kill, and the path of its recording."""
    cameras, names = cameras_and_names(sources)
    video, lines = os.path.join(folder, f"{names}.mkv"), os.path.join(folder, f"{names}.jsonl")
    arguments = [*cameras, "--loop", "--size", "160", "--backend", "onnx", "--save", video, "--jsonl", lines]
    command = [sys.executable, "-m", "app.detect", "--no-show", "--offline", *arguments]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    deadline = time.monotonic() + PATIENCE
    paths = [lines.replace("{camera}", f"cam{number}") for number in range(len(sources))]
    while not all(os.path.exists(path) and os.path.getsize(path) for path in paths):
        if process.poll() is not None or time.monotonic() > deadline:
            process.kill()
            raise NanoyoloError(f"{', '.join(sources)}: did not start: {process.communicate()[1].decode()}")
        time.sleep(0.01)
    time.sleep(chance.uniform(0.5, 4))
    process.kill()
    process.communicate()
    return [(_lines(path), path.replace(".jsonl", ".mkv")) for path in paths]


def _lines(path: str) -> List[bytes]:
    with open(path, "rb") as file:
        return file.read().splitlines()


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
