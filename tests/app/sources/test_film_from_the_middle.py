"""A film that is read from its middle: the same numbers, times and images as when it is read from its start."""

import shutil
import subprocess

import pytest
from support.video import Position, kill_frames, picture, track, write_video

from app.sources import film as film_module
from app.sources.film import Film
from app.sources.timeline import TELLS_TIME, Timeline


def frames(path, first=0):
    found = [frame for frame in Film(str(path)).read(first) if frame is not None]
    return [(frame.index, frame.time, frame.image.tobytes()) for frame in found]


@pytest.fixture
def clip(tmp_path):
    """100 frames, of which each has another brightness."""
    return write_video(tmp_path / "street.avi", [picture(20 + 2 * index) for index in range(100)], 12.5)


@pytest.mark.parametrize("first", [0, 1, 32, 33, 70, 99, 100])
def test_it_goes_on_as_if_it_had_been_read_from_the_start(clip, first):
    assert frames(clip, first) == frames(clip)[first:]


@pytest.mark.parametrize("first", [5, 39, 50, 51, 60])
def test_frames_that_cannot_be_decoded_shift_no_numbers(clip, first, capsys):
    kill_frames(clip, {3, 18, 40, 50, 70})
    assert frames(clip, first) == [frame for frame in frames(clip) if frame[0] >= first]


@pytest.mark.skipif(not TELLS_TIME, reason="this OpenCV does not tell a frame's time, so all frames are decoded")
def test_what_lies_before_is_not_decoded(clip):
    capture, _, passed = Film(str(clip))._open_at(str(clip), 70)
    assert passed == 70 - film_module.SEEK_MARGIN + 1
    good, image = capture.read()
    assert (good, round(image.mean())) == (True, pytest.approx(20 + 2 * passed, abs=2))
    capture.release()


def test_where_opencv_goes_too_far_all_frames_are_decoded(clip, monkeypatch):
    monkeypatch.setattr(film_module, "SEEK_MARGIN", -20)
    assert Film(str(clip))._open_at(str(clip), 70)[2] == 0
    assert frames(clip, 70) == frames(clip)[70:]


def test_what_is_passed_over_is_not_lost(monkeypatch):
    monkeypatch.setattr("app.sources.timeline.TELLS_TIME", True)
    line = Timeline(track([number / 10 for number in range(100)]), 10)
    assert line.finds
    assert line.next(Position(0.0), 0) == (0.0, 0, 0)
    line.jump()
    assert line.next(Position(5.0), 0) == (5.0, 50, 0)
    assert line.next(Position(5.3), 0) == (5.3, 53, 2), "two lie between them"
    assert line.left() == 46
    assert line.surplus() == 0


KINDS = {
    "h264-open-gop.mp4": "-c:v libx264 -bf 3 -x264-params open-gop=1:keyint=40",
    "h264-intra-refresh.mkv": "-c:v libx264 -x264-params intra-refresh=1:keyint=50",
    "mpeg4-b-frames.avi": "-c:v mpeg4 -bf 2 -g 60",
    "uneven.mkv": "-c:v libx264 -g 30 -vf select='not(eq(mod(n\\,7)\\,3))' -fps_mode vfr",
    "h264.ts": "-c:v libx264 -g 60",
}


@pytest.mark.slow
@pytest.mark.parametrize("name", KINDS)
def test_films_of_other_kinds(tmp_path, name):
    if not shutil.which("ffmpeg"):
        pytest.skip("needs ffmpeg")
    path = tmp_path / name
    source = "-v error -f lavfi -i testsrc2=size=96x64:rate=30:duration=6".split()
    made = subprocess.run(["ffmpeg", *source, *KINDS[name].replace("'", "").split(), str(path)], stderr=subprocess.PIPE)
    if made.returncode:
        pytest.skip("this ffmpeg cannot make it: " + made.stderr.decode()[-200:])
    whole = frames(path)
    assert len(whole) > 100
    for first in (34, 81, 120, len(whole) - 1):
        assert frames(path, first) == whole[first:], first
