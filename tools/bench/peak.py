"""A run of the loop in a fresh process, for the peak of its memory: `python -m tools.bench.peak JSON`.

The JSON has the fields model (a path), size, workers, sources (a list of them) and frames (of each). Prints MB. What
this imports, app.detect imports, too.
"""

import json
import sys
from contextlib import ExitStack
from typing import Any, Dict

from app.command import exit_code, leave, print_lines
from app.detector import Detector, load_detector
from app.loop.channel import Channel
from app.pipeline import Pipeline, configure_process
from app.sources import open_source
from app.timing.memory import peak_memory


def peak(spec: Dict[str, Any]) -> float:
    """Peak resident memory of this process in MB after a run; spec: see above."""
    configure_process()
    with ExitStack() as stack:
        size, workers = spec["size"], spec["workers"]
        first = stack.enter_context(
            load_detector(spec["model"], backend="onnx", device="cpu", size=size, workers=workers)
        )
        channels = [
            Channel(
                stack.enter_context(open_source(uri, loop=True)),
                Detector(first.backend, first.card, size=size),
                name=f"cam{number}",
                max_frames=spec["frames"],
                draw=True,
            )
            for number, uri in enumerate(spec["sources"])
        ]
        Pipeline(channels).run()
    return peak_memory()


if __name__ == "__main__":
    leave(exit_code(lambda: print_lines([str(peak(json.loads(sys.argv[1])))])))
