"""Pictures and labels in every form, split and checked."""

import json
import shutil

import cv2
import numpy as np
import pytest

pytest.importorskip("cv2")

from support.labelled import write_coco, write_pictures, write_voc, write_yolo  # noqa: E402

from app.errors import SourceError, UsageError  # noqa: E402
from tools.train_detector.dataset import read_data  # noqa: E402
from tools.train_detector.inspection import findings, summary  # noqa: E402
from tools.train_detector.options import parse  # noqa: E402

WRITERS = {"VOC": write_voc, "YOLO": write_yolo, "COCO": write_coco}


def read(folder, labels, *args):
    return read_data(parse(["--images", str(folder / "images"), "--labels", str(labels), *map(str, args)]))


def as_dict(part, labels):
    """{name of the picture: [(class, box), ...]}, as the pictures were made."""
    return {
        example.path.rpartition("/")[2][:-4]: [
            (labels[number], tuple(np.rint(box).astype(int).tolist()))
            for number, box in zip(example.classes, example.boxes)
        ]
        for example in part
    }


@pytest.mark.parametrize("form", list(WRITERS))
def test_every_form_of_labels_says_the_same(tmp_path, form):
    objects = write_pictures(tmp_path, 11)
    data = read(tmp_path, WRITERS[form](tmp_path, objects))
    assert data.labels == ("green", "red")
    # As text p10 comes before p2, and the 1st, 6th and 11th are for validation.
    assert list(as_dict(data.validation, data.labels)) == ["p0", "p4", "p9"]
    assert {**as_dict(data.training, data.labels), **as_dict(data.validation, data.labels)} == objects
    assert findings(data) == ["classes that occur less than 10 times in training: green (6)"] or len(findings(data)) < 2
    assert summary(data).startswith("8 pictures with")


def test_splits(tmp_path):
    objects = write_pictures(tmp_path, 6)
    labels = write_voc(tmp_path, objects)
    (tmp_path / "list.txt").write_text("p3.png\nimages/p5\n")
    (tmp_path / "held").mkdir()
    (tmp_path / "images/p0.png").rename(tmp_path / "held/p0.png")

    def names(*args):
        data = read(tmp_path, labels, *args)
        return [sorted(as_dict(part, data.labels)) for part in (data.training, data.validation)]

    assert names("--val", tmp_path / "list.txt") == [["p1", "p2", "p4"], ["p3", "p5"]]
    assert names("--val", tmp_path / "held") == [["p1", "p2", "p3", "p4", "p5"], ["p0"]]
    assert names("--val", "none") == [["p1", "p2", "p3", "p4", "p5"], []]
    assert names("--val", "1/2") == [["p2", "p4"], ["p1", "p3", "p5"]]
    for val, message in (("1/1", "nothing would be left"), (str(tmp_path / "images"), "takes all 5 pictures")):
        with pytest.raises(UsageError, match=message):
            names("--val", val)
    (tmp_path / "list.txt").write_text("p9.png\n")
    with pytest.raises(SourceError, match=r"list.txt:1: there is no picture p9.png"):
        names("--val", tmp_path / "list.txt")
    with pytest.raises(SourceError, match="no such folder, and no file that lists pictures"):
        names("--val", tmp_path / "nowhere")


def test_a_data_yaml_as_ultralytics_lays_it_out(tmp_path):
    objects = write_pictures(tmp_path / "a", 6)
    write_yolo(tmp_path / "a", objects)
    for kind in ("images", "labels"):
        for part, names in (("train", ["p0", "p1", "p2"]), ("val", ["p3", "p4"])):
            (tmp_path / kind / part).mkdir(parents=True)
            for name in names:
                suffix = ".png" if kind == "images" else ".txt"
                shutil.copy(str(tmp_path / "a" / kind / (name + suffix)), str(tmp_path / kind / part))
    (tmp_path / "data.yaml").write_text("train: images/train\nval: images/val\nnames:\n  0: grass\n  1: rose\n")
    for arguments in (["--data", str(tmp_path / "data.yaml")], ["--labels", str(tmp_path / "data.yaml")]):
        data = read_data(parse(arguments))
        renamed = {
            name: [({"green": "grass", "red": "rose"}[kind], box) for kind, box in found]
            for name, found in objects.items()
        }
        assert data.labels == ("grass", "rose")
        assert as_dict(data.training, data.labels) == {name: renamed[name] for name in ("p0", "p1", "p2")}
        assert as_dict(data.validation, data.labels) == {name: renamed[name] for name in ("p3", "p4")}


def test_yolo_labels_without_names_have_numbers(tmp_path):
    labels = write_yolo(tmp_path, write_pictures(tmp_path, 6))
    (labels / "classes.txt").unlink()
    for path in labels.iterdir():
        path.write_text("12 0.5 0.5 0.2 0.2\n3 0.5 0.5 0.2 0.2\n")
    data = read(tmp_path, labels)
    assert data.labels == tuple(str(number) for number in range(13))
    assert data.training[0].classes.tolist() == [12, 3]


