"""What is still seen of a film if not every frame of it is inferred: by the same decisions and boxes as in the loop."""

from typing import Any, Dict, List, NamedTuple, Optional, Tuple

import numpy as np

from app.boxes import area, iou
from app.detections import Detections
from app.loop.sparing import Sparing
from app.sources import open_source
from app.tracking.tracker import Tracker
from tools.track.motchallenge import NONE, Boxes, Frames

MATCH = 0.5  # least IoU
LARGE = 2000  # pixels: smaller things are not counted as lost
RECALLS = np.linspace(0, 1, 101)  # at which COCO takes the precision


class Less(NamedTuple):
    """shown: the boxes of every frame, with their tracks, 0 where there is none. inferred: the numbers of the frames
    that were inferred.
    """

    shown: Frames
    inferred: List[int]


def detect_less(path: str, detections: Frames, fps: float, every: int, motion: bool) -> Less:
    """Go through a film as the loop does. detections: what is found in each of its frames. Raises SourceError."""
    sparing, tracker = Sparing(every, motion=motion), Tracker()
    shown: Frames = {}
    inferred = []
    with open_source(path) as source:
        for frame in source:
            if frame is None:
                continue
            number, frame.time = frame.index + 1, frame.index / fps
            sparing.plan(frame)
            if frame.times.inferred:
                inferred.append(number)
                assert frame.plan is not None
                if frame.plan.still_until is not None:
                    tracker.rest(frame.plan.still_until)
                found = detections.get(number, NONE)
                classes = np.zeros(len(found.ids), np.int32)
                frame.detections = tracker.update(Detections(found.boxes, found.scores, classes), frame.time)
                sparing.know(frame)
            else:
                sparing.show(frame)
            boxes, scores = frame.detections.boxes.astype(float), frame.detections.scores.astype(float)
            shown[number] = Boxes(frame.detections.tracks, boxes, scores)
    return Less(shown, inferred)


def tracks_of(shown: Frames) -> Frames:
    """Those boxes that have a track."""
    return {number: Boxes(*(column[found.ids > 0] for column in found)) for number, found in shown.items()}


def report(less: Less, detections: Frames, truth: Optional[Frames], fps: float) -> Dict[str, Any]:
    """What was saved, and what that cost, ready for JSON.

    `ap50`: of the frames that were not inferred, as they are `shown` and as they would be `detected`. `longest_lost_s`:
    for how long at most a thing of LARGE or more is not shown that is detected in the same frames, in seconds.
    """
    count = len(less.shown)
    fields: Dict[str, Any] = {"inferred": len(less.inferred), "saved": round(1 - len(less.inferred) / count, 4)}
    if truth is not None:
        others = sorted(set(less.shown) - set(less.inferred))
        fields["ap50"] = None
        if any(len(truth.get(number, NONE).ids) for number in others):
            detected, shown = (average_precision(truth, found, others) for found in (detections, less.shown))
            share = round(shown / detected, 4) if detected else None
            fields["ap50"] = {"detected": round(detected, 4), "shown": round(shown, 4), "share": share}
        fields["longest_lost_s"] = round(longest_lost(truth, detections, less.shown) / fps, 3)
    return fields


def average_precision(truth: Frames, found: Frames, frames: List[int]) -> float:
    """AP at an IoU of 0.5, as COCO computes it, over all boxes of these frames; they have at least one true box.

    In each frame the box with the highest score has the first choice among the true ones.
    """
    scores, hits, total = [], [], 0
    for number in frames:
        true, boxes = truth.get(number, NONE), found.get(number, NONE)
        total += len(true.ids)
        overlaps = iou(boxes.boxes, true.boxes)
        for row in np.argsort(-boxes.scores, kind="stable"):
            best = int(overlaps[row].argmax()) if len(true.ids) else -1
            hit = best >= 0 and overlaps[row, best] >= MATCH
            if hit:
                overlaps[:, best] = -1
            scores.append(boxes.scores[row])
            hits.append(hit)
    right = np.cumsum(np.array(hits, bool)[np.argsort(-np.array(scores), kind="stable")])
    recall, precision = right / total, right / np.arange(1, len(right) + 1)
    best_beyond = np.maximum.accumulate(precision[::-1])[::-1]  # at this recall or a higher one
    return float(np.append(best_beyond, 0)[np.searchsorted(recall, RECALLS)].mean())


def longest_lost(truth: Frames, detected: Frames, shown: Frames) -> int:
    """For how many frames at most, from the first to the last, a true thing is detected but not shown."""
    lost_since: Dict[int, Optional[int]] = {}
    longest = 0
    for number in sorted(shown):
        true = truth.get(number, NONE)
        large = area(true.boxes) >= LARGE
        for track, *found in zip(true.ids[large].tolist(), *_matched(true.boxes[large], (detected, shown), number)):
            if found[1]:
                lost_since[track] = None
            elif found[0]:
                since = lost_since.get(track)
                lost_since[track] = since = number if since is None else since
                longest = max(longest, number - since + 1)
    return longest


def _matched(boxes: np.ndarray, both: Tuple[Frames, Frames], number: int) -> List[np.ndarray]:
    """For each of two, whether it has a box for every true one (N, 4) of a frame."""
    found = (frames.get(number, NONE).boxes for frames in both)
    return [np.asarray((iou(boxes, one) >= MATCH).any(axis=1)) for one in found]
