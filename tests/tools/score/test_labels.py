import cv2
import numpy as np
import pytest

from app.errors import SourceError
from tools.score.labels import read_truth

NAMES = ["cat", "dog"]


def put(folder, name, labels="", width=200, height=100):
    cv2.imwrite(str(folder / name), np.zeros((height, width, 3), np.uint8))
    if labels is not None:
        (folder / name).with_suffix(".txt").write_text(labels)


@pytest.fixture
def folder(tmp_path):
    put(tmp_path, "7.png", "1 0.5 0.5 0.1 0.2\n\n0 0.25 0.5 0.5 1\n")
    return tmp_path


def read(folder, names=NAMES):
    return read_truth(str(folder), str(folder), names)


def test_yolo(folder):
    put(folder, "12.jpg", width=30, height=40)
    truth = read(folder)
    assert truth.paths == [str(folder / "12.jpg"), str(folder / "7.png")]
    assert truth.category_ids == [0, 1]
    assert truth.dataset["images"] == [
        {"id": 12, "file_name": "12.jpg", "width": 30, "height": 40},
        {"id": 7, "file_name": "7.png", "width": 200, "height": 100},
    ]
    assert truth.dataset["categories"] == [{"id": 0, "name": "cat"}, {"id": 1, "name": "dog"}]
    first, second = truth.dataset["annotations"]
    assert first.pop("bbox") == pytest.approx([90, 40, 20, 20])
    assert first.pop("area") == pytest.approx(400)
    assert first == {"id": 1, "image_id": 7, "category_id": 1, "iscrowd": 0}
    assert second["bbox"] == [0, 0, 100, 100]
    assert second["id"] == 2


@pytest.mark.parametrize(
    "names, ids",
    [
        pytest.param(["000139.jpg", "000632.jpg"], [139, 632], id="numbers"),
        pytest.param(["000139.jpg", "dog.jpg"], [0, 1], id="a name among them"),
        pytest.param(["01.png", "1.jpg"], [0, 1], id="one number twice"),
        pytest.param(["1.jpg", "20240131123456789.jpg"], [0, 1], id="a number that a float does not hold"),
    ],
)
def test_image_ids(tmp_path, names, ids):
    for name in names:
        put(tmp_path, name)
    assert [entry["id"] for entry in read(tmp_path).dataset["images"]] == ids


@pytest.mark.parametrize("labels", ["1 0.5 0.5", "2 0.5 0.5 1 1", "1 0.5 0.5 1.5 1"])
def test_malformed_yolo(folder, labels):
    (folder / "7.txt").write_text("0 0.5 0.5 1 1\n" + labels)
    with pytest.raises(SourceError) as raised:
        read(folder)
    assert str(raised.value).startswith(str(folder / "7.txt:2: "))


def test_polygons(folder):
    (folder / "7.txt").write_text("1 0.5 0.5 0.75 0.5 0.75 1\n")
    with pytest.raises(SourceError, match="7.txt:1: a polygon of 3 points; .* --polygons$"):
        read(folder)
    (annotation,) = read_truth(str(folder), str(folder), NAMES, polygons=True).dataset["annotations"]
    assert (annotation["category_id"], annotation["bbox"]) == (1, [100, 50, 50, 50])


def test_yolo_labels_that_are_no_text(folder):
    (folder / "7.txt").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(SourceError, match="7.txt: not a readable text file"):
        read(folder)


def test_byte_order_mark(folder):
    (folder / "7.txt").write_bytes(b"\xef\xbb\xbf0 0.5 0.5 1 1\r\n")
    assert read(folder).dataset["annotations"][0]["bbox"] == [0, 0, 200, 100]


def test_images_without_a_file_have_no_objects(folder, capsys):
    for name in ("a.png", "b.png", "c.png", "d.png"):
        put(folder, name, None)
    dataset = read(folder).dataset
    assert len(dataset["images"]) == 5
    assert len(dataset["annotations"]) == 2
    warning = capsys.readouterr().err
    assert "4 images have no .txt there, and so no objects: a.png, b.png, c.png, ...\n" in warning
    assert len(warning.splitlines()) == 1


def test_as_many_as_are_named_are_all(folder, capsys):
    for name in ("a.png", "b.png", "c.png"):
        put(folder, name, None)
    read(folder)
    assert capsys.readouterr().err.endswith(" and so no objects: a.png, b.png, c.png\n")


def test_a_folder_of_no_labels(folder):
    (folder / "7.txt").unlink()
    with pytest.raises(SourceError, match="has no .txt for any of the images in "):
        read(folder)


def test_images_in_inner_folders_are_told_of(folder, capsys):
    for inner in ("val", "train", "empty"):
        (folder / inner).mkdir()
    put(folder / "val", "1.png")
    put(folder / "train", "2.png")
    assert [entry["file_name"] for entry in read(folder).dataset["images"]] == ["7.png"]
    assert "the images in its subfolders are left out: train, val\n" in capsys.readouterr().err
    (folder / "7.png").unlink()
    with pytest.raises(SourceError, match="no images found; .* name one: train, val$"):
        read(folder)


def test_broken_image(folder):
    (folder / "7.png").write_bytes(b"no image")
    with pytest.raises(SourceError, match="7.png: not an image that OpenCV can read"):
        read(folder)


@pytest.mark.parametrize("images", [".", "nowhere", "file.txt"])
def test_no_images(tmp_path, images):
    (tmp_path / "file.txt").write_text("")
    with pytest.raises(SourceError, match="no images found"):
        read_truth(str(tmp_path / images), str(tmp_path), NAMES)


def test_no_labels_at_all(folder):
    with pytest.raises(SourceError, match="nowhere: No such file or directory"):
        read_truth(str(folder), str(folder / "nowhere"), NAMES)
