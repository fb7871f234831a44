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
    """The medians of a row, in ms. load: of a batch. step, train: of a step alone, and while batches are loaded.

    wait: by how much loading makes a step longer, from 0 to `load`; what is beyond that is how rounds differ.
    """

    load: float
    step: float
    train: float
    wait: float

    @property
    def hidden(self) -> float:
        """The share of loading, from 0 to 1, that happens behind the step: what does not make the step longer."""
        return 1 - self.wait / self.load

    @property
    def share(self) -> float:
        """The share of the training's time that is waiting."""
        return self.wait / (self.step + self.wait)

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
    wait = min(load, max(0.0, statistics.median(turn.train - turn.step for turn in turns)))
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
    medians = {row: waiting(turns, batches) for row, turns in found.items()}
    slowest = max(found, key=lambda row: medians[row].load / medians[row].step)
    own = medians[slowest]
    name = f"{slowest.backend}, {slowest.kind}, {slowest.workers} workers"
    waited = [row for row in found if medians[row].verdict != "no"]
    beside = f"at most {own.load / own.step:.0%} of a step ({name})"
    if not waited:
        return f"Loading a batch takes {beside}: it is not what one waits for."
    return f"Loading a batch takes {beside}; of {len(found)} rows, the training waits in {len(waited)}."
