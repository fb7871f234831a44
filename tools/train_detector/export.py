"""Exports a trained detector: the ONNX file, its accuracy on the validation pictures, and the card that states it."""

import json
import os
from typing import Any, Optional, Sequence

from app.detector import load_detector
from app.errors import say
from app.files import check_writable, remove_file, write_file
from app.modelcard import card_path
from models.darknet_keras import convolutions
from models.darknet_onnx import emit_onnx
from tools.score import LEAST_SCORE
from tools.score.detections import find_all
from tools.score.precision import evaluate, figures
from tools.train.export import versions
from tools.train_detector.dataset import DataSet
from tools.train_detector.examples import as_truth
from tools.train_detector.journal import PAGE
from tools.train_detector.network import Detector
from tools.train_detector.page import draw_page

CONFIDENCE = 0.25  # from which on app.detect shows what it finds, unless it is told otherwise
LEAST_SHOWN = 0.1  # whatever a few validation pictures say: other pictures have more that looks a little like an object


def export(detector: Detector, data: DataSet, journal: Any) -> Optional[float]:
    """Write the model and its card, and the page of predictions into the run's folder. Raises OutputError, ModelError.

    Returns the score from which detections are worth showing, if that is known: the one with the best F1 on the
    validation pictures, but not below LEAST_SHOWN.

    The accuracy is measured with the file just written, by ONNX Runtime on the CPU, as `tools.score` does.
    """
    output, size = journal.options.output, journal.options.size
    check_writable(output)
    name = os.path.splitext(os.path.basename(output))[0]
    model = emit_onnx(detector.network, convolutions(detector.network, detector.model), name=name)
    # The old card is removed first and the accuracy written last: where a card states one, the model is complete.
    remove_file(card_path(output))
    write_file(output, model.SerializeToString())
    card = card_of(detector, data.labels, output, size)
    card.update(training=journal.summary(), versions=versions(), accuracy=None)
    _write(output, card)
    if not any(len(example.boxes) for example in data.validation):
        say(f"{output}: is written; its accuracy is not known, since there is nothing to validate on")
        return None
    truth = as_truth(data.validation, data.labels)
    with load_detector(
        output, backend="onnx", device="cpu", size=size, confidence=LEAST_SCORE, multi_label=True
    ) as found:
        detections = find_all(found, truth)
    result = figures(evaluate(truth.dataset, detections))
    objects = len(truth.dataset["annotations"])
    threshold: Optional[float] = (result["best_f1"] or {}).get("threshold")
    card["accuracy"] = {
        "images": len(truth.paths),
        "objects": objects,
        "size": size,
        "ap50": result["ap50"],
        "ap": result["ap"],
        "best_threshold": threshold,
        "per_class": {label: row["ap50"] for label, row in result["per_class"].items()},
    }
    _write(output, card)
    shown = None if threshold is None else max(threshold, LEAST_SHOWN)
    draw_page(os.path.join(journal.folder, PAGE), truth, detections, data.labels, shown or CONFIDENCE)
    if result["ap50"] is not None:
        say(f"{output}: AP50 {result['ap50']:.3f}, AP {result['ap']:.3f} on {len(truth.paths)} validation pictures")
    return shown


def card_of(detector: Detector, labels: Sequence[str], output: str, size: int) -> dict[str, Any]:
    """The card of a model file with this network. size: longer side of the input that it was trained for."""
    card = detector.made_of._replace(network=detector.network, labels=tuple(labels)).card(output)
    card["input"]["size"] = [size, size]
    return card


def _write(output: str, card: dict[str, Any]) -> None:
    write_file(card_path(output), (json.dumps(card, indent=1) + "\n").encode())
