"""Fragmented MP4 files of a few bytes."""

import pytest
from test_container_mp4 import EVEN, HUGE, box, full, movie, read, table, trak


def fragment(*runs, track=1, time=None, duration=None):
    head = full(b"tfhd", track) if duration is None else full(b"tfhd", track, duration, flags=8)
    start = b"" if time is None else full(b"tfdt", time >> 32, time, version=1)
    return box(b"moof", full(b"mfhd", 1), box(b"traf", head, start, *runs)) + box(b"mdat", bytes(20))


TREX = box(b"mvex", full(b"trex", 1, 1, 40, 0, 0))
NONE = table(b"stts"), full(b"stsz", 0, 0)


@pytest.mark.parametrize(
    "fragments, times",
    [
        ([fragment(full(b"trun", 2)), fragment(full(b"trun", 1))], [0, 40, 80]),
        ([fragment(full(b"trun", 2), duration=50), fragment(full(b"trun", 1))], [0, 50, 100]),
        (
            [fragment(full(b"trun", 2), time=500), fragment(full(b"trun", 1), time=(1 << 32) + 7)],
            [500, 540, 4294967303],
        ),
        ([fragment(full(b"trun", 2, 30, 50, flags=0x100), full(b"trun", 1))], [0, 30, 80]),
        ([fragment(full(b"trun", 3, 0, 9, 7, 40, 7, 120, 7, 0, flags=0xA05))], [40, 80, 160]),
        ([fragment(full(b"trun", 2), track=2), fragment(full(b"trun", 1))], [0]),
        ([fragment(full(b"trun", HUGE, 30, 50, flags=0x100))], [0, 30]),
    ],
)
def test_fragments(tmp_path, fragments, times):
    track, found = read(tmp_path, movie(TREX, trak(*NONE)) + b"".join(fragments))
    assert found == times
    assert track.frames == len(times)


def test_fragments_are_moved_by_the_edit_list(tmp_path):
    data = movie(TREX, trak(*NONE, edits=[(500, -1), (0, 40)])) + fragment(full(b"trun", 2), time=40)
    assert read(tmp_path, data)[1] == [500, 540]


def test_fragments_after_a_table(tmp_path):
    assert read(tmp_path, movie(TREX, trak(*EVEN)) + fragment(full(b"trun", 1)))[1] == [0, 40, 80, 120, 160]


def test_many_fragments_are_counted_only_by_playing(tmp_path):
    data = movie(TREX, trak(*NONE)) + fragment(full(b"trun", 1000)) * 5
    track, times = read(tmp_path, data)
    assert (track.frames, track.length) == (None, None)
    assert times == list(range(0, 200000, 40))


@pytest.mark.parametrize("flags", [0, 0x100])
def test_a_number_of_frames_that_is_not_true(tmp_path, flags):
    data = movie(TREX, trak(*NONE)) + fragment(full(b"trun", 1), full(b"trun", HUGE, flags=flags))
    assert len(read(tmp_path, data)[1]) == 1 + (0 if flags else 1 << 16)


def test_boxes_without_end(tmp_path):
    """What comes after so many boxes without a frame is not looked for."""
    data = movie(TREX, trak(*NONE)) + fragment(full(b"trun", 1)) + box(b"free") * 30000 + fragment(full(b"trun", 1))
    assert read(tmp_path, data)[1] == [0]
