"""Video files with frames that cannot be decoded, through a pipe, and several of them."""

import os
import re
import threading
from contextlib import suppress
from fractions import Fraction

import cv2
import numpy as np
import pytest
from support.fakes import LIMIT
from support.video import kill_frames, picture, track, write_video

from app.errors import SourceError
from app.sources import film as film_module
from app.sources import open_source
from app.sources.film import Film
from app.sources.pipe import has_late_index
from app.sources.timeline import TELLS_TIME
from app.sources.why import why_no_film


def clip(path, frames=20):
    """A Motion JPEG at 12.5 FPS whose frame i has brightness 20 + 10 i."""
    return write_video(path, [picture(20 + 10 * index) for index in range(frames)], 12.5)


def read(uri, **options):
    """A source that was read to its end, and its frames."""
    with open_source(str(uri), **options) as source:
        return source, [frame for frame in source if frame is not None]


def brightness(frames):
    return [int(round(float(frame.image.mean()))) for frame in frames]


@pytest.mark.parametrize(
    "dead",
    [pytest.param({9}, id="one"), pytest.param({5, 6, 7}, id="three"), pytest.param({0, 1}, id="the first two")]
    + [pytest.param({18, 19}, id="the last two"), pytest.param(set(range(1, 19)), id="all but two")],
)
def test_a_frame_that_does_not_decode_is_one_lost_frame(tmp_path, capsys, dead):
    source, frames = read(kill_frames(clip(tmp_path / "street.avi"), dead))
    alive = [index for index in range(20) if index not in dead]
    assert brightness(frames) == pytest.approx([20 + 10 * index for index in alive], abs=4)
    assert (source.captured, source.undecoded) == (len(alive), len(dead))
    told = capsys.readouterr().err
    assert f"street.avi: {len(dead)} of 20 frames cannot be decoded" in told
    assert len(told.splitlines()) == 1
    assert [frame.index for frame in frames] == alive, "numbers do not shift"
    assert [frame.time for frame in frames] == pytest.approx([index / 12.5 for index in alive], abs=1e-3)


def test_what_is_lost_in_a_loop_is_told_once(tmp_path, capsys):
    with open_source(str(kill_frames(clip(tmp_path / "street.avi", 5), {2})), loop=True) as source:
        frames = (frame for frame in source if frame is not None)
        assert len([next(frames) for _ in range(12)]) == 12
    assert capsys.readouterr().err.count("cannot be decoded") == 1


def test_a_film_of_dead_frames_is_an_error(tmp_path):
    with pytest.raises(SourceError, match="no frame can be decoded; truncated or damaged"):
        read(kill_frames(clip(tmp_path / "street.avi", 5), set(range(5))))


def test_reading_on_has_an_end(tmp_path, monkeypatch):
    """However many frames a header promises."""

    class Endless:
        def read(self):
            return False, None

    film = Film(str(clip(tmp_path / "street.avi", 5)))
    film.count = 1 << 40
    monkeypatch.setattr(film_module, "FAILURES_LIMIT", 0.01)
    assert list(film._decode(Endless())) == []


def test_a_whole_film_has_lost_nothing(tmp_path, capsys):
    source, frames = read(clip(tmp_path / "street.avi"))
    assert (source.captured, source.undecoded) == (20, 0)
    assert [frame.time for frame in frames] == pytest.approx([index / 12.5 for index in range(20)], abs=1e-3)
    assert [frame.name for frame in frames] == [""] * 20
    assert source.length == pytest.approx(1.6, abs=1e-3)
    assert capsys.readouterr().err == ""


