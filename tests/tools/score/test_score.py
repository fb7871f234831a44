import json
import os

import cv2
import numpy as np
import pytest
from support.program import ROOT, needs_model
from test_precision import DATA, needs_data

from app import __version__
from app.detections import Detections
from app.sources.pictures import Picture
from tools.score import __main__ as score
from tools.score import detections
from tools.score.labels import Truth

CONTENT = {
    "images": [{"id": 70, "file_name": "7.png", "width": 200, "height": 100}],
    "categories": [{"id": 18, "name": "dog"}, {"id": 63, "name": "a class that no model knows"}],
    "annotations": [
        {"id": 1, "image_id": 70, "category_id": 18, "bbox": [90, 40, 20, 20]},
        {"id": 2, "image_id": 70, "category_id": 63, "bbox": [10, 10, 60, 60]},
        {"id": 3, "image_id": 70, "category_id": 63, "bbox": [100, 10, 90, 90], "iscrowd": 1},
    ],
}
FOUND = [
    {"image_id": 70, "category_id": 18, "bbox": [90, 40, 20, 20], "score": 0.75},
    {"image_id": 70, "category_id": 18, "bbox": [10, 10, 60, 60], "score": 0.25},
]


@pytest.fixture
def folder(tmp_path):
    cv2.imwrite(str(tmp_path / "7.png"), np.zeros((100, 200, 3), np.uint8))
    (tmp_path / "7.txt").write_text("16 0.5 0.5 0.1 0.2\n\n")
    (tmp_path / "labels.json").write_text(json.dumps(CONTENT))
    return tmp_path


def run(folder, labels, found, *args):
    """The exit code, and the report where there is one."""
    (folder / "found.json").write_text(json.dumps(found) if isinstance(found, list) else found)
    report = folder / "report.json"
    given = ["--images", str(folder), "--labels", str(folder / labels), "--detections", str(folder / "found.json")]
    code = score.main([*given, "--report", str(report), *args])
    return code, json.loads(report.read_text()) if report.exists() else None


def test_coco_labels_and_results_need_no_model(folder, capsys):
    code, report = run(folder, "labels.json", FOUND, "--model", "there-is-none")
    assert code == 0
    assert (report["kind"], report["version"]) == ("score", __version__)
    assert (report["images"], report["objects"]) == (1, 2), "a crowd is no object"
    assert report["ap"] == pytest.approx(0.5)
    assert report["per_class"]["dog"]["ap50"] == pytest.approx(1)
    assert report["best_f1"]["threshold"] == report["mistakes"]["threshold"] == 0.75
    assert report["mistakes"]["lost"] == {"confusion": 0, "localisation": 0, "missed": 1}
    assert {"ap75", "by_size", "recall", "curve"} <= set(report)
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= 100
    assert lines[1].split() == ["dog", "1", "1.000", "1.000", "1.000", "0.750"], "the best class first"
    assert "best F1 0.667 at a score of 0.750 or more: precision 1.000, recall 0.500" in lines


def test_what_was_scored_and_on_what(folder):
    _, report = run(folder, "labels.json", FOUND)
    assert report["source"] == {"images": str(folder), "labels": str(folder / "labels.json")}
    assert {"processor", "cores", "board", "versions"} <= set(report["machine"])
    assert report["images"] == 1, "their number"


@pytest.mark.parametrize(
    "images, model, code, words",
    [
        ("none", "yolov3-tiny", 3, "none: no such folder; --images needs a folder"),
        (".", "there-is-none", 4, "there-is-none.onnx: no such model; weights/ has: "),
    ],
)
def test_what_is_not_there(folder, capsys, images, model, code, words):
    assert score.main(["--images", str(folder / images), "--labels", str(folder), "--model", model]) == code
    err = capsys.readouterr().err
    assert words in err
    assert err.count("\n") == 1


def test_conf_is_the_threshold_of_the_mistakes(folder, capsys):
    code, report = run(folder, "labels.json", FOUND, "--conf", "0.25")
    assert code == 0
    assert report["best_f1"]["threshold"] == 0.75
    assert report["mistakes"]["false"]["confusion"] == report["mistakes"]["lost"]["confusion"] == 1
    assert "a class that no model knows detected as dog: 1" in capsys.readouterr().out


