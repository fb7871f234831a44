import cv2
import numpy as np
import pytest
from support.recorded import frame
from support.video import play, room_for

from app.clips.__main__ import main
from app.clips.convert import Encoder, convert, even, rate_of
from app.clips.replay import Film
from app.errors import OutputError, SourceError
from app.sinks.matroska import MatroskaWriter
from app.sinks.picture import encode


@pytest.fixture
def clip(tmp_path):
    path = tmp_path / "clip.mkv"
    with open(str(path), "wb", buffering=0) as file:
        writer = MatroskaWriter(file, 64, 48)
        for index in range(20):
            writer.write(encode(frame(0, 8 * index, (64, 48)).image), index / 10)
        writer.close()
    return path


@pytest.mark.parametrize(
    "times, rate",
    [
        ([index / 25 for index in range(9)], 25),
        ([0, 0.1, 0.2, 60, 60.1], 10),
        ([0, 0.001, 0.002], 60),
        ([0, 30, 60], 1),
        ([0], 1),
    ],
)
def test_the_rate_is_that_of_the_usual_distance(times, rate):
    assert rate_of(times) == pytest.approx(rate)


@pytest.mark.parametrize(
    "times, fps, indices",
    [
        ([0, 0.1, 0.2, 0.3], 10, [0, 1, 2, 3]),
        ([0, 0.1, 0.4], 10, [0, 1, 1, 1, 2]),
        ([0, 0.02, 0.04, 0.1, 0.2], 10, [2, 3, 4]),
        ([0], 10, [0]),
    ],
)
def test_even_frames_keep_the_times(times, fps, indices):
    assert list(even(times, fps)) == indices


def test_a_clip_for_phones(clip):
    path = convert(str(clip))
    assert path == str(clip.with_suffix(".webm"))
    images, _ = play(path)
    assert [image.mean() for image in images] == pytest.approx([20 + 8 * index for index in range(20)], abs=6)
    capture = cv2.VideoCapture(path)
    assert capture.get(cv2.CAP_PROP_FPS) == pytest.approx(10, rel=0.01)
    capture.release()
    assert sorted(one.name for one in clip.parent.iterdir()) == ["clip.mkv", "clip.webm"]


def test_into_another_folder(clip, tmp_path):
    assert main(["convert", str(clip), "--to", str(tmp_path / "films")]) == 0
    assert (tmp_path / "films" / "clip.webm").exists()


def nothing_opens(path, fps, width, height):
    return cv2.VideoWriter()


def test_the_first_encoder_that_works(clip):
    working = Encoder(
        "MPEG-4", ".mp4", lambda path, fps, *size: cv2.VideoWriter(path, cv2.VideoWriter.fourcc(*"mp4v"), fps, size)
    )
    assert convert(str(clip), kinds=[Encoder("none", ".webm", nothing_opens), working]) == str(clip.with_suffix(".mp4"))
    assert sorted(one.name for one in clip.parent.iterdir()) == ["clip.mkv", "clip.mp4"]


def test_no_encoder_is_one_line_with_the_next_command(clip):
    with pytest.raises(OutputError, match=r"no encoder for phones.*ffmpeg -i .*clip.mkv .*clip.mp4"):
        convert(str(clip), kinds=[Encoder("none", ".webm", nothing_opens)])
    assert [one.name for one in clip.parent.iterdir()] == ["clip.mkv"]


def test_a_disk_that_gets_full_leaves_nothing(tmp_path):
    path, chance = tmp_path / "noise.mkv", np.random.RandomState(0)
    with open(str(path), "wb", buffering=0) as file:
        writer = MatroskaWriter(file, 160, 120)
        for index in range(30):
            writer.write(encode(chance.randint(0, 255, (120, 160, 3)).astype(np.uint8)), index / 10)
    with room_for(40000), pytest.raises(OutputError, match="noise.webm: only .* of 30 frames could be written"):
        convert(str(path))
    assert [one.name for one in tmp_path.iterdir()] == ["noise.mkv"]


def test_a_damaged_picture_is_the_one_before(clip):
    with Film(str(clip)) as film:
        begin, end = film._places[7]
    data = bytearray(clip.read_bytes())
    data[begin + 2 : end] = bytes(end - begin - 2)
    clip.write_bytes(bytes(data))
    images, _ = play(convert(str(clip)))
    assert len(images) == 20
    assert np.abs(images[7].mean() - images[6].mean()) < 2


def test_what_is_no_recording(tmp_path, clip, capsys):
    (tmp_path / "x.mkv").write_bytes(b"x")
    with pytest.raises(SourceError):
        convert(str(tmp_path / "x.mkv"))
    assert main(["convert", str(tmp_path / "x.mkv"), str(clip)]) == 3, "the others are done all the same"
    out, err = capsys.readouterr()
    assert out == f"{clip.with_suffix('.webm')}\n"
    assert err.count("error: ") == 1
    assert main(["convert", str(tmp_path / "x.mkv")]) == 3
    assert main(["convert", str(clip), "--to", str(tmp_path / "x.mkv")]) == 5
    assert main([]) == 2
