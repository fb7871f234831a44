"""The grid of a sweep: combinations of settings, and the order in which they are measured."""

import itertools
import random
from typing import Any, Dict, List, NamedTuple, Optional, Sequence, Tuple

ACCURACY = 0  # the round that measures accuracy, if there are labels; the others measure speed

Resolution = Tuple[int, int]  # width and height


class Combination(NamedTuple):
    """One setting of the program.

    capture: resolution of the frames, None for the source's own. size: longer side of the network's input. fps: the
    configured rate, None for as fast as possible. backend: its name, with a precision as in `openvino:bf16` if one is
    given. pacing: what keeps the rate, `deadline` or `delay`.
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
        """Each setting as it is written on the command line, in the order of the table."""
        return {
            "capture": f"{self.capture[0]}x{self.capture[1]}" if self.capture else "own",
            "size": str(self.size),
            "fps": "max" if self.fps is None else f"{self.fps:g}",
            "backend": self.backend,
            "pacing": self.pacing,
        }


class Task(NamedTuple):
    """One measurement: a combination, in one round."""

    combination: Combination
    round: int

    @property
    def key(self) -> str:
        return f"{self.combination.key}#{self.round}"


def combinations(
    captures: Sequence[Optional[Resolution]],
    sizes: Sequence[int],
    rates: Sequence[Optional[float]],
    backends: Sequence[str],
    pacings: Sequence[str],
) -> List[Combination]:
    """All of them, once each. Without a rate there is nothing to pace, so `max` is measured once, as a deadline."""
    every = itertools.product(captures, sizes, rates, backends, pacings)
    paced = (Combination(c, s, fps, b, pacing if fps else "deadline") for c, s, fps, b, pacing in every)
    return list({combination.key: combination for combination in paced}.values())


def tasks(grid: Sequence[Combination], rounds: int, labelled: bool) -> List[Task]:
    """All measurements, round by round, each in another order, so that a machine that slows down favours none."""
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
    """Invert `as_json`. Raises LookupError, TypeError, ValueError or OverflowError for anything else."""
    capture, fps = fields["capture"], fields["fps"]
    return Combination(
        None if capture is None else (int(capture[0]), int(capture[1])),
        int(fields["size"]),
        None if fps is None else float(fps),
        str(fields["backend"]),
        str(fields["pacing"]),
    )
