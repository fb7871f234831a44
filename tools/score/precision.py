"""How well detections match labelled objects: COCO's metrics, by pycocotools, and the threshold of the best F1.

Objects are COCO's dictionary, as `labels.py` reads it; detections are COCO's results: dictionaries of image_id,
category_id, `bbox` x y w h in pixels, and score. All figures consider at most 100 detections per class and image.
Objects labelled as crowds are ignored. A figure is None if there is nothing to compute it from.
"""

import contextlib
import io
from typing import Any, List, Optional, Sequence

import numpy as np
from tqdm import tqdm

from app.errors import ModelError
from tools.json_file import Json

SIZES = ("small", "medium", "large")  # by area: up to 32 x 32 pixels, up to 96 x 96, and above


def evaluate(dataset: Json, detections: Sequence[Json]) -> Any:
    """COCOeval of the detections, evaluated and summarized. Their images and categories must be in the dataset.

    Neither argument is changed. Raises ModelError if pycocotools is not installed.
    """
    try:
        from pycocotools.coco import COCO
        from pycocotools.cocoeval import COCOeval
    except ImportError as error:
        raise ModelError(f"pycocotools is needed to score ({error}): python3 -m pip install pycocotools") from error

    truth, found = COCO(), COCO()
    truth.dataset = {**dataset, "annotations": [dict(entry) for entry in dataset["annotations"]]}
    # COCO.loadRes refuses an empty list.
    entries = [
        dict(entry, id=number, area=entry["bbox"][2] * entry["bbox"][3], iscrowd=0)
        for number, entry in enumerate(detections, 1)
    ]
    found.dataset = {**dataset, "annotations": entries}
    with contextlib.redirect_stdout(io.StringIO()):  # pycocotools prints
        truth.createIndex()
        found.createIndex()
        evaluation = COCOeval(truth, found, "bbox")
        compare, params = evaluation.evaluateImg, evaluation.params
        total = len(params.catIds) * len(params.areaRng) * len(params.imgIds)
        with tqdm(total=total, desc="comparing", leave=False, disable=None) as bar:

            def watched(*args: Any) -> Any:
                bar.update()
                return compare(*args)

            evaluation.evaluateImg = watched
            evaluation.evaluate()
        evaluation.accumulate()
        evaluation.summarize()
    return evaluation


def figures(evaluation: Any) -> Json:
    """The figures of an evaluation by `evaluate`.

    `ap` (mean of IoU 0.50 to 0.95), `ap50`, `ap75`; `by_size`: small, medium, large: `ap`, `recall` and the number of
    `objects` (one on a bound counts in both sizes); `recall`: with the best 1, 10 and 100 detections per image and
    class; `per_class`, by name, for the classes that occur: `ap`, `ap50`, `objects`, `best_f1`; `curve`: `recall` (101)
    and the mean `precision` (101) of these classes at IoU 0.50; `best_f1`: see below, over all classes pooled.
    """
    names = {entry["id"]: entry["name"] for entry in evaluation.cocoGt.dataset["categories"]}
    stats = [None if value == -1 else float(value) for value in evaluation.stats]
    precision = evaluation.eval["precision"][:, :, :, 0, -1]  # (IoU, recall, class), all sizes, 100 detections
    occurs = (precision > -1).all(axis=(0, 1))
    at_50 = precision[0][:, occurs]  # (recall, class)
    per_class = {}
    for index in np.flatnonzero(occurs).tolist():
        category = evaluation.params.catIds[index]
        images = _images(evaluation, index)
        per_class[names[category]] = {
            "ap": float(precision[:, :, index].mean()),
            "ap50": float(precision[0, :, index].mean()),
            "objects": _count(images),
            "best_f1": _best_f1(images),
        }
    classes = range(len(evaluation.params.catIds))
    by_size = {}
    for number, size in enumerate(SIZES, 1):
        objects = sum(_count(_images(evaluation, index, number)) for index in classes)
        by_size[size] = {"ap": stats[2 + number], "recall": stats[8 + number], "objects": objects}
    return {
        "ap": stats[0],
        "ap50": stats[1],
        "ap75": stats[2],
        "by_size": by_size,
        "recall": {"1": stats[6], "10": stats[7], "100": stats[8]},
        "best_f1": _best_f1([image for index in classes for image in _images(evaluation, index)]),
        "curve": {
            "recall": [round(recall, 2) for recall in evaluation.params.recThrs.tolist()],
            "precision": at_50.mean(axis=1).tolist() if occurs.any() else None,
        },
        "per_class": per_class,
    }


def _images(evaluation: Any, index: int, size: int = 0) -> List[Json]:
    """COCOeval's records of every image, for a class and a size (0 for all), given by their indices."""
    count, sizes = len(evaluation.params.imgIds), len(evaluation.params.areaRng)
    start = (index * sizes + size) * count
    return [image for image in evaluation.evalImgs[start : start + count] if image is not None]


def _count(images: Sequence[Json]) -> int:
    return int(sum(np.count_nonzero(image["gtIgnore"] == 0) for image in images))


def _best_f1(images: Sequence[Json]) -> Optional[Json]:
    """The score threshold with the best F1 at IoU 0.50, with its `f1`, `precision` and `recall`.

    Of equally good thresholds the highest. None without objects; if no detection is correct, the threshold is None.
    """
    objects = _count(images)
    if not objects:
        return None
    counts = np.concatenate([~image["dtIgnore"][0] for image in images])
    scores = np.concatenate([image["dtScores"] for image in images])[counts]
    right = np.concatenate([image["dtMatches"][0] > 0 for image in images])[counts]
    order = np.argsort(-scores, kind="stable")
    # No threshold separates equal scores, so only the last of them is a place to stop.
    stops = np.flatnonzero(np.diff(scores[order], append=-np.inf))
    hits = np.cumsum(right[order])[stops]
    if not hits.any():
        return {"threshold": None, "f1": 0.0, "precision": 0.0, "recall": 0.0}
    f1 = 2 * hits / (stops + 1 + objects)
    best = int(np.argmax(f1))
    return {
        "threshold": float(scores[order][stops[best]]),
        "f1": float(f1[best]),
        "precision": float(hits[best] / (stops[best] + 1)),
        "recall": float(hits[best] / objects),
    }
