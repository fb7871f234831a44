"""Evaluates a classifier on CIFAR-100: accuracy, confusions, speed and memory, as measured on this device."""

import argparse
import importlib.util
import json
import os
import sys
import time
from typing import Any, Dict, Optional, Sequence, Tuple

import numpy as np

from app import __version__
from app.backends import BACKENDS, DEVICES, PRECISIONS
from app.classification.card import ClassifierCard, read_classifier_card
from app.classification.cifar100 import FILES, SIDE, Cifar100
from app.classification.evaluation import compare, speed, summary
from app.classification.scores import Scores
from app.classifier import DEFAULT_MODEL, Classifier, load_classifier
from app.command import Parser, exit_code, leave, number, print_lines
from app.errors import ModelError, UsageError
from app.files import check_writable, reject_overwrites, write_file
from app.modelcard import WEIGHTS, card_path, find_model
from app.stop import Stop
from app.timing.histogram import Histogram
from app.timing.memory import peak_memory

DESCRIPTION = """Evaluate a classifier on CIFAR-100: accuracy, confusions, speed and memory, as measured on this device.

After the complete test set, exit code 4 means that top-1 or top-5 differs by more than 0.1 points from the model's
card. Ctrl-C stops early and reports the images so far.
"""
EXAMPLES = """examples:
  python -m app.evaluate
  python -m app.evaluate --model nano_resnet_s --batch 16 --report accuracy.json --confusion confusion.png
  python -m app.evaluate --data cifar-100-binary.tar.gz --limit 1000 --backend tensorrt --precision fp16
"""
DEFAULT_DATA = os.path.join(WEIGHTS, "cifar-100-binary")
WARM_UPS = 3  # inferences


def make_parser() -> argparse.ArgumentParser:
    """The command line of `python -m app.evaluate`."""
    parser = Parser(prog="python -m app.evaluate", description=DESCRIPTION, epilog=EXAMPLES)
    model = parser.add_argument_group("model")
    model.add_argument(
        "--model", metavar="NAME", default=DEFAULT_MODEL, help="name in weights/, or ONNX file (default: %(default)s)"
    )
    model.add_argument("--backend", choices=BACKENDS, default="auto", help="runtime (default: %(default)s)")
    model.add_argument("--device", choices=DEVICES, default="auto", help="processor (default: %(default)s)")
    model.add_argument(
        "--precision",
        choices=PRECISIONS,
        default="auto",
        help="arithmetic (default: fp32, or the TensorRT engine's)",
    )

    data = parser.add_argument_group("data")
    data.add_argument(
        "--data",
        metavar="PATH",
        default=DEFAULT_DATA,
        help="CIFAR-100, binary version: a folder or an archive (default: weights/cifar-100-binary)",
    )
    data.add_argument("--split", choices=Cifar100.splits, default="test", help="set of images (default: %(default)s)")
    data.add_argument(
        "--batch",
        type=number(int, 1, 10000, "a batch"),
        metavar="N",
        default=1,
        help="images per inference (default: %(default)s)",
    )
    data.add_argument(
        "--limit",
        type=number(int, 1, 10**9, "a limit"),
        metavar="N",
        help="only the first N images (default: all)",
    )

    output = parser.add_argument_group("output")
    output.add_argument("--report", metavar="FILE", help="write the results as JSON")
    output.add_argument("--confusion", metavar="FILE.png", help="write a picture of the confusion matrix")
    parser.add_argument("--version", action="version", version="nanoyolo " + __version__)
    return parser


def check_outputs(args: argparse.Namespace, model: str) -> None:
    """Raise UsageError if an output would overwrite an input or the other output, OutputError if it is not writable."""
    if args.confusion is not None and not args.confusion.lower().endswith(".png"):
        raise UsageError(f"--confusion {args.confusion}: the picture is a PNG file; choose a name that ends in .png")
    inputs = [model, card_path(model), args.data, *(os.path.join(args.data, name) for name in FILES)]
    reject_overwrites((("--report", args.report), ("--confusion", args.confusion)), inputs)
    for path in (args.report, args.confusion):
        if path is not None:
            check_writable(path)


def check_fit(model: str, card: ClassifierCard, data: Cifar100) -> None:
    """Raise ModelError unless the model's image size, labels and superclasses are those of the data."""
    if (card.height, card.width) != (SIDE, SIDE):
        size = f"{card.width}x{card.height}"
        raise ModelError(f"{model}: takes images of {size} pixels, and those of CIFAR-100 have {SIDE}x{SIDE}")
    for kind, own, theirs in (
        ("label", card.labels, data.fine_names),
        ("superclass", card.superclasses, data.coarse_names),
    ):
        if len(own) != len(theirs):
            raise ModelError(f"{model}: its card has {len(own)} {kind} names, the data have {len(theirs)}")
        for index, (name, expected) in enumerate(zip(own, theirs)):
            if name != expected:
                raise ModelError(f"{model}: {kind} {index} is {name} on its card, and {expected} in the data")


