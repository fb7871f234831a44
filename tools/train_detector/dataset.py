"""Reads labelled pictures: finds them, splits them, and turns their labels into boxes and numbers of classes."""

import argparse
import hashlib
import os
import sys
from typing import NamedTuple, Optional, Sequence

import cv2
import numpy as np
from tqdm import tqdm

from app.errors import SourceError, UsageError, warn
from app.sources.pictures import read_picture
from tools.score.coco import some_of
from tools.train_detector.data_yaml import MOST_CLASSES, read_data_yaml
from tools.train_detector.examples import Example, Object
from tools.train_detector.readers import Labels, open_labels, read_names
from tools.train_detector.splits import find_pictures, split

LONGEST_NAME = 100  # characters
LOOK = 12  # rows of the grid by which pictures are compared, and one column less than it has
THINNEST = 1.0  # pixels: a box with a shorter side inside of the picture is no object


class Problems(NamedTuple):
    """What is wrong with labels, found while they are read: names of pictures. outside: with a box that leaves the
    picture. empty: with a box that has no area in it.
    """

    outside: list[str]
    empty: list[str]


class DataSet(NamedTuple):
    """labels: names of the classes. sha256: of all pictures and labels."""

    labels: tuple[str, ...]
    training: list[Example]
    validation: list[Example]
    problems: Problems
    sha256: str


def read_data(options: argparse.Namespace) -> DataSet:
    """Read what the options name, completely. Raises SourceError, UsageError."""
    names, val, validation_labels = None, options.val, options.val_labels or options.labels
    if options.data is not None:
        described = read_data_yaml(options.data)
        names, pictures = described.names, find_pictures(described.train)
        folder = place = os.path.dirname(described.train[0]) or "."
        if options.labels is not None:
            place = options.labels
        if val is None and described.val is not None:
            held: Optional[list[str]] = find_pictures(described.val)
        else:
            held = None
        validation_labels = validation_labels or place
    else:
        folder, place, held = options.images, options.labels, None
        pictures = find_pictures([folder])
    if options.names is not None:
        names = read_names(options.names)
    if held is None:
        training, held = split(pictures, val or "1/5", folder)
    else:
        real = {os.path.realpath(path) for path in held}
        training = [path for path in pictures if os.path.realpath(path) not in real]
        if not training:
            raise UsageError(f"{options.data}: its val takes all pictures of its train")
    opened = open_labels(place, training, names)
    others = opened if validation_labels == place or not held else open_labels(validation_labels, held, names)
    return _read(training, held, opened, others, options.skip_damaged)


def _read(training: Sequence[str], held: Sequence[str], labels: Labels, others: Labels, skip_damaged: bool) -> DataSet:
    problems = Problems([], [])
    parts, damaged = [], []
    bar = tqdm(total=len(training) + len(held), desc="looking at pictures", leave=False, disable=None, file=sys.stderr)
    with bar:
        for paths, reader in ((training, labels), (held, others)):
            part = []
            for path in paths:
                bar.update()
                try:
                    part.append(_look(path, reader, problems))
                except _Damaged as error:
                    if not skip_damaged:
                        raise SourceError(f"{error}; to leave damaged pictures out: --skip-damaged") from error
                    damaged.append(os.path.basename(path))
            parts.append(part)
    if damaged:
        warn(f"damaged, and left out: {len(damaged)} pictures: {some_of(damaged)}")
    found = [one.name for part in parts for _, objects in part for one in objects]
    names = labels.names or tuple(sorted(set(found), key=lambda name: (not name.isdecimal(), _padded(name), name)))
    if labels.names is None and names and all(name.isdecimal() for name in names):  # of YOLO labels without names
        names = tuple(str(number) for number in range(int(names[-1]) + 1))
    if not all(name.isprintable() and len(name) <= LONGEST_NAME for name in names) or len(names) > MOST_CLASSES:
        raise SourceError(f"the names of the {len(names)} classes should be text of at most {LONGEST_NAME} characters")
    if not any(objects for _, objects in parts[0]):
        raise SourceError("nothing is labelled in the pictures to train on")
    unknown = sorted(set(found) - set(names))
    if unknown:
        raise SourceError(f"the validation's labels have a class that the others have not: {unknown[0][:40]}")
    numbers = {name: number for number, name in enumerate(names)}
    digest = hashlib.sha256("\n".join(names).encode())
    made = []
    for part in parts:
        digest.update(b"part")
        made.append([_finish(example, objects, numbers) for example, objects in part])
        for example in made[-1]:
            digest.update(example.sha256.encode() + example.boxes.tobytes() + example.classes.tobytes())
    if not made[0]:
        raise SourceError("no picture is left to train on")
    return DataSet(names, made[0], made[1], problems, digest.hexdigest())


class _Damaged(Exception):
    """A picture that cannot be read."""


def _look(path: str, labels: Labels, problems: Problems) -> tuple[Example, list[Object]]:
    """A picture without its boxes, and its objects with boxes inside of it."""
    try:
        picture = read_picture(path)
        with open(path, "rb") as file:
            digest = hashlib.sha256(file.read()).hexdigest()
    except (SourceError, OSError) as error:
        raise _Damaged(str(error)) from error
    width, height = picture.size
    objects = labels.read(path, width, height)
    name = os.path.basename(path)
    inside: list[Object] = []
    outside = empty = False
    for one in objects or []:
        x1, y1, x2, y2 = one.box
        clipped = max(0.0, x1), max(0.0, y1), min(float(width), x2), min(float(height), y2)
        # One pixel is how far programs disagree about where a picture begins.
        outside |= min(x1, y1) < -1 or x2 > width + 1 or y2 > height + 1
        if min(clipped[2] - clipped[0], clipped[3] - clipped[1]) < THINNEST:
            empty = True
        else:
            inside.append(one._replace(box=clipped))
    if outside:
        problems.outside.append(name)
    if empty:
        problems.empty.append(name)
    none = np.zeros(0, np.int32)
    example = Example(
        path, width, height, np.zeros((0, 4), np.float32), none, none.astype(bool), objects is not None, digest,
        _look_of(picture.image),
    )  # fmt: skip
    return example, inside


def _finish(example: Example, objects: Sequence[Object], numbers: dict[str, int]) -> Example:
    return example._replace(
        boxes=np.array([one.box for one in objects], np.float32).reshape(-1, 4),
        classes=np.array([numbers[one.name] for one in objects], np.int32),
        crowd=np.array([one.crowd for one in objects], bool),
    )


def _look_of(image: np.ndarray) -> bytes:
    """Whether each cell of a coarse grid is brighter than the one to its left, as bits."""
    small = cv2.resize(cv2.cvtColor(image, cv2.COLOR_BGR2GRAY), (LOOK + 1, LOOK), interpolation=cv2.INTER_AREA)
    return np.packbits(small[:, 1:] > small[:, :-1]).tobytes()


def _padded(name: str) -> str:
    return name.zfill(8) if name.isdecimal() else ""
