"""Memory: so many frames of the synthetic source through the real command, with overlay, recording and JSON lines."""

import argparse
import os
import tempfile
from typing import List

from tqdm import tqdm

from app.errors import NanoyoloError
from tools.soak.figure import Figure
from tools.soak.program import PATIENCE, Program

SAMPLES = 100


def soak(args: argparse.Namespace) -> List[Figure]:
    """Do what the command line says. The memory after a tenth of the frames, and what it grew to after that."""
    sizes: List[int] = []
    with tempfile.TemporaryDirectory() as folder:
        source = ["--cam", "test://320x240@30", "--size", "64", "--backend", "onnx", "--max-frames", str(args.frames)]
        with Program(*source, "--save", os.path.join(folder, "soak.mkv")) as program:
            for sample in tqdm(range(1, SAMPLES), desc="frames", unit=" %", leave=False):
                if not program.wait_for_lines(args.frames * sample // SAMPLES, 10 * PATIENCE):
                    raise NanoyoloError(f"it stopped after {program.lines} frames: {program.errors[-3:]}")
                sizes.append(program.usage().resident)
    early, late = sizes[SAMPLES // 10 - 1], max(sizes[SAMPLES // 10 :])
    growth = late / early - 1
    return [
        Figure(
            f"memory over {args.frames} frames",
            f"{early / 1e6:.1f} MB, then at most {late / 1e6:.1f} MB ({growth:+.2%})",
            "less than 1 % after the first tenth",
            growth < 0.01,
        )
    ]
