import pytest

from app.clips.arguments import Free
from app.clips.manifest import Entry
from app.clips.retention import DAY, LEAST_PART, Limits, Room, most_of_a_file, room_at, too_old

NOW, MONOTONIC = 1795953600.0, 10 * DAY
MB = 1 << 20


def entry(end, ended_at=None):
    made = Entry("x", 0.0)
    made.end, made.ended_at = end, ended_at
    return made


@pytest.mark.parametrize(
    "end, ended_at, is_old",
    [
        pytest.param(NOW - 3 * DAY, None, True, id="of an earlier run"),
        pytest.param(NOW - 1.9 * DAY, None, False, id="younger"),
        pytest.param(NOW + 3600, None, False, id="the clock was set back"),
        pytest.param(3600.0, None, False, id="from before the clock was set"),
        pytest.param(NOW - 3 * DAY, MONOTONIC - 60, False, id="the clock was set forward in this run"),
        pytest.param(NOW - 60, MONOTONIC - 3 * DAY, True, id="and back"),
        pytest.param(None, None, False, id="being written"),
    ],
)
def test_what_is_too_old(end, ended_at, is_old):
    one = entry(end, ended_at)
    assert too_old([one], 2.0, NOW, MONOTONIC) == ((one,) if is_old else ())


@pytest.mark.parametrize("free, bytes_", [(Free(0.05, True), 50), (Free(300), 300), (Free(0), 0)])
def test_what_is_to_be_left(free, bytes_):
    assert free.of(1000) == bytes_


@pytest.mark.parametrize(
    "limits, free, taken, others, most",
    [
        pytest.param(Limits(400 * MB), 10000 * MB, 0, 0, 100 * MB, id="a quarter of the limit"),
        pytest.param(Limits(400 * MB), 10000 * MB, 0, 3, 25 * MB, id="of which each camera has its part"),
        pytest.param(Limits(None), 100 * MB, 300 * MB, 0, 100 * MB, id="a quarter of what there is"),
        pytest.param(Limits(None, None, Free(60 * MB)), 100 * MB, 300 * MB, 0, 85 * MB, id="without what stays free"),
        pytest.param(Limits(1), 100 * MB, 0, 0, LEAST_PART, id="a frame at least"),
    ],
)
def test_how_long_a_file_gets(limits, free, taken, others, most):
    assert most_of_a_file(limits, Room(free, 1000 * MB), taken, others) == most


def test_the_room_of_a_real_disk(tmp_path):
    room = room_at(str(tmp_path))
    assert 0 <= room.free <= room.size
