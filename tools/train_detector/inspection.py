"""The check of the data before a training: what is probably a mistake, in a line each."""

import os
from collections import Counter
from typing import Optional

import numpy as np

from tools.score.coco import some_of
from tools.train_detector.dataset import DataSet
from tools.train_detector.examples import Example

FEW = 10  # objects of a class, with which little can be learned
ALIKE = 0.06  # share of the bits of two looks that may differ in the same picture; of other pictures half of them do
PLAIN = 0.15  # share of bits that are set, or are not, in a picture without structure: such all look alike


def summary(data: DataSet) -> str:
    """How many pictures, objects and classes there are."""
    parts = []
    for name, part in (("train on", data.training), ("validate on", data.validation)):
        parts.append(f"{len(part)} pictures with {sum(len(example.boxes) for example in part)} objects to {name}")
    classes = some_of(data.labels) if len(data.labels) > 3 else ", ".join(data.labels)
    return f"{', '.join(parts)}; {len(data.labels)} class{'es' * (len(data.labels) > 1)}: {classes}"


def findings(data: DataSet) -> list[str]:
    """What is worth a look, one sentence each."""
    found = []
    for what, part in (("train on", data.training), ("validate on", data.validation)):
        missing = [_name(example) for example in part if not example.labelled]
        if missing:
            found.append(f"without a label, taken as empty: {_some(missing)} of {len(part)} to {what}")
    if data.problems.outside:
        found.append(f"with a box that leaves the picture, cut off at its edge: {_some(data.problems.outside)}")
    if data.problems.empty:
        found.append(f"with a box that has no area in the picture, left out: {_some(data.problems.empty)}")
    counts = Counter(data.labels[number] for example in data.training for number in example.classes.tolist())
    never = [name for name in data.labels if not counts[name]]
    once = [name for name in data.labels if counts[name] == 1]
    few = [f"{name} ({counts[name]})" for name in data.labels if 1 < counts[name] < FEW]
    if never:
        found.append(f"classes that never occur in training: {some_of(never)}")
    if once:
        found.append(f"classes that occur once in training: {some_of(once)}")
    if few:
        found.append(f"classes that occur less than {FEW} times in training: {some_of(few)}")
    if data.validation and not any(len(example.boxes) for example in data.validation):
        found.append("nothing is labelled in the pictures to validate on, so there will be no AP50")
    found += _duplicates(data)
    return found


def _duplicates(data: DataSet) -> list[str]:
    """Pictures that are in training and in validation, which then measures memory."""
    same = []
    for example, other in zip(data.validation, _twins(data.validation, data.training)):
        if other is not None:
            same.append(f"{_name(example)} = {_name(other)}")
    found = []
    if same:
        share = f"{len(same)} of {len(data.validation)} pictures to validate on are trained on too"
        found.append(f"{share}, so that AP50 will be too high: {some_of(same)}")
    twice = Counter(example.sha256 for example in data.training)
    repeated = [_name(example) for example in data.training if twice[example.sha256] > 1]
    if repeated:
        found.append(f"the same file more than once in training: {_some(repeated)}")
    return found


def _twins(examples: list[Example], others: list[Example]) -> list[Optional[Example]]:
    """For each example the one of the others that is the same picture, if one is."""
    if not examples:
        return []
    by_hash = {other.sha256: other for other in others}
    theirs = _bits(others)
    found: list[Optional[Example]] = []
    for example in examples:
        twin = by_hash.get(example.sha256)
        bits = _bits([example])[0]
        if twin is None and PLAIN < bits.mean() < 1 - PLAIN:
            apart = np.abs(theirs - bits).mean(axis=1)
            nearest = others[int(apart.argmin())]
            proportions = example.width / example.height * nearest.height / nearest.width
            twin = nearest if apart.min() <= ALIKE and abs(proportions - 1) < 0.02 else None
        found.append(twin)
    return found


def _bits(examples: list[Example]) -> np.ndarray:
    """The examples' looks (N, bits) float32, 0 or 1."""
    packed = np.array([np.frombuffer(example.look, np.uint8) for example in examples])
    return np.unpackbits(packed, axis=1).astype(np.float32)


def _name(example: Example) -> str:
    return os.path.basename(example.path)


def _some(names: list[str]) -> str:
    return f"{len(names)} picture{'s' * (len(names) > 1)} ({some_of(names)})"