def warm_up(classifier: Classifier, stop: Stop) -> float:
    """Run the model a few times on black images; the time taken in seconds. Raises ModelError."""
    began = time.perf_counter()
    images = np.zeros((classifier.batch, 3, SIDE, SIDE), np.uint8)
    for _ in range(WARM_UPS):
        if not stop.requested:
            classifier.logits(images)
    return time.perf_counter() - began


def run(classifier: Classifier, data: Cifar100, split: str, total: int, stop: Stop) -> Tuple[Scores, Histogram, float]:
    """Classify the first `total` images, or fewer where `stop` is requested.

    Returns the scores, the seconds per batch, and the seconds in all, reading included. Raises ModelError, SourceError.
    """
    scores, batches = Scores(classifier.card.labels, classifier.card.superclass_of), Histogram()
    bar: Any = None
    if sys.stderr.isatty() and importlib.util.find_spec("tqdm") is not None:
        from tqdm import tqdm  # here, because it is needed on a terminal only

        bar = tqdm(total=total, unit=" images", leave=False, dynamic_ncols=True)
    began = time.perf_counter()
    try:
        for images, fine, coarse in data.batches(split, classifier.batch, total):
            if stop.requested:
                break
            started = time.perf_counter()
            logits = classifier.logits(images)
            batches.add(time.perf_counter() - started)
            scores.add(logits, fine, coarse)
            if bar is not None:
                bar.update(len(images))
    finally:
        if bar is not None:
            bar.close()
    return scores, batches, time.perf_counter() - began


def evaluate(args: argparse.Namespace) -> None:
    """Run the evaluation that the command line describes. Raises NanoyoloError."""
    model = find_model(args.model)
    check_outputs(args, model)
    with Stop() as stop:
        card = read_classifier_card(model)  # before what takes long: unpacking an archive, loading an engine
        data = Cifar100(args.data)
        check_fit(model, card, data)
        with load_classifier(
            model, backend=args.backend, device=args.device, precision=args.precision, batch=args.batch
        ) as classifier:
            count = data.count(args.split)
            total = min(count, args.limit or count)
            warm_up_s = warm_up(classifier, stop)
            scores, batches, seconds = run(classifier, data, args.split, total, stop)
            description = classifier.backend.description
        fields: Dict[str, Any] = {
            "kind": "evaluate",
            "model": card.name,
            "backend": description,
            "data": args.data,
            "split": args.split,
            "images": scores.images,
            "complete": scores.images == total,
            "batch": args.batch,
        }
        fields.update(scores.report())
        fields.update(speed(scores.images, args.batch, batches))
        fields.update(time_s=round(seconds, 3), warm_up_s=round(warm_up_s, 3), peak_memory_mb=peak_memory())
        fields["card"], verdict = compare(fields, card.accuracy)
        fields["version"] = __version__
        if args.report is not None:
            write_file(args.report, (json.dumps(fields, indent=2) + "\n").encode())
        if args.confusion is not None:
            write_file(args.confusion, picture(scores, card, fields))
        print_lines(summary(fields, verdict))
        if fields["card"] is not None and not fields["card"]["agrees"]:
            raise ModelError(verdict)


def picture(scores: Scores, card: ClassifierCard, fields: Dict[str, Any]) -> bytes:
    """The confusion matrix as a PNG file."""
    import cv2  # here, because it takes memory that an evaluation without a picture does not need

    from app.classification.heatmap import draw_confusion

    accuracy = "{:.2f} % top-1".format(100 * fields["top1"]) if scores.images else "no images"
    title = f"{card.name}: {accuracy} on CIFAR-100"
    subtitle = "{} images of the {} set{}; {}".format(
        scores.images, fields["split"], "" if fields["complete"] else ", stopped early", fields["backend"]
    )
    counts = scores.confusion.counts
    image = draw_confusion(counts, card.labels, card.superclasses, card.superclass_of, title, subtitle)
    return bytes(cv2.imencode(".png", image)[1])


def main(argv: Optional[Sequence[str]] = None) -> int:
    """Run the command; its exit code."""
    return exit_code(lambda: evaluate(make_parser().parse_args(argv)))


if __name__ == "__main__":
    leave(main())
