import json
import os

import cv2
import numpy as np
import pytest

from app.modelcard import find_model
from tools import score

DATA = os.path.join(os.path.dirname(__file__), "..", "..", "..", "shared", "data", "coco-val64")
MODEL = find_model("yolov3-tiny")
NAMES = ["cat", "dog"]

needs_model = pytest.mark.skipif(not os.path.exists(MODEL), reason="the model is not here: python -m tools.convert")


def box(image_id, label, bbox, **also):
    return dict(
        {"image_id": image_id, "category_id": label, "bbox": bbox, "area": bbox[2] * bbox[3], "iscrowd": 0}, **also
    )


TRUTH = [box(1, 0, [10, 10, 40, 40]), box(1, 1, [60, 60, 20, 30]), box(2, 1, [5, 5, 50, 50])]


def found(*changes):
    return [
        box(truth["image_id"], truth["category_id"], bbox, score=0.9)
        for truth, bbox in zip(TRUTH, changes)
        if bbox is not None
    ]


@pytest.mark.parametrize(
    "detections, ap, ap50",
    [
        pytest.param(found([10, 10, 40, 40], [60, 60, 20, 30], [5, 5, 50, 50]), 1, 1, id="all of them exactly"),
        pytest.param([], 0, 0, id="nothing"),
        # The dogs' recall stops at one half: 51 of 101 points of the curve.
        pytest.param(found([10, 10, 40, 40], None, [5, 5, 50, 50]), 152 / 202, 152 / 202, id="one missed"),
        # IoU 30 / 50 = 0.6 counts at 0.50, 0.55 and, just, 0.60.
        pytest.param(
            found([20, 10, 40, 40], [60, 60, 20, 30], [5, 5, 50, 50]), (0.3 + 1) / 2, 1, id="one out of place"
        ),
    ],
)  # fmt: skip
def test_average_precision(detections, ap, ap50):
    result = score.average_precision(TRUTH, detections, [1, 2], NAMES)
    assert result["ap"] == pytest.approx(ap, abs=1e-9)
    assert result["ap50"] == pytest.approx(ap50, abs=1e-9)


def test_average_precision_per_class():
    result = score.average_precision(TRUTH, found([10, 10, 40, 40], None, None), [1, 2], NAMES + ["bird"])
    assert set(result["per_class"]) == {"cat", "dog"}, "no bird is labelled"
    assert result["per_class"]["cat"] == pytest.approx({"ap": 1, "ap50": 1})
    assert result["per_class"]["dog"] == {"ap": 0, "ap50": 0}


@pytest.fixture
def folder(tmp_path):
    cv2.imwrite(str(tmp_path / "7.png"), np.zeros((100, 200, 3), np.uint8))
    (tmp_path / "7.txt").write_text("1 0.5 0.5 0.1 0.2\n\n")
    return tmp_path


def test_ground_truth(folder):
    truth = score.GroundTruth(str(folder), str(folder), NAMES)
    image, annotations = truth.read(0)
    assert image.shape == (100, 200, 3)
    assert annotations[0]["image_id"] == 7
    assert annotations[0]["bbox"] == pytest.approx([90, 40, 20, 20])


@pytest.mark.parametrize(
    "label, phrase",
    [
        pytest.param("1 0.5 0.5", "class cx cy w h", id="too few"),
        pytest.param("dog 0.5 0.5 1 1", "class cx cy w h", id="a name"),
        pytest.param("2 0.5 0.5 1 1", "not one of 0 to 1", id="no such class"),
        pytest.param(None, "no labels", id="no file"),
    ],
)
def test_bad_labels(folder, capsys, label, phrase):
    (folder / "7.txt").unlink() if label is None else (folder / "7.txt").write_text(label)
    truth = score.GroundTruth(str(folder), str(folder), NAMES)
    with pytest.raises(score.SourceError, match=phrase):
        truth.read(0)


def test_no_images(tmp_path):
    with pytest.raises(score.SourceError, match="no images"):
        score.GroundTruth(str(tmp_path), str(tmp_path), NAMES)


@needs_model
@pytest.mark.parametrize("content", ["not json", '{"image_id": 7}', "[{}]", '[{"image_id": 7}]'])
def test_bad_detections_are_one_line(folder, capsys, content):
    (folder / "found.json").write_text(content)
    args = ["--images", str(folder), "--labels", str(folder), "--detections", str(folder / "found.json")]
    assert score.main(args) == 3
    assert len(capsys.readouterr().err.splitlines()) == 1


@needs_model
@pytest.mark.skipif(not os.path.isdir(DATA), reason="../shared/data is not here")
def test_accuracy_is_that_of_darknet(tmp_path):
    """The program with its own resampling against the reference detections, both scored by the same code."""
    given = ["--images", os.path.join(DATA, "images"), "--labels", os.path.join(DATA, "labels")]

    def ap50(*args):
        report = str(tmp_path / "report.json")
        assert score.main([*given, *args, "--report", report]) == 0
        with open(report) as file:
            return json.load(file)["ap50"]

    sizes = ["160", "320", "416"]
    reference = [ap50("--detections", os.path.join(DATA, f"darknet-{size}.json")) for size in sizes]
    assert np.mean(reference) == pytest.approx(0.398, abs=0.001)
    for shape, allowed in ((["--square"], 0.01), ([], 0.015)):
        ours = [ap50("--size", size, *shape) for size in sizes]
        print(shape, ours, reference)
        assert np.mean(ours) >= np.mean(reference) - allowed
        assert all(one >= other - 0.03 for one, other in zip(ours, reference))
