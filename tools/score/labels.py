"""Labelled images: a folder of them, with a folder of YOLO text files or with a COCO file.

A YOLO file is named like its image (see `yolo.py`); an image without such a file has no objects. See `coco.py` for the
other format.
"""

import os
from typing import Dict, List, Mapping, NamedTuple, Optional, Sequence, Tuple

from app.errors import SourceError, warn
from app.sources.pictures import is_picture
from tools.json_file import Json
from tools.score.coco import LARGEST, match_names, read_coco, some_of
from tools.score.pictures import picture_sizes
from tools.score.yolo import Labelled, read_yolo


class Truth(NamedTuple):
    """Labelled images, sorted by name.

    paths: of the images, as they are in `dataset["images"]`. dataset: COCO's dictionary: `images` [{id, file_name,
    width, height}], `categories` [{id, name}], `annotations` [{id, image_id, category_id, bbox, area, iscrowd}], the
    annotations' ids from 1, `bbox` x y w h in pixels. category_ids: the category of each class of a model, None if the
    labels have no such category. skipped: the paths of damaged images, which are in neither, by their ids.
    """

    paths: List[str]
    dataset: Json
    category_ids: List[Optional[int]]
    skipped: Mapping[int, str] = {}


def read_truth(
    images: str, labels: str, names: Optional[Sequence[str]], *, polygons: bool = False, skip_damaged: bool = False
) -> Truth:
    """All labels of a folder of images.

    labels: a folder of YOLO files, whose classes are indices into `names`, the classes of a model; image ids are the
    file names if all are numbers, else indices. Or a COCO file, whose ids of images and categories are kept; names may
    then be None if there is no model, and the images are not looked at unless skip_damaged says so. polygons: take the
    bounding boxes of YOLO's polygons. skip_damaged: leave damaged images and their labels out, with a warning.

    Raises SourceError if there are no images, or one is damaged, or labels are missing or malformed.
    """
    files = _images_in(images)
    paths = {name: os.path.join(images, name) for name in files}
    if names is not None and os.path.isdir(labels):
        ids = _image_ids(files)
        objects = _read_objects(images, files, labels, len(names), polygons)  # before what takes long
        sizes = picture_sizes(list(paths.values()), skip_damaged)
        dataset = _as_coco({name: sizes[path] for name, path in paths.items() if path in sizes}, ids, objects, names)
        category_ids: List[Optional[int]] = list(range(len(names)))
    else:
        dataset = read_coco(labels, images, files)
        ids = {entry["file_name"]: entry["id"] for entry in dataset["images"]}
        category_ids = [] if names is None else match_names(labels, dataset["categories"], names)
        looked = names is not None or skip_damaged
        sizes = picture_sizes(list(paths.values()), skip_damaged) if looked else dict.fromkeys(paths.values(), (0, 0))
    skipped = {ids[name]: path for name, path in paths.items() if path not in sizes}
    dataset["images"] = [entry for entry in dataset["images"] if entry["id"] not in skipped]
    kept = [entry for entry in dataset["annotations"] if entry["image_id"] not in skipped]
    # For pycocotools, annotation 0 means "no match", so ids start at 1.
    dataset["annotations"] = [dict(entry, id=number) for number, entry in enumerate(kept, 1)]
    return Truth([path for path in paths.values() if path in sizes], dataset, category_ids, skipped)


def _images_in(folder: str) -> List[str]:
    """The names of the images in a folder, sorted; a warning names subfolders that have more. Raises SourceError if
    there are none.
    """
    try:
        names = os.listdir(folder)
    except OSError:
        names = []
    files = sorted(filter(is_picture, names))
    inner = sorted(name for name in names if not is_picture(name) and _has_images(os.path.join(folder, name)))
    if not files:
        hint = "; its subfolders are not searched, name one: " + ", ".join(inner[:3]) if inner else ""
        raise SourceError(f"{folder}: no images found{hint}")
    if inner:
        warn(f"{folder}: the images in its subfolders are left out: {some_of(inner)}")
    return files


def _has_images(folder: str) -> bool:
    try:
        return any(map(is_picture, os.listdir(folder)))
    except OSError:
        return False  # a file, or without permission


def _image_ids(files: Sequence[str]) -> Dict[str, int]:
    """By file name: its number if all have one, since results in COCO's format use them as ids; else its index."""
    stems = [os.path.splitext(name)[0] for name in files]
    numbers = [int(stem) if stem.isdecimal() else LARGEST for stem in stems]
    # 1.jpg and 01.png would be the same number.
    numbered = max(numbers) < LARGEST and len(set(numbers)) == len(stems)
    return dict(zip(files, numbers if numbered else range(len(stems))))


def _read_objects(
    images: str, files: Sequence[str], labels: str, classes: int, polygons: bool
) -> Dict[str, List[Labelled]]:
    """The objects in each image, by file name, from a folder of YOLO files."""
    places = {name: os.path.join(labels, os.path.splitext(name)[0] + ".txt") for name in files}
    others = [name for name, place in places.items() if not os.path.exists(place)]
    if len(others) == len(files):
        raise SourceError(f"{labels}: has no .txt for any of the images in {images}")
    if others:  # as trainers read it, since they do not write empty files
        warn(f"{labels}: {len(others)} images have no .txt there, and so no objects: {some_of(others)}")
    unlabelled = set(others)
    return {
        name: [] if name in unlabelled else list(read_yolo(place, classes, polygons)) for name, place in places.items()
    }


def _as_coco(
    sizes: Dict[str, Tuple[int, int]], ids: Dict[str, int], objects: Dict[str, List[Labelled]], names: Sequence[str]
) -> Json:
    """COCO's dictionary of the images in `sizes`: width and height in pixels, by file name."""
    entries, annotations = [], []
    for name, (width, height) in sizes.items():
        entries.append({"id": ids[name], "file_name": name, "width": width, "height": height})
        for label, cx, cy, w, h in objects[name]:
            box = [(cx - w / 2) * width, (cy - h / 2) * height, w * width, h * height]
            annotation = {"image_id": ids[name], "category_id": label, "bbox": box, "area": w * width * h * height}
            annotations.append(dict(annotation, iscrowd=0))
    categories = [{"id": index, "name": name} for index, name in enumerate(names)]
    return {"images": entries, "categories": categories, "annotations": annotations}
