import os

import cv2
import numpy as np
import pytest

from app.detections import Detections
from app.errors import OutputError, UsageError
from app.frame import Frame
from app.recording import ImageSink, VideoSink, open_recording


def picture(value, size=(64, 48)):
    return np.full((size[1], size[0], 3), value, np.uint8)


def write(sink, canvas, index=0, name=""):
    sink.write(Frame(canvas, index, 0.0, name), canvas, Detections.empty())


def play(path):
    """All frames of a video, and its rate."""
    capture = cv2.VideoCapture(str(path))
    assert capture.isOpened()
    fps, frames = capture.get(cv2.CAP_PROP_FPS), []
    while True:
        good, image = capture.read()
        if not good:
            capture.release()
            return frames, fps
        frames.append(image)


@pytest.mark.parametrize("name", ["out.mp4", "out.mkv", "out.avi", "OUT.MP4"])
def test_video_has_the_frames_that_were_written(tmp_path, name):
    with VideoSink(str(tmp_path / name), 12.5) as sink:
        for index in range(15):
            write(sink, picture(20 + 10 * index), index)
    frames, fps = play(tmp_path / name)
    assert fps == pytest.approx(12.5, rel=0.01)
    assert [frame.mean() for frame in frames] == pytest.approx([20 + 10 * index for index in range(15)], abs=4)


@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".avi"])
@pytest.mark.parametrize("size, recorded", [((65, 49), (64, 48)), ((64, 49), (64, 48)), ((321, 240), (320, 240))])
def test_odd_sizes_lose_a_row_or_column(tmp_path, suffix, size, recorded):
    path = tmp_path / ("out" + suffix)
    image = np.random.RandomState(0).randint(0, 2, (size[1] // 8 + 1, size[0] // 8 + 1, 3)).astype(np.uint8) * 200
    image = np.kron(image, np.ones((8, 8, 1), np.uint8))[: size[1], : size[0]]
    with VideoSink(str(path), 25) as sink:
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
    with VideoSink(str(path), 25) as sink:
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
    with VideoSink(str(tmp_path / "out.mp4"), 25):
        pass
    assert os.listdir(str(tmp_path)) == []


@pytest.mark.parametrize("path, phrase", [("absent/out.mp4", "no folder"), ("folder.mp4", "is a folder")])
def test_a_video_that_cannot_be_written(tmp_path, path, phrase):
    (tmp_path / "folder.mp4").mkdir()
    with pytest.raises(OutputError, match=phrase):
        VideoSink(str(tmp_path / path), 25)


def no_space(path):
    return os.statvfs_result((4096, 4096, 1000, 0, 0, 1000, 1000, 1000, 0, 255))


@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".avi"])
def test_a_full_disk_ends_the_recording_and_leaves_it_playable(tmp_path, monkeypatch, suffix):
    path = tmp_path / ("out" + suffix)
    sink = VideoSink(str(path), 25)
    for index in range(5):
        write(sink, picture(100), index)
    monkeypatch.setattr(os, "statvfs", no_space)
    with pytest.raises(OutputError, match="disk is full"):
        write(sink, picture(100), 5)
    sink.close()
    assert len(play(path)[0]) == 5


def test_a_disk_full_from_the_start_leaves_nothing(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "statvfs", no_space)
    with VideoSink(str(tmp_path / "out.mp4"), 25) as sink:
        with pytest.raises(OutputError, match="disk is full"):
            write(sink, picture(100))
    assert os.listdir(str(tmp_path)) == []


def test_a_recording_that_was_lost_is_an_error(tmp_path):
    path = tmp_path / "out.avi"
    sink = VideoSink(str(path), 25)
    write(sink, picture(100))
    path.unlink()
    with pytest.raises(OutputError, match="could not be finished"):
        sink.close()
    sink.close()


@pytest.mark.parametrize("name", ["out.png", "out.jpg", "OUT.BMP"])
def test_one_image(tmp_path, name):
    with ImageSink(str(tmp_path / name)) as sink:
        write(sink, picture(100), name="dog.jpg")
    assert os.listdir(str(tmp_path)) == [name]
    image = cv2.imread(str(tmp_path / name))
    assert image.shape == (48, 64, 3)
    assert image.mean() == pytest.approx(100, abs=1)


def test_images_go_to_a_folder_under_their_own_names(tmp_path):
    folder = tmp_path / "some" / "where"
    with ImageSink(str(folder)) as sink:
        write(sink, picture(10), 0, "a.png")
        write(sink, picture(20), 1, "b.JPG")
        write(sink, picture(30), 2)
    assert sorted(os.listdir(str(folder))) == ["000002.jpg", "a.png", "b.JPG"]
    assert cv2.imread(str(folder / "a.png")).mean() == 10
    assert cv2.imread(str(folder / "b.JPG")).mean() == pytest.approx(20, abs=1)


@pytest.mark.parametrize(
    "path, phrase",
    [
        pytest.param("absent/out.png", "no folder", id="an image in a missing folder"),
        pytest.param("folder.png", "is a folder", id="a folder of that name"),
        pytest.param("file", "cannot be made", id="a file for a folder"),
        pytest.param("file/folder", "cannot be made", id="a folder in a file"),
    ],
)
def test_images_that_cannot_be_written(tmp_path, path, phrase):
    (tmp_path / "folder.png").mkdir()
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match=phrase):
        ImageSink(str(tmp_path / path))


@pytest.mark.parametrize(
    "path, frames, still, kind",
    [
        pytest.param("out.mp4", None, False, VideoSink, id="a camera to a video"),
        pytest.param("out.MKV", 100, False, VideoSink, id="a video to a video"),
        pytest.param("out.avi", 3, True, VideoSink, id="images to a video"),
        pytest.param("out.jpg", 1, True, ImageSink, id="an image to an image"),
        pytest.param("out.jpg", 1, False, ImageSink, id="one frame of a video to an image"),
        pytest.param("out", 3, True, ImageSink, id="images to a folder"),
        pytest.param("out", 1, True, ImageSink, id="an image to a folder"),
        pytest.param("out.v2/", 3, True, ImageSink, id="images to a new folder with a dot"),
        pytest.param("old.v2", 3, True, ImageSink, id="images to an old folder with a dot"),
        pytest.param("out.jpg", 3, True, UsageError, id="images to an image"),
        pytest.param("out.jpg", None, False, UsageError, id="a camera to an image"),
        pytest.param("out", None, False, UsageError, id="a camera to a folder"),
        pytest.param("old.v2", 9, False, UsageError, id="a video to an old folder"),
        pytest.param("out.txt", 3, True, UsageError, id="unknown"),
        pytest.param("out.webm", None, False, UsageError, id="unknown video"),
    ],
)
def test_open_recording(tmp_path, path, frames, still, kind):
    (tmp_path / "old.v2").mkdir()
    path = os.path.join(str(tmp_path), path)
    if issubclass(kind, Exception):
        with pytest.raises(kind, match="--save"):
            open_recording(path, 25, frames, still)
    else:
        with open_recording(path, 25, frames, still) as sink:
            assert type(sink) is kind
            assert sink.wants_canvas
