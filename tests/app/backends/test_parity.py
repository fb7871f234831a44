"""Every backend that runs on a CPU against ONNX Runtime: the same heads, and so the same detections, on real pictures.

Needs `../shared/data`, which is not part of the repository, and `make test`'s models.
"""

import os

import numpy as np
import pytest
from support.program import SHARED

from app.backends import open_backend
from app.backends.fake import FakeBackend
from app.boxes import iou
from app.detector import Detector
from app.errors import ModelError
from app.letterbox import Letterbox, preprocess
from app.modelcard import find_model, read_card
from app.sources.pictures import read_picture

PICTURES = os.path.join(SHARED, "coco-val64", "images")
MODEL = find_model("yolov3-tiny")
THRESHOLD = 0.25
TOLERANCE = 1e-3  # on logits, and on scores
LEAST_OVERLAP = 0.999

pytestmark = [
    pytest.mark.skipif(not os.path.exists(MODEL), reason="the model is not here: python -m tools.convert"),
    # Old TensorFlow was compiled with an older numpy, which is harmless, and which numpy itself keeps quiet about.
    pytest.mark.filterwarnings("ignore:numpy.ufunc size changed"),
]
needs_pictures = pytest.mark.skipif(not os.path.isdir(PICTURES), reason="../shared/data is not here")
every_backend = pytest.mark.parametrize("name", ["openvino", "tensorflow", "opencv"])
EVERY = [(size, square, 64) for size in (160, 320, 416) for square in (False, True)]
CASES = [(160, True, 8), (320, False, 8)] + [pytest.param(case, marks=pytest.mark.verify) for case in EVERY]


class Picture:
    """A picture, the tensor made of it, and what ONNX Runtime makes of that."""

    def __init__(self, image, letterbox):
        self.image = image
        self.letterbox = letterbox
        self.heads = []
        self.found = None

    def tensor(self):
        return preprocess(self.image, self.letterbox)


@pytest.fixture(scope="module")
def images():
    names = sorted(os.listdir(PICTURES))
    assert len(names) == 64
    return [read_picture(os.path.join(PICTURES, name)).image for name in names]


@pytest.fixture(
    scope="module",
    params=CASES,
    ids=lambda case: f"{case[2]} {'square' if case[1] else 'rectangular'} pictures at {case[0]}",
)
def case(request, images, detect):
    """Size, squareness, and the pictures with their reference, which is computed once for all backends."""
    size, square, count = request.param
    shapes = [(image, image.shape[1], image.shape[0]) for image in images[:count]]
    pictures = [Picture(image, Letterbox.fit(width, height, size, square=square)) for image, width, height in shapes]
    # OpenCV reads its file again when the shape changes, so pictures of one shape go together.
    pictures.sort(key=lambda picture: (picture.letterbox.width, picture.letterbox.height))
    with open_backend(MODEL, "onnx", "cpu") as reference:
        for picture in pictures:
            picture.heads = [head.copy() for head in reference.infer(picture.tensor())]
            picture.found = detect(picture, picture.heads, size, square)
    assert sum(len(picture.found) for picture in pictures) > count, "the comparison means something"
    return size, square, pictures


@pytest.fixture(scope="module")
def detect():
    """What the detector makes of heads."""
    card = read_card(MODEL)

    def found(picture, heads, size, square):
        detector = Detector(FakeBackend(heads), card, size=size, square=square, confidence=THRESHOLD)
        return detector.detect(picture.image)

    return found


def difference(heads, others):
    assert len(heads) == len(others)
    assert [head.shape for head in heads] == [other.shape for other in others]
    return max(float(abs(head - other).max()) for head, other in zip(heads, others))


def alone(found, others):
    """How many detections, of those that are not at the very threshold, have no partner among others."""
    sure = found[found.scores >= THRESHOLD + TOLERANCE]
    partners = (
        (sure.classes[:, None] == others.classes)
        & (iou(sure.boxes, others.boxes) >= LEAST_OVERLAP)
        & (abs(sure.scores[:, None] - others.scores) <= TOLERANCE)
    )
    return int((~partners.any(axis=1)).sum())


@needs_pictures
@every_backend
def test_the_same_heads_and_detections(case, name, network_for, detect):
    size, square, pictures = case
    worst = 0.0
    with open_backend(network_for(name), name, "cpu") as backend:
        for picture in pictures:
            heads = backend.infer(picture.tensor())
            assert all(head.dtype == np.float32 for head in heads)
            worst = max(worst, difference(heads, picture.heads))
            found = detect(picture, heads, size, square)
            assert alone(found, picture.found) == 0, f"found by {name} only"
            assert alone(picture.found, found) == 0, f"not found by {name}"
        print(f"{backend.description}, {size}: largest difference {worst:.1e}")
    assert worst <= TOLERANCE


@every_backend
def test_shapes_in_any_order(name, network_for):
    """Frames of several sizes, as a folder of photos has them. The coarse head comes first whatever the shape."""
    random = np.random.RandomState(0)
    wide, high = (random.uniform(size=shape).astype(np.float32) for shape in ((1, 3, 64, 96), (1, 3, 96, 64)))
    with open_backend(MODEL, "onnx", "cpu") as reference, open_backend(network_for(name), name, "cpu") as backend:
        for tensor in (wide, high, wide, wide):
            coarse, fine = backend.infer(tensor)
            rows, columns = tensor.shape[2] // 32, tensor.shape[3] // 32
            assert (coarse.shape, fine.shape) == ((1, 255, rows, columns), (1, 255, 2 * rows, 2 * columns))
            assert difference([coarse, fine], reference.infer(tensor)) <= TOLERANCE


@needs_pictures
def test_bf16_is_near_fp32_and_not_the_same(images, network_for):
    model = network_for("openvino")
    try:
        rough = open_backend(model, "openvino", "cpu", "bf16")
    except ModelError as error:
        pytest.skip(str(error))
    worst = 0.0
    with rough, open_backend(model, "openvino", "cpu", "fp32") as exact:
        for image in images[:8]:
            tensor = preprocess(image, Letterbox.fit(image.shape[1], image.shape[0], 320))
            worst = max(worst, difference(rough.infer(tensor), exact.infer(tensor)))
    print(f"{rough.description}: largest difference {worst:.2f}")
    assert 0 < worst < 1
