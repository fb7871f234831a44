"""The state of tracks, and how it moves: at constant velocity, estimated by a Kalman filter (as in SORT: Bewley et
al., ICIP 2016).

Time is that of the frames' stamps, in seconds, so that dropped frames and low rates need no other settings. Noise is
taken as a share of the box's height, so position and velocity of all four coordinates have one gain and one covariance.
"""

from typing import NamedTuple, Tuple

import numpy as np

MEASUREMENT = 0.09  # standard deviation of a detection's position, in heights of the box, where the score is 1
DOUBT = 0.7  # by how much its variance is larger where the score is 0
MANOEUVRE = 0.12  # spectral density of the acceleration, in heights^2 / s^3
FIRST_SPEED = 3.0  # standard deviation of the velocity of what is new, in heights / s
GROWTH = 0.3  # share of the sizes' velocity that counts: a box that breathes is not one that grows
SHRINKING = 0.5  # share of its size that a box keeps whatever its velocity

TRACK = np.dtype(
    [
        ("id", np.int64),  # 0 until confirmed
        ("class", np.int64),
        ("box", np.float64, 4),  # x and y of the centre, width, height, in pixels
        ("speed", np.float64, 4),  # of these, per second
        ("variance", np.float64, 3),  # of position, of position and velocity, of velocity, in heights
        ("born", np.float64),  # when it was first seen, in seconds
        ("seen", np.float64),  # when it was last seen
        ("score", np.float64),  # of the last detection
    ]
)


class Track(NamedTuple):
    """A confirmed track. box: x1, y1, x2, y2 in pixels. speed: of its centre, x and y in pixels per second. age:
    seconds since it was first seen; unseen: since it was last seen.
    """

    track: int
    class_id: int
    score: float
    box: Tuple[float, float, float, float]
    speed: Tuple[float, float]
    age: float
    unseen: float


def begin(boxes: np.ndarray) -> np.ndarray:
    """Tracks (N,) of what is new: boxes (N, 4) of centre and size."""
    tracks = np.zeros(len(boxes), TRACK)
    tracks["box"] = boxes
    tracks["variance"] = MEASUREMENT**2, 0, FIRST_SPEED**2
    return tracks


def moved(tracks: np.ndarray, seconds: float) -> np.ndarray:
    """The boxes (N, 4) of tracks after some time."""
    boxes = tracks["box"]
    found = boxes + tracks["speed"] * np.array([seconds, seconds, GROWTH * seconds, GROWTH * seconds])
    np.maximum(found[:, 2:], SHRINKING * boxes[:, 2:], out=found[:, 2:])
    return np.asarray(found)


def advance(tracks: np.ndarray, seconds: float) -> None:
    """Move tracks on by some time, in place."""
    tracks["box"] = moved(tracks, seconds)
    place, both, speed = tracks["variance"].T
    place += seconds * (2 * both + seconds * (speed + seconds * MANOEUVRE / 3))
    both += seconds * (speed + seconds * MANOEUVRE / 2)
    speed += seconds * MANOEUVRE


def correct(tracks: np.ndarray, found: np.ndarray, scores: np.ndarray) -> None:
    """Take the boxes (N, 4) in which tracks (N,) were found, and their scores (N,), into the state, in place."""
    place, both, speed = tracks["variance"].T
    total = place + MEASUREMENT**2 * (1 + DOUBT * (1 - scores))
    gain, turn = place / total, both / total
    missed = found - tracks["box"]
    tracks["box"] += gain[:, None] * missed
    tracks["speed"] += turn[:, None] * missed
    speed -= turn * both
    both *= 1 - gain
    place *= 1 - gain
