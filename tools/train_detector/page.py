"""A picture of predictions beside the truth, for a first look at what was learned."""

from typing import Any, Sequence

import cv2
import numpy as np

from app.detections import Detections
from app.errors import OutputError
from app.files import write_file
from app.letterbox import GREY
from app.overlay import draw
from app.sources.pictures import read_picture
from tools.json_file import Json
from tools.score.labels import Truth

PICTURES = 12
ACROSS = 3  # pairs in a row
SIDE = 240  # pixels of a picture's longer side
GAP = 4
TITLE = "left: labels, right: detections with a score of {:.2f} or more"


def draw_page(path: str, truth: Truth, detections: Sequence[Json], labels: Sequence[str], threshold: float) -> None:
    """Write a PNG with up to PICTURES pictures, evenly spread over all: labels on the left, detections on the right.

    detections: COCO's results; those that score less than `threshold` are left out. Raises OutputError.
    """
    entries = truth.dataset["images"]
    chosen = np.unique(np.linspace(0, len(entries) - 1, min(PICTURES, len(entries))).round().astype(int)).tolist()
    cells = []
    for number in chosen:
        wanted = [one for one in truth.dataset["annotations"] if one["image_id"] == entries[number]["id"]]
        found = [one for one in detections if one["image_id"] == entries[number]["id"] and one["score"] >= threshold]
        picture = read_picture(truth.paths[number]).image
        size = entries[number]["width"], entries[number]["height"]
        cells.append(np.hstack([_drawn(picture, size, objects, labels) for objects in (wanted, found)]))
    cells += [np.full_like(cells[0], 255)] * (-len(cells) % ACROSS)
    rows = [np.hstack(cells[start : start + ACROSS]) for start in range(0, len(cells), ACROSS)]
    head = np.full((28, rows[0].shape[1], 3), 255, np.uint8)
    cv2.putText(head, TITLE.format(threshold), (8, 19), cv2.FONT_HERSHEY_SIMPLEX, 0.5, (0, 0, 0), 1, cv2.LINE_AA)
    done, data = cv2.imencode(".png", np.vstack([head, *rows]))
    if not done:
        raise OutputError(f"{path}: OpenCV cannot encode it")
    write_file(path, data.tobytes())


def _drawn(picture: np.ndarray, size: tuple[int, int], objects: Sequence[Any], labels: Sequence[str]) -> np.ndarray:
    """A cell (SIDE + GAP, SIDE + GAP, 3): the picture with COCO's annotations or results, the best in front."""
    scale = SIDE / max(picture.shape[:2])
    sides = max(1, round(picture.shape[1] * scale)), max(1, round(picture.shape[0] * scale))
    small = cv2.resize(picture, sides, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR)
    objects = sorted(objects, key=lambda one: -one.get("score", 1.0))
    boxes = np.array([one["bbox"] for one in objects], np.float32).reshape(-1, 4)
    boxes[:, 2:] += boxes[:, :2]
    boxes *= np.array([sides[0] / size[0], sides[1] / size[1]] * 2, np.float32)
    scores = np.array([one.get("score", 1.0) for one in objects], np.float32)
    classes = np.array([one["category_id"] for one in objects], np.int32)
    draw(small, Detections(boxes, scores, classes, labels))
    cell = np.full((SIDE + GAP, SIDE + GAP, 3), GREY, np.uint8)
    cell[: sides[1], : sides[0]] = small
    return cell
