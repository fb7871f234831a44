import copy
import json

import cv2
import numpy as np
import pytest

from app.errors import SourceError
from tools.score.coco import read_results
from tools.score.labels import read_truth

CONTENT = {
    "images": [
        {"id": 40, "file_name": "b.jpg", "width": 640, "height": 480},
        {"id": 30, "file_name": "val/a.jpg", "width": 320, "height": 240},
    ],
    "categories": [{"id": 18, "name": "dog"}, {"id": 63, "name": "couch"}],
    "annotations": [
        {"id": 0, "image_id": 40, "category_id": 63, "bbox": [1, 2, 30, 40.5], "area": 700.25, "iscrowd": 1},
        {"id": 9, "image_id": 30, "category_id": 18, "bbox": [5, 6, 7, 8], "segmentation": [[5, 6, 12, 6, 12, 14]]},
    ],
}
NAMES = ("cat", "dog", "sofa")


@pytest.fixture
def folder(tmp_path):
    for name in ("a.jpg", "b.jpg"):  # their labels' sizes count
        cv2.imwrite(str(tmp_path / name), np.zeros((1, 1, 3), np.uint8))
    return tmp_path


def read(folder, content, names=NAMES):
    (folder / "labels.json").write_text(content if isinstance(content, str) else json.dumps(content))
    return read_truth(str(folder), str(folder / "labels.json"), names)


def changed(*path, **change):
    """CONTENT with `to` at a path, or without what is there."""
    content = copy.deepcopy(CONTENT)
    place = content
    for step in path[:-1]:
        place = place[step]
    if "to" in change:
        place[path[-1]] = change["to"]
    else:
        del place[path[-1]]
    return content


def extended(key, **entry):
    """CONTENT with one more entry, like the last one but for the given fields."""
    return changed(key, to=CONTENT[key] + [dict(CONTENT[key][-1], **entry)])


def test_truth(folder, capsys):
    truth = read(folder, CONTENT)
    assert truth.paths == [str(folder / "a.jpg"), str(folder / "b.jpg")]
    assert truth.category_ids == [None, 18, 63], "the couch is a sofa"
    assert truth.dataset["images"] == [
        {"id": 30, "file_name": "a.jpg", "width": 320, "height": 240},
        {"id": 40, "file_name": "b.jpg", "width": 640, "height": 480},
    ]
    assert truth.dataset["categories"] == CONTENT["categories"]
    assert truth.dataset["annotations"] == [
        {"id": 1, "image_id": 40, "category_id": 63, "bbox": [1, 2, 30, 40.5], "area": 700.25, "iscrowd": 1},
        {"id": 2, "image_id": 30, "category_id": 18, "bbox": [5, 6, 7, 8], "area": 56, "iscrowd": 0},
    ]
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("old, new", [("aeroplane", "airplane"), ("tvmonitor", "tv"), ("pottedplant", "potted plant")])
@pytest.mark.parametrize("turned", [False, True])
def test_renamed(folder, old, new, turned):
    ours, theirs = (new, old) if turned else (old, new)
    truth = read(folder, changed("categories", 0, "name", to=theirs), [ours, "couch"])
    assert truth.category_ids == [18, 63]


@pytest.mark.parametrize("theirs", ["Traffic_Light", "traffic-light"])
def test_spelled_otherwise(folder, theirs):
    truth = read(folder, changed("categories", 0, "name", to=theirs), ["traffic light", "couch"])
    assert truth.category_ids == [18, 63]


def test_only_one_of_two_spellings_in_a_model_matches(folder):
    assert read(folder, CONTENT, ["sofa", "couch", "Dog", "DOG"]).category_ids == [None, 63, None, None]


def test_a_class_that_a_model_has_twice(folder):
    assert read(folder, CONTENT, ["dog", "dog"]).category_ids == [18, 18]


def test_without_a_model(folder, capsys):
    truth = read(folder, CONTENT, None)
    assert truth.category_ids == []
    assert capsys.readouterr().err == ""


def test_images_that_are_not_here(folder, capsys):
    (folder / "a.jpg").unlink()
    truth = read(folder, CONTENT)
    assert [entry["id"] for entry in truth.dataset["images"]] == [40]
    assert [(entry["id"], entry["image_id"]) for entry in truth.dataset["annotations"]] == [(1, 40)]
    warning = capsys.readouterr().err
    assert "labels.json: 1 of its images are not in" in warning
    assert len(warning.splitlines()) == 1


def test_images_that_are_not_listed(folder):
    for name in ("c", "d", "e", "f"):
        (folder / (name + ".png")).write_bytes(b"")
    with pytest.raises(SourceError, match=r"labels.json: does not list 4 of .*: c.png, d.png, e.png, \.\.\.$"):
        read(folder, CONTENT)


