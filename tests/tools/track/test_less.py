import json
import os

import numpy as np
import pytest

from tools.track.__main__ import main
from tools.track.less import average_precision, detect_less, longest_lost, report
from tools.track.motchallenge import Boxes

DATA = os.path.join(os.path.dirname(__file__), "../../../../shared/data")


def boxes(*rows, size=50):
    """Boxes by id (or -1), x, and score."""
    found = np.array(rows, float).reshape(-1, 3)
    corners = np.stack([found[:, 1], 0 * found[:, 1], found[:, 1] + size, 0 * found[:, 1] + size], axis=1)
    return Boxes(found[:, 0].astype(int), corners, found[:, 2])


def test_average_precision_by_hand():
    truth = {1: boxes((0, 0, 1), (1, 100, 1)), 2: boxes((0, 0, 1), (1, 100, 1))}
    found = {1: boxes((-1, 2, 0.9), (-1, 300, 0.8), (-1, 101, 0.7)), 2: boxes((-1, 0, 0.6), (-1, 1, 0.5))}
    # Hits by falling score: yes, no, yes, yes, no (the second on one thing): recall 1/4, 1/4, 2/4, 3/4, 3/4; precision
    # from there on at best 1, 3/4, 3/4, 3/4, 3/5. Of 101 recalls 26 are up to 1/4, 50 up to 3/4, and 25 beyond.
    assert average_precision(truth, found, [1, 2]) == pytest.approx((26 * 1 + 50 * 0.75) / 101)
    assert average_precision(truth, {}, [1, 2]) == 0


def test_how_long_something_is_lost():
    truth = {number: boxes((7, 0, 1)) for number in range(1, 11)}
    detected = {number: found for number, found in truth.items() if number != 5}
    shown = {number: found if number in (1, 2, 7) else boxes() for number, found in truth.items()}
    # Lost in 3 to 6 (in 5 it is not detected either), and in 8 to 10.
    assert longest_lost(truth, detected, shown) == 4
    small = {number: boxes((7, 0, 1), size=40) for number in truth}
    assert longest_lost(small, small, shown) == 0, "less than 2000 pixels"


def test_every_third_frame_of_a_film_is_inferred():
    found = {number: boxes((-1, 2 * number, 0.9)) for number in range(1, 11)}
    less = detect_less("test://200x100?frames=10", found, 10.0, 3, motion=False)
    assert less.inferred == [1, 4, 7, 10]
    assert sorted(less.shown) == list(range(1, 11))
    np.testing.assert_array_equal(less.shown[4].boxes, found[4].boxes)
    fields = report(less, found, {number: found[number] for number in found}, 10.0)
    assert (fields["inferred"], fields["saved"]) == (4, 0.6)
    assert fields["ap50"]["detected"] == 1
    assert report(less, found, None, 10.0) == {"inferred": 4, "saved": 0.6}


@pytest.mark.parametrize("given", [["--detections", "det.txt"], ["--cam", "a.avi", "--every", "2"]])
def test_they_need_the_frames_of_a_film(given, capsys):
    assert main([*given, "--motion"]) == 2
    assert "need the frames of a film" in capsys.readouterr().err


@pytest.mark.verify
@pytest.mark.skipif(not os.path.isdir(DATA), reason="needs ../shared/data")
@pytest.mark.parametrize("given", [["--detect-every", "5"], ["--motion"]])
def test_what_is_seen_of_a_street(tmp_path, given):
    pytest.importorskip("motmetrics")
    pytest.importorskip("trackeval")
    path, truth = str(tmp_path / "report.json"), os.path.join(DATA, "mot15/PETS09-S2L1/gt.txt")
    film = ["--cam", os.path.join(DATA, "vtest.avi"), "--fps", "7", "--truth", truth]
    assert main([*film, "--report", path, *given]) == 0
    with open(path) as file:
        less = json.load(file)["less"]
    if given == ["--motion"]:
        assert less["longest_lost_s"] <= 1
    else:
        assert less["ap50"]["share"] >= 0.9
