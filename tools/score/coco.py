"""COCO's files: annotations, and results of a detector. What these functions return has been checked.

An annotation file is JSON: `images` [{id, file_name, width, height}], `categories` [{id, name}] and `annotations` [{id,
image_id, category_id, bbox, area, iscrowd}], where `bbox` is x y w h in pixels, `area` w * h unless it is given, and
`iscrowd` 0. A file of results is a list [{image_id, category_id, bbox, score}]. Folders in a file_name are ignored:
exporters write those of the machine that they ran on.
"""

from collections import Counter
from typing import Any, Callable, Dict, List, Optional, Sequence, Tuple

from app.errors import SourceError, warn
from app.labels import modern, positions
from tools.json_file import Json, read_json

LARGEST = 2**53  # below it, a float holds whole numbers exactly


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


ID, TEXT, SIDE = (_is_id, "a whole number"), (_is_text, "text"), (_is_side, "a number from 0")
BOX = (_is_box, "x, y, width and height in pixels")
FLAG = (lambda value: value in (0, 1), "0 or 1")
# The fields that entries must have: a check of each, and its description for errors.
FIELDS: Dict[str, Dict[str, Tuple[Callable[[Any], bool], str]]] = {
    "images": {"id": ID, "file_name": TEXT, "width": SIDE, "height": SIDE},
    "categories": {"id": ID, "name": TEXT},
    "annotations": {"id": ID, "image_id": ID, "category_id": ID, "bbox": BOX, "area": SIDE, "iscrowd": FLAG},
    "results": {"image_id": ID, "category_id": ID, "bbox": BOX, "score": (_is_number, "a number")},
}


def read_results(path: str) -> List[Json]:
    """Detections in COCO's results format: image_id, category_id, `bbox` x y w h in pixels, score.

    Raises SourceError if the file holds anything else.
    """
    return _entries(path, "results", read_json(path, "COCO results"))


def read_annotations(path: str) -> Json:
    """The images, categories and annotations of a COCO file. Raises SourceError if it is malformed."""
    content = read_json(path, "a COCO file")
    if not isinstance(content, dict):
        raise SourceError(f"{path}: not a COCO file: should be an object with images, categories, annotations")
    listed, categories, annotations = (
        _entries(path, key, content.get(key)) for key in ("images", "categories", "annotations")
    )
    if not categories:
        raise SourceError(f"{path}: has no categories")
    known = {"image_id": {entry["id"] for entry in listed}, "category_id": {entry["id"] for entry in categories}}
    for number, entry in enumerate(annotations):
        for field, ids in known.items():
            if entry[field] not in ids:
                raise SourceError(f"{path}: annotations[{number}]: there is no {field} {entry[field]}")
    return {"images": listed, "categories": categories, "annotations": annotations}


def read_coco(path: str, images: str, files: Sequence[str]) -> Json:
    """A COCO file's dictionary for the files of a folder of images, its `images` sorted by name.

    Raises SourceError if it is malformed, or does not list one of the files.
    """
    dataset = read_annotations(path)
    listed, categories = dataset["images"], dataset["categories"]
    here = set(files)
    entries = sorted((entry for entry in listed if entry["file_name"] in here), key=lambda entry: entry["file_name"])
    _refuse_twins(path, "an image", [entry["file_name"] for entry in entries])
    _refuse_twins(path, "a category", [modern(entry["name"]) for entry in categories])
    unlisted = sorted(here - {entry["file_name"] for entry in entries})
    if unlisted:
        raise SourceError(f"{path}: does not list {len(unlisted)} of the images in {images}: {some_of(unlisted)}")
    if len(entries) < len(listed):
        warn(f"{path}: {len(listed) - len(entries)} of its images are not in {images}; left out")
    used = {entry["id"] for entry in entries}
    kept = [entry for entry in dataset["annotations"] if entry["image_id"] in used]
    return {"images": entries, "categories": categories, "annotations": kept}


def _entries(path: str, key: str, entries: Any) -> List[Json]:
    """The entries under a key, checked and reduced to the fields in FIELDS."""
    if not isinstance(entries, list):
        raise SourceError(f"{path}: its {key} should be a list")
    checked = []
    for number, entry in enumerate(entries):
        if not isinstance(entry, dict):
            raise SourceError(f"{path}: {key}[{number}]: should be an object")
        if key == "annotations" and _is_box(entry.get("bbox")):
            entry = dict({"area": entry["bbox"][2] * entry["bbox"][3], "iscrowd": 0}, **entry)
        for field, (is_good, meaning) in FIELDS[key].items():
            if field not in entry or not is_good(entry[field]):
                raise SourceError(f"{path}: {key}[{number}]: its {field} should be {meaning}")
        checked.append({field: entry[field] for field in FIELDS[key]})
    if "id" in FIELDS[key]:
        _refuse_twins(path, f"the id of {key}", [entry["id"] for entry in checked])
    if key == "images":
        checked = [dict(entry, file_name=entry["file_name"].replace("\\", "/").split("/")[-1]) for entry in checked]
    return checked


def _refuse_twins(path: str, what: str, values: Sequence[Any]) -> None:
    twice = [value for value, count in Counter(values).items() if count > 1]
    if twice:
        raise SourceError(f"{path}: {what} occurs twice: {twice[0]!r}")


def match_names(path: str, categories: Sequence[Json], names: Sequence[str]) -> List[Optional[int]]:
    """The category id of each class of a model, matched by name; None for a class without a category.

    Names in another spelling match too (see `app.labels`), if only one of the categories and of the classes is meant.
    path: of the file, for errors. Raises SourceError if no class matches.
    """
    theirs = [entry["name"] for entry in categories]
    matched: List[Optional[int]] = []
    for name in names:
        found = positions(name, theirs)
        mutual = len(found) == 1 and [names[one] for one in positions(theirs[found[0]], names)] == [name]
        matched.append(categories[found[0]]["id"] if mutual else None)
    unknown = [entry["name"] for entry in categories if entry["id"] not in matched]
    if len(unknown) == len(categories):
        raise SourceError(f"{path}: none of its categories is a class of the model")
    if unknown:
        what = f"{len(unknown)} of its categories are not classes of the model, so all their objects will be missed"
        warn(f"{path}: {what}: {some_of(unknown)}")
    return matched


def some_of(names: Sequence[str]) -> str:
    """The first of many names, for a message."""
    return ", ".join(names[:3]) + (", ..." if len(names) > 3 else "")