@pytest.mark.parametrize("objects, found, ap, background", [(0, [], None, 0), (0, FOUND, None, 2), (2, [], 0, 0)])
def test_nothing_to_count(folder, capsys, objects, found, ap, background):
    if not objects:
        (folder / "labels.json").write_text(json.dumps(dict(CONTENT, annotations=[])))
    code, report = run(folder, "labels.json", found)
    assert (code, report["objects"], report["ap"]) == (0, objects, ap)
    assert report["mistakes"]["false"]["background"] == background
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(
    "found, phrase",
    [
        pytest.param('[{"image_id": 70}]', "category_id", id="fields are missing"),
        pytest.param([dict(FOUND[0], image_id=1)], "without labels: 1; those with labels are 70", id="another image"),
        pytest.param([dict(FOUND[0], category_id=1)], "has categories without labels", id="another category"),
    ],
)
def test_bad_detections_are_one_line(folder, capsys, found, phrase):
    code, _ = run(folder, "labels.json", found)
    error = capsys.readouterr().err
    assert code == 3
    assert error.startswith(f"error: {folder / 'found.json'}: ")
    assert phrase in error
    assert len(error.splitlines()) == 1


@pytest.mark.parametrize("size", ("0", "320000000"))
def test_bad_size(folder, capsys, size):
    assert run(folder, "labels.json", FOUND, "--size", size) == (2, None)
    assert "a size should be from 1 to 4096" in capsys.readouterr().err


def test_wide_names_fit(folder, capsys):
    names = ["a very long name of a category, which " * 4, "another one, that goes on and on and on, and " * 4]
    categories = [dict(entry, name=name) for entry, name in zip(CONTENT["categories"], names)]
    (folder / "labels.json").write_text(json.dumps(dict(CONTENT, categories=categories)))
    assert run(folder, "labels.json", FOUND, "--conf", "0")[0] == 0
    assert max(map(len, capsys.readouterr().out.splitlines())) <= 100


@needs_model
def test_yolo_labels_and_results(folder):
    found = [{"image_id": 7, "category_id": 16, "bbox": [90, 40, 20, 20], "score": 0.5}]
    code, report = run(folder, ".", found)
    assert code == 0
    assert report["per_class"]["dog"]["ap"] == pytest.approx(1)
    assert (report["images"], report["objects"], report["detections"]) == (1, 1, str(folder / "found.json"))


@pytest.mark.slow
@needs_model
def test_detections_that_were_saved_score_the_same(folder, capsys):
    cv2.imwrite(str(folder / "7.png"), cv2.imread(os.path.join(ROOT, "demo.jpg")))
    saved = folder / "saved.json"
    scored = ["--images", str(folder), "--labels", str(folder), "--report", str(folder / "report.json")]
    assert score.main([*scored, "--size", "96", "--save-detections", str(saved)]) == 0
    first = json.loads((folder / "report.json").read_text())
    assert len(json.loads(saved.read_text())) > 10
    assert score.main([*scored, "--detections", str(saved), "--against", str(saved)]) == 0
    again = json.loads((folder / "report.json").read_text())
    assert [first[key] for key in ("ap", "mistakes")] == [again[key] for key in ("ap", "mistakes")]
    assert again["against"]["difference"] == 0
    capsys.readouterr()
    assert score.main([*scored, "--detections", str(saved), "--save-detections", str(saved)]) == 2
    assert "--save-detections needs a model" in capsys.readouterr().err


class Seer:
    """A detector that finds one box of each of three classes in every image."""

    def detect(self, image):
        boxes = np.array([[0, 0, 10, 20], [1, 2, 31, 42], [5, 5, 10, 10]], np.float32)
        return Detections(boxes, np.array([0.75, 0.5, 0.25], np.float32), np.array([0, 1, 2], np.int32))


def truth(folder, width):
    images = [{"id": 70, "file_name": "7.png", "width": width, "height": 100}]
    return Truth([str(folder / "7.png")], {"images": images}, [90, None, 3])


