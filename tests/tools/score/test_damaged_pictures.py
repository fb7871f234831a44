import json

import cv2
import numpy as np
import pytest

from app.errors import SourceError
from tools.score.labels import read_truth
from tools.score.pictures import picture_sizes

NAMES = ["cat", "dog"]


ALL = ["a.png", "b.png", "c.png", "d.png"]


def coco(folder):
    """A COCO file of these images, each with one object."""
    images = [{"id": 100 + number, "file_name": name, "width": 40, "height": 20} for number, name in enumerate(ALL)]
    objects = [{"id": one["id"], "image_id": one["id"], "category_id": 7, "bbox": [1, 1, 2, 2]} for one in images]
    content = {"images": images, "categories": [{"id": 7, "name": "dog"}], "annotations": objects}
    (folder / "labels.json").write_text(json.dumps(content))
    return str(folder / "labels.json")


@pytest.fixture
def folder(tmp_path):
    """Four images with a label each, of which two are damaged."""
    for name in ALL:
        cv2.imwrite(str(tmp_path / name), np.zeros((20, 40, 3), np.uint8))
        (tmp_path / name).with_suffix(".txt").write_text("1 0.5 0.5 0.5 0.5\n")
    (tmp_path / "b.png").write_bytes(b"rubbish")
    (tmp_path / "d.png").write_bytes(b"")
    return tmp_path


@pytest.mark.parametrize("form", ["yolo", "coco"])
def test_a_damaged_picture_stops(folder, form):
    labels = coco(folder) if form == "coco" else str(folder)
    with pytest.raises(SourceError) as raised:
        read_truth(str(folder), labels, NAMES)
    message = str(raised.value)
    assert message.startswith(str(folder / "b.png") + ": ")
    assert "cannot be read: 2 of 4 images" in message
    assert message.endswith("--skip-damaged")
    assert "\n" not in message


@pytest.mark.parametrize("form, ids", [("yolo", [0, 1, 2, 3]), ("coco", [100, 101, 102, 103])])
def test_or_it_is_left_out_with_its_labels(folder, capsys, form, ids):
    labels = coco(folder) if form == "coco" else str(folder)
    truth = read_truth(str(folder), labels, NAMES, skip_damaged=True)
    assert truth.paths == [str(folder / "a.png"), str(folder / "c.png")]
    assert [entry["file_name"] for entry in truth.dataset["images"]] == ["a.png", "c.png"]
    assert [entry["id"] for entry in truth.dataset["images"]] == [ids[0], ids[2]], "as if all were there"
    assert [(entry["id"], entry["image_id"]) for entry in truth.dataset["annotations"]] == [(1, ids[0]), (2, ids[2])]
    assert truth.skipped == {ids[1]: str(folder / "b.png"), ids[3]: str(folder / "d.png")}
    said = capsys.readouterr().err
    assert said == "warning: damaged, and left out with their labels: 2 of 4 images: b.png, d.png\n"


def test_results_need_no_pictures(folder):
    labels = coco(folder)
    assert len(read_truth(str(folder), labels, None).paths) == 4
    assert len(read_truth(str(folder), labels, None, skip_damaged=True).paths) == 2


def test_nothing_is_said_where_nothing_is_damaged(folder, capsys):
    paths = [str(folder / "a.png"), str(folder / "c.png")]
    assert picture_sizes(paths, False) == picture_sizes(paths, True) == dict.fromkeys(paths, (40, 20))
    assert capsys.readouterr().err == ""


def test_all_are_damaged(folder):
    paths = [str(folder / "b.png"), str(folder / "d.png")]
    for skip in (False, True):
        with pytest.raises(SourceError, match="b.png: .*; cannot be read: 2 of 2 images$"):
            picture_sizes(paths, skip)


def test_many_names_are_cut_short(tmp_path, capsys):
    cv2.imwrite(str(tmp_path / "good.png"), np.zeros((2, 2, 3), np.uint8))
    bad = ["{:02}.png".format(number) for number in range(12)]
    for name in bad:
        (tmp_path / name).write_bytes(b"")
    picture_sizes([str(tmp_path / name) for name in bad + ["good.png"]], True)
    said = capsys.readouterr().err
    assert "12 of 13 images" in said
    assert said.endswith(": " + ", ".join(bad[:10]) + ", ...\n")


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".bmp"])
def test_a_picture_that_is_cut_off_is_damaged_in_any_format(tmp_path, suffix):
    noise = np.random.RandomState(1).randint(0, 256, (60, 80, 3)).astype(np.uint8)
    whole = cv2.imencode(suffix, noise)[1].tobytes()
    path = str(tmp_path / ("a" + suffix))
    for length in (len(whole), len(whole) * 2 // 3):
        with open(path, "wb") as file:
            file.write(whole[:length])
        if length == len(whole):
            assert picture_sizes([path], False) == {path: (80, 60)}
        else:
            with pytest.raises(SourceError, match="cannot be read: 1 of 1 images"):
                picture_sizes([path], False)


def test_hidden_files_are_no_images(folder):
    """Such as macOS leaves beside each file on a card or a stick."""
    for name in ("b.png", "d.png"):
        (folder / name).unlink()
    (folder / "._a.png").write_bytes(b"no image")
    assert [entry["file_name"] for entry in read_truth(str(folder), str(folder), NAMES).dataset["images"]] == [
        "a.png",
        "c.png",
    ]
