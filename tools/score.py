"""Scores a detector on a folder of labelled images: average precision by pycocotools, over all and per class.

Labels are YOLO text files, one per image and named like it: `class cx cy w h` per line, as fractions of the picture.
"""

import argparse
import contextlib
import io
import json
import os
import sys
from typing import Any, Dict, List, Optional, Sequence

import numpy as np
from tqdm import tqdm

from app.backends import BACKENDS, DEVICES, PRECISIONS, open_backend
from app.command import Parser, exit_code
from app.detector import Detector
from app.errors import ModelError, SourceError
from app.files import check_writable, write_file
from app.modelcard import find_model, read_card
from app.readers import is_image, read_image
from app.timing import StageClock

# Low enough that the whole precision-recall curve is seen; the same as for the reference detections.
LEAST_SCORE = 0.005

EXAMPLES = """examples:
  python -m tools.score --images val/images --labels val/labels --size 320
  python -m tools.score --images val/images --labels val/labels --square --report score.json
  python -m tools.score --images val/images --labels val/labels --detections coco-results.json
"""

Json = Dict[str, Any]


class GroundTruth:
    """Labelled images. `image_ids` are the file names as numbers where they are numbers, else their positions."""

    def __init__(self, images: str, labels: str, names: Sequence[str]) -> None:
        """Read all labels of a folder of images. Raises SourceError when there is none, or one cannot be read."""
        files = sorted(name for name in os.listdir(images) if is_image(name)) if os.path.isdir(images) else []
        if not files:
            raise SourceError(f"{images}: no images there")
        stems = [os.path.splitext(name)[0] for name in files]
        # Numbers are kept, for results in COCO's format name images so; 1.jpg beside 01.png would be one number.
        numbered = all(stem.isdecimal() for stem in stems) and len({int(stem) for stem in stems}) == len(stems)
        self.paths = [os.path.join(images, name) for name in files]
        self.image_ids = [int(stem) if numbered else index for index, stem in enumerate(stems)]
        self._names = names
        self._labels = [os.path.join(labels, stem + ".txt") for stem in stems]

    def read(self, position: int) -> tuple[np.ndarray, List[Json]]:
        """An image (h, w, 3) uint8 BGR and its boxes as COCO annotations, `bbox` x y w h in pixels."""
        image = read_image(self.paths[position])
        if image is None:
            raise SourceError(f"{self.paths[position]}: not an image that OpenCV can read")
        height, width = image.shape[:2]
        return image, [
            {
                "image_id": self.image_ids[position],
                "category_id": label,
                "bbox": [(cx - w / 2) * width, (cy - h / 2) * height, w * width, h * height],
                "area": w * width * h * height,
                "iscrowd": 0,
            }
            for label, cx, cy, w, h in self._read_labels(self._labels[position])
        ]

    def _read_labels(self, path: str) -> List[tuple[int, float, float, float, float]]:
        boxes = []
        try:
            with open(path, encoding="utf-8") as file:
                for number, line in enumerate(file, 1):
                    if not line.strip():
                        continue
                    try:
                        label, cx, cy, w, h = line.split()
                        box = (int(label), float(cx), float(cy), float(w), float(h))
                    except ValueError:
                        raise SourceError(f"{path}:{number}: should be: class cx cy w h") from None
                    if not 0 <= box[0] < len(self._names):
                        raise SourceError(f"{path}:{number}: class {box[0]} is not one of 0 to {len(self._names) - 1}")
                    if not all(0 <= side <= 1 for side in box[1:]):
                        raise SourceError(f"{path}:{number}: sides and centres should be from 0 to 1")
                    boxes.append(box)
        except FileNotFoundError:
            raise SourceError(f"{path}: there are no labels for its image; an empty file means no objects") from None
        except (OSError, UnicodeDecodeError) as error:
            raise SourceError(f"{path}: not a text file that can be read: {error}") from error
        return boxes


def average_precision(
    annotations: Sequence[Json], detections: Sequence[Json], image_ids: Sequence[int], names: Sequence[str]
) -> Json:
    """COCO's metrics: `ap` (IoU 0.50 to 0.95), `ap50`, and `per_class` AP and AP50 of the classes that occur.

    Both lists are in COCO's formats, with categories 0..len(names)-1.
    """
    try:
        from pycocotools.coco import COCO
        from pycocotools.cocoeval import COCOeval
    except ImportError as error:
        raise ModelError(f"pycocotools is needed to score ({error}): python3 -m pip install pycocotools") from error

    truth = COCO()
    truth.dataset = {
        "images": [{"id": image_id} for image_id in image_ids],
        "categories": [{"id": index, "name": name} for index, name in enumerate(names)],
        # pycocotools takes annotation 0 for "no match", so they are counted from 1.
        "annotations": [dict(annotation, id=number) for number, annotation in enumerate(annotations, 1)],
    }
    with contextlib.redirect_stdout(io.StringIO()):  # pycocotools talks
        truth.createIndex()
        if not detections:
            return {"ap": 0.0, "ap50": 0.0, "per_class": {}}
        evaluation = COCOeval(truth, truth.loadRes(list(detections)), "bbox")
        evaluation.evaluate()
        evaluation.accumulate()
        evaluation.summarize()
    precision = evaluation.eval["precision"][:, :, :, 0, -1]  # (IoU, recall, class), all areas, 100 detections
    per_class = {
        name: {"ap": float(precision[:, :, index].mean()), "ap50": float(precision[0, :, index].mean())}
        for index, name in enumerate(names)
        if (precision[:, :, index] > -1).all()
    }
    return {"ap": float(evaluation.stats[0]), "ap50": float(evaluation.stats[1]), "per_class": per_class}