def test_find_all(folder, capsys):
    assert score.find_all(Seer(), truth(folder, 200)) == [  # the class that is no category is left out
        {"image_id": 70, "category_id": 90, "bbox": [0, 0, 10, 20], "score": 0.75},
        {"image_id": 70, "category_id": 3, "bbox": [5, 5, 5, 5], "score": 0.25},
    ]
    assert capsys.readouterr().err == ""


def test_boxes_are_in_pixels_of_the_file(folder, monkeypatch, capsys):
    """A large picture may be decoded to a smaller one."""
    small = Picture(np.zeros((50, 50, 3), np.uint8), (200, 100))
    monkeypatch.setattr(detections, "read_picture", lambda path: small)
    assert [found["bbox"] for found in score.find_all(Seer(), truth(folder, 200))] == [[0, 0, 40, 40], [20, 10, 20, 10]]
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("form", ["labels.json", pytest.param(".", marks=needs_model)])
def test_damaged_pictures(folder, capsys, form):
    """One picture more, which is cut off, with an object and a detection that would be missed and false."""
    content = json.loads((folder / "labels.json").read_text())
    content["images"].append({"id": 80, "file_name": "8.png", "width": 200, "height": 100})
    content["annotations"].append({"id": 9, "image_id": 80, "category_id": 18, "bbox": [0, 0, 9, 9]})
    (folder / "labels.json").write_text(json.dumps(content))
    (folder / "8.png").write_bytes((folder / "7.png").read_bytes()[:20])
    (folder / "8.txt").write_text("16 0.5 0.5 0.1 0.2\n")
    ids = (70, 80, 18) if form == "labels.json" else (7, 8, 16)
    found = [dict(FOUND[0], image_id=image, category_id=ids[2]) for image in ids[:2]]
    if form == ".":
        assert run(folder, form, found) == (3, None)
        error = capsys.readouterr().err
        assert error.startswith("error: {}: ".format(folder / "8.png"))
        assert "1 of 2 images" in error
        assert "--skip-damaged" in error
        assert len(error.splitlines()) == 1
    code, report = run(folder, form, found, "--skip-damaged")
    out, err = capsys.readouterr()
    assert code == 0
    assert (report["images"], report["skipped"]) == (1, 1)
    assert report["mistakes"]["correct"] == 1
    assert report["mistakes"]["false"]["background"] == 0
    assert err == "warning: damaged, and left out with their labels: 1 of 2 images: 8.png\n"
    assert "damaged images, left out with their labels: 1" in out


@needs_model
def test_polygons(folder, capsys):
    (folder / "7.txt").write_text("16 0.45 0.4 0.55 0.4 0.55 0.6 0.45 0.6\n")
    found = [{"image_id": 7, "category_id": 16, "bbox": [90, 40, 20, 20], "score": 0.5}]
    assert run(folder, ".", found) == (3, None)
    assert "7.txt:1: a polygon of 4 points" in capsys.readouterr().err
    code, report = run(folder, ".", found, "--polygons")
    assert (code, report["skipped"]) == (0, 0)
    assert report["per_class"]["dog"]["ap"] == pytest.approx(1)


def test_find_all_tells_of_images_of_another_size(folder, capsys):
    score.find_all(Seer(), truth(folder, 100))
    assert "7.png: its size differs from its labels" in capsys.readouterr().err


@pytest.mark.slow
@needs_model
@needs_data
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


def test_against_others(folder, capsys):
    (folder / "fewer.json").write_text(json.dumps([]))
    code, report = run(folder, "labels.json", FOUND, "--against", str(folder / "fewer.json"))
    assert code == 0
    assert report["against"]["difference"] == pytest.approx(report["ap50"])
    assert report["against"]["low"] == report["against"]["high"] == pytest.approx(report["ap50"])  # of one image
    lines = capsys.readouterr().out.splitlines()
    assert lines[-2:] == [
        "AP50 against fewer.json: +0.500, which may be chance: 16 images or more are needed to know, and there are 1.",
        "With resampled images: +0.500 to +0.500 in 95 %, standard deviation 0.000.",
    ]


def test_against_what_cannot_be_read(folder, capsys):
    assert run(folder, "labels.json", FOUND, "--against", "there-is-none.json")[0] == 3
    assert capsys.readouterr().err.startswith("error: there-is-none.json: ")
