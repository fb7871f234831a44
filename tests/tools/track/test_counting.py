import os

import numpy as np
import pytest
from support.crossing import crossings

from app.tracking.places import read_line
from tools.track.counting import count, count_paths
from tools.track.motchallenge import Boxes, read_detections, read_sequence, read_truth
from tools.track.running import track

DATA = os.path.join(os.path.dirname(__file__), "../../../../shared/data/mot15")
LINES = ["upright:420,40-420,570", "level:60,300-740,300", "slanting:150,100-650,500"]
# Across any picture.
GRID = ["a:25%,5%-25%,100%", "b:50%,5%-50%,100%", "c:75%,5%-75%,100%", "d:5%,60%-95%,60%", "e:5%,75%-95%,75%"]
GRID += ["f:10%,30%-90%,95%", "g:90%,30%-10%,95%"]


def boxes(**places):
    """A frame of people, 40 x 100, by id `p1`, `p2`, ... and x of the bottom centre, which is at y = 300."""
    ids = np.array([int(name[1:]) for name in places], int)
    corners = np.array([[x - 20, 200, x + 20, 300] for x in places.values()], float).reshape(-1, 4)
    return Boxes(ids, corners, np.ones(len(ids)))


def test_by_hand():
    tracks = {1: boxes(p1=100, p2=300), 2: boxes(p1=190, p2=210), 3: boxes(p1=240, p2=100), 4: boxes(p1=300)}
    line = read_line("door:200,0-200,480")
    # Seen from above, left is where x is larger.
    assert count(tracks, range(1, 5), 10, [line], (640, 480)) == {"door": {"in": 1, "out": 1}}
    assert count(tracks, [1, 2], 10, [line], (640, 480)) == {"door": {"in": 0, "out": 0}}
    assert count_paths(tracks, range(1, 5), [line], (640, 480)) == {"door": {"in": 1, "out": 1}}
    assert count_paths(tracks, [1, 2], [line], (640, 480)) == {"door": {"in": 0, "out": 0}}


def test_tracks_are_counted_from_where_they_were_not_confirmed_and_paths_of_truth_as_they_are():
    tracks = {1: boxes(p0=170), 2: boxes(p5=220), 3: boxes(), 4: boxes(p6=170)}
    line = read_line("door:200,0-200,480")
    assert count(tracks, range(1, 5), 2, [line], (640, 480)) == {"door": {"in": 1, "out": 1}}
    assert count_paths(tracks, range(1, 5), [line], (640, 480)) == {"door": {"in": 0, "out": 0}}


def plain(truth, frames, places, size):
    """The counts of the oracle."""
    paths = {}
    for number in frames:
        if number in truth:
            for one, (x1, y1, x2, y2) in zip(truth[number].ids.tolist(), truth[number].boxes.tolist()):
                paths.setdefault(one, []).append(((x1 + x2) / 2, y2, y2 - y1))
    found = {}
    for place in places:
        line = place.line(size)
        ways = [way for path in paths.values() for way in crossings(path, line.start, line.end)]
        found[place.name] = {"in": ways.count(1), "out": ways.count(-1)}
    return found


def sequence(name):
    """What it is, its truth, and how many cross each line in it, by the oracle."""
    folder = os.path.join(DATA, name)
    if not os.path.exists(folder):
        pytest.skip("needs ../shared/data")
    about, truth = read_sequence(folder), read_truth(os.path.join(folder, "gt.txt"))
    lines = list(map(read_line, LINES if name == "PETS09-S2L1" else GRID))
    return folder, about, truth, lines, plain(truth, range(1, about.frames + 1), lines, about.size)


@pytest.fixture(scope="module")
def street():
    return sequence("PETS09-S2L1")


@pytest.mark.slow
@pytest.mark.parametrize("every", [1, 2, 3, 4, 5])
def test_a_lower_frame_rate_counts_the_same(street, every):
    _, about, truth, lines, exact = street
    assert sum(sum(counts.values()) for counts in exact.values()) > 50
    assert count_paths(truth, range(1, about.frames + 1, every), lines, about.size) == exact
    shifted = {number: found._replace(ids=found.ids + 1) for number, found in truth.items()}
    assert count(shifted, range(1, about.frames + 1, every), about.fps, lines, about.size) == exact


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(3))
def test_boxes_that_tremble_count_the_same(street, seed):
    _, about, truth, lines, exact = street
    random = np.random.RandomState(seed)
    shaken = {
        frame: found._replace(boxes=found.boxes + random.uniform(-5, 5, found.boxes.shape))
        for frame, found in truth.items()
    }
    assert count_paths(shaken, range(1, about.frames + 1), lines, about.size) == exact


@pytest.mark.slow
@pytest.mark.parametrize("name", ["ADL-Rundle-6", "KITTI-13", "TUD-Stadtmitte"])
def test_truth_of_other_sequences_is_counted_as_plain_geometry_says(name):
    _, about, truth, lines, exact = sequence(name)
    assert count_paths(truth, range(1, about.frames + 1), lines, about.size) == exact


# The error of supervision 0.31.2's LineZone on the same tracks, by `tools.track --rival linezone`, at strides 1 to 5.
LINEZONE = {
    "PETS09-S2L1": (32, 33, 28, 15, 13),
    "TUD-Stadtmitte": (9, 13, 9, 8, 9),
    "ADL-Rundle-6": (61, 45, 49, 44, 38),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(LINEZONE))
def test_our_tracks_count_no_worse_than_linezone(name):
    """The error is summed up over lines and directions."""
    folder, about, _, lines, exact = sequence(name)
    detections = read_detections(os.path.join(folder, "det-frcnn.txt"))
    for every, theirs in enumerate(LINEZONE[name], 1):
        frames = range(1, about.frames + 1, every)
        found = track(detections, frames, about.fps, about.size).found
        counts = count(found, frames, about.fps, lines, about.size)
        assert sum(abs(counts[line][way] - exact[line][way]) for line in exact for way in exact[line]) <= theirs
