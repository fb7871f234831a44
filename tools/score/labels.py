"""Labelled images: a folder of them, with a folder of YOLO text files or with a COCO file.

A YOLO file is named like its image and has a line `class cx cy w h` per object, as fractions of the image; an image
without such a file has no objects. See `coco.py` for the other format.
"""

import os
from typing import Iterator, List, NamedTuple, Optional, Sequence, Tuple

from tqdm import tqdm

from app.errors import SourceError, warn
from app.files import is_image
from app.sources.readers import read_image
from tools.json_file import Json
from tools.score.coco import LARGEST, match_names, read_coco, some_of


class Truth(NamedTuple):
    """Labelled images, sorted by name.

    paths: of the images, as they are in `dataset["images"]`. dataset: COCO's dictionary: `images` [{id, file_name,
    width, height}], `categories` [{id, name}], `annotations` [{id, image_id, category_id, bbox, area, iscrowd}], the
    annotations' ids from 1, `bbox` x y w h in pixels. category_ids: the category of each class of a model, None if the
    labels have no such category.
    """

    paths: List[str]
    dataset: Json
    category_ids: List[Optional[int]]


def read_truth(images: str, labels: str, names: Optional[Sequence[str]]) -> Truth:
    """All labels of a folder of images.

    labels: a folder of YOLO files, whose classes are indices into `names`, the classes of a model; image ids are the
    file names if all are numbers, else indices. Or a COCO file, whose ids of images and categories are kept; names may
    then be None if there is no model. Raises SourceError if there are no images, or labels are missing or malformed.
    """
    files = _images_in(images)
    if names is not None and os.path.isdir(labels):
        dataset = _read_yolo(images, files, labels, names)
        category_ids: List[Optional[int]] = list(range(len(names)))
    else:
        dataset = read_coco(labels, images, files)
        category_ids = [] if names is None else match_names(labels, dataset["categories"], names)
    # For pycocotools, annotation 0 means "no match", so ids start at 1.
    dataset["annotations"] = [dict(entry, id=number) for number, entry in enumerate(dataset["annotations"], 1)]
    return Truth([os.path.join(images, name) for name in files], dataset, category_ids)


def _images_in(folder: str) -> List[str]:
    """The names of the images in a folder, sorted; a warning names subfolders that have more. Raises SourceError if
    there are none.
    """
    try:
        names = os.listdir(folder)
    except OSError:
        names = []
    files = sorted(filter(is_image, names))
    inner = sorted(name for name in names if not is_image(name) and _has_images(os.path.join(folder, name)))
    if not files:
        hint = "; its subfolders are not searched, name one: " + ", ".join(inner[:3]) if inner else ""
        raise SourceError(f"{folder}: no images found{hint}")
    if inner:
        warn(f"{folder}: the images in its subfolders are left out: {some_of(inner)}")
    return files


def _has_images(folder: str) -> bool:
    try:
        return any(map(is_image, os.listdir(folder)))
    except OSError:
        return False  # a file, or without permission


def _read_yolo(images: str, files: Sequence[str], labels: str, names: Sequence[str]) -> Json:
    stems = [os.path.splitext(name)[0] for name in files]
    # Numbers are kept, as results in COCO's format use them as ids; but 1.jpg and 01.png would be the same number.
    numbers = [int(stem) if stem.isdecimal() else LARGEST for stem in stems]
    image_ids = numbers if max(numbers) < LARGEST and len(set(numbers)) == len(stems) else list(range(len(stems)))
    labelled = {stem for stem in stems if os.path.exists(os.path.join(labels, stem + ".txt"))}
    if not labelled:
        raise SourceError(f"{labels}: has no .txt for any of the images in {images}")
    others = [name for name, stem in zip(files, stems) if stem not in labelled]
    if others:  # as trainers read it, since they do not write empty files
        warn(f"{labels}: {len(others)} images have no .txt there, and so no objects: {some_of(others)}")
    entries, annotations = [], []
    for name, stem, image_id in zip(tqdm(files, unit=" images", leave=False, disable=None), stems, image_ids):
        path = os.path.join(images, name)
        image = read_image(path)
        if image is None:
            raise SourceError(f"{path}: not an image that OpenCV can read")
        height, width = image.shape[:2]
        entries.append({"id": image_id, "file_name": name, "width": width, "height": height})
        lines = _read_lines(os.path.join(labels, stem + ".txt"), len(names)) if stem in labelled else ()
        for label, cx, cy, w, h in lines:
            box = [(cx - w / 2) * width, (cy - h / 2) * height, w * width, h * height]
            annotation = {"image_id": image_id, "category_id": label, "bbox": box, "area": w * width * h * height}
            annotations.append(dict(annotation, iscrowd=0))
    categories = [{"id": index, "name": name} for index, name in enumerate(names)]
    return {"images": entries, "categories": categories, "annotations": annotations}


def _read_lines(path: str, classes: int) -> Iterator[Tuple[int, float, float, float, float]]:
    """Class, centre x and y, width and height of every object in a YOLO file, as fractions of the image."""
    try:
        with open(path, encoding="utf-8-sig") as file:
            lines = file.readlines()
    except (OSError, UnicodeDecodeError) as error:
        raise SourceError(f"{path}: not a readable text file: {error}") from error
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            label, cx, cy, w, h = line.split()
            box = (int(label), float(cx), float(cy), float(w), float(h))
        except ValueError:
            raise SourceError(f"{path}:{number}: should be: class cx cy w h") from None
        if not 0 <= box[0] < classes:
            raise SourceError(f"{path}:{number}: class {box[0]} is not one of 0 to {classes - 1}")
        if not all(0 <= side <= 1 for side in box[1:]):  # also refuses NaN
            raise SourceError(f"{path}:{number}: centres and sides should be from 0 to 1")
        yield box