def test_category_that_is_no_class(folder, capsys):
    assert read(folder, CONTENT, ["dog"]).category_ids == [18]
    warning = capsys.readouterr().err
    assert "labels.json: 1 of its categories are not classes of the model" in warning
    assert warning.endswith(" will be missed: couch\n")
    assert len(warning.splitlines()) == 1


def test_no_category_is_a_class(folder):
    with pytest.raises(SourceError, match="labels.json: none of its categories is a class of the model"):
        read(folder, CONTENT, ["cat"])


@pytest.mark.parametrize(
    "content, phrase",
    [
        pytest.param("no json", "not a COCO file", id="text"),
        pytest.param("[" * 200000, "not a COCO file", id="deeply nested"),
        pytest.param([], "not a COCO file", id="a list"),
        pytest.param({}, "its images should be a list", id="no lists"),
        pytest.param(changed("annotations"), "its annotations should be a list", id="no annotations"),
        pytest.param(changed("categories", to=[]), "has no categories", id="no categories"),
        pytest.param(changed("images", 0, to=7), "images[0]: should be an object", id="an image that is a number"),
        pytest.param(changed("images", 1, "id"), "images[1]: its id should be", id="an image without id"),
        pytest.param(changed("images", 1, "id", to=True), "images[1]: its id should be", id="id as boolean"),
        pytest.param(changed("images", 1, "id", to=2**64), "images[1]: its id should be", id="huge id"),
        pytest.param(changed("images", 1, "file_name", to=7), "images[1]: its file_name should be", id="name"),
        pytest.param(changed("images", 0, "width", to=-1), "images[0]: its width should be", id="negative width"),
        pytest.param(changed("annotations", 1, "bbox"), "annotations[1]: its bbox should be", id="no box"),
        pytest.param(changed("annotations", 1, "bbox", to=[1, 2, 3]), "annotations[1]: its bbox", id="three sides"),
        pytest.param(changed("annotations", 1, "bbox", to=[1, 2, -3, 4]), "annotations[1]: its bbox", id="negative"),
        pytest.param(
            changed("annotations", 1, "bbox", to=[1, 2, 3, float("nan")]), "annotations[1]: its bbox", id="NaN"
        ),
        pytest.param(changed("annotations", 0, "area", to=-1), "annotations[0]: its area should be", id="area"),
        pytest.param(changed("annotations", 0, "iscrowd", to=2), "annotations[0]: its iscrowd should be", id="crowd"),
        pytest.param(changed("annotations", 0, "image_id", to=1), "annotations[0]: there is no image_id 1", id="image"),
        pytest.param(
            changed("annotations", 0, "category_id", to=1), "annotations[0]: there is no category_id 1", id="category"
        ),
        pytest.param(extended("annotations"), "the id of annotations occurs twice: 9", id="annotation twice"),
        pytest.param(extended("images", id=1), "an image occurs twice: 'a.jpg'", id="image twice"),
        pytest.param(extended("categories", name="x"), "the id of categories occurs twice: 63", id="category id"),
        pytest.param(extended("categories", id=1, name="sofa"), "a category occurs twice: 'couch'", id="name twice"),
    ],
)  # fmt: skip
def test_malformed(folder, content, phrase):
    with pytest.raises(SourceError) as raised:
        read(folder, content)
    message = str(raised.value)
    assert message.startswith(str(folder / "labels.json") + ": ")
    assert phrase in message
    assert len(message.splitlines()) == 1


RESULT = {"image_id": 7, "category_id": 1, "bbox": [1, 2, 3, 4], "score": 0.5}


def test_results(tmp_path):
    (tmp_path / "found.json").write_text(json.dumps([dict(RESULT, id=3)]))
    assert read_results(str(tmp_path / "found.json")) == [RESULT]


@pytest.mark.parametrize(
    "content, phrase",
    [
        pytest.param({}, "its results should be a list", id="an object"),
        pytest.param([RESULT, 7], "results[1]: should be an object", id="a number"),
        pytest.param([{"image_id": 7}], "results[0]: its category_id should be", id="fields are missing"),
        pytest.param([dict(RESULT, score=float("nan"))], "results[0]: its score should be", id="NaN"),
        pytest.param([dict(RESULT, bbox=[1, 2, 3])], "results[0]: its bbox should be", id="three sides"),
    ],
)
def test_malformed_results(tmp_path, content, phrase):
    (tmp_path / "found.json").write_text(json.dumps(content))
    with pytest.raises(SourceError) as raised:
        read_results(str(tmp_path / "found.json"))
    assert phrase in str(raised.value)


def test_no_results(tmp_path):
    with pytest.raises(SourceError, match="found.json: No such file or directory"):
        read_results(str(tmp_path / "found.json"))
