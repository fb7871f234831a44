"""Labelled pictures, as every reader of labels returns them."""

from typing import Any, NamedTuple, Sequence

import numpy as np

from tools.score.labels import Truth


class Object(NamedTuple):
    """A labelled object. name: of its class. box: x1, y1, x2, y2 in pixels of the picture. crowd: many objects in one
    box, which is not trained on, and neither right nor wrong in validation.
    """

    name: str
    box: tuple[float, float, float, float]
    crowd: bool = False


class Example(NamedTuple):
    """A picture and its objects.

    width, height: in pixels. boxes: (N, 4) float32 x1 y1 x2 y2 in pixels, inside of the picture. classes: (N,) int32.
    crowd: (N,) bool. labelled: whether there are labels of this picture, even if they name no object. sha256: of the
    file. look: a hash that is the same for the same picture in another size or quality.
    """

    path: str
    width: int
    height: int
    boxes: np.ndarray
    classes: np.ndarray
    crowd: np.ndarray
    labelled: bool
    sha256: str
    look: bytes


def as_truth(examples: Sequence[Example], labels: Sequence[str]) -> Truth:
    """The examples as COCO's dictionary, which `tools.score` compares detections with."""
    images: list[dict[str, Any]] = []
    annotations: list[dict[str, Any]] = []
    for number, example in enumerate(examples):
        entry = {"id": number, "file_name": example.path, "width": example.width, "height": example.height}
        images.append(entry)
        for (x1, y1, x2, y2), label, crowd in zip(example.boxes.tolist(), example.classes.tolist(), example.crowd):
            box = [x1, y1, x2 - x1, y2 - y1]
            identity = {"id": len(annotations) + 1, "image_id": number, "category_id": label}
            annotations.append({**identity, "bbox": box, "area": box[2] * box[3], "iscrowd": int(crowd)})
    categories = [{"id": number, "name": name} for number, name in enumerate(labels)]
    dataset = {"images": images, "categories": categories, "annotations": annotations}
    return Truth([example.path for example in examples], dataset, list(range(len(labels))))
