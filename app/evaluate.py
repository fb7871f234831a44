"""Evaluates a classifier on CIFAR-100 as this device computes it: accuracy, mistakes, speed and memory."""

import argparse
import importlib.util
import json
import os
import sys
import time
from typing import Any, Dict, List, Optional, Sequence, Tuple

import numpy as np

from app import __version__
from app.backends import BACKENDS, DEVICES, PRECISIONS
from app.classification.card import ClassifierCard
from app.classification.cifar100 import FILES, SIDE, SPLITS, Cifar100
from app.classification.evaluation import compare, speed, summary
from app.classification.scores import Scores
from app.classifier import DEFAULT_MODEL, Classifier, load_classifier
from app.command import Parser, exit_code, leave, number
from app.errors import ModelError, OutputError, UsageError
from app.files import check_writable, write_file
from app.modelcard import WEIGHTS, card_path, find_model
from app.stop import Stop
from app.timing.histogram import Histogram
from app.timing.memory import peak_memory

DESCRIPTION = """Evaluates a classifier on CIFAR-100 as this device computes it: accuracy, mistakes, speed and memory.

On the whole test set it ends with code 4 where top-1 or top-5 is more than 0.1 points from what the model's card says.
Ctrl-C ends it early, with the figures so far.
"""
EXAMPLES = """examples:
  python -m app.evaluate
  python -m app.evaluate --model nano_resnet --batch 16 --report accuracy.json --confusion confusion.png
  python -m app.evaluate --data cifar-100-binary.tar.gz --limit 1000 --backend tensorrt --precision fp16
"""
DEFAULT_DATA = os.path.join(WEIGHTS, "cifar-100-binary")
WARM_UPS = 3  # inferences


def make_parser() -> argparse.ArgumentParser:
    """The command line of `python -m app.evaluate`."""
    parser = Parser(prog="python -m app.evaluate", description=DESCRIPTION, epilog=EXAMPLES)
    model = parser.add_argument_group("model")
    model.add_argument(
        "--model", metavar="NAME", default=DEFAULT_MODEL, help="name in weights/, or a file (default: %(default)s)"
    )
    model.add_argument("--backend", choices=BACKENDS, default="auto", help="(default: %(default)s)")
    model.add_argument("--device", choices=DEVICES, default="auto", help="(default: %(default)s)")
    model.add_argument("--precision", choices=PRECISIONS, default="auto", help="of the arithmetic (default: fp32)")

    data = parser.add_argument_group("data")
    data.add_argument(
        "--data",
        metavar="PATH",
        default=DEFAULT_DATA,
        help="CIFAR-100 in binary form, a folder or an archive (default: weights/cifar-100-binary)",
    )
    data.add_argument("--split", choices=SPLITS, default="test", help="(default: %(default)s)")
    data.add_argument(
        "--batch",
        type=number(int, 1, 10000, "a batch"),
        metavar="N",
        default=1,
        help="images per inference (default: %(default)s)",
    )
    data.add_argument(
        "--limit", type=number(int, 1, 10**9, "a limit"), metavar="N", help="only the first N images (default: all)"
    )

    output = parser.add_argument_group("output")
    output.add_argument("--report", metavar="FILE", help="the figures, as JSON")
    output.add_argument("--confusion", metavar="FILE.png", help="a picture of what was taken for what")
    parser.add_argument("--version", action="version", version="nanoyolo " + __version__)
    return parser


def check_outputs(args: argparse.Namespace, model: str) -> None:
    """Raise UsageError if an output would overwrite an input or the other one, OutputError if it cannot be written."""
    if args.confusion is not None and not args.confusion.lower().endswith(".png"):
        raise UsageError(f"--confusion {args.confusion}: is a picture, and its name should end in .png")
    inputs = [model, card_path(model), args.data, *(os.path.join(args.data, name) for name in FILES)]
    taken = {os.path.realpath(path): path for path in inputs}
    for option, path in (("--report", args.report), ("--confusion", args.confusion)):
        if path is not None:
            place = os.path.realpath(path)
            if place in taken:
                raise UsageError(f"{option} {path}: would overwrite {taken[place]}; name another")
            check_writable(path)
            if not os.path.exists(path) or os.path.isfile(path):  # a device or pipe takes both
                taken[place] = path


