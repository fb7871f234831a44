"""What the test of events makes of what has arrived."""

import pytest

from tools.soak.events import _grown, _retained, judge

GOOD = [("a", "new", 1), ("b", "new", 2), ("a", "update", 3), ("a", "end", 4), ("b", "end", 5)]


@pytest.mark.parametrize(
    ("arrived", "wrong"),
    [
        (GOOD, []),
        (GOOD[:3] + GOOD[4:], ["lost"]),
        ([*GOOD, GOOD[4]], ["doubled"]),
        ([GOOD[0], GOOD[1], GOOD[3], GOOD[2], GOOD[4]], ["out of order"]),
        ([*GOOD, ("c", "new", 6)], ["of no event in the store"]),
        ([], ["lost"]),
        ([GOOD[0], GOOD[3], *GOOD[1:]], ["doubled", "out of order"]),
    ],
)
def test_what_is_wrong_with_what_arrived(arrived, wrong):
    figures = judge("who", arrived, ["a", "b"])
    assert [one.what.rpartition(": ")[2].rpartition(", ")[2] for one in figures if not one.reached] == wrong


def test_the_state_that_is_left():
    assert _retained({"n/h/status": b"offline", "n/h/cam/person": b"1"})[2]
    assert not _retained({"n/h/status": b"offline", "n/h/cam/status": b"online"})[2]
    assert not _retained({})[2]


def test_memory_that_grows():
    flat = [100 << 20] * 400
    assert _grown(flat)[0].reached
    assert not _grown(flat[:300] + [106 << 20] * 100)[0].reached
    assert _grown(flat[:100]) == []
