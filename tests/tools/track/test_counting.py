import os

import numpy as np
import pytest

from app.tracking.places import read_line
from tools.track.counting import count
from tools.track.motchallenge import Boxes, read_truth

TRUTH = os.path.join(os.path.dirname(__file__), "../../../../shared/data/mot15/PETS09-S2L1/gt.txt")
LINES = ["upright:420,40-420,570", "level:60,300-740,300", "slanting:150,100-650,500"]
SIZE, FRAMES, FPS = (768, 576), 795, 7.0


def boxes(**places):
    """A frame of people, 40 x 100, by id `p1`, `p2`, ... and x of the bottom centre, which is at y = 300."""
    ids = np.array([int(name[1:]) for name in places])
    corners = np.array([[x - 20, 200, x + 20, 300] for x in places.values()], float)
    return Boxes(ids, corners, np.ones(len(ids)))


def test_by_hand():
    tracks = {1: boxes(p0=100, p1=300), 2: boxes(p0=190, p1=210), 3: boxes(p0=240, p1=100), 4: boxes(p0=300)}
    line = read_line("door:200,0-200,480")
    # Seen from above, left is where x is larger.
    assert count(tracks, range(1, 5), 10, [line], (640, 480)) == {"door": {"in": 1, "out": 1}}
    assert count(tracks, [1, 2], 10, [line], (640, 480)) == {"door": {"in": 0, "out": 0}}


@pytest.fixture(scope="module")
def street():
    if not os.path.exists(TRUTH):
        pytest.skip("needs ../shared/data")
    truth = read_truth(TRUTH)
    return truth, count(truth, range(1, FRAMES + 1), FPS, list(map(read_line, LINES)), SIZE)


@pytest.mark.slow
@pytest.mark.parametrize("every", [2, 3, 4, 5])
def test_a_lower_frame_rate_counts_the_same(street, every):
    truth, exact = street
    assert sum(sum(counts.values()) for counts in exact.values()) > 50
    assert count(truth, range(1, FRAMES + 1, every), FPS, list(map(read_line, LINES)), SIZE) == exact


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(3))
def test_boxes_that_tremble_count_the_same(street, seed):
    truth, exact = street
    random = np.random.RandomState(seed)
    shaken = {
        frame: found._replace(boxes=found.boxes + random.uniform(-5, 5, found.boxes.shape))
        for frame, found in truth.items()
    }
    assert count(shaken, range(1, FRAMES + 1), FPS, list(map(read_line, LINES)), SIZE) == exact
