"""Exports the snapshots of a run, and measures them together."""

import os
import shlex
from typing import Any

from app.classification.evaluation import percent
from app.errors import say
from tools.train.checkpoint import load_network, without_optimiser
from tools.train.data import Data
from tools.train.export import export, measure
from tools.train.snapshots import outputs


def export_snapshots(model: Any, journal: Any, data: Data) -> None:
    """Export all snapshots but the last, which is the run's own output, and say what all of them reach together.

    Snapshot K goes to NAME-K.onnx where the output is NAME.onnx, with a card beside it. model: the network of the run,
    whose weights are overwritten. Raises ModelError, OutputError, SourceError.
    """
    options = journal.options
    network = without_optimiser(model)
    paths = outputs(options)
    for number, (name, path) in enumerate(zip(journal.snapshots[:-1], paths), start=1):
        load_network(network, os.path.join(journal.folder, name))
        training = journal.summary(number * options.epochs // options.snapshots)
        export(network, path, data, training, options.half)
    scores = measure(paths, data.source)
    together, alone = scores.report(), scores.members_top1()[-1]
    command = shlex.join(["python", "-m", "app.evaluate", "--model", *paths, "--data", options.data])
    say(
        f"all {len(paths)} snapshots together: {percent(together['top1'])} top-1, {percent(together['top5'])} top-5 "
        f"on the test set, {100 * (together['top1'] - alone):+.2f} points of top-1 against the last one alone; "
        f"measure it with: {command}"
    )
