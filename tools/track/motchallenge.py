"""Reads and writes the text files of MOTChallenge (Leal-Taixé et al., "MOTChallenge 2015", arXiv 1504.01942).

A row is: frame, id, left, top, width, height, then in detections the score, in ground truth a flag, which is 0 for
boxes that do not count. Frames are numbered from 1. A folder of a sequence has gt.txt, seqinfo.ini and det-NAME.txt.
"""

import configparser
import os
from typing import Dict, List, NamedTuple, Optional, Sequence, Tuple

import numpy as np

from app.errors import SourceError
from app.files import reading, write_file

COLUMNS = 7  # that are read; more may follow
MOST_FRAMES = 10**6


class Boxes(NamedTuple):
    """Boxes of one frame. ids: (N,) int64, -1 in detections. boxes: (N, 4) float64 x1, y1, x2, y2 in pixels. scores:
    (N,) float64.
    """

    ids: np.ndarray
    boxes: np.ndarray
    scores: np.ndarray


NONE = Boxes(np.zeros(0, np.int64), np.zeros((0, 4)), np.zeros(0))
Frames = Dict[int, Boxes]  # by the number of the frame; frames without a box are not in it


class Recording(NamedTuple):
    """A sequence. frames: how many it has. size: width and height in pixels. fps: None where nothing says it."""

    name: str
    fps: Optional[float]
    frames: int
    size: Optional[Tuple[int, int]]


def read_detections(path: str) -> Frames:
    """Detections by frame, with scores from 0 to 1. Raises SourceError.

    Those of a detector with another scale are divided by the highest one. Where all are -1, the detector has none.
    """
    rows = _rows(path)
    most = rows[:, 6].max() if len(rows) else 1.0
    if most <= 0:
        rows[:, 6] = 1
    elif most > 1:
        rows[:, 6] = np.maximum(rows[:, 6] / most, 0)
    return _frames(rows)


def read_truth(path: str) -> Frames:
    """Ground truth by frame, without the boxes that do not count (flag 0), as TrackEval does for MOT15.

    Raises SourceError, also where an id comes twice in one frame, and where nothing counts.
    """
    rows = _rows(path)
    rows = rows[rows[:, 6] != 0]
    if not len(rows):
        raise SourceError(f"{path}: has no box that counts (flag 1); this is not a file of ground truth")
    for frame, found in _frames(rows).items():
        if len(np.unique(found.ids)) < len(found.ids):
            raise SourceError(f"{path}: an id comes twice in frame {frame}; this is not a file of ground truth")
    return _frames(rows)


def read_sequence(folder: str) -> Recording:
    """What a sequence's seqinfo.ini says; of the picture's size it may say nothing. Raises SourceError."""
    path = os.path.join(folder, "seqinfo.ini")
    parser = configparser.ConfigParser(interpolation=None, strict=False, inline_comment_prefixes=("#", ";"))
    try:
        with reading(path), open(path, encoding="utf-8-sig") as file:
            parser.read_file(file)
        section = parser["Sequence"]
        name = section.get("name", os.path.basename(os.path.normpath(folder)))
        frames, *size = (float(section[key]) for key in ("seqLength", "imWidth", "imHeight") if key in section)
        if len(size) == 1 or any(number % 1 or number < 1 for number in (frames, *size)):
            raise ValueError("not a number of frames or pixels")
        found = Recording(
            name, float(section["frameRate"]), int(frames), (int(size[0]), int(size[1])) if size else None
        )
        if not (found.fps and 0 < found.fps <= 1000 and found.frames <= MOST_FRAMES):
            raise ValueError("out of range")
    except (configparser.Error, LookupError, ValueError) as error:
        if isinstance(error, SourceError):
            raise
        raise SourceError(f"{path}: is not a sequence's seqinfo.ini, or damaged; it needs frameRate and seqLength")
    return found


def write_tracks(path: str, frames: Frames) -> None:
    """Write tracks, by frame, as results of MOTChallenge. Raises OutputError."""
    lines = []
    for frame, found in sorted(frames.items()):
        for track, (x1, y1, x2, y2), score in zip(found.ids.tolist(), found.boxes.tolist(), found.scores.tolist()):
            lines.append(f"{frame},{track},{x1:.3f},{y1:.3f},{x2 - x1:.3f},{y2 - y1:.3f},{score:.4f},-1,-1,-1\n")
    write_file(path, "".join(lines).encode())


def last(frames: Frames) -> int:
    """Number of the last frame with a box; 0 where there is none."""
    return max(frames, default=0)


def check_frames(path: str, frames: Frames, count: int, of: str) -> None:
    """Raise SourceError if a file has a frame after the last one of what it belongs to."""
    if last(frames) > count:
        raise SourceError(f"{path}: has frame {last(frames)}, but {of} has {count}; they are not of the same film")


def _rows(path: str) -> np.ndarray:
    """The first COLUMNS of each row, float64, in the order of the frames. Raises SourceError."""
    rows: List[Sequence[float]] = []
    with reading(path), open(path, encoding="utf-8-sig", errors="replace") as file:
        for number, line in enumerate(file, 1):
            if not line.strip():
                continue
            try:
                row = [float(part) for part in line.split(",")[:COLUMNS]]
            except ValueError:
                row = []
            good = len(row) == COLUMNS and np.isfinite(row).all()
            if not good or row[0] % 1 or row[1] % 1 or not 1 <= row[0] <= MOST_FRAMES or min(row[4:6]) < 0:
                form = "frame,id,left,top,width,height,score"
                raise SourceError(f"{path}: line {number} is not {form} of MOTChallenge: {line.strip()[:60]}")
            rows.append(row)
    found = np.array(rows, np.float64).reshape(-1, COLUMNS)
    return found[np.argsort(found[:, 0], kind="stable")]


def _frames(rows: np.ndarray) -> Frames:
    numbers, starts = np.unique(rows[:, 0].astype(int), return_index=True)
    found = {}
    for number, some in zip(numbers.tolist(), np.split(rows, starts[1:])):
        corners = np.concatenate([some[:, 2:4], some[:, 2:4] + some[:, 4:6]], axis=1)
        found[number] = Boxes(some[:, 1].astype(np.int64), corners, some[:, 6])
    return found
