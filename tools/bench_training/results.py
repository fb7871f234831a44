"""Figures of `tools.bench_training`: medians over rounds, ratios within rounds."""

import statistics
from typing import Mapping, Sequence

from tools.bench_training.configurations import FORMER, PRESENT, Configuration
from tools.tables import Table

Rounds = Sequence[Mapping[Configuration, float]]  # seconds of a step, by configuration, in each round
# FLOPs of a training step per MAC: a product and a sum forward, and twice that backward, for the gradients of inputs
# and weights. Those of the first layer's inputs and of frozen weights are not computed, but counted.
TRAINING_FLOPS = 6

GOAL_FORMER = 1.4  # how many times as fast as FORMER a step should be
GOAL_TORCH = 1.3  # how many times PRESENT's time a step of PyTorch may take


def step_table(rounds: Rounds, batch: int, macs: int, peaks: Mapping[str, float]) -> Table:
    """A row for each configuration that was measured in every round.

    macs: of an image. peaks: GFLOP/s of a matrix product, by precision; where one is missing, so is the share.
    """
    rows = []
    for configuration in complete(rounds):
        times = [each[configuration] for each in rounds]
        seconds = statistics.median(times)
        slower = statistics.median(each[configuration] / min(each.values()) for each in rounds)
        gflops = TRAINING_FLOPS * macs * batch / seconds / 1e9
        peak = peaks.get(configuration.precision)
        rows.append(
            [
                configuration.label,
                f"{seconds * 1e3:.1f}",
                f"{batch / seconds:.0f}",
                f"{slower:.2f}",
                f"{gflops:.0f}",
                f"{gflops / peak:.0%}" if peak else "",
            ]
        )
    return Table("", ["", "ms per step", "images/s", "x fastest", "GFLOP/s", "of the peak"], rows)


def complete(rounds: Rounds) -> list[Configuration]:
    """The configurations that were measured in every round."""
    return [configuration for configuration in rounds[0] if all(configuration in each for each in rounds)]


def ratio(rounds: Rounds, slow: Configuration, fast: Configuration) -> float:
    """How many times the time of `fast` a step of `slow` takes: the median of the rounds' ratios."""
    return statistics.median(each[slow] / each[fast] for each in rounds)


def goal_lines(rounds: Rounds) -> list[str]:
    """Whether the goals are reached, as far as what they compare was measured."""
    there = complete(rounds)
    lines = []
    if FORMER in there and PRESENT in there:
        found = ratio(rounds, FORMER, PRESENT)
        lines.append(
            f"TensorFlow with oneDNN is {found:.2f} times as fast as without, its own default on a CPU with AVX2 "
            f"(goal: at least {GOAL_FORMER}: {_verdict(found >= GOAL_FORMER)})"
        )
    torch = [configuration for configuration in there if configuration.backend == "torch"]
    torch = [configuration for configuration in torch if configuration.precision == "float32"]
    if torch and PRESENT in there:
        best = min(torch, key=lambda configuration: ratio(rounds, configuration, PRESENT))
        found = ratio(rounds, best, PRESENT)
        lines.append(
            f"PyTorch ({best.label}) takes {found:.2f} times TensorFlow's time with oneDNN "
            f"(goal: at most {GOAL_TORCH}: {_verdict(found <= GOAL_TORCH)})"
        )
    return lines


def _verdict(reached: bool) -> str:
    return "reached" if reached else "missed"
