"""Follows things from frame to frame by their boxes alone: motion, overlap and score, no picture.

    tracker = Tracker()
    for frame in frames:
        found = tracker.update(detector.detect(frame.image), frame.time)
        for (label, score, box, _), track in zip(found, found.tracks.tolist()): ...

Detections are given to tracks in four rounds; what one leaves over goes to the next:
1. strong detections, by the overlap of slightly enlarged boxes, see `association.buffered_iou`;
2. weak ones, which keep a track alive and start none (ByteTrack: Zhang et al., ECCV 2022), in the same way;
3. strong ones, by the overlap of boxes that are enlarged more (C-BIoU: Yang et al., WACV 2023);
4. strong ones, by the distance of their feet; what was seen only once may have any speed, and so have gone further.
A detection that is left over and as strong as is usual starts a track, which is confirmed when it is found again in the
next frame.

What is strong depends on the detector: one says 0.99 of whatever it finds, another 0.7. So scores are compared with the
usual one: the mean of the last detections of confirmed tracks.
"""

from typing import Dict, Optional, Sequence, Tuple

import numpy as np

from app.boxes import area, clip
from app.detections import Detections
from app.tracking.association import PACE, buffered_iou, foot_distance, from_corners, pairs, to_corners
from app.tracking.clock import Clock
from app.tracking.state import TRACK, Track, advance, begin, correct, moved

MOST = 300  # detections that are tracked in one frame, and tracks that are kept
# These values, and those of state.py, hold for all data. They were chosen on five sequences of MOT15 at every first and
# third frame, and on what YOLOv3-tiny detects in one of them; what was chosen on four was judged on the fifth.
WEAK = 0.1  # lower scores are not tracked
START = 0.5  # lower scores start no track
STRONG = 0.8  # share of the usual score from which a detection is strong
ENOUGH = 0.95  # this starts a track even if more is usual
LATEST = 0.05  # weight of the latest detection in the usual score
OVERLAP, WEAK_OVERLAP, BUFFER = 0.25, 0.3, 0.25  # rounds 1 and 2: the least overlap, and how much boxes are enlarged
WIDE_OVERLAP, WIDE_BUFFER = 0.3, 0.5  # round 3
FARTHEST = 0.5  # round 4: widths and heights
HELD = 0.3  # share of its age for which a track is shown while it is missed, at most