def check_fit(model: str, card: ClassifierCard, data: Cifar100) -> None:
    """Raise ModelError unless the model is one for this data: the same size of image, the same labels."""
    if (card.height, card.width) != (SIDE, SIDE):
        raise ModelError(
            f"{model}: takes images of {card.width}x{card.height} pixels, those of CIFAR-100 have {SIDE}x{SIDE}"
        )
    for what, own, theirs in (
        ("label", card.labels, data.fine_names),
        ("superclass", card.superclasses, data.coarse_names),
    ):
        if len(own) != len(theirs):
            raise ModelError(f"{model}: has {len(own)} {what} names, the data have {len(theirs)}")
        for index, (name, expected) in enumerate(zip(own, theirs)):
            if name != expected:
                raise ModelError(f"{model}: {what} {index} is {name} to it, {expected} in the data")


def warm_up(classifier: Classifier, stop: Stop) -> float:
    """Run the model a few times on a batch of the shape to come; the seconds that took. Raises ModelError."""
    began = time.perf_counter()
    images = np.zeros((classifier.batch, 3, SIDE, SIDE), np.uint8)
    for _ in range(WARM_UPS):
        if not stop.requested:
            classifier.logits(images)
    return time.perf_counter() - began


def run(classifier: Classifier, data: Cifar100, split: str, total: int, stop: Stop) -> Tuple[Scores, Histogram, float]:
    """Classify the first `total` images until told to stop: scores, seconds per batch, seconds with reading.

    Raises ModelError, SourceError.
    """
    scores, batches = Scores(classifier.card.labels, classifier.card.superclass_of), Histogram()
    bar: Any = None
    if sys.stderr.isatty() and importlib.util.find_spec("tqdm") is not None:
        from tqdm import tqdm  # here, because a program without a terminal need not load it

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
    """Do what the command line says."""
    model = find_model(args.model)
    check_outputs(args, model)
    with Stop() as stop:
        data = Cifar100(args.data)
        with load_classifier(
            args.model, backend=args.backend, device=args.device, precision=args.precision, batch=args.batch
        ) as classifier:
            card = classifier.card
            check_fit(model, card, data)
            count = data.count(args.split)
            total = min(count, args.limit or count)
            warm_up_s = warm_up(classifier, stop)
            scores, batches, seconds = run(classifier, data, args.split, total, stop)
            description = classifier.backend.description
        fields: Dict[str, Any] = {
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
        tell(summary(fields, verdict))
        if fields["card"] is not None and not fields["card"]["agrees"]:
            raise ModelError(verdict)


def picture(scores: Scores, card: ClassifierCard, fields: Dict[str, Any]) -> bytes:
    """The confusion matrix as a PNG file."""
    import cv2  # here, because it costs memory that an evaluation without a picture need not have

    from app.classification.heatmap import draw_confusion

    accuracy = "{:.2f} % top-1".format(100 * fields["top1"]) if scores.images else "nothing evaluated"
    title = f"{card.name}: {accuracy} on CIFAR-100"
    subtitle = "{} images of the {} set{}; {}".format(
        scores.images, fields["split"], "" if fields["complete"] else ", stopped early", fields["backend"]
    )
    counts = scores.confusion.counts
    image = draw_confusion(counts, card.labels, card.superclasses, card.superclass_of, title, subtitle)
    return bytes(cv2.imencode(".png", image)[1])


def tell(lines: List[str]) -> None:
    """Print the summary. Raises OutputError where nobody reads it."""
    text = "\n".join(lines)
    try:
        encoding = getattr(sys.stdout, "encoding", None) or "utf-8"
        print(text.encode(encoding, "backslashreplace").decode(encoding), flush=True)
    except OSError as error:
        sys.stdout = open(os.devnull, "w")  # noqa: SIM115  # what is left in it must not fail again at the end
        raise OutputError(f"standard output cannot be written to: {error.strerror}") from error


def main(argv: Optional[Sequence[str]] = None) -> int:
    """Run the command; its exit code."""
    return exit_code(lambda: evaluate(make_parser().parse_args(argv)))


if __name__ == "__main__":
    leave(main())
