"""Evaluates classifiers on CIFAR-100 or on characters: accuracy, confusions, speed and memory, as measured here."""

import argparse
import importlib.util
import json
import os
import sys
import time
from contextlib import ExitStack
from typing import Any, Dict, List, Optional, Sequence, Tuple, Union

import numpy as np

from app import __version__
from app.classification.arguments import make_parser
from app.classification.card import ClassifierCard, read_classifier_card
from app.classification.cifar100 import Cifar100
from app.classification.datasets import DataSet, data_path
from app.classification.emnist import Emnist
from app.classification.ensemble import Ensemble, check_alike, mean_logits
from app.classification.evaluation import compare, speed, summary
from app.classification.fit import check_fit, check_views, choose_data, open_data
from app.classification.scores import Scores
from app.classifier import Classifier, load_classifier
from app.command import exit_code, leave, print_lines
from app.errors import ModelError, UsageError
from app.files import check_writable, reject_overwrites, write_file
from app.modelcard import card_path, find_model
from app.stop import Stop
from app.timing.histogram import Histogram
from app.timing.memory import peak_memory

WARM_UPS = 3  # inferences


def check_outputs(args: argparse.Namespace, models: Sequence[str], data: str) -> None:
    """Raise UsageError if an output would overwrite an input or the other output, OutputError if it is not writable.

    data: the path of the data.
    """
    if args.confusion is not None and not args.confusion.lower().endswith(".png"):
        raise UsageError(f"--confusion {args.confusion}: the picture is a PNG file; choose a name that ends in .png")
    inputs = [data, *(os.path.join(data, name) for name in Cifar100.files + Emnist.files)]
    for model in models:
        inputs += [model, card_path(model)]
    reject_overwrites((("--report", args.report), ("--confusion", args.confusion)), inputs)
    for path in (args.report, args.confusion):
        if path is not None:
            check_writable(path)


def load(args: argparse.Namespace, models: Sequence[str]) -> Ensemble:
    """Load the models, which the caller closes. Raises ModelError; those that were loaded before are then closed."""
    with ExitStack() as opened:
        classifiers = [
            opened.enter_context(
                load_classifier(
                    model, backend=args.backend, device=args.device, precision=args.precision, batch=args.batch
                )
            )
            for model in models
        ]
        ensemble = Ensemble(classifiers, args.views)
        opened.pop_all()
    return ensemble


def warm_up(classifier: Union[Classifier, Ensemble], stop: Stop) -> float:
    """Run the model a few times on black images; the time taken in seconds. Raises ModelError."""
    began = time.perf_counter()
    card = classifier.card
    images = np.zeros((classifier.batch, card.channels, card.height, card.width), np.uint8)
    for _ in range(WARM_UPS):
        if not stop.requested:
            classifier.logits(images)
    return time.perf_counter() - began


def run(
    classifier: Union[Classifier, Ensemble], data: DataSet, split: str, total: int, stop: Stop
) -> Tuple[Scores, Histogram, float]:
    """Classify the first `total` images, or fewer where `stop` is requested.

    Returns the scores, the seconds per batch, and the seconds in all, reading included. Raises ModelError, SourceError.
    """
    scores, batches = Scores(classifier.card.labels, classifier.card.superclass_of), Histogram()
    ensemble = classifier if isinstance(classifier, Ensemble) else Ensemble([classifier])
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
            each = ensemble.each(images)
            logits = mean_logits(each)
            batches.add(time.perf_counter() - started)
            scores.add(logits, fine, coarse)
            scores.add_members(each, fine)
            if bar is not None:
                bar.update(len(images))
    finally:
        if bar is not None:
            bar.close()
    return scores, batches, time.perf_counter() - began


def evaluate(args: argparse.Namespace) -> None:
    """Run the evaluation that the command line describes. Raises NanoyoloError."""
    models = [find_model(name) for name in args.model]
    with Stop() as stop:
        # Before what takes long: unpacking an archive, loading an engine.
        cards = [read_classifier_card(model) for model in models]
        called = different_names(cards, models)
        check_alike(cards, called)
        card, source = cards[0], choose_data(cards[0], args.data)
        check_outputs(args, models, data_path(source))
        data = open_data(card, source)
        data.check_split(args.split)
        check_views(args.views, data)
        for model, own in zip(models, cards):
            check_fit(model, own, data)
        with load(args, models) as ensemble:
            count = data.count(args.split)
            total = min(count, args.limit or count)
            warm_up_s = warm_up(ensemble, stop)
            scores, batches, seconds = run(ensemble, data, args.split, total, stop)
            description = ensemble.description
        fields: Dict[str, Any] = {
            "kind": "evaluate",
            "model": " + ".join(called),
            "models": models_alone(called, scores),
            "views": args.views,
            "backend": description,
            "data": data.path,
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
            write_file(args.confusion, picture(scores, card, fields, data.title))
        print_lines(summary(fields, verdict))
        if fields["card"] is not None and not fields["card"]["agrees"]:
            raise ModelError(verdict)


def different_names(cards: Sequence[ClassifierCard], models: Sequence[str]) -> List[str]:
    """What the models are called: by their cards or, where two cards have one name, by the paths of their files."""
    named = [card.name for card in cards]
    return named if len(set(named)) == len(named) else list(models)


def models_alone(names: Sequence[str], scores: Scores) -> List[Dict[str, Any]]:
    """The report's `models`: each one's name and its own top-1, None without images."""
    top1 = scores.members_top1()
    return [{"model": name, "top1": top1[number] if top1 else None} for number, name in enumerate(names)]


def picture(scores: Scores, card: ClassifierCard, fields: Dict[str, Any], data: str) -> bytes:
    """The confusion matrix as a PNG file."""
    import cv2  # here, because it takes memory that an evaluation without a picture does not need

    from app.classification.heatmap import draw_confusion

    accuracy = "{:.2f} % top-1".format(100 * fields["top1"]) if scores.images else "no images"
    title = "{}: {} on {}".format(fields["model"], accuracy, data)
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
