import pytest
from support.recorded import Disk, files, frame, indices, put, times

from app.clips.segments import SegmentSink
from app.clips.timelapse import TimeLapseSink


def record(sink, at):
    with sink:
        for index, time in enumerate(at):
            put(sink, frame(time, index))
    return sink


def test_segments_join_without_a_gap(tmp_path):
    record(SegmentSink(Disk().archive(tmp_path), "yard", 2.0), [index / 10 for index in range(50)])
    found = [indices(path) for path in files(tmp_path)]
    # Three files of the same second: the first has no number, and so its name is the last of them.
    assert sorted(found) == [list(range(20)), list(range(20, 40)), list(range(40, 50))]


def test_frames_that_come_as_they_like(tmp_path):
    at = [0, 0.1, 1.9, 2.0, 2.3, 9.0, 9.1, 11.05]
    record(SegmentSink(Disk().archive(tmp_path), "yard", 2.0), at)
    assert sorted(indices(path) for path in files(tmp_path)) == [[0, 1, 2], [3, 4], [5, 6], [7]]


def test_a_film_that_starts_again_goes_on(tmp_path):
    record(SegmentSink(Disk().archive(tmp_path), "yard", 60.0), [0, 0.5, 1.0, 0, 0.5])
    assert times(files(tmp_path)[0]) == [0, 0.5, 1.0, 1.5, 2.0]


@pytest.mark.parametrize(
    "factor, at, kept",
    [
        pytest.param(50.0, [index / 10 for index in range(60)], [0, 20, 40], id="steps of two seconds"),
        pytest.param(50.0, [0, 1.9, 2.1, 3.9, 4.1, 5.9], [0, 2, 4], id="the first that is due"),
        pytest.param(25.0, [0, 3600, 3600.5, 3601], [0, 1, 3], id="nothing is made up for"),
    ],
)
def test_a_time_lapse_keeps_one_in_so_many(tmp_path, factor, at, kept):
    record(TimeLapseSink(Disk().archive(tmp_path), "yard", factor), at)
    (path,) = files(tmp_path)
    assert indices(path) == kept
    assert times(path) == [pytest.approx(index / 25) for index in range(len(kept))]


def test_a_time_lapse_has_a_file_a_day(tmp_path):
    days = iter([1, 1, 1, 1, 2, 2, 2])
    sink = TimeLapseSink(Disk().archive(tmp_path), "yard", 25.0, lambda: (2026, 11, next(days, 2)))
    record(sink, range(4))
    assert sum(len(indices(path)) for path in files(tmp_path)) == 4
    assert len(files(tmp_path)) == 2
    assert sink.figures()["files"] == 2


def test_only_what_a_time_lapse_keeps_is_encoded(tmp_path):
    sink = TimeLapseSink(Disk().archive(tmp_path), "yard", 50.0)
    frames = [frame(index / 10, index) for index in range(40)]
    with sink:
        for one in frames:
            put(sink, one)
    assert [one.index for one in frames if one.picture._jpegs] == [0, 20]
