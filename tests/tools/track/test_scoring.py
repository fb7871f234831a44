import sys

import numpy as np
import pytest

from app.errors import UsageError
from tools.track.motchallenge import Boxes
from tools.track.scoring import Compared, score


def frames(*ids_by_frame, shift=0):
    """Boxes of 10 x 10, one for each id and far from the others, in frames 1, 2, ..."""
    found = {}
    for number, places in enumerate(ids_by_frame, 1):
        # An entry is an id at a place of its own, or an (id, place).
        rows = [entry if isinstance(entry, tuple) else (entry, entry) for entry in places]
        boxes = np.array([[100 * place + shift, 0, 100 * place + 10 + shift, 10] for _, place in rows], float)
        found[number] = Boxes(np.array([row[0] for row in rows], int), boxes.reshape(-1, 4), np.ones(len(rows)))
    return found


def test_without_the_packages(monkeypatch):
    monkeypatch.setitem(sys.modules, "motmetrics", None)
    with pytest.raises(UsageError, match="track"):
        score({"a": Compared(frames([1]), frames([1]), [1])})


@pytest.fixture
def packages():
    pytest.importorskip("motmetrics")
    pytest.importorskip("trackeval")


@pytest.mark.verify
def test_all_right(packages):
    truth = frames([1, 2], [1, 2], [1, 2])
    found = score({"a": Compared(truth, truth, [1, 2, 3])})
    for figures in (found["a"], found[""]):
        assert (figures.pop("switches"), figures.pop("fragments")) == (0, 0)
        assert set(figures.values()) == {1}


@pytest.mark.verify
def test_by_hand(packages):
    """One person in ten frames: found in six as track 5, missed in one, then found in two as track 6, and missed at the
    end. One box is nobody.
    """
    truth = frames(*[[1]] * 10)
    tracks = frames(*[[(5, 1)]] * 6, [], *[[(6, 1)]] * 2, [(6, 3)])
    found = score({"a": Compared(truth, tracks, range(1, 11))})[""]
    assert found["recall"] == 0.8
    assert found["precision"] == pytest.approx(8 / 9, abs=1e-4)
    assert found["switches"] == 1
    assert found["fragments"] == 1, "the last miss is not followed by a match"
    assert found["mota"] == pytest.approx(1 - (2 + 1 + 1) / 10)
    assert found["motp"] == 1
    # Track 5 is the person's: 6 of its 6 boxes, of 10 and 9 in all.
    assert found["idf1"] == pytest.approx(2 * 6 / (10 + 9), abs=1e-4)
    # Detection: 8 of 8 + 2 + 1. Association: each of track 5's 6 has 6 / (10 + 6 - 6), of track 6's 2 2 / (10 + 3 - 2).
    assert found["hota"] == pytest.approx(np.sqrt(8 / 11 * (6 * 0.6 + 2 * 2 / 11) / 8), abs=1e-4)


@pytest.mark.verify
def test_the_iou_that_matches(packages):
    # Boxes of 10 x 10 that are shifted by 3 have an IoU of 7 / 13, by 4 of 6 / 14.
    shifted = {shift: Compared(frames([1]), frames([1], shift=shift), [1]) for shift in (3, 4)}
    assert score({"a": shifted[3]})[""]["motp"] == pytest.approx(7 / 13, abs=1e-4)
    assert score({"a": shifted[4]})[""]["recall"] == 0


@pytest.mark.verify
def test_frames_that_do_not_count_are_left_out(packages):
    truth, tracks = frames([1], [1], [1], [1], [1]), frames([1], [], [1], [], [1])
    assert score({"a": Compared(truth, tracks, [1, 3, 5])})[""]["mota"] == 1


@pytest.mark.verify
def test_sequences_are_added_up(packages):
    """Ids of one sequence have nothing to do with those of another."""
    one = Compared(frames(*[[1]] * 3), frames(*[[(7, 1)]] * 3), [1, 2, 3])
    other = Compared(frames(*[[1]] * 3), frames(*[[(8, 1)]] * 2, []), [1, 2, 3])
    found = score({"a": one, "b": other})
    assert found[""]["switches"] == 0
    assert found[""]["recall"] == pytest.approx(5 / 6, abs=1e-4)
    assert found[""]["idf1"] == pytest.approx(2 * 5 / (6 + 5), abs=1e-4)
    assert found["b"]["recall"] == pytest.approx(2 / 3, abs=1e-4)


@pytest.mark.verify
def test_nothing_tracked(packages):
    found = score({"a": Compared(frames([1], [1]), {}, [1, 2])})[""]
    assert (found["recall"], found["mota"], found["motp"], found["precision"]) == (0, 0, None, None)
    assert found["hota"] == 0
