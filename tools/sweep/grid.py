"""What a sweep tries: combinations of settings, and the order in which they take turns."""

import itertools
import random
from typing import Any, Dict, List, NamedTuple, Optional, Sequence, Tuple

ACCURACY = 0  # the round in which accuracy is measured, where there are labels; the others measure speed

Resolution = Tuple[int, int]  # width and height


class Combination(NamedTuple):
    """One way to set the program.

    capture: resolution of the pictures, None for the source's own. size: longer side of the network's input. fps: the
    configured rate, None for as fast as it goes. backend: its name, with a precision as `openvino:bf16` if it has one.
    pacing: what keeps the rate, `deadline` or `delay`.
    """

    capture: Optional[Resolution]
    size: int
    fps: Optional[float]
    backend: str
    pacing: str

    @property
    def key(self) -> str:
        """Its name in file names and in the journal: 320x240-160-24-onnx-deadline."""
        return "-".join(self.words().values()).replace(":", "_")

    def words(self) -> Dict[str, str]:
        """Each setting as people call it, in the order of the table."""
        return {
            "capture": "{}x{}".format(*self.capture) if self.capture else "own",
            "size": str(self.size),
            "fps": "max" if self.fps is None else "{:g}".format(self.fps),
            "backend": self.backend,
            "pacing": self.pacing,
        }


class Task(NamedTuple):
    """One measurement: a combination, in one round."""

    combination: Combination
    round: int

    @property
    def key(self) -> str:
        """Its name in the journal."""
        return "{}#{}".format(self.combination.key, self.round)


def combinations(
    captures: Sequence[Optional[Resolution]],
    sizes: Sequence[int],
    rates: Sequence[Optional[float]],
    backends: Sequence[str],
    pacings: Sequence[str],
) -> List[Combination]:
    """All of them, once each. Without a rate there is nothing to pace, so `max` is tried once, as a deadline."""
    every = itertools.product(captures, sizes, rates, backends, pacings)
    paced = (Combination(c, s, fps, b, pacing if fps else "deadline") for c, s, fps, b, pacing in every)
    return list({combination.key: combination for combination in paced}.values())


def tasks(grid: Sequence[Combination], rounds: int, labelled: bool) -> List[Task]:
    """All measurements, round by round, each round in another order: a machine that slows down favours nobody."""
    result = [Task(combination, ACCURACY) for combination in grid] if labelled else []
    for turn in range(1, rounds + 1):
        shuffled = list(grid)
        random.Random(turn).shuffle(shuffled)
        result += [Task(combination, turn) for combination in shuffled]
    return result


def as_json(combination: Combination) -> Dict[str, Any]:
    """The combination, for JSON."""
    return dict(combination._asdict())


def from_json(fields: Dict[str, Any]) -> Combination:
    """What `as_json` wrote. Raises LookupError, TypeError, ValueError or OverflowError for anything else."""
    capture, fps = fields["capture"], fields["fps"]
    return Combination(
        None if capture is None else (int(capture[0]), int(capture[1])),
        int(fields["size"]),
        None if fps is None else float(fps),
        str(fields["backend"]),
        str(fields["pacing"]),
    )