def test_what_the_check_finds(tmp_path):
    objects = write_pictures(tmp_path, 10)
    objects["p1"] = [("red", (100, 60, 200, 89)), ("blue", (5, 5, 30, 30)), ("red", (130, 10, 150, 20))]
    del objects["p2"]
    labels = write_voc(tmp_path, objects)
    image = cv2.imread(str(tmp_path / "images/p5.png"))
    image[:, ::3] //= 2  # with structure: plain pictures look alike
    cv2.imwrite(str(tmp_path / "images/p5.png"), image)
    shutil.copy(str(tmp_path / "images/p5.png"), str(tmp_path / "images/p6.png"))
    shutil.copy(str(tmp_path / "images/p7.png"), str(tmp_path / "images/p8.png"))
    data = read(tmp_path, labels)  # p0 and p5 are for validation
    found = "\n".join(findings(data))
    assert "without a label, taken as empty: 1 picture (p2.png) of 8 to train on" in found
    assert "with a box that leaves the picture, cut off at its edge: 1 picture (p1.png)" in found
    assert "with a box that has no area in the picture, left out: 1 picture (p1.png)" in found
    assert "classes that occur once in training: blue" in found
    assert "1 of 2 pictures to validate on are trained on too" in found
    assert "p5.png = p6.png" in found
    assert "the same file more than once in training: 2 pictures (p7.png, p8.png)" in found
    example = next(one for one in data.training if one.path.endswith("p1.png"))
    assert example.boxes.tolist() == [[100, 60, 120, 89], [5, 5, 30, 30]]


def test_a_copy_in_another_size_is_found(tmp_path):
    objects = write_pictures(tmp_path, 6)
    image = cv2.GaussianBlur(np.random.default_rng(0).integers(0, 256, (90, 120, 3)).astype(np.uint8), (0, 0), 6)
    cv2.imwrite(str(tmp_path / "images/p0.png"), image)
    cv2.imwrite(str(tmp_path / "images/p1.png"), cv2.resize(image, (240, 180), interpolation=cv2.INTER_LINEAR))
    found = "\n".join(findings(read(tmp_path, write_voc(tmp_path, objects))))
    assert "p0.png = p1.png" in found


def test_damaged_pictures_and_labels(tmp_path):
    objects = write_pictures(tmp_path, 6)
    labels = write_voc(tmp_path, objects)
    (tmp_path / "images/p1.png").write_bytes(b"nothing")
    with pytest.raises(SourceError, match=r"p1.png.*--skip-damaged"):
        read(tmp_path, labels)
    assert len(read(tmp_path, labels, "--skip-damaged").training) == 3
    (labels / "p3.xml").write_text("<annotation><object/></annotation>")
    with pytest.raises(SourceError, match=r"p3.xml: not a Pascal VOC label: object 1 has no name"):
        read(tmp_path, labels, "--skip-damaged")


def test_labels_that_are_missing_or_of_something_else(tmp_path):
    objects = write_pictures(tmp_path, 3)
    (tmp_path / "empty").mkdir()
    with pytest.raises(SourceError, match="neither a .txt nor an .xml"):
        read(tmp_path, tmp_path / "empty")
    with pytest.raises(SourceError, match="no such folder or file"):
        read(tmp_path, tmp_path / "none.json")
    with pytest.raises(SourceError, match="no pictures found"):
        read_data(parse(["--images", str(tmp_path / "empty"), "--labels", str(tmp_path / "empty")]))
    labels = write_yolo(tmp_path, objects)
    (labels / "p1.txt").write_text("7 0.5 0.5 0.1 0.1\n")
    with pytest.raises(SourceError, match="class 7 has no name; there are 2: 0 is green"):
        read(tmp_path, labels)
    for name in objects:
        (labels / f"{name}.txt").write_text("")
    with pytest.raises(SourceError, match="nothing is labelled"):
        read(tmp_path, labels)


def test_crowds_of_coco_are_marked(tmp_path):
    objects = write_pictures(tmp_path, 6)
    path = write_coco(tmp_path, objects)
    content = json.loads(path.read_text())
    for entry in content["annotations"]:
        entry["iscrowd"] = int(entry["image_id"] == 1)
    path.write_text(json.dumps(content))
    data = read(tmp_path, path)
    assert {example.path[-6:]: bool(example.crowd.all()) for example in data.training} == {
        "p1.png": True, "p2.png": False, "p3.png": False, "p4.png": False,
    }  # fmt: skip


def test_the_hash_is_that_of_pictures_and_labels(tmp_path):
    objects = write_pictures(tmp_path, 6)
    labels = write_voc(tmp_path, objects)
    before = read(tmp_path, labels).sha256
    assert read(tmp_path, labels).sha256 == before
    shutil.copy(str(labels / "p1.xml"), str(labels / "p2.xml"))
    assert read(tmp_path, labels).sha256 != before
