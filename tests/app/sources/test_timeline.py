"""When each frame of a film is shown, its number, and what was lost before it."""

import pytest
from support.video import Position, track

from app.sources.timeline import Timeline


def test_a_timeline_finds_each_frame_in_the_containers_list(monkeypatch):
    monkeypatch.setattr("app.sources.timeline.TELLS_TIME", True)
    line = Timeline(track([0.5, 0.6, 0.9, 1.0, 2.0]), 10)
    assert line.next(Position(0.0), 0) == (0.5, 0, 0), "OpenCV counts from the first frame, the container does not"
    assert line.next(Position(0.1), 3) == (0.6, 1, 0), "failures say nothing where the time is told"
    assert line.next(Position(0.5), 0) == (1.0, 3, 1), "one lies between them"
    assert line.left() == 1


def test_a_timeline_where_opencv_counts_from_elsewhere(monkeypatch):
    """FFmpeg tells of AVI with B-frames when each is decoded."""
    monkeypatch.setattr("app.sources.timeline.TELLS_TIME", True)
    line = Timeline(track([0.0, 0.04, 0.08, 0.12, 0.16]), 25)
    assert [line.next(Position(told), 0) for told in (0.08, 0.12, 0.16)] == [(0.0, 0, 0), (0.04, 1, 0), (0.08, 2, 0)]


DISORDERED = [0.0, 0.2, 0.3, 0.1, 0.4, 0.6, 0.5] + [0.7 + 0.1 * number for number in range(20)]


def follow(line, told):
    """The times that a timeline gives frames whose times are told like that, and how many it takes for lost."""
    seconds, _, lost = zip(*(line.next(Position(time), 0) for time in told))
    return list(seconds), sum(lost) + line.left()


def test_a_frame_that_comes_late_is_not_lost(monkeypatch):
    """As of H.264 without times of showing."""
    monkeypatch.setattr("app.sources.timeline.TELLS_TIME", True)
    times = sorted(DISORDERED)
    seconds, lost = follow(Timeline(track(times, codec="h264"), 10), DISORDERED)
    assert (seconds, lost) == (sorted(seconds), 0)
    seconds, lost = follow(Timeline(track(times, codec="h264"), 10), DISORDERED[:12] + DISORDERED[14:])
    assert (seconds[-1], lost) == (pytest.approx(times[-1]), 2)
    seconds, lost = follow(Timeline(track(times, codec="h264"), 10), DISORDERED[:-2])
    assert lost == 2


def test_numbers_do_not_wait_until_a_loss_is_certain(monkeypatch):
    monkeypatch.setattr("app.sources.timeline.TELLS_TIME", True)
    line = Timeline(track([0.1 * number for number in range(40)], codec="h264"), 10)
    shown = [line.next(Position(0.1 * number), 0) for number in list(range(3)) + list(range(5, 30))]
    assert [frame.number for frame in shown] == list(range(3)) + list(range(5, 30))
    assert [frame.lost for frame in shown].index(2) == 3 + 16, "they might have come later"
    assert line.left() == 10


def test_the_times_that_are_guessed_for_an_avi_are_not_believed(monkeypatch):
    """FFmpeg tells those of decoding, two frames late, and none of the last ones."""
    monkeypatch.setattr("app.sources.timeline.TELLS_TIME", True)
    times = [0.1 * number for number in range(30)]
    seconds, lost = follow(Timeline(track(times, codec="mpeg4", by_decoding=True), 10), times[2:] + [0.0, 0.0])
    assert (seconds, lost) == (times, 0)
    line = Timeline(track(times, codec="mjpeg", by_decoding=True), 10)
    assert line.next(Position(times[2]), 2) == (times[2], 2, 2), "of codecs without reordering they are right"


def test_a_timeline_without_times_from_opencv_counts_failures(monkeypatch):
    monkeypatch.setattr("app.sources.timeline.TELLS_TIME", False)
    line = Timeline(track([0.5, 0.6, 0.9, 1.0, 2.0]), 10)
    assert line.next(Position(7), 0) == (0.5, 0, 0)
    assert line.next(Position(7), 2) == (1.0, 3, 2)
    assert line.next(Position(7), 0) == (2.0, 4, 0)
    assert line.next(Position(7), 0) == (pytest.approx(2.1), 5, 0), "more frames than the container lists"
    assert line.left() == 0


@pytest.mark.parametrize("tells, seconds", [(True, 0.7), (False, 0.3)])
def test_a_timeline_without_a_list(monkeypatch, tells, seconds):
    monkeypatch.setattr("app.sources.timeline.TELLS_TIME", tells)
    line = Timeline(None, 10)
    assert line.next(Position(0), 0) == (0, 0, 0)
    assert line.next(Position(0.7), 2) == (pytest.approx(seconds), 3, 2)
    assert line.left() == 0


def test_a_timeline_of_a_film_without_any_times(monkeypatch):
    """FFmpeg has none of H.264 that is in no container."""
    monkeypatch.setattr("app.sources.timeline.TELLS_TIME", True)
    line = Timeline(None, 10)
    assert [line.next(Position(0), failures)[0] for failures in (0, 0, 2)] == pytest.approx([0, 0.1, 0.4])
    assert [line.next(Position(told), 0)[0] for told in (1.0, 1.0)] == pytest.approx([1.0, 1.1])
