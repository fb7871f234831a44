import os

import cv2
import numpy as np
import pytest
from support.video import picture, play, room_for, write

from app.errors import OutputError, UsageError
from app.files import numbered
from app.frame import Source
from app.lock import open_locked
from app.sinks.playback import free_name
from app.sinks.recording import MatroskaSink, open_recording
from app.sinks.stills import ImageSink
from app.sinks.video import VideoSink
from app.sources.container import read_track
from app.sources.timeline import TELLS_TIME


def record(path, fps=25.0, live=False, keep=False):
    """A sink for a video."""
    return open_recording(str(path), source(fps, live), keep=keep)


def source(fps=None, live=False):
    source = Source()
    source.fps, source.live = fps, live
    return source


def means(path):
    return [frame.mean() for frame in play(path)[0]]


@pytest.mark.parametrize("name", ["out.mp4", "out.mkv", "out.avi", "OUT.MP4"])
def test_video_has_the_frames_that_were_written(tmp_path, name):
    with record(tmp_path / name, 12.5) as sink:
        for index in range(15):
            write(sink, picture(20 + 10 * index), index)
    assert cv2.VideoCapture(str(tmp_path / name)).get(cv2.CAP_PROP_FPS) == pytest.approx(12.5, rel=0.01)
    assert means(tmp_path / name) == pytest.approx([20 + 10 * index for index in range(15)], abs=4)


