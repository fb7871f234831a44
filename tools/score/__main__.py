"""Score a detector on labelled images: average precision by pycocotools, the best threshold, and the mistakes.

Labels are a folder of YOLO text files, one per image and named like it: `class cx cy w h` per line, as fractions of
the image; or a COCO annotation file, whose categories are matched with the model's classes by name. Detections are
COCO results; with YOLO labels, the id of an image is its name if all names are numbers, else its index, from 0, in the
order of the names.
"""

import argparse
import json
import os
import sys
from typing import Optional, Sequence

from app import __version__
from app.arguments import LARGEST_SIZE
from app.backends import BACKENDS, DEVICES, PRECISIONS, open_backend
from app.command import Parser, exit_code, number, print_lines
from app.detector import Detector
from app.errors import SourceError, UsageError
from app.files import check_writable, reject_overwrites, write_file
from app.inputsize import fitting
from app.modelcard import card_path, find_model, read_card
from tools.json_file import Json
from tools.machine import machine
from tools.score import LEAST_SCORE
from tools.score.chance import compare, in_words
from tools.score.detections import find_all, read_detections
from tools.score.labels import read_truth
from tools.score.mistakes import mistakes
from tools.score.pictures import HELP
from tools.score.precision import evaluate, figures

EXAMPLES = """examples:
  python -m tools.score --images val/images --labels val/labels --size 320
  python -m tools.score --images val2017 --labels instances_val2017.json --square --report score.json
  python -m tools.score --images val/images --labels val/labels --detections coco-results.json --conf 0.5
  python -m tools.score --images val/images --labels val/labels --size 160 --save-detections a.json
  python -m tools.score --images val/images --labels val/labels --size 320 --against a.json
"""


def score(args: argparse.Namespace) -> Json:
    """Score what the command line names; the report."""
    if not os.path.isdir(args.images):
        raise SourceError(f"{args.images}: no such folder; --images needs a folder of images")
    what: Json
    options = {"polygons": args.polygons, "skip_damaged": args.skip_damaged}
    if args.detections:
        # Results for a COCO file have its category ids, so they are scored without a model.
        names = read_card(find_model(args.model)).labels if os.path.isdir(args.labels) else None
        truth = read_truth(args.images, args.labels, names, **options)
        detections = read_detections(args.detections, truth)
        what = {"detections": args.detections}
    else:
        model = find_model(args.model)
        card = read_card(model)
        truth = read_truth(args.images, args.labels, card.labels, **options)
        with open_backend(model, args.backend, args.device, args.precision) as backend:
            detector = Detector(
                backend, card, size=args.size, square=args.square, confidence=LEAST_SCORE, multi_label=True
            )
            detections = find_all(detector, truth)
        if args.save_detections is not None:
            write_file(args.save_detections, json.dumps(detections).encode())
        shape = fitting(card, args.square)
        what = {"model": card.name, "size": detector.size, "shape": shape, "backend": backend.description}
    evaluation = evaluate(truth.dataset, detections)
    result = figures(evaluation)
    if args.against:
        other = evaluate(truth.dataset, read_detections(args.against, truth))
        what["against"] = {"detections": args.against, **compare(evaluation, other)}
    objects = sum(not entry["iscrowd"] for entry in truth.dataset["annotations"])
    threshold = args.conf
    if threshold is None:  # without a best threshold, every detection counts
        threshold = (result["best_f1"] or {}).get("threshold") or 0.0
    counts = mistakes(truth.dataset, detections, threshold)
    return {
        "kind": "score",
        "version": __version__,
        **what,
        "source": {"images": args.images, "labels": args.labels},  # as typed
        "machine": machine(),
        "images": len(truth.paths),
        "skipped": len(truth.skipped),
        "objects": objects,
        **result,
        "mistakes": counts,
    }


