"""Labelled images: a folder of them, with a folder of YOLO text files or with a COCO file.

A YOLO file is named like its image and has a line `class cx cy w h` per object, in fractions of the picture; an image
without one has no objects. See `coco.py` for the other.
"""

import os
from typing import Iterator, List, NamedTuple, Optional, Sequence, Tuple

from tqdm import tqdm

from app.errors import SourceError, warn
from app.files import is_image
from app.sources.readers import read_image
from tools.score.coco import LARGEST, Json, match_names, read_coco, some_of


class Truth(NamedTuple):
    """Labelled images, sorted by name.

    paths: of the images, as they are in `dataset["images"]`. dataset: COCO's dictionary: `images` [{id, file_name,
    width, height}], `categories` [{id, name}], `annotations` [{id, image_id, category_id, bbox, area, iscrowd}], the
    annotations' ids from 1, `bbox` x y w h in pixels. category_ids: the category that each class of a model is, None
    where the labels have no such category.
    """

    paths: List[str]
    dataset: Json
    category_ids: List[Optional[int]]


def read_truth(images: str, labels: str, names: Optional[Sequence[str]]) -> Truth:
    """All labels of a folder of images.

    labels: a folder of YOLO files, whose classes are positions in `names`, the classes of a model; image ids are the
    file names as numbers where all are numbers, else positions. Or a COCO file, whose ids of images and categories are
    kept; names may then be None, where no model is asked. Raises SourceError when there are no images, or labels are
    missing or malformed.
    """
    files = _images_in(images)
    if names is not None and os.path.isdir(labels):
        dataset = _read_yolo(images, files, labels, names)
        category_ids: List[Optional[int]] = list(range(len(names)))
    else:
        dataset = read_coco(labels, images, files)
        category_ids = [] if names is None else match_names(labels, dataset["categories"], names)
    # pycocotools takes annotation 0 for "no match", so they are counted from 1.
    dataset["annotations"] = [dict(entry, id=number) for number, entry in enumerate(dataset["annotations"], 1)]
    return Truth([os.path.join(images, name) for name in files], dataset, category_ids)


def _images_in(folder: str) -> List[str]:
    """The names of the images in a folder, sorted; it is said which of its own folders have more. Raises SourceError
    where there are none.
    """
    try:
        names = os.listdir(folder)
    except OSError:
        names = []
    files = sorted(filter(is_image, names))
    inner = sorted(name for name in names if not is_image(name) and _has_images(os.path.join(folder, name)))
    if not files:
        hint = "; those in its folders are not looked for, say one: " + ", ".join(inner[:3]) if inner else ""
        raise SourceError("{}: no images there{}".format(folder, hint))
    if inner:
        warn("{}: the images in its folders are left out: {}".format(folder, some_of(inner)))
    return files


def _has_images(folder: str) -> bool:
    try:
        return any(map(is_image, os.listdir(folder)))
    except OSError:
        return False  # a file, or closed to us


def _read_yolo(images: str, files: Sequence[str], labels: str, names: Sequence[str]) -> Json:
    stems = [os.path.splitext(name)[0] for name in files]
    # Numbers are kept, for results in COCO's format name images so; 1.jpg beside 01.png would be one number.
    numbers = [int(stem) if stem.isdecimal() else LARGEST for stem in stems]
    image_ids = numbers if max(numbers) < LARGEST and len(set(numbers)) == len(stems) else list(range(len(stems)))
    labelled = {stem for stem in stems if os.path.exists(os.path.join(labels, stem + ".txt"))}
    if not labelled:
        raise SourceError("{}: has a .txt for none of the images in {}".format(labels, images))
    others = [name for name, stem in zip(files, stems) if stem not in labelled]
    if others:  # as trainers take it, which do not write empty files
        warn("{}: {} images have no .txt there, and so no objects: {}".format(labels, len(others), some_of(others)))
    entries, annotations = [], []
    for name, stem, image_id in zip(tqdm(files, unit=" images", leave=False, disable=None), stems, image_ids):
        path = os.path.join(images, name)
        image = read_image(path)
        if image is None:
            raise SourceError("{}: not an image that OpenCV can read".format(path))
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
    """Class, centre x and y, width and height of every object in a YOLO file."""
    try:
        with open(path, encoding="utf-8-sig") as file:
            lines = file.readlines()
    except (OSError, UnicodeDecodeError) as error:
        raise SourceError("{}: not a text file that can be read: {}".format(path, error)) from error
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            label, cx, cy, w, h = line.split()
            box = (int(label), float(cx), float(cy), float(w), float(h))
        except ValueError:
            raise SourceError("{}:{}: should be: class cx cy w h".format(path, number)) from None
        if not 0 <= box[0] < classes:
            raise SourceError("{}:{}: class {} is not one of 0 to {}".format(path, number, box[0], classes - 1))
        if not all(0 <= side <= 1 for side in box[1:]):  # also refuses NaN
            raise SourceError("{}:{}: sides and centres should be from 0 to 1".format(path, number))
        yield box
