"""Rivals take turns within each round, so that a drift of the machine's speed favours none."""

import statistics
from typing import Any, Callable, Dict, List, NamedTuple, Sequence, Tuple, TypeVar

from tqdm import tqdm

from tools.json_file import Json

Runner = Callable[[int], float]  # takes a number of frames, returns frames per second without the warm-up
Rounds = List[Dict[str, float]]  # for each round, frames per second by runner
Result = TypeVar("Result")

FEWEST = 30  # frames of a loop's turn


class Setting(NamedTuple):
    """What is measured.

    model: path of an ONNX file. size: longer side of the network's input. rounds: turns of each rival. seconds: length
    of a turn, roughly. threads: of ONNX Runtime's sessions. video: a file. frame: height and width of its frames.
    backends: names such as `openvino` or `openvino:bf16`; empty for all that run here. workers: the numbers of workers
    of the loop. camera_fps: the rate at which the video is filmed as a camera. cameras: how many film at once.
    """

    model: str
    size: int
    rounds: int
    seconds: float
    threads: int = 1
    video: str = ""
    frame: Tuple[int, int] = (0, 0)
    backends: Sequence[str] = ()
    workers: Sequence[int] = (1,)
    camera_fps: float = 0.0
    cameras: int = 1


def take_turns(
    runners: Dict[str, Callable[[Any], Result]], amounts: Dict[str, Any], setting: Setting
) -> List[Dict[str, Result]]:
    """What each runner returns in each round, when it is called with its amount: of frames, or of seconds.

    Each round starts with a different runner.
    """
    results = []
    turns = range(setting.rounds)
    for turn in tqdm(turns, desc=f"size {setting.size}", unit=" rounds", leave=False, disable=None):
        order = list(runners)
        order = order[turn % len(order) :] + order[: turn % len(order)]
        results.append({name: runners[name](amounts[name]) for name in order})
    return results


def spread(values: Sequence[float]) -> Json:
    """Median, minimum and maximum."""
    return {
        "median": round(statistics.median(values), 4),
        "least": round(min(values), 4),
        "most": round(max(values), 4),
    }


def rates(rounds: Rounds) -> Json:
    """The spread of each runner's frames per second, in the order of the first round."""
    return {name: spread([each[name] for each in rounds]) for name in rounds[0]}


def ratio(rounds: Rounds, name: str, base: str) -> Json:
    """The spread of a runner's rate divided by another's, taken within each round."""
    return spread([each[name] / each[base] for each in rounds])
