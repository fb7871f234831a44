"""The memory of the loop with several workers, and of several cameras. Each run is a process of its own."""

import json
import subprocess
import sys
from typing import Callable, Dict, List

from app.errors import ModelError
from tools.bench.loops import input_shape, worker_name
from tools.bench.turns import Setting, spread, take_turns
from tools.json_file import Json
from tools.soak.program import ROOT

CAMERA = "test://640x480@10?live"
FRAMES = 100  # of each source in a run


def compare_memory(setting: Setting) -> Json:
    """Peak memory on the video with each number of workers, with one camera and with several, and of each further one.

    The cameras deliver 640x480, and the most workers look at them.
    """
    most, count = max(setting.workers), setting.cameras
    runners: Dict[str, Callable[[int], float]] = {
        f"video, {worker_name(workers)}": _run(setting, workers, [setting.video]) for workers in setting.workers
    }
    runners["1 camera"] = _run(setting, most, [CAMERA])
    runners[f"{count} cameras"] = _run(setting, most, [CAMERA] * count)
    rounds = take_turns(runners, dict.fromkeys(runners, FRAMES), setting)
    further = [(each[f"{count} cameras"] - each["1 camera"]) / (count - 1) for each in rounds]
    return {
        "input": list(input_shape(setting)),
        "memory_mb": {name: spread([each[name] for each in rounds]) for name in runners},
        "further_camera_mb": spread(further),
    }


def _run(setting: Setting, workers: int, sources: List[str]) -> Callable[[int], float]:
    spec = {"model": setting.model, "size": setting.size, "workers": workers, "sources": sources}
    return lambda frames: peak_of({**spec, "frames": frames})


def peak_of(spec: Json) -> float:
    """Peak memory in MB of a run in a fresh process; see `peak.py`. Raises ModelError with what that process says."""
    command = [sys.executable, "-m", "tools.bench.peak", json.dumps(spec)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    if done.returncode:
        said = (done.stderr.strip() or f"exit code {done.returncode}").splitlines()[-1]
        raise ModelError("the process that was to be measured failed: " + said.replace("error: ", "", 1))
    return float(done.stdout)
