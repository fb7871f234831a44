"""Finds out in which form labels are, and reads those of a picture: YOLO text, Pascal VOC, or a COCO file."""

import os
from typing import Callable, NamedTuple, Optional, Sequence

from app.errors import SourceError
from tools.score.coco import read_annotations
from tools.score.yolo import read_yolo
from tools.train_detector.data_yaml import MOST_CLASSES
from tools.train_detector.examples import Object
from tools.train_detector.voc import read_voc

LARGEST_TEXT = 16 << 20  # bytes of a YOLO file
LARGEST_COCO = 512 << 20
NAMES_FILES = ("classes.txt", "obj.names", "_darknet.labels")  # beside YOLO labels, as their programs write them

# Objects of a picture with this path, width and height; None if it has no labels.
Reader = Callable[[str, int, int], Optional[list[Object]]]


class Labels(NamedTuple):
    """A reader of labels, and the names of the classes, if they are known before all are read."""

    read: Reader
    names: Optional[tuple[str, ...]]


def open_labels(place: str, pictures: Sequence[str], names: Optional[tuple[str, ...]]) -> Labels:
    """Labels of these pictures in a folder, or in a COCO file. names: of the classes, if they are given.

    Raises SourceError.
    """
    if not os.path.isdir(place):
        return _coco(place, names)
    counts = {suffix: sum(find_label(place, path, suffix) is not None for path in pictures) for suffix in _BY_SUFFIX}
    suffix = max(counts, key=lambda one: counts[one])
    if not counts[suffix]:
        raise SourceError(f"{place}: has neither a .txt nor an .xml for any of the pictures, as {pictures[0]}")
    return _BY_SUFFIX[suffix](place, names)


def find_label(place: str, picture: str, suffix: str) -> Optional[str]:
    """The path of a picture's label: in the folder `place`, where Ultralytics has it, or beside the picture."""
    folder, name = os.path.split(picture)
    name = os.path.splitext(name)[0] + suffix
    head, tail = os.path.split(folder)
    inner = os.path.join(place, tail, name)  # labels/val of images/val
    parts = os.path.abspath(folder).split(os.sep)
    tried = [os.path.join(place, name), inner]
    if "images" in parts:
        last = len(parts) - 1 - parts[::-1].index("images")
        tried.append(os.path.join(os.sep, *parts[:last], "labels", *parts[last + 1 :], name))
    tried.append(os.path.join(folder, name))
    return next((path for path in tried if os.path.isfile(path)), None)


def _yolo(place: str, names: Optional[tuple[str, ...]]) -> Labels:
    for name in NAMES_FILES:
        path = os.path.join(place, name)
        if names is None and os.path.isfile(path):
            names = read_names(path)

    def read(picture: str, width: int, height: int) -> Optional[list[Object]]:
        path = find_label(place, picture, ".txt")
        if path is None:
            return None
        if os.path.getsize(path) > LARGEST_TEXT:
            raise SourceError(f"{path}: is larger than {LARGEST_TEXT >> 20} MB, so it is no label of one picture")
        objects = []
        for label, cx, cy, w, h in read_yolo(path, MOST_CLASSES, polygons=True):
            if names is not None and label >= len(names):
                raise SourceError(f"{path}: class {label} has no name; there are {len(names)}: 0 is {names[0]}")
            name = names[label] if names is not None else str(label)
            box = (cx - w / 2) * width, (cy - h / 2) * height, (cx + w / 2) * width, (cy + h / 2) * height
            objects.append(Object(name, box))
        return objects

    return Labels(read, names)


def _voc(place: str, names: Optional[tuple[str, ...]]) -> Labels:
    def read(picture: str, width: int, height: int) -> Optional[list[Object]]:
        path = find_label(place, picture, ".xml")
        if path is None:
            return None
        objects = read_voc(path)
        for one in objects:
            if names is not None and one.name not in names:
                raise SourceError(f"{path}: class {one.name[:40]!r} is not one of the names")
        return objects

    return Labels(read, names)


def _coco(path: str, names: Optional[tuple[str, ...]]) -> Labels:
    try:
        if os.path.getsize(path) > LARGEST_COCO:
            raise SourceError(f"{path}: is larger than {LARGEST_COCO >> 20} MB")
    except FileNotFoundError:
        raise SourceError(f"{path}: no such folder or file of labels") from None
    dataset = read_annotations(path)
    categories = {entry["id"]: entry["name"] for entry in dataset["categories"]}
    objects: dict[str, list[Object]] = {}
    by_id: dict[int, list[Object]] = {}
    for entry in dataset["images"]:
        if entry["file_name"] in objects:
            raise SourceError(f"{path}: lists the picture {entry['file_name'][:60]} twice")
        objects[entry["file_name"]] = by_id[entry["id"]] = []
    used = set()
    for entry in dataset["annotations"]:
        x, y, w, h = entry["bbox"]
        name = categories[entry["category_id"]]
        if names is not None and name not in names:
            raise SourceError(f"{path}: category {name[:40]!r} is not one of the names")
        used.add(entry["category_id"])
        by_id[entry["image_id"]].append(Object(name, (x, y, x + w, y + h), bool(entry["iscrowd"])))
    if names is None:  # exporters add categories of categories, that nothing is labelled with
        names = tuple(dict.fromkeys(categories[number] for number in sorted(used)))
    return Labels(lambda picture, width, height: objects.get(os.path.basename(picture)), names)


def read_names(path: str) -> tuple[str, ...]:
    """Names of classes, one a line. Raises SourceError."""
    try:
        with open(path, "rb") as file:
            data = file.read((1 << 20) + 1)
    except OSError as error:
        raise SourceError(f"{path}: {error.strerror}") from error
    names = tuple(line.strip() for line in data.decode("utf-8-sig", "replace").rstrip().split("\n"))
    if len(data) > 1 << 20 or len(names) > MOST_CLASSES or not all(name and name.isprintable() for name in names):
        raise SourceError(f"{path}: should have the names of the classes, one a line, and no empty line between them")
    if len(set(names)) < len(names):
        raise SourceError(f"{path}: has a name twice")
    return names


_BY_SUFFIX: dict[str, Callable[[str, Optional[tuple[str, ...]]], Labels]] = {".txt": _yolo, ".xml": _voc}