class Tracker:
    """Tracks the things of one camera. Deterministic; holds no more than MOST tracks, and forgets those it lost.

    start: lower scores never start a track; where a detector is surer, more is needed, see above. May be changed.
    keep: seconds for which a track that is missed may be found again. hold: seconds for which `predict` still shows it.
    mix_classes: whether a track may change its class, as that of a truck that is also taken for a car.
    """

    def __init__(
        self,
        *,
        start: float = START,
        keep: float = 2.0,
        hold: float = 0.05,
        mix_classes: bool = False,
    ) -> None:
        self.start = start
        self.keep = keep
        self.hold = hold
        self.mix_classes = mix_classes
        self._tracks = np.zeros(0, TRACK)
        self._labels: Sequence[str] = ()
        self._clock = Clock()
        self._stamp = self._now = 0.0  # the time of the last frame, as it was given and by the clock
        self._confirmed = 0
        self._usual = start

    def update(self, detections: Detections, time: float) -> Detections:
        """The detections of a frame with their tracks, 0 for those that are not confirmed.

        time: the frame's stamp in seconds, as `Frame.time`. One that is earlier than the last counts as the same time.
        """
        now = self._clock(time)
        tracks = self._tracks
        tracks = tracks[tracks["seen"] >= now - self.keep]
        advance(tracks, now - self._now)
        self._tracks, self._labels = tracks, detections.labels
        self._stamp, self._now = time, now

        boxes = from_corners(detections.boxes[:MOST])
        scores, classes = detections.scores[:MOST].astype(np.float64), detections.classes[:MOST]

        usual = self._usual
        owners = self._associate(boxes, scores, classes)
        owned = (owners >= 0).nonzero()[0]
        rows = owners[owned]
        self._take(rows, boxes[owned], scores[owned], classes[owned])
        ids = np.zeros(len(detections), np.int64)
        ids[owned] = tracks["id"][rows]
        new = ((owners < 0) & (scores >= max(min(usual, ENOUGH), self.start))).nonzero()[0]
        self._renew(boxes[new], scores[new], classes[new])
        return detections.with_tracks(ids)

    def rest(self, time: float) -> None:
        """Note that until this time, in seconds, nothing has moved since the last frame, and so nothing was inferred.

        What was found in that frame stands there still, however long ago that is.
        """
        now = self._clock(time)
        found = self._tracks["seen"] >= self._now
        self._tracks["speed"][found] = 0
        self._tracks["seen"][found] = now
        self._stamp, self._now = time, now

    def predict(self, time: float, size: Optional[Tuple[int, int]] = None) -> Detections:
        """Where the confirmed tracks are: those that were found in the last frame, or missed for no longer than `hold`.

        time: of a frame that was not inferred, in seconds, or of the last one that was. Their scores are those of the
        last detections. size: width and height of the frame, to which boxes are clipped; those outside are left out.
        """
        ahead = max(time - self._stamp, 0.0)
        tracks = self._tracks
        held = np.minimum(HELD * (tracks["seen"] - tracks["born"]), self.hold)
        tracks = tracks[(tracks["id"] > 0) & (tracks["seen"] + held >= self._now)]
        boxes = to_corners(moved(tracks, ahead)).astype(np.float32)
        if size is not None:
            boxes = clip(boxes, *size)
            inside = area(boxes) > 0
            tracks, boxes = tracks[inside], boxes[inside]
        return Detections(boxes, tracks["score"], tracks["class"], self._labels, tracks["id"])

    def confirmed(self) -> Dict[int, Track]:
        """The confirmed tracks as of the last frame, by id, including those that are missed but not yet forgotten."""
        tracks = self._tracks[self._tracks["id"] > 0]
        rows = zip(
            tracks["id"].tolist(),
            tracks["class"].tolist(),
            tracks["score"].tolist(),
            map(tuple, to_corners(tracks["box"]).tolist()),
            map(tuple, tracks["speed"][:, :2].tolist()),
            (self._now - tracks["born"]).tolist(),
            (self._now - tracks["seen"]).tolist(),
        )
        return {row[0]: Track(*row) for row in rows}

    def _associate(self, found: np.ndarray, scores: np.ndarray, classes: np.ndarray) -> np.ndarray:
        """The row of the track that each detection (M, 4) belongs to, -1 for none."""
        boxes = self._tracks["box"]
        owners = np.full(len(found), -1)
        free = np.ones(len(boxes), bool)
        left = min(len(boxes), len(found))
        strong = scores >= STRONG * self._usual
        near = buffered_iou(boxes, found, BUFFER)
        for some, measure, least in (
            (strong, lambda rows, columns: near[rows[:, None], columns], OVERLAP),
            (~strong & (scores >= WEAK), lambda rows, columns: near[rows[:, None], columns], WEAK_OVERLAP),
            (strong, lambda rows, columns: buffered_iou(boxes[rows], found[columns], WIDE_BUFFER), WIDE_OVERLAP),
            (
                strong,
                lambda rows, columns: 1 - foot_distance(boxes[rows], found[columns], self._reach(rows)) / FARTHEST,
                1e-6,
            ),
        ):
            if not left:
                break
            rows, columns = free.nonzero()[0], (some & (owners < 0)).nonzero()[0]
            if not columns.size:
                continue
            similarity = measure(rows, columns)
            if not self.mix_classes:
                similarity *= self._tracks["class"][rows, None] == classes[columns]
            chosen, given = pairs(similarity, least)
            owners[columns[given]] = rows[chosen]
            free[rows[chosen]] = False
            left -= chosen.size
        return owners

    def _reach(self, rows: np.ndarray) -> np.ndarray:
        """How far the tracks of these rows may be from where they are expected, in heights (K,)."""
        tracks = self._tracks[rows]
        return np.asarray(np.where(tracks["id"] > 0, 0, PACE * (self._now - tracks["seen"])))

    def _take(self, rows: np.ndarray, boxes: np.ndarray, scores: np.ndarray, classes: np.ndarray) -> None:
        """Take detections (K, 4) into the tracks of these rows (K,), and confirm those that are new."""
        tracks = self._tracks[rows]
        known = scores[tracks["id"] > 0]
        if known.size:
            latest = 1 - (1 - LATEST) ** known.size
            self._usual = max(self._usual + latest * (float(known.sum()) / known.size - self._usual), self.start)
        correct(tracks, boxes, scores)
        tracks["seen"], tracks["score"], tracks["class"] = self._now, scores, classes
        new = (tracks["id"] == 0).nonzero()[0]
        tracks["id"][new] = self._confirmed + 1 + np.arange(len(new))
        self._confirmed += len(new)
        self._tracks[rows] = tracks

    def _renew(self, boxes: np.ndarray, scores: np.ndarray, classes: np.ndarray) -> None:
        """Drop tracks that are missed before they are confirmed, and begin those of new detections (K, 4)."""
        tracks = self._tracks
        tracks = tracks[tracks["id"] > 0]  # the others were found, and so confirmed, or missed
        count = min(len(boxes), MOST - len(tracks))
        if count > 0:
            new = begin(boxes[:count])
            new["class"], new["score"] = classes[:count], scores[:count]
            new["born"] = new["seen"] = self._now
            tracks = np.concatenate([tracks, new])
        self._tracks = tracks
