"""The tracker beside others, on five sequences of MOT15 with the detections of a Faster R-CNN.

The others' figures are those of the package `trackers` 2.6.1 at its defaults, by `tools.track --rival`: the highest
HOTA and IDF1 of its SORT, ByteTrack, OC-SORT and C-BIoU, and the switches of the one with the highest HOTA.
"""

import json
import os

import pytest

from tools.track.__main__ import main

SEQUENCES = os.path.join(os.path.dirname(__file__), "../../../../shared/data/mot15")
OTHERS = {1: (0.3883, 0.5194, 253), 2: (0.3967, 0.5372, 230), 3: (0.3783, 0.4993, 216), 5: (0.3378, 0.4345, 260)}
# SORT as published (one frame of patience, three to be confirmed) on the same, every frame: MOTA, switches, fragments.
SORT = (0.4458, 335, 788)

pytestmark = pytest.mark.skipif(not os.path.isdir(SEQUENCES), reason="needs ../shared/data")


@pytest.mark.verify
@pytest.mark.parametrize("every", sorted(OTHERS))
def test_better_than_the_best_of_the_others(tmp_path, every):
    pytest.importorskip("motmetrics")
    pytest.importorskip("trackeval")
    report = str(tmp_path / "report.json")
    assert main(["--sequences", SEQUENCES, "--every", str(every), "--report", report]) == 0
    with open(report) as file:
        found = json.load(file)
    hota, idf1, switches = OTHERS[every]
    assert found["hota"] >= hota
    assert found["idf1"] >= idf1
    assert found["switches"] < switches
    if every == 1:
        assert found["mota"] > SORT[0]
        assert found["switches"] < SORT[1]
        assert found["fragments"] < SORT[2]
