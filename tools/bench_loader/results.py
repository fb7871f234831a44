"""Figures of `tools.bench_loader`: medians over rounds, and differences within rounds."""

import statistics
from typing import NamedTuple, Sequence

from tools.tables import Table

WORTH_A_WORD = 0.05  # share of the step from which waiting matters; less is within what rounds differ by


class Row(NamedTuple):
    """What was measured: a kind of loader on a backend, with so many workers."""

    backend: str
    kind: str
    workers: int


class Turn(NamedTuple):
    """What one round found, in seconds: an epoch that only loads, a step alone, and a step while batches are loaded."""

    load: float
    step: float
    train: float


class Waiting(NamedTuple):
    """The medians of a row. load: ms per batch. step, train: ms per step alone, and while batches are loaded."""

    load: float
    step: float
    train: float
    wait: float

    @property
    def hidden(self) -> float:
        """The share of loading, from 0 to 1, that happens behind the step: what does not make the step longer."""
        return min(1.0, max(0.0, 1 - self.wait / self.load))

    @property
    def share(self) -> float:
        """The share of the training's time that is waiting."""
        return max(0.0, self.wait) / (self.step + max(0.0, self.wait))

    @property
    def verdict(self) -> str:
        """Whether loading is what one waits for."""
        if self.share < WORTH_A_WORD:
            return "no"
        return f"yes, {self.share:.0%} of the time" if self.share >= 0.5 else f"for {self.share:.0%} of the time"


def waiting(turns: Sequence[Turn], batches: int) -> Waiting:
    """Of one row. batches: in an epoch. What is waited for is the difference of steps within a round."""
    load = statistics.median(turn.load for turn in turns) / batches
    step = statistics.median(turn.step for turn in turns)
    train = statistics.median(turn.train for turn in turns)
    wait = statistics.median(turn.train - turn.step for turn in turns)
    return Waiting(*(seconds * 1e3 for seconds in (load, step, train, wait)))


def loader_table(found: dict[Row, list[Turn]], batches: int) -> Table:
    """A row for each loader and number of workers. batches: in an epoch."""
    rows = []
    for row, turns in found.items():
        own = waiting(turns, batches)
        rows.append(
            [
                f"{row.backend}: {row.kind}",
                str(row.workers),
                f"{statistics.median(turn.load for turn in turns):.2f}",
                f"{own.load:.1f}",
                f"{own.step:.0f}",
                f"{own.train:.0f}",
                f"{own.hidden:.0%}",
                own.verdict,
            ]
        )
    header = ["", "workers", "s per epoch", "ms per batch", "ms per step", "with it", "hidden", "waited for?"]
    return Table("", header, rows)


def conclusion(found: dict[Row, list[Turn]], batches: int) -> str:
    """One line for all rows: the slowest loading beside its step."""
    slowest = max(found, key=lambda row: waiting(found[row], batches).load / waiting(found[row], batches).step)
    own = waiting(found[slowest], batches)
    name = f"{slowest.backend}, {slowest.kind}, {slowest.workers} workers"
    waited = [row for row in found if waiting(found[row], batches).verdict != "no"]
    beside = f"at most {own.load / own.step:.0%} of a step ({name})"
    if not waited:
        return f"Loading a batch takes {beside}: it is not what one waits for."
    return f"Loading a batch takes {beside}; {len(waited)} of {len(found)} loaders make the training wait."
