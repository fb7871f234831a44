"""Detections in labelled images, as COCO results: by a detector, or from a file."""

from typing import List

import numpy as np
from tqdm import tqdm

from app.detector import Detector
from app.errors import SourceError, warn
from app.sources.pictures import read_picture
from tools.json_file import Json
from tools.score.coco import read_results, some_of
from tools.score.labels import Truth


def find_all(detector: Detector, truth: Truth) -> List[Json]:
    """Detections in every image as COCO results, without those of classes that have no category."""
    detections: List[Json] = []
    others = []
    for path, entry in zip(tqdm(truth.paths, unit=" images", leave=False, disable=None), truth.dataset["images"]):
        image, size = read_picture(path)
        if size != (entry["width"], entry["height"]):
            others.append(path)
        across, down = size[0] / image.shape[1], size[1] / image.shape[0]
        found = detector.detect(image)
        boxes = (found.boxes * np.array([across, down, across, down], np.float32)).tolist()
        for (x1, y1, x2, y2), score, label in zip(boxes, found.scores.tolist(), found.classes.tolist()):
            category = truth.category_ids[label]
            if category is not None:
                box = [x1, y1, x2 - x1, y2 - y1]
                detections.append({"image_id": entry["id"], "category_id": category, "bbox": box, "score": score})
    if others:
        warn(f"{others[0]}: its size differs from its labels'; so do {len(others)} of {len(truth.paths)} images")
    return detections


def read_detections(path: str, truth: Truth) -> List[Json]:
    """COCO results from a file, without those in images that are left out.

    Raises SourceError for images and categories that have no labels.
    """
    detections = [found for found in read_results(path) if found["image_id"] not in truth.skipped]
    for field, key in (("image_id", "images"), ("category_id", "categories")):
        listed = {entry["id"] for entry in truth.dataset[key]}
        unknown = {found[field] for found in detections} - listed
        if unknown:
            strange, known = (some_of([str(one) for one in ids]) for ids in (sorted(unknown), sorted(listed)))
            raise SourceError(f"{path}: has {key} without labels: {strange}; those with labels are {known}")
    return detections
