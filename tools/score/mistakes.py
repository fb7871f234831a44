"""Why detections are false and why objects were not found, in the manner of TIDE (Bolya et al., 2020).

Detections are matched as COCO does at IoU 0.5: within an image and a class, the highest score first, each with the
object that it overlaps most among those still free. Crowds are not objects; a detection on a crowd of its class that
matches no object is ignored. A detection that is left over is the first of these that fits:

  duplicate      IoU >= 0.5 with an object of its class, which a better detection has matched
  confusion      IoU >= 0.5 with an object of another class
  localisation   0.1 <= IoU < 0.5 with an object of its class
  background     none of these

An object that is left over is lost to a confusion if such a detection has IoU >= 0.5 with it, else to a localisation
if such a detection has IoU >= 0.1 with it, else it is missed.
"""

from collections import Counter, defaultdict
from typing import Any, Dict, List, NamedTuple, Sequence

import numpy as np
from tqdm import tqdm

from tools.json_file import Json

ON, NEAR = 0.5, 0.1  # the IoU from which a detection is on an object, and near it
MOST = 100  # detections per class and image that count, as in COCO's metrics
FALSE = ("duplicate", "confusion", "localisation", "background")
LOST = ("confusion", "localisation", "missed")


class Verdicts(NamedTuple):
    """Of one image: what each detection is, what became of each object, and pairs (object, detection) of classes."""

    detections: np.ndarray
    objects: np.ndarray
    confused: List[Any]


def mistakes(dataset: Json, detections: Sequence[Json], threshold: float) -> Json:
    """Counts of the detections with a score of at least `threshold`, and of the objects, by what they are.

    Both in COCO's formats, see `precision.py`. Detections are `correct`, `ignored` or one of `false`; objects are
    `found` or one of `lost`. `confusions`: the five most frequent, by the object that the detection overlaps most.
    """
    found, objects = defaultdict(list), defaultdict(list)
    for entry in detections:
        if entry["score"] >= threshold:
            found[entry["image_id"]].append(entry)
    for entry in dataset["annotations"]:
        objects[entry["image_id"]].append(entry)
    counts: Dict[str, Counter] = {"detections": Counter(), "objects": Counter(), "confused": Counter()}
    for image in tqdm(dataset["images"], desc="mistakes", unit=" images", leave=False, disable=None):
        verdicts = judge(_best(found[image["id"]]), objects[image["id"]])
        for name, values in verdicts._asdict().items():
            counts[name].update(values)
    names = {entry["id"]: entry["name"] for entry in dataset["categories"]}
    confused = sorted(counts["confused"].items(), key=lambda item: (-item[1], item[0]))[:5]
    return {
        "threshold": threshold,
        "correct": counts["detections"]["correct"],
        "ignored": counts["detections"]["ignored"],
        "false": {kind: counts["detections"][kind] for kind in FALSE},
        "found": counts["objects"]["found"],
        "lost": {kind: counts["objects"][kind] for kind in LOST},
        "confusions": [{"object": names[a], "taken_for": names[b], "count": count} for (a, b), count in confused],
    }


def _best(found: Sequence[Json]) -> List[Json]:
    """Detections in an image by score, highest first, and no more of a class than count."""
    seen: Counter = Counter()
    kept = []
    for entry in sorted(found, key=lambda entry: -entry["score"]):
        seen[entry["category_id"]] += 1
        if seen[entry["category_id"]] <= MOST:
            kept.append(entry)
    return kept


def judge(found: Sequence[Json], objects: Sequence[Json]) -> Verdicts:
    """The detections in one image, highest score first, against its objects."""
    from pycocotools import mask  # imported here, since only this function needs it

    crowd = np.array([entry["iscrowd"] for entry in objects], bool)
    labels = [np.array([entry["category_id"] for entry in entries], np.int64) for entries in (found, objects)]
    same = labels[0][:, None] == labels[1][None]  # (detections, objects), as all below
    boxes = [[entry["bbox"] for entry in entries] for entries in (found, objects)]
    iou = np.reshape(mask.iou(*boxes, crowd.tolist()), same.shape)  # over a crowd: the part of the detection on it
    verdicts = np.full(len(found), "", dtype="<U12")
    free = ~crowd
    for position in range(len(found)):
        on = same[position] & (iou[position] >= ON)
        if (on & free).any():
            # The last of equals, as in COCOeval.
            free[max(np.flatnonzero(on & free), key=lambda number: (iou[position, number], number))] = False
            verdicts[position] = "correct"
        elif (on & crowd).any():
            verdicts[position] = "ignored"

    left = (verdicts == "")[:, None] & ~crowd
    on, near = left & (iou >= ON), left & same & (iou >= NEAR)
    duplicate, confused = (on & same).any(axis=1), (on & ~same).any(axis=1)
    rules = [verdicts != "", duplicate, confused, near.any(axis=1)]
    verdicts = np.select(rules, [verdicts, *FALSE[:3]], FALSE[3])
    confusion, localisation = (verdicts == kind for kind in FALSE[1:3])
    on &= confusion[:, None] & ~same
    fates = np.select(
        [~free & ~crowd, on.any(axis=0), (near & localisation[:, None]).any(axis=0)], ["found", *LOST[:2]], LOST[2]
    )
    pairs = [
        (int(labels[1][np.argmax(np.where(on[row], iou[row], 0))]), int(labels[0][row]))
        for row in np.flatnonzero(confusion)
    ]
    return Verdicts(verdicts, fates[~crowd], pairs)
