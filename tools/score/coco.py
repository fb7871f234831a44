"""COCO's files: annotations, and results of a detector. Whatever comes out of here has been checked.

An annotation file is JSON: `images` [{id, file_name, width, height}], `categories` [{id, name}] and `annotations` [{id,
image_id, category_id, bbox, area, iscrowd}], where `bbox` is x y w h in pixels, `area` w * h unless it is given, and
`iscrowd` 0. A file of results is a list of [{image_id, category_id, bbox, score}]. Folders before a file_name are not
looked at: exporters write those of the machine that they ran on.
"""

import json
from collections import Counter
from typing import Any, Callable, Dict, List, Optional, Sequence, Tuple

from app.errors import SourceError, warn

Json = Dict[str, Any]

LARGEST = 2**53  # of a number: below it a float holds whole ones exactly
# Names of COCO's classes in Darknet's lists, and in COCO's own files.
RENAMED = {
    "aeroplane": "airplane",
    "motorbike": "motorcycle",
    "sofa": "couch",
    "pottedplant": "potted plant",
    "diningtable": "dining table",
    "tvmonitor": "tv",
}


def _is_id(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < LARGEST


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and abs(value) < LARGEST  # NaN is not


def _is_side(value: Any) -> bool:
    return _is_number(value) and value >= 0


def _is_box(value: Any) -> bool:
    return isinstance(value, list) and len(value) == 4 and all(map(_is_number, value)) and min(value[2:]) >= 0


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and value != ""


ID, TEXT, SIDE = (_is_id, "a whole number"), (_is_text, "a text"), (_is_side, "a number from 0")
BOX = (_is_box, "x, y, width and height in pixels")
FLAG = (lambda value: value in (0, 1), "0 or 1")
# What the entries of a file must have: a check of each field, and what it should be in words.
FIELDS: Dict[str, Dict[str, Tuple[Callable[[Any], bool], str]]] = {
    "images": {"id": ID, "file_name": TEXT, "width": SIDE, "height": SIDE},
    "categories": {"id": ID, "name": TEXT},
    "annotations": {"id": ID, "image_id": ID, "category_id": ID, "bbox": BOX, "area": SIDE, "iscrowd": FLAG},
    "results": {"image_id": ID, "category_id": ID, "bbox": BOX, "score": (_is_number, "a number")},
}


def read_results(path: str) -> List[Json]:
    """Detections in COCO's results format: image_id, category_id, `bbox` x y w h in pixels, score.

    Raises SourceError when the file has anything else.
    """
    return _entries(path, "results", _read_json(path))


def read_annotations(path: str) -> Json:
    """A COCO file's images, categories and annotations. Raises SourceError when it is malformed."""
    content = _read_json(path)
    if not isinstance(content, dict):
        raise SourceError("{}: not a COCO file: should be an object with images, categories, annotations".format(path))
    listed, categories, annotations = (
        _entries(path, key, content.get(key)) for key in ("images", "categories", "annotations")
    )
    if not categories:
        raise SourceError("{}: has no categories".format(path))
    known = {"image_id": {entry["id"] for entry in listed}, "category_id": {entry["id"] for entry in categories}}
    for number, entry in enumerate(annotations):
        for field, ids in known.items():
            if entry[field] not in ids:
                raise SourceError("{}: annotations[{}]: there is no {} {}".format(path, number, field, entry[field]))
    return {"images": listed, "categories": categories, "annotations": annotations}


def read_coco(path: str, images: str, files: Sequence[str]) -> Json:
    """A COCO file's dictionary for the files of a folder of images, its `images` in the order of their names.

    Raises SourceError when it is malformed, or does not list one of the files.
    """
    dataset = read_annotations(path)
    listed, categories = dataset["images"], dataset["categories"]
    here = set(files)
    entries = sorted((entry for entry in listed if entry["file_name"] in here), key=lambda entry: entry["file_name"])
    _refuse_twins(path, "an image", [entry["file_name"] for entry in entries])
    _refuse_twins(path, "a category", [_modern(entry["name"]) for entry in categories])
    unlisted = sorted(here - {entry["file_name"] for entry in entries})
    if unlisted:
        message = "{}: does not list {} of the images in {}: {}"
        raise SourceError(message.format(path, len(unlisted), images, some_of(unlisted)))
    if len(entries) < len(listed):
        warn("{}: {} of its images are not in {}; left out".format(path, len(listed) - len(entries), images))
    used = {entry["id"] for entry in entries}
    kept = [entry for entry in dataset["annotations"] if entry["image_id"] in used]
    return {"images": entries, "categories": categories, "annotations": kept}


def _entries(path: str, key: str, entries: Any) -> List[Json]:
    """The entries under a key, with the fields in FIELDS alone, once they have been found to be what they should."""
    if not isinstance(entries, list):
        raise SourceError("{}: its {} should be a list".format(path, key))
    checked = []
    for number, entry in enumerate(entries):
        if not isinstance(entry, dict):
            raise SourceError("{}: {}[{}]: should be an object".format(path, key, number))
        if key == "annotations" and _is_box(entry.get("bbox")):
            entry = dict({"area": entry["bbox"][2] * entry["bbox"][3], "iscrowd": 0}, **entry)
        for field, (is_good, meaning) in FIELDS[key].items():
            if field not in entry or not is_good(entry[field]):
                raise SourceError("{}: {}[{}]: its {} should be {}".format(path, key, number, field, meaning))
        checked.append({field: entry[field] for field in FIELDS[key]})
    if "id" in FIELDS[key]:
        _refuse_twins(path, "the id of {}".format(key), [entry["id"] for entry in checked])
    if key == "images":
        checked = [dict(entry, file_name=entry["file_name"].replace("\\", "/").split("/")[-1]) for entry in checked]
    return checked


def _refuse_twins(path: str, what: str, values: Sequence[Any]) -> None:
    twice = [value for value, count in Counter(values).items() if count > 1]
    if twice:
        raise SourceError("{}: {} is there twice: {!r}".format(path, what, twice[0]))


def match_names(path: str, categories: Sequence[Json], names: Sequence[str]) -> List[Optional[int]]:
    """The id of the category that each class of a model is, by name; None where there is no such category.

    path: of the file, for errors. Raises SourceError when no class is any of the categories.
    """
    ids = {_modern(entry["name"]): entry["id"] for entry in categories}
    matched = [ids.get(_modern(name)) for name in names]
    unknown = [entry["name"] for entry in categories if entry["id"] not in matched]
    if len(unknown) == len(categories):
        raise SourceError("{}: no class of the model is any of its categories".format(path))
    if unknown:
        message = "{}: {} of its categories are no class of the model, so all their objects will be missed: {}"
        warn(message.format(path, len(unknown), some_of(unknown)))
    return matched


def some_of(names: Sequence[str]) -> str:
    """The first of many names, for a message."""
    return ", ".join(names[:3]) + (", ..." if len(names) > 3 else "")


def _modern(name: str) -> str:
    return RENAMED.get(name, name)


def _read_json(path: str) -> Any:
    try:
        with open(path, encoding="utf-8-sig") as file:
            return json.load(file)
    except OSError as error:
        raise SourceError("{}: {}".format(path, error.strerror)) from error
    except (ValueError, RecursionError) as error:
        raise SourceError("{}: not JSON: {}".format(path, error)) from error
