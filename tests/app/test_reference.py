"""The network and its decoding against Darknet itself: both are fed the same resampling, and should find the same.

Needs `../shared/data`, which is not part of the repository, and `make test`'s models.
"""

import json
import os

import numpy as np
import pytest
from support.oracles import darknet_tensor
from support.program import SHARED

from app.backends import open_backend
from app.boxes import clip, iou, nms
from app.detections import Detections
from app.heads import decode
from app.letterbox import Letterbox
from app.modelcard import find_model, read_card
from app.sources.pictures import read_picture

COCO = os.path.join(SHARED, "coco-val64")
MODEL = find_model("yolov3-tiny")

pytestmark = [
    pytest.mark.skipif(not os.path.isdir(COCO), reason="../shared/data is not here"),
    pytest.mark.skipif(not os.path.exists(MODEL), reason="the model is not here: python -m tools.convert"),
]


@pytest.fixture(scope="module")
def backend():
    with open_backend(MODEL, "onnx", "cpu") as opened:
        yield opened


def find(backend, card, image, size, threshold):
    """Detections as Darknet makes them: square letterbox, every class of a box, NMS per class."""
    height, width = image.shape[:2]
    letterbox = Letterbox.fit(width, height, size, square=True)
    outputs = backend.infer(darknet_tensor(image, letterbox))
    boxes, scores, classes = decode(outputs, card, (letterbox.height, letterbox.width), threshold, multi_label=True)
    kept = nms(boxes, scores, classes, 0.45, agnostic=False)
    return Detections(clip(letterbox.invert(boxes[kept]), width, height), scores[kept], classes[kept])


def is_met(reference, found):
    """Whether a reference detection has one of the same class, IoU of at least 0.9 and a score within 0.03."""
    x, y, w, h = reference["bbox"]
    same = found[found.classes == reference["category_id"]]
    overlaps = iou(np.array([[x, y, x + w, y + h]], np.float32), same.boxes)[0]
    return bool(((overlaps >= 0.9) & (abs(same.scores - reference["score"]) <= 0.03)).any())


@pytest.mark.parametrize("size, least", [(416, 0.98), (320, 0.90), (160, 0.82)])
def test_reference_detections_are_met(backend, size, least):
    # What is missing comes from JPEG decoders, whose differences this resampling magnifies at small sizes.
    card = read_card(MODEL)
    with open(os.path.join(COCO, "darknet-{}.json".format(size))) as file:
        references = [reference for reference in json.load(file) if reference["score"] >= 0.3]
    found = {
        int(name[:-4]): find(backend, card, read_picture(os.path.join(COCO, "images", name)).image, size, 0.2)
        for name in os.listdir(os.path.join(COCO, "images"))
    }
    met = [is_met(reference, found[reference["image_id"]]) for reference in references]
    print("size {}: {:.1f} % of {}".format(size, 100 * sum(met) / len(met), len(met)))
    assert len(met) > 50
    assert sum(met) / len(met) >= least