def table(report: Json) -> str:
    """A report as text, at most 100 columns wide: a line per class by AP50, then all, sizes, and mistakes."""

    def line(name: str, row: Json) -> str:
        best = row.get("best_f1") or {}
        values = [row.get("ap"), row.get("ap50"), best.get("f1"), best.get("threshold")]
        cells = ["-" if value is None else f"{value:.3f}" for value in values]
        return "{:30.30}{:>9}{:>9}{:>9}{:>9}{:>12}".format(name, row["objects"], *cells).rstrip("- ")

    lines = ["{:30}{:>9}{:>9}{:>9}{:>9}{:>12}".format("class", "objects", "AP", "AP50", "best F1", "at score")]
    lines += [line(*item) for item in sorted(report["per_class"].items(), key=lambda item: -item[1]["ap50"])]
    lines += ["", line(f"all, in {report['images']} images", report)]
    lines += [line(f"{size} objects", row) for size, row in report["by_size"].items()]
    if report["skipped"]:
        lines += ["", f"damaged images, left out with their labels: {report['skipped']}"]
    best = report["best_f1"]
    if best and best["threshold"] is not None:
        words = "best F1 {f1:.3f} at a score of {threshold:.3f} or more: precision {precision:.3f}, recall {recall:.3f}"
        lines += ["", words.format(**best)]
    counts = report["mistakes"]
    false, lost = (", ".join(f"{count} {kind}" for kind, count in counts[key].items()) for key in ("false", "lost"))
    lines += ["", f"at a score of {counts['threshold']:.3f} or more"]
    lines += [f"  detections: {counts['correct']} correct; false: {false}"]
    lines += [f"  objects: {counts['found']} found; lost: {lost}"]
    lines += ["  {object:.30} detected as {taken_for:.30}: {count}".format(**pair) for pair in counts["confusions"]]
    if "against" in report:
        lines += ["", *in_words(report["against"])]
    return "\n".join(lines)


def main(argv: Optional[Sequence[str]] = None) -> int:
    """Run the command; its exit code."""
    parser = Parser(prog="python -m tools.score", description=__doc__, epilog=EXAMPLES)
    add = parser.add_argument
    add("--images", required=True, metavar="DIR", help="folder of labelled images")
    add("--labels", required=True, metavar="DIR or FILE", help="folder of YOLO labels, or COCO file")
    add("--polygons", action="store_true", help="take the bounding boxes of polygons in YOLO labels")
    add("--skip-damaged", action="store_true", help=HELP)
    size = number(int, 1, LARGEST_SIZE, "a size")
    add("--size", type=size, help="longer side of the network's input (default: the model's own, or 416)")
    add("--square", action="store_true", help="pad the network's input to a square")
    add("--model", default="yolov3-tiny", metavar="NAME", help="name or path (default: %(default)s)")
    add("--backend", choices=BACKENDS, default="auto", help="what runs the model (default: auto)")
    add("--device", choices=DEVICES, default="auto", help="what it runs on (default: auto)")
    add("--precision", choices=PRECISIONS, default="auto", help="of the computation (default: fp32)")
    add("--detections", metavar="FILE", help="score these COCO results without running a model")
    add("--save-detections", metavar="FILE", help="write the model's detections as COCO results")
    add("--against", metavar="FILE", help="compare AP50 with these COCO results'")
    threshold = number(float, 0, 1, "a confidence")
    add(
        "--conf",
        type=threshold,
        metavar="SCORE",
        help="minimum confidence for the mistakes (default: the one with the best F1)",
    )
    add("--report", metavar="FILE", help="write the figures as JSON")

    def work() -> None:
        args = parser.parse_args(argv)
        if args.detections and args.save_detections:
            raise UsageError("--save-detections needs a model to run, and --detections runs none")
        model = find_model(args.model)
        outputs = [("--report", args.report), ("--save-detections", args.save_detections)]
        reject_overwrites(outputs, filter(None, (model, card_path(model), args.detections, args.against)))
        for _, path in outputs:
            if path is not None:
                check_writable(path)
        report = score(args)
        if args.report is not None:
            write_file(args.report, (json.dumps(report, indent=2) + "\n").encode())
        print_lines([table(report)])

    return exit_code(work)


if __name__ == "__main__":
    sys.exit(main())
