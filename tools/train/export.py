"""Exports a trained network: an ONNX file, its accuracy on the test set, and the card that states it."""

import json
import os
import platform
from contextlib import ExitStack
from typing import Any, Sequence

import keras
import numpy
import onnx

from app import __version__
from app.classification.datasets import DataSet
from app.classification.ensemble import Ensemble
from app.classification.evaluation import percent
from app.classification.scores import Scores
from app.classifier import load_classifier
from app.errors import SourceError, say
from app.evaluate import run
from app.files import check_writable, remove_file, write_file
from app.modelcard import CLASSIFICATION, card_path, hash_file
from app.stop import Stop
from models.keras_onnx import emit_onnx
from tools.train.data import Data

BATCH = 100
ACCURACY = ("top1", "top5", "superclass_top1", "loss")


def export(model: keras.Model, output: str, data: Data, training: dict[str, Any], half: bool = False) -> None:
    """Write the model to `output`, an .onnx file, and its card beside it.

    training: the card's record of the training. half: store the weights in float16. The accuracy is measured with the
    file just written, by ONNX Runtime on the CPU, on the complete test set, which a run uses only here. Raises
    OutputError, SourceError.
    """
    check_writable(output)
    source = data.source
    # The old card is removed first and the accuracy written last: where a card states one, the model is complete.
    remove_file(card_path(output))
    write_file(output, emit_onnx(model, size=(source.height, source.width), half=half).SerializeToString())
    card: dict[str, Any] = {
        "name": os.path.splitext(os.path.basename(output))[0],
        "sha256": hash_file(output),
        "task": CLASSIFICATION,
        "data": source.name,
        "input": {
            "layout": "NCHW",
            "colour": "RGB" if source.channels == 3 else "grey",
            "scale": 1,
            "size": [source.height, source.width],
        },
        "accuracy": None,
        "parameters": model.count_params(),
        "training": training,
        "versions": versions(),
        "labels": list(source.labels),
    }
    if source.superclasses:
        card.update(superclasses=list(source.superclasses), superclass_of=_superclass_of(source))
    _write_card(output, card)
    scores = measure([output], source)
    report = scores.report()
    figures = {name: round(report[name], 6) for name in ACCURACY if name in report}
    card["accuracy"] = {"images": scores.images, **figures}
    _write_card(output, card)
    say(f"{output}: {percent(figures['top1'])} top-1, {percent(figures['top5'])} top-5 on the test set")


def measure(outputs: Sequence[str], source: DataSet) -> Scores:
    """What these files reach together, by ONNX Runtime on the CPU, on the complete test set. Raises as `export`.

    Several are an ensemble: the mean of their probabilities.
    """
    with ExitStack() as opened, Stop() as stop:
        members = [
            opened.enter_context(load_classifier(output, backend="onnx", device="cpu", batch=BATCH))
            for output in outputs
        ]
        scores, _, _ = run(Ensemble(members), source, "test", source.count("test"), stop)
    if stop.requested:
        raise KeyboardInterrupt
    return scores


def _superclass_of(source: DataSet) -> list[int]:
    """The superclass of every label, from the training set. Raises SourceError for contradictions or gaps."""
    pairs: set[tuple[int, int]] = set()
    for batch in source.batches("train"):
        assert batch.coarse is not None, "a data set with superclasses"
        pairs.update(zip(batch.fine.tolist(), batch.coarse.tolist()))
    table = [-1] * len(source.labels)
    for fine, coarse in sorted(pairs):
        if table[fine] >= 0:
            raise SourceError(f"{source.path}: label {fine} has superclasses {table[fine]} and {coarse} in training")
        table[fine] = coarse
    missing = [name for name, coarse in zip(source.labels, table) if coarse < 0]
    if missing or len(set(table)) != len(source.superclasses):
        raise SourceError(f"{source.path}: no training image of {', '.join(missing) or 'some superclass'}")
    return table


def _write_card(output: str, card: dict[str, Any]) -> None:
    write_file(card_path(output), (json.dumps(card, indent=1) + "\n").encode())


def versions() -> dict[str, str]:
    """What a model was trained with, for its card."""
    versions = {"nanoyolo": __version__, "python": platform.python_version(), "keras": keras.__version__}
    name = keras.backend.backend()
    module = __import__(name)  # tensorflow, torch or jax
    return {**versions, name: str(module.__version__), "numpy": numpy.__version__, "onnx": onnx.__version__}