@pytest.mark.parametrize("suffix", [".mp4", ".avi"])
@pytest.mark.parametrize("size, recorded", [((65, 49), (64, 48)), ((64, 49), (64, 48))])
def test_odd_sizes_lose_a_row_or_column(tmp_path, suffix, size, recorded):
    path = tmp_path / ("out" + suffix)
    image = np.random.RandomState(0).randint(0, 2, (size[1] // 8 + 1, size[0] // 8 + 1, 3)).astype(np.uint8) * 200
    image = np.kron(image, np.ones((8, 8, 1), np.uint8))[: size[1], : size[0]]
    with record(path) as sink:
        for index in range(4):
            write(sink, image, index)
    frames, _ = play(path)
    assert [frame.shape for frame in frames] == [(recorded[1], recorded[0], 3)] * 4
    difference = frames[-1].astype(int) - image[: recorded[1], : recorded[0]]
    assert np.abs(difference.mean()) < 5, "cut, not squeezed or shifted"


@pytest.mark.parametrize(
    "size, bars",
    [
        pytest.param((64, 48), None, id="the same"),
        pytest.param((65, 49), None, id="one more"),
        pytest.param((63, 47), None, id="one less"),
        pytest.param((320, 240), None, id="larger"),
        pytest.param((8, 6), None, id="smaller"),
        pytest.param((48, 64), np.s_[:, :10], id="standing"),
        pytest.param((200, 50), np.s_[:14], id="wider"),
        pytest.param((1, 1), np.s_[:, :6], id="one pixel"),
    ],
)
def test_frames_of_another_size_are_fitted_in(tmp_path, size, bars):
    path = tmp_path / "out.avi"
    with record(path) as sink:
        write(sink, picture(0), 0)
        write(sink, picture(250, size), 1)
    _, frame = play(path)[0]
    assert frame.shape == (48, 64, 3)
    assert frame[24, 32].mean() == pytest.approx(250, abs=6)
    if bars is None:
        assert frame[2:-2, 2:-2].mean() == pytest.approx(250, abs=6)
    else:
        assert frame[bars].mean() == pytest.approx(128, abs=6)
        assert frame[::-1, ::-1][bars].mean() == pytest.approx(128, abs=6)


def test_no_frame_no_file(tmp_path):
    with record(tmp_path / "out.mp4"):
        pass
    assert os.listdir(str(tmp_path)) == []


NAMES = [
    "12:31:00",
    "%03d",
    "50%",
    "x[1]",
    "7up",
    "-dash",
    ".dot",
    "two words",
    "caf\u00e9",
    "file:x",
    "pipe:1",
    "n" * 250,
]


@pytest.mark.parametrize("suffix", [".mkv", ".mp4", ".avi"])
@pytest.mark.parametrize("name", NAMES)
def test_every_name_is_a_file_in_the_current_folder(tmp_path, monkeypatch, name, suffix):
    """FFmpeg takes what is before a colon for a protocol, and OpenCV a % for a sequence of images."""
    monkeypatch.chdir(str(tmp_path))
    for kept in (name + suffix, numbered(name + suffix, 1)):
        with record(name + suffix) as sink:
            sink._keep = kept != name + suffix
            for index in range(3):
                write(sink, picture(50), index)
        assert len(play(tmp_path / kept)[0]) == 3
    assert len(os.listdir(str(tmp_path))) == 2


def test_a_recording_without_a_frame_is_gone_before_another_program_can_have_it(tmp_path, monkeypatch):
    path = tmp_path / "out.mkv"
    sink = record(path)
    with room_for(10), pytest.raises(OutputError, match="disk is full"):
        write(sink, picture(50))
    locked = []
    remove = os.remove

    def removing(name):
        with pytest.raises(OutputError, match="another program"):
            open_locked(name)
        locked.append(name)
        remove(name)

    monkeypatch.setattr(os, "remove", removing)
    sink.close()
    assert locked == [str(path)]
    assert not path.exists()


def no_space(path):
    return os.statvfs_result((4096, 4096, 1000, 0, 0, 1000, 1000, 1000, 0, 255))


@pytest.mark.parametrize("suffix", [".mp4", ".avi"])
def test_a_full_disk_ends_the_recording_and_leaves_it_playable(tmp_path, monkeypatch, suffix):
    path = tmp_path / ("out" + suffix)
    sink = record(path)
    for index in range(5):
        write(sink, picture(100), index)
    monkeypatch.setattr(os, "statvfs", no_space)
    with pytest.raises(OutputError, match="disk is full"):
        write(sink, picture(100), 5)
    sink.close()
    assert len(play(path)[0]) == 5


def test_a_disk_full_from_the_start_leaves_nothing(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "statvfs", no_space)
    with record(tmp_path / "out.mp4") as sink:
        with pytest.raises(OutputError, match="disk is full"):
            write(sink, picture(100))
    assert os.listdir(str(tmp_path)) == []


def test_a_recording_that_was_lost_is_an_error(tmp_path):
    path = tmp_path / "out.avi"
    sink = record(path)
    write(sink, picture(100))
    path.unlink()
    with pytest.raises(OutputError, match="could not be finished"):
        sink.close()
    sink.close()


def test_a_disk_that_fills_up_under_matroska_leaves_whole_frames(tmp_path):
    path = tmp_path / "out.mkv"
    noise = np.random.RandomState(0).randint(0, 255, (48, 64, 3)).astype(np.uint8)
    written = 0
    with room_for(30000), record(path) as sink:
        with pytest.raises(OutputError, match="disk is full"):
            while written < 100:
                write(sink, noise, written)
                written += 1
    assert 1 < written < 100
    assert len(play(path)[0]) == written


def test_a_camera_is_recorded_by_the_clock(tmp_path):
    """Also where frames are dropped, or nothing comes for a while."""
    path, times = tmp_path / "out.mkv", [100.0, 100.1, 100.2, 107.2, 107.3]
    with record(path, 30.0, live=True) as sink:
        for index, time in enumerate(times):
            write(sink, picture(20 + 20 * index), index, time=time)
    if cv2.__version__ >= "4.6":  # older ones derive the time from the frame's number
        assert play(path)[1] == pytest.approx([0, 0.1, 0.2, 7.2, 7.3], abs=0.002)
    count = cv2.VideoCapture(str(path)).get(cv2.CAP_PROP_FRAME_COUNT)
    assert count == pytest.approx(30 * 7.3, abs=2)


FILM = [0.0, 0.04, 0.08, 0.48, 0.88]  # when the frames of a film of variable rate are shown


@pytest.mark.skipif(not TELLS_TIME, reason="this OpenCV does not tell the times of frames")
@pytest.mark.parametrize(
    "shown, recorded",
    [
        pytest.param(FILM, FILM, id="one film"),
        pytest.param([time + 2 for time in FILM], [time + 2 for time in FILM], id="one that begins later"),
        pytest.param(FILM + FILM, FILM + [1.28 + time for time in FILM], id="one that starts again"),
        pytest.param([2.0] * 3, [2.0, 2.08, 2.16], id="one of a single frame, again and again"),
        pytest.param([0.0, 0.08, 0.08, 0.16], [0.0, 0.08, 0.081, 0.16], id="two frames at the same time"),
    ],
)
def test_a_film_is_recorded_with_its_own_times(tmp_path, shown, recorded):
    path = tmp_path / "out.mkv"
    with record(path, 12.5) as sink:
        for index, time in enumerate(shown):
            write(sink, picture(20 * index), index, time=time)
    times = play(path)[1]
    assert [time - times[0] for time in times] == pytest.approx([time - recorded[0] for time in recorded], abs=0.002)


@pytest.mark.parametrize("count, length", [(5, 3.0), (4, 0.48 + 0.08)])
def test_a_whole_film_is_recorded_to_its_end(tmp_path, count, length):
    """However long its last frame is shown; what is only a part of it ends with its last frame."""
    film = source(12.5)
    film.count, film.length = 5, 3.0
    with open_recording(str(tmp_path / "out.mkv"), film, frames=count) as sink:
        for index, time in enumerate(FILM[:count]):
            write(sink, picture(20 * index), index, time=time)
    assert read_track(str(tmp_path / "out.mkv")).length == pytest.approx(length, abs=0.002)


@pytest.mark.parametrize("suffix", [".mp4", ".avi"])
@pytest.mark.parametrize(
    "times, told",
    [
        pytest.param(FILM, 1, id="variable rate"),
        pytest.param([0.0, 0.04, 0.081, 0.119, 0.16], 0, id="evenly, but for rounding"),
        pytest.param([0.04, 0.08, 0.12, 0.16], 0, id="from the second frame on"),
        pytest.param([0.5, 0.54, 0.58], 1, id="from later on"),
        pytest.param([0.0] * 5, 0, id="one image in a loop"),
    ],
)
def test_what_opencv_spaces_evenly_is_told(tmp_path, capsys, suffix, times, told):
    with record(tmp_path / ("out" + suffix)) as sink:
        for index, time in enumerate(times):
            write(sink, picture(20 * index), index, time=time)
    assert capsys.readouterr().err.count("plays at an even 25 FPS") == told


@pytest.mark.parametrize("name", ["out.mkv", "out.mp4"])
def test_a_film_that_is_known_to_be_uneven(tmp_path, capsys, name):
    """An MP4 is told of before anything is recorded; Matroska promises no spacing of the frames (DefaultDuration)."""
    film = source(25.0)
    film.variable = True
    with open_recording(str(tmp_path / name), film) as sink:
        assert ("plays at an even 25 FPS" in capsys.readouterr().err) == (name == "out.mp4")
        write(sink, picture(20))
    assert name == "out.mp4" or b"\x23\xe3\x83" not in (tmp_path / name).read_bytes()
    with record(tmp_path / "even.mkv") as sink:
        write(sink, picture(20))
    assert b"\x23\xe3\x83" in (tmp_path / "even.mkv").read_bytes()


def test_images_are_recorded_at_the_rate_that_was_asked_for(tmp_path):
    with open_recording(str(tmp_path / "out.mp4"), source(), fps=5.0) as sink:
        for index in range(12):
            write(sink, picture(20 * index), index, time=index / 5)
    assert read_track(str(tmp_path / "out.mp4")).length == pytest.approx(2.4, abs=0.01)


@pytest.mark.parametrize("suffix", [".mp4", ".avi"])
def test_a_camera_is_recorded_in_nothing_that_a_kill_would_lose(tmp_path, suffix):
    with pytest.raises(UsageError, match=r"out\.mkv"):
        record(tmp_path / ("out" + suffix), live=True)


@pytest.mark.parametrize("suffix", [".mkv", ".mp4", ".avi"])
@pytest.mark.parametrize("moved", [True, False], ids=["moved away", "still there"])
def test_reopened(tmp_path, suffix, moved):
    """As logrotate wants it: the old file is whole, and nothing of it is overwritten."""
    path, old = tmp_path / ("out" + suffix), tmp_path / ("old" + suffix)
    with record(path) as sink:
        for index in range(3):
            write(sink, picture(50), index)
        if moved:
            path.rename(old)
        sink.reopen()
        assert not path.exists() or not moved, "nothing before there is something to write"
        for index in range(5):
            write(sink, picture(150), index)
    first, second = (old, path) if moved else (path, tmp_path / ("out-1" + suffix))
    assert [round(mean, -1) for mean in means(first)] == [50] * 3
    assert [round(mean, -1) for mean in means(second)] == [150] * 5
    assert len(os.listdir(str(tmp_path))) == 2


def test_a_recording_that_is_kept(tmp_path, capsys):
    path = tmp_path / "out.mkv"
    path.write_bytes(b"of the last run")
    with record(path, live=True, keep=True) as sink:
        write(sink, picture(100))
    assert path.read_bytes() == b"of the last run"
    assert len(play(tmp_path / "out-1.mkv")[0]) == 1
    assert "out-1.mkv" in capsys.readouterr().err


def test_free_name(tmp_path):
    path = str(tmp_path / "a.b.mkv")
    for expected in ("a.b.mkv", "a.b-1.mkv", "a.b-2.mkv"):
        assert os.path.basename(free_name(path)) == expected
        (tmp_path / expected).write_text("")


@pytest.mark.parametrize(
    "path, frames, still, kind",
    [
        pytest.param("out.mp4", None, False, VideoSink, id="an endless video to a video"),
        pytest.param("out.MKV", 100, False, MatroskaSink, id="a video to a video"),
        pytest.param("out.avi", 3, True, VideoSink, id="images to a video"),
        pytest.param("out.jpg", 1, True, ImageSink, id="an image to an image"),
        pytest.param("out.jpg", 1, False, ImageSink, id="one frame of a video to an image"),
        pytest.param("out", 3, True, ImageSink, id="images to a folder"),
        pytest.param("out.v2/", 3, True, ImageSink, id="images to a new folder with a dot"),
        pytest.param("old.v2", 3, True, ImageSink, id="images to an old folder with a dot"),
        pytest.param("out.jpg", 3, True, UsageError, id="images to an image"),
        pytest.param("out.jpg", None, False, UsageError, id="an endless video to an image"),
        pytest.param("out", None, False, UsageError, id="an endless video to a folder"),
        pytest.param("out.txt", 3, True, UsageError, id="unknown"),
    ],
)
def test_open_recording(tmp_path, path, frames, still, kind):
    (tmp_path / "old.v2").mkdir()
    path = os.path.join(str(tmp_path), path)
    if issubclass(kind, Exception):
        with pytest.raises(kind, match="--save"):
            open_recording(path, source(None if still else 25), frames=frames)
    else:
        with open_recording(path, source(None if still else 25), frames=frames) as sink:
            assert type(sink) is kind
            assert sink.wants_canvas