def find_all(detector: Detector, truth: GroundTruth) -> tuple[List[Json], List[Json]]:
    """Annotations and detections of every image, both in COCO's format."""
    annotations: List[Json] = []
    detections: List[Json] = []
    clock = StageClock()
    for position in tqdm(range(len(truth.paths)), unit=" images", leave=False):
        image, expected = truth.read(position)
        annotations += expected
        found = detector.detect(image, clock)
        for (x1, y1, x2, y2), score, label in zip(found.boxes.tolist(), found.scores.tolist(), found.classes.tolist()):
            box = [x1, y1, x2 - x1, y2 - y1]
            image_id = truth.image_ids[position]
            detections.append({"image_id": image_id, "category_id": label, "bbox": box, "score": score})
    return annotations, detections


def read_results(path: str) -> List[Json]:
    """Detections in COCO's results format, `bbox` x y w h in pixels. Raises SourceError when the file has others."""
    try:
        with open(path, encoding="utf-8") as file:
            return [
                {
                    "image_id": int(found["image_id"]),
                    "category_id": int(found["category_id"]),
                    "bbox": [float(side) for side in found["bbox"]],
                    "score": float(found["score"]),
                }
                for found in json.load(file)
            ]
    except OSError as error:
        raise SourceError(f"{path}: {error.strerror}") from error
    except (ValueError, KeyError, TypeError) as error:
        raise SourceError(f"{path}: not a list of COCO results ({type(error).__name__}: {error})") from error


def score(args: argparse.Namespace) -> Json:
    """Do what the command line says; the report."""
    model = find_model(args.model)
    card = read_card(model)
    truth = GroundTruth(args.images, args.labels, card.labels)
    if args.detections:
        annotations = [a for position in range(len(truth.paths)) for a in truth.read(position)[1]]
        detections = read_results(args.detections)
        unknown = {found["image_id"] for found in detections} - set(truth.image_ids)
        if unknown:
            raise SourceError(f"{args.detections}: has images that are not in {args.images}: {sorted(unknown)[:5]}")
        what = {"detections": args.detections}
    else:
        with open_backend(model, args.backend, args.device, args.precision) as backend:
            detector = Detector(backend, card, args.size, args.square, LEAST_SCORE, multi_label=True)
            annotations, detections = find_all(detector, truth)
        shape = "square" if args.square else "rectangular"
        what = {"model": card.name, "size": args.size, "shape": shape, "backend": backend.description}
    result = average_precision(annotations, detections, truth.image_ids, card.labels)
    return {**what, "images": len(truth.paths), "objects": len(annotations), **result}


def main(argv: Optional[Sequence[str]] = None) -> int:
    """Run the command; its exit code."""
    parser = Parser(prog="python -m tools.score", description=__doc__, epilog=EXAMPLES)
    parser.add_argument("--images", required=True, metavar="DIR", help="folder of images")
    parser.add_argument("--labels", required=True, metavar="DIR", help="folder of their labels")
    parser.add_argument("--size", type=int, default=416, help="longer side of the network's input (default: 416)")
    parser.add_argument("--square", action="store_true", help="pad to a square")
    parser.add_argument("--model", default="yolov3-tiny", metavar="NAME", help="(default: %(default)s)")
    parser.add_argument("--backend", choices=BACKENDS, default="auto", help="(default: %(default)s)")
    parser.add_argument("--device", choices=DEVICES, default="auto", help="(default: %(default)s)")
    parser.add_argument("--precision", choices=PRECISIONS, default="auto", help="(default: fp32)")
    parser.add_argument("--detections", metavar="FILE", help="score these COCO results, and run no model")
    parser.add_argument("--report", metavar="FILE", help="write the figures as JSON")

    def work() -> None:
        args = parser.parse_args(argv)
        if args.report is not None:
            check_writable(args.report)
        result = score(args)
        if args.report is not None:
            write_file(args.report, (json.dumps(result, indent=2) + "\n").encode())
        for name, figures in sorted(result["per_class"].items(), key=lambda item: -item[1]["ap50"]):
            print(f"{name:16} AP {figures['ap']:.3f}  AP50 {figures['ap50']:.3f}")
        print(f"{'all':16} AP {result['ap']:.3f}  AP50 {result['ap50']:.3f}  on {result['images']} images")

    return exit_code(work)


if __name__ == "__main__":
    sys.exit(main())
