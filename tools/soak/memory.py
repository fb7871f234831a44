"""Process many synthetic frames with overlay, recording and JSON lines, and check that memory does not grow."""

import argparse
import os
import tempfile
from typing import List

from tqdm import tqdm

from app.errors import NanoyoloError
from tools.soak.figure import Figure
from tools.soak.program import PATIENCE, Program, cameras_and_names

SAMPLES = 100
SOURCE = "test://320x240@30"


def soak(args: argparse.Namespace) -> List[Figure]:
    """Run the test: memory after a tenth of the frames, and the most that it grew to after that."""
    sizes: List[int] = []
    sources, names = cameras_and_names([SOURCE] * args.cameras)
    each = -(-args.frames // args.cameras)
    with tempfile.TemporaryDirectory() as folder:
        options = ["--size", "64", "--backend", "onnx", "--max-frames", str(each)]
        with Program(*sources, *options, "--save", os.path.join(folder, f"{names}.mkv")) as program:
            for sample in tqdm(range(1, SAMPLES), desc="frames", unit=" %", leave=False, disable=None):
                if not program.wait_for_lines(args.frames * sample // SAMPLES, 10 * PATIENCE):
                    raise NanoyoloError(f"stopped after {program.lines} frames: {program.errors[-3:]}")
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
