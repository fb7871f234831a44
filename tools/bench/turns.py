"""What is measured and how: rivals take turns within each round, so that a machine whose speed drifts favours none."""

import statistics
from typing import Any, Callable, Dict, List, NamedTuple, Sequence, Tuple

from tqdm import tqdm

Json = Dict[str, Any]
Runner = Callable[[int], float]  # given a number of frames, it gives frames per second without the warm-up
Rounds = List[Dict[str, float]]  # of each round: frames per second by runner

FEWEST = 30  # frames of a turn with a loop


class Setting(NamedTuple):
    """What is measured.

    model: path of an ONNX file. size: longer side of the network's input. rounds: how often each has its turn. seconds:
    about how long a turn takes. threads: of ONNX Runtime's sessions. video: a file. frame: height and width of its
    frames. backends: names as `openvino` or `openvino:bf16`; none for all that run here.
    """

    model: str
    size: int
    rounds: int
    seconds: float
    threads: int = 1
    video: str = ""
    frame: Tuple[int, int] = (0, 0)
    backends: Sequence[str] = ()


def take_turns(runners: Dict[str, Runner], frames: Dict[str, int], setting: Setting) -> Rounds:
    """Frames per second of each runner in each round. Each round starts with another one."""
    results = []
    turns = range(setting.rounds)
    for turn in tqdm(turns, desc=f"size {setting.size}", unit=" rounds", leave=False, disable=None):
        order = list(runners)
        order = order[turn % len(order) :] + order[: turn % len(order)]
        results.append({name: runners[name](frames[name]) for name in order})
    return results


def spread(values: Sequence[float]) -> Json:
    """Median, least and most."""
    return {
        "median": round(statistics.median(values), 4),
        "least": round(min(values), 4),
        "most": round(max(values), 4),
    }


def rates(rounds: Rounds) -> Json:
    """The spread of each runner's frames per second, by runner in the first round's order."""
    return {name: spread([each[name] for each in rounds]) for name in rounds[0]}


def ratio(rounds: Rounds, name: str, base: str) -> Json:
    """The spread of how many times as fast one is as the other, taken within each round."""
    return spread([each[name] / each[base] for each in rounds])