def test_a_hole_in_a_matroska_file_is_told(tmp_path, capsys):
    """Its frames are found one by one; FFmpeg finds the next ones behind the hole."""
    path = write_video(tmp_path / "street.mkv", [picture(20 + 5 * index, (160, 120)) for index in range(40)], 25)
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2] + bytes(46) + whole[len(whole) // 2 :])
    source, frames = read(path)
    assert 20 < len(frames) < 40
    assert source.undecoded == 40 - len(frames)
    assert [frame.time for frame in frames] == sorted(frame.time for frame in frames)
    if TELLS_TIME:
        assert frames[-1].time == pytest.approx(39 / 25, abs=0.002), "behind it the times are right again"
    (line,) = capsys.readouterr().err.splitlines()
    assert f"street.mkv: {source.undecoded} of 40 frames cannot be decoded" in line


def test_more_frames_than_were_found_one_by_one_are_told(tmp_path, monkeypatch, capsys):
    """As where a damaged film does not say how far its frames are apart."""
    path = clip(tmp_path / "street.avi", 20)
    monkeypatch.setattr(film_module, "read_track", lambda path: track([0.0, 0.08, 0.16], codec="mjpeg"))
    source, frames = read(path)
    assert (len(frames), source.undecoded) == (20, 0)
    assert "street.avi: damaged; 20 frames were found" in capsys.readouterr().err


def test_a_truncated_film_says_how_many_of_how_many(tmp_path):
    path = write_video(tmp_path / "street.avi", [picture(10 * index, (320, 240)) for index in range(20)])
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(SourceError, match=r"street.avi: truncated; it ends after [0-9]+ of 20 frames"):
        read(path)


@pytest.mark.parametrize(
    "fields, phrase",
    [
        pytest.param({"frames": 20}, r"after [0-9]+ of 20 frames$", id="counted"),
        pytest.param({}, r"after [0-9]+ of about 20 frames$", id="estimated"),
        pytest.param({"variable": True, "length": 9.0}, r"after [0-9]+ frames, at 0.[0-9]+ of 9.00 s$", id="uneven"),
    ],
)
def test_how_many_frames_there_were_is_told_as_well_as_it_is_known(tmp_path, monkeypatch, fields, phrase):
    path = write_video(tmp_path / "street.avi", [picture(10 * index, (320, 240)) for index in range(20)])
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    monkeypatch.setattr(
        film_module, "read_track", lambda path: track([index / 25 for index in range(20)], codec="mjpeg", **fields)
    )
    with pytest.raises(SourceError, match=phrase):
        read(path)


@pytest.mark.skipif(not TELLS_TIME, reason="this OpenCV does not tell the times of frames")
def test_a_pipe_that_ends_early_is_told_by_its_name(tmp_path, capsys):
    path = write_video(tmp_path / "street.avi", [picture(6 * index, (320, 240)) for index in range(40)])
    fifo = tmp_path / "pipe"
    os.mkfifo(str(fifo))
    feed(fifo, path.read_bytes()[: path.stat().st_size // 2])
    read(fifo)
    assert re.search(r"pipe: perhaps cut off: .* header says 1.6 s$", capsys.readouterr().err, re.MULTILINE)


@pytest.mark.parametrize(
    "aspect, turn, shape",
    [
        (Fraction(1), 1, (48, 64)),
        (Fraction(2), 1, (48, 128)),
        (Fraction(1, 2), 1, (96, 64)),
        (Fraction(2), 6, (128, 48)),
    ]
    + [(Fraction(2), 6, (128, 48)), (Fraction(1), 8, (64, 48)), (Fraction(1000), 3, (48, 64))],
)
def test_frames_are_upright_and_of_square_pixels(tmp_path, monkeypatch, aspect, turn, shape):
    monkeypatch.setattr(
        film_module, "read_track", lambda path: track(None, aspect=aspect, orientation=turn, codec="mjpeg")
    )
    monkeypatch.setattr(film_module.cv2, "CAP_PROP_SAR_NUM", -1)  # which no video tells
    image = picture(90)
    image[:24, :32] = 250  # at the top left
    _, (frame,) = read(write_video(tmp_path / "street.avi", [image]))
    assert frame.image.shape == shape + (3,)
    assert frame.size == shape[::-1]
    bright = np.unravel_index(cv2.resize(frame.image[:, :, 0], (2, 2), interpolation=cv2.INTER_AREA).argmax(), (2, 2))
    assert bright == {1: (0, 0), 3: (1, 1), 6: (0, 1), 8: (1, 0)}[turn]


@pytest.mark.parametrize("kind", ["pictures", "films"])
def test_a_folder_in_natural_order(tmp_path, kind):
    for number in (1, 2, 10, 11):
        if kind == "pictures":
            assert cv2.imwrite(str(tmp_path / f"frame{number}.png"), picture(10 * number))
        else:
            write_video(tmp_path / f"frame{number}.avi", [picture(10 * number)] * 2)
    source, frames = read(tmp_path)
    suffix, times = (".png", 1) if kind == "pictures" else (".avi", 2)
    assert [frame.name for frame in frames] == [f"frame{n}{suffix}" for n in (1, 2, 10, 11) for _ in range(times)]
    assert [frame.index for frame in frames] == list(range(4 * times))
    assert source.count == 4 * times


def test_films_one_after_the_other_each_with_its_own_time(tmp_path, capsys):
    for name in ("a.avi", "c.avi"):
        clip(tmp_path / name, 3)
    (tmp_path / "b.avi").write_bytes(b"RIFF and no more")
    source, frames = read(str(tmp_path / "*.avi"))
    assert [frame.name for frame in frames] == ["a.avi"] * 3 + ["c.avi"] * 3
    assert [frame.time for frame in frames] == pytest.approx([0, 0.08, 0.16] * 2, abs=1e-3)
    assert [frame.index for frame in frames] == list(range(6))
    assert sorted(source.files) == [str(tmp_path / name) for name in ("a.avi", "c.avi")]
    assert "b.avi" in capsys.readouterr().err


def test_a_link_to_a_folder_above_does_not_repeat_what_is_there(tmp_path):
    (tmp_path / "a").mkdir()
    cv2.imwrite(str(tmp_path / "a" / "1.png"), picture(9))
    os.symlink(str(tmp_path), str(tmp_path / "a" / "up"))
    os.symlink("1.png", str(tmp_path / "a" / "2.png"))
    _, frames = read(tmp_path / "**" / "*.png")
    assert [frame.name for frame in frames] == ["a/1.png", "a/2.png"]


def test_what_lies_unread_in_a_folder_is_told_in_one_line(tmp_path, capsys):
    cv2.imwrite(str(tmp_path / "a.jpg"), picture(9))
    for name in ("notes.txt", "list.txt", ".hidden.jpg", "._a.jpg", "b.heic"):
        (tmp_path / name).write_bytes(b"\0\5\x16\7")
    (tmp_path / "b.jfif").write_bytes((tmp_path / "a.jpg").read_bytes())
    (tmp_path / "more").mkdir()
    _, frames = read(tmp_path)
    assert [frame.name for frame in frames] == ["a.jpg", "b.jfif"]
    told = capsys.readouterr().err
    assert "4 of 6 are left out: 2 .txt, 1 .heic, 1 folder" in told
    assert len(told.splitlines()) == 1


@pytest.mark.parametrize("suffix", [".jpg", ".avi"])
def test_a_folder_or_pipe_that_is_named_like_a_file(tmp_path, capsys, suffix):
    clip(tmp_path / "a.avi", 1)
    cv2.imwrite(str(tmp_path / "a.jpg"), picture(9))
    (tmp_path / ("b" + suffix)).mkdir()
    os.mkfifo(str(tmp_path / ("c" + suffix)))  # to which nobody writes
    (tmp_path / ({".jpg": "a.avi", ".avi": "a.jpg"}[suffix])).unlink()
    source, frames = read(tmp_path)
    assert (len(frames), source.undecoded) == (1, 0)
    assert "2 of 3 are left out: 1 folder, 1 pipe or device" in capsys.readouterr().err


def test_images_are_as_far_apart_as_they_are_asked_to_be(tmp_path):
    from app.sources import CameraOptions

    for number in range(3):
        cv2.imwrite(str(tmp_path / f"{number}.png"), picture(9))
    assert [frame.time for frame in read(tmp_path)[1]] == pytest.approx([0, 0.04, 0.08])
    assert [frame.time for frame in read(tmp_path, camera=CameraOptions(fps=5))[1]] == pytest.approx([0, 0.2, 0.4])


def feed(fifo, data):
    """Write into a pipe, in a thread, as another program would."""

    def write():
        with suppress(BrokenPipeError):
            with open(str(fifo), "wb") as file:
                file.write(data)

    thread = threading.Thread(target=write, daemon=True)
    thread.start()
    return thread


@pytest.mark.parametrize("name", ["street.avi", "dog.jpg"])
def test_a_pipe(tmp_path, name):
    fifo = tmp_path / "pipe"
    os.mkfifo(str(fifo))
    if name == "dog.jpg":
        assert cv2.imwrite(str(tmp_path / name), picture(90))
    else:
        clip(tmp_path / name, 8)
    thread = feed(fifo, (tmp_path / name).read_bytes())
    source, frames = read(fifo)
    thread.join(LIMIT)
    assert not source.live
    assert brightness(frames) == pytest.approx([90] if name == "dog.jpg" else range(20, 100, 10), abs=4)


def test_a_pipe_that_nobody_writes_to_does_not_hold_the_loop(tmp_path):
    fifo = tmp_path / "pipe"
    os.mkfifo(str(fifo))
    with open_source(str(fifo)) as source:
        assert next(iter(source)) is None
        feed(fifo, b"").join(LIMIT)


def test_an_mp4_whose_index_comes_too_late_for_a_pipe(tmp_path, capfd):
    noise = np.random.RandomState(0).randint(0, 255, (9, 240, 320, 3)).astype(np.uint8)
    write_video(tmp_path / "a.mp4", list(noise), 25, "mp4v")
    assert os.path.getsize(str(tmp_path / "a.mp4")) > 1 << 17
    fifo = tmp_path / "pipe"
    os.mkfifo(str(fifo))
    feed(fifo, (tmp_path / "a.mp4").read_bytes())
    with pytest.raises(SourceError, match="an MP4 needs its index at its start"):
        read(fifo)
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize(
    "start, late",
    [
        pytest.param(b"\0\0\0\x08ftyp\0\0\0\x08wide\0\2\0\0mdat", True, id="behind the pictures"),
        pytest.param(b"\0\0\0\x08ftyp\0\0\0\1mdat", True, id="behind more than 4 GB of them"),
        pytest.param(b"\0\0\0\x08ftyp\0\0\0\x09moov.\0\2\0\0mdat", False, id="in front of them"),
        pytest.param(b"\0\0\0\x08ftyp\0\0\0\x99mdat", False, id="behind a few"),
        pytest.param(b"\0\0\0\x08ftyp\0\0\0\0free\0\2\0\0mdat", False, id="nonsense"),
        pytest.param(b"\0\0\0\x08ftyp\0\0", False, id="too little to tell"),
        pytest.param(b"\x1a\x45\xdf\xa3\0\2\0\0mdat", False, id="something else"),
    ],
)
def test_where_an_index_is(start, late):
    assert has_late_index(start) is late


def test_a_pipe_of_nonsense(tmp_path):
    fifo = tmp_path / "pipe"
    os.mkfifo(str(fifo))
    feed(fifo, bytes(5000))
    with pytest.raises(SourceError, match="pipe: .*not a video"):
        read(fifo)


@pytest.mark.parametrize("path, phrase", [("/dev/null", "not a camera"), ("/dev/zero", "not a camera")])
def test_a_device_that_is_no_camera(path, phrase):
    with pytest.raises(SourceError, match=phrase):
        open_source(path)


def test_a_file_below_dev_is_a_file():
    path = "/dev/shm/nanoyolo-test-{}.png".format(os.getpid())
    if not os.path.isdir("/dev/shm"):
        pytest.skip("there is no /dev/shm")
    try:
        assert cv2.imwrite(path, picture(50))
        assert brightness(read(path)[1]) == [50]
    finally:
        os.remove(path)


def test_a_folder_named_like_a_number(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "2024").mkdir()
    cv2.imwrite("2024/a.png", picture(7))
    assert brightness(read(2024)[1]) == [7]


@pytest.mark.parametrize(
    "name",
    ["12:30:45.avi", "clip[1].avi", "%03d.avi", "-clip.avi", "stra\u00dfe \u72ac.avi", "a" * 240 + ".avi", "2024"],
)
def test_names_that_look_like_something_else(tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    clip(tmp_path / "clip.avi", 3).rename(tmp_path / name)
    write_video(tmp_path / "clip1.avi", [picture(250)] * 2)
    assert brightness(read(name)[1]) == pytest.approx([20, 30, 40], abs=4)


def refuse(path):
    raise PermissionError(13, "Permission denied", path)


def test_what_the_system_does_not_let_read(tmp_path, monkeypatch):
    clip(tmp_path / "1.avi", 3)
    monkeypatch.setattr(film_module, "read_track", refuse)
    with pytest.raises(SourceError, match="1.avi: cannot be read: Permission denied"):
        open_source(str(tmp_path / "1.avi"))
    with pytest.raises(SourceError, match="none of its 1 videos can be read.*Permission denied"):
        open_source(str(tmp_path))
    with pytest.raises(SourceError, match="/proc/self/mem: cannot be read"):
        open_source("/proc/self/mem")
    monkeypatch.setattr(os, "listdir", refuse)
    with pytest.raises(SourceError, match="cannot be read: Permission denied"):
        open_source(str(tmp_path))


def test_a_film_that_cannot_be_read_any_more(tmp_path, monkeypatch):
    with open_source(str(clip(tmp_path / "1.avi", 3))) as source:
        monkeypatch.setattr(film_module, "is_cut_off", refuse)
        with pytest.raises(SourceError, match="1.avi: cannot be read"):
            list(source)


@pytest.mark.parametrize(
    "name, content, phrase",
    [
        ("clips.txt", "a.mp4\nb.mp4\n", "a list of files is not supported"),
        ("radio.m3u8", "#EXTM3U\nhttp://host/a.ts\n", "a playlist, which is not supported"),
        ("list.mp4", "ffconcat version 1.0\nfile a.mp4\n", "a playlist, which is not supported"),
        ("playlist.pls", "[playlist]\nFile1=a.mp4\n", "a playlist, which is not supported"),
    ],
)
def test_lists_are_named_as_such(tmp_path, name, content, phrase):
    (tmp_path / name).write_text(content)
    with pytest.raises(SourceError, match=phrase):
        open_source(str(tmp_path / name))


def test_half_a_gif_is_as_damaged_as_half_a_png(tmp_path):
    path = tmp_path / "dog.gif"
    path.write_bytes(b"GIF89a\4\0\4\0\0\0\0,\0\0\0\0\4\0\4\0\0\2\5\1\2")
    with pytest.raises(SourceError, match="dog.gif: damaged: cut off"):
        open_source(str(path))


def test_a_codec_without_a_decoder_is_named_with_what_converts_it(tmp_path):
    path = tmp_path / "new film.mkv"
    path.write_bytes(b"x")
    reason = why_no_film(str(path), track(None, codec="av1"))
    assert "no decoder for its codec av1" in reason
    assert f"ffmpeg -i '{path}' -c:v libx264 '{tmp_path / 'new film-h264.mkv'}'" in reason
    assert "no decoder" not in why_no_film(str(path), track(None, codec="h264"))


@pytest.mark.parametrize("variable", [True, False])
def test_a_source_says_whether_its_frames_come_unevenly(tmp_path, monkeypatch, variable):
    said = track(None, codec="mjpeg")._replace(variable=variable)
    monkeypatch.setattr(film_module, "read_track", lambda path: said)
    assert read(clip(tmp_path / "street.avi", 3))[0].variable is variable


@pytest.mark.parametrize("count", [1, 2])
def test_a_folder_of_which_no_film_has_a_frame(tmp_path, count):
    for index in range(count):
        kill_frames(clip(tmp_path / f"{index}.avi", 4), set(range(4)))
    with pytest.raises(SourceError, match=f"{count - 1}.avi: no frame can be decoded"):
        read(tmp_path)


def test_a_last_film_without_a_frame_does_not_spoil_the_others(tmp_path, capsys):
    clip(tmp_path / "a.avi", 3)
    kill_frames(clip(tmp_path / "b.avi", 4), set(range(4)))
    assert len(read(tmp_path)[1]) == 3
    assert "b.avi: no frame can be decoded" in capsys.readouterr().err
