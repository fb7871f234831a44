"""Snapshot ensembles (Huang et al. 2017): a run of several cosine cycles, which keeps the network at the end of each.

At the end of a cycle the rate is 0 and the network near a minimum; the next cycle's high rate takes it to another one.
So one run gives several networks that err differently, and the mean of their probabilities errs less.
"""

import argparse
import os
from typing import Collection, Sequence

from app.errors import ModelError, UsageError
from app.files import numbered


def settle_cycles(options: argparse.Namespace, given: Collection[str]) -> None:
    """Set what --snapshots decides: the schedule, and pictures of one size, for all members to be good at it.

    given: the names of the options on the command line. Raises UsageError for those that contradict it.
    """
    count = options.snapshots
    if options.time_budget is not None:
        raise UsageError("--snapshots: its cycles are equal numbers of epochs; give --epochs and no --time-budget")
    for name in ("schedule", "small_first"):
        if name in given:
            raise UsageError(f"--snapshots and --{name.replace('_', '-')}: give only one of them")
    if options.epochs % count:
        above = -(-options.epochs // count) * count
        others = " or ".join(str(epochs) for epochs in (above - count, above) if epochs)
        raise UsageError(f"--snapshots {count}: does not divide the {options.epochs} epochs; use --epochs {others}")
    options.schedule, options.small_first = "cosine", None


def snapshot_names(options: argparse.Namespace, epochs: int) -> list[str]:
    """The files in a run's folder that hold its snapshots after that number of epochs: one for each complete cycle."""
    if not options.snapshots:
        return []
    complete = epochs * options.snapshots // options.epochs
    return [f"snapshot-{number}.keras" for number in range(1, complete + 1)]


def outputs(options: argparse.Namespace) -> list[str]:
    """The .onnx files of a run, one for each snapshot: NAME-1.onnx and so on, and NAME.onnx of the last one."""
    return [*(numbered(options.output, number) for number in range(1, options.snapshots or 1)), options.output]


def check_present(folder: str, names: Sequence[str]) -> None:
    """Raise ModelError unless these snapshots are in the folder: the export would find out, hours later."""
    for path in (os.path.join(folder, name) for name in names):
        if not os.path.isfile(path):
            raise ModelError(f"{path}: is missing; start again with another --run")
