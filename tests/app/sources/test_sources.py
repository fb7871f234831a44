import itertools
import threading

import cv2
import numpy as np
import pytest
from support.fakes import LIMIT
from support.video import picture, write_video

from app.errors import SourceError
from app.sources import CameraOptions, open_source


def frames_of(uri, **options):
    """All frames of a source, without the waits between them."""
    with open_source(str(uri), **options) as source:
        return [frame for frame in source if frame is not None]


def take(source, count):
    """The first frames of a source that may have no end."""
    taken = []
    for frame in source:
        if frame is not None:
            taken.append(frame)
        if len(taken) == count:
            break
    return taken


def clip(path, frames=20, size=(64, 48), code="mp4v"):
    """A video whose frame i has brightness 20 + 10 i."""
    return write_video(path, [picture(20 + 10 * index, size) for index in range(frames)], 12.5, code)


def write_image(path, image):
    assert cv2.imwrite(str(path), image)
    return path


def grey(value, shape=(6, 8, 3), dtype=np.uint8):
    return np.full(shape, value, dtype)


def brightness(frames):
    return [int(round(float(frame.image.mean()))) for frame in frames]


VIDEOS = [pytest.param("street.mp4", "mp4v", id="mp4"), pytest.param("street.avi", "MJPG", id="avi")]


@pytest.mark.parametrize("name, code", VIDEOS)
def test_video(tmp_path, name, code):
    path = clip(tmp_path / name, code=code)
    with open_source(str(path)) as source:
        frames = [frame for frame in source if frame is not None]
    assert (source.name, source.live, source.count) == (str(path), False, 20)
    assert source.fps == pytest.approx(12.5)
    assert [frame.index for frame in frames] == list(range(20))
    assert brightness(frames) == pytest.approx([20 + 10 * index for index in range(20)], abs=4)
    assert all(frame.image.shape == (48, 64, 3) and frame.image.dtype == np.uint8 for frame in frames)
    times = [frame.captured_at for frame in frames]
    assert times == sorted(times)


def test_frames_are_the_holders_own(tmp_path):
    frames = frames_of(clip(tmp_path / "street.avi", frames=8, code="MJPG"))
    before = frames[1].image.copy()
    frames[0].image[:] = 0
    assert (frames[1].image == before).all()


def test_a_slow_reader_loses_no_frame(tmp_path):
    with open_source(str(clip(tmp_path / "street.mp4"))) as source:
        frames = take(source, 3)
        reader = [thread for thread in threading.enumerate() if thread.name == "read-ahead"]
        reader[0].join(0.3)  # long enough to run through the file, if nothing held it back
        frames += [frame for frame in source if frame is not None]
    assert brightness(frames) == pytest.approx([20 + 10 * index for index in range(20)], abs=4)


@pytest.mark.parametrize("name, code", VIDEOS)
def test_loop_starts_a_video_again(tmp_path, name, code):
    with open_source(str(clip(tmp_path / name, frames=6, code=code)), loop=True) as source:
        assert source.count is None
        frames = take(source, 15)
    assert [frame.index for frame in frames] == list(range(15))
    assert brightness(frames) == pytest.approx([20 + 10 * (index % 6) for index in range(15)], abs=4)


@pytest.mark.parametrize("name", ["absent.mp4", "absent.jpg", "absent/", "absent/*.png", "nothing*"])
def test_missing(tmp_path, name):
    with pytest.raises(SourceError, match="no such|no images"):
        frames_of(tmp_path / name)


@pytest.mark.parametrize(
    "name, content, phrase",
    [("empty.mp4", "", "empty"), ("empty.jpg", "", "not an image"), ("empty", "", "empty")]
    + [("text" + suffix, "This is not a video.\n" * 50, "not a video") for suffix in (".mp4", ".avi", "")]
    + [("text.png", "This is not an image.\n" * 50, "not an image")],
)
def test_what_is_not_a_picture(tmp_path, name, content, phrase):
    (tmp_path / name).write_text(content)
    with pytest.raises(SourceError, match=phrase):
        frames_of(tmp_path / name)


@pytest.mark.parametrize("part", [0.02, 0.5, 0.8])
@pytest.mark.parametrize("name, code", VIDEOS)
def test_truncated_video(tmp_path, name, code, part):
    path = clip(tmp_path / name, frames=23, size=(160, 120), code=code)
    data = path.read_bytes()
    path.write_bytes(data[: int(part * len(data))])
    with pytest.raises(SourceError, match="truncated|damaged"):
        frames_of(path)


def test_truncated_video_ends_a_loop(tmp_path):
    path = clip(tmp_path / "street.avi", frames=23, size=(160, 120), code="MJPG")
    path.write_bytes(path.read_bytes()[:8000])
    with pytest.raises(SourceError, match="truncated|damaged"):
        frames_of(path, loop=True)


@pytest.mark.parametrize("name", ["dog.jpg", "dog.png", "DOG.JPG", "dog.bmp", "Dog.Tiff"])
def test_one_image(tmp_path, name):
    with open_source(str(write_image(tmp_path / name, grey(77)))) as source:
        frames = [frame for frame in source if frame is not None]
    assert (source.count, source.fps, source.live) == (1, None, False)
    assert [(frame.index, frame.name) for frame in frames] == [(0, name)]
    assert frames[0].image.tolist() == grey(77).tolist()


def test_folder_is_read_in_order_and_only_its_images(tmp_path):
    for name, value in [("b.png", 20), ("a.png", 10), ("c.PNG", 30)]:
        write_image(tmp_path / name, grey(value))
    (tmp_path / "notes.txt").write_text("not an image")
    with open_source(str(tmp_path)) as source:
        frames = [frame for frame in source if frame is not None]
    assert source.count == 3
    assert [(frame.index, frame.name) for frame in frames] == [(0, "a.png"), (1, "b.png"), (2, "c.PNG")]
    assert brightness(frames) == [10, 20, 30]


def test_glob(tmp_path):
    for name in ("dog1.png", "dog2.png", "cat1.png"):
        write_image(tmp_path / name, grey(1))
    assert [frame.name for frame in frames_of(tmp_path / "dog*.png")] == ["dog1.png", "dog2.png"]


def test_a_name_that_only_looks_like_a_glob(tmp_path):
    write_image(tmp_path / "dog[1].png", grey(5))
    assert brightness(frames_of(tmp_path / "dog[1].png")) == [5]


def test_one_broken_image_among_good_ones_is_left_out(tmp_path, capsys):
    write_image(tmp_path / "a.png", grey(10))
    (tmp_path / "b.png").write_bytes((tmp_path / "a.png").read_bytes()[:30])
    write_image(tmp_path / "c.png", grey(30))
    with open_source(str(tmp_path)) as source:
        frames = [frame for frame in source if frame is not None]
    assert [(frame.index, frame.name) for frame in frames] == [(0, "a.png"), (2, "c.png")], "numbers do not shift"
    assert [frame.times.index for frame in frames] == [0, 1], "nothing was dropped"
    assert (source.captured, source.undecoded) == (2, 1)
    warning = capsys.readouterr().err
    assert "b.png" in warning
    assert len(warning.splitlines()) == 1


@pytest.mark.parametrize("count", [1, 3])
def test_nothing_but_broken_images(tmp_path, count):
    for index in range(count):
        (tmp_path / "{}.jpg".format(index)).write_bytes(b"\xff\xd8\xff broken")
    with pytest.raises(SourceError, match="damaged: cut off"):
        frames_of(tmp_path)


def cmyk_jpeg(ink):
    """A CMYK JPEG of 8 x 8 pixels as Adobe writes them (inverted), by hand; `ink`: which of C, M, Y, K is there.

    Each of its four blocks is a DC coefficient of +-127 and nothing else; the quantiser is 8.
    """

    def segment(marker, data):
        return bytes([0xFF, marker]) + (len(data) + 2).to_bytes(2, "big") + bytes(data)

    def huffman(table, symbol):  # one code, a single 0 bit
        return segment(0xC4, [table, 1] + [0] * 15 + [symbol])

    bits = "".join("0" + ("0000000" if full else "1111111") + "0" for full in ink)
    bits += "1" * (-len(bits) % 8)
    scan = bytes(int(bits[at : at + 8], 2) for at in range(0, len(bits), 8)).replace(b"\xff", b"\xff\x00")
    return (
        b"\xff\xd8"
        + segment(0xEE, b"Adobe\x00\x64\x00\x00\x00\x00\x00")
        + segment(0xDB, [0] + [8] * 64)
        + segment(0xC0, [8, 0, 8, 0, 8, 4] + [byte for part in (1, 2, 3, 4) for byte in (part, 0x11, 0)])
        + huffman(0x00, 7)
        + huffman(0x10, 0)
        + segment(0xDA, [4, 1, 0, 2, 0, 3, 0, 4, 0, 0, 63, 0])
        + scan
        + b"\xff\xd9"
    )


@pytest.mark.parametrize(
    "ink, bgr",
    [
        pytest.param((0, 0, 0, 0), (255, 255, 255), id="no ink"),
        pytest.param((0, 1, 1, 0), (0, 0, 255), id="magenta and yellow"),
        pytest.param((1, 0, 0, 0), (255, 255, 0), id="cyan"),
        pytest.param((0, 0, 0, 1), (0, 0, 0), id="black"),
    ],
)
def test_cmyk_jpeg(tmp_path, ink, bgr):
    (tmp_path / "print.jpg").write_bytes(cmyk_jpeg(ink))
    (frame,) = frames_of(tmp_path / "print.jpg")
    assert frame.image.shape == (8, 8, 3)
    assert frame.image.reshape(-1, 3).mean(axis=0) == pytest.approx(bgr, abs=4)


@pytest.mark.parametrize(
    "name, image, expected",
    [
        pytest.param("grey.png", grey(99, (6, 8)), (99, 99, 99), id="grey"),
        pytest.param("grey.jpg", grey(99, (6, 8)), (99, 99, 99), id="grey JPEG"),
        pytest.param("alpha.png", grey((10, 20, 30, 40), (6, 8, 4)), (10, 20, 30), id="alpha"),
        pytest.param("deep.png", grey(0x8080, dtype=np.uint16), (128, 128, 128), id="16 bits"),
        pytest.param("deepgrey.png", grey(0x8080, (6, 8), np.uint16), (128, 128, 128), id="16 bits, grey"),
        pytest.param("dot.png", grey((1, 2, 3), (1, 1, 3)), (1, 2, 3), id="one pixel"),
        pytest.param("line.png", grey((1, 2, 3), (1, 10000, 3)), (1, 2, 3), id="10000 x 1"),
        pytest.param("upright.png", grey((1, 2, 3), (10000, 1, 3)), (1, 2, 3), id="1 x 10000"),
    ],
)
def test_images_of_every_kind(tmp_path, name, image, expected):
    (frame,) = frames_of(write_image(tmp_path / name, image))
    assert frame.image.shape == image.shape[:2] + (3,)
    assert frame.image.dtype == np.uint8
    assert (frame.image == expected).all()


@pytest.mark.parametrize(
    "uri, size, fps, count",
    [
        pytest.param("test://", (640, 480), 30, None, id="everything left out"),
        pytest.param("test://64x48", (64, 48), 30, None, id="size"),
        pytest.param("test://64x48@15", (64, 48), 15, None, id="size and rate"),
        pytest.param("test://@29.97", (640, 480), 29.97, None, id="rate"),
        pytest.param("test://64x48@29.97?frames=5", (64, 48), 29.97, 5, id="everything"),
        pytest.param("test://?frames=2", (640, 480), 30, 2, id="length"),
        pytest.param("test://1x1?frames=2", (1, 1), 30, 2, id="one pixel"),
    ],
)
def test_synthetic(uri, size, fps, count):
    with open_source(uri) as source:
        frames = take(source, 2 if count is None else count + 1)
    assert (source.name, source.live, source.fps, source.count) == (uri, False, fps, count)
    assert len(frames) == (count or 2)
    assert all(frame.image.shape == (size[1], size[0], 3) and frame.image.dtype == np.uint8 for frame in frames)


@pytest.mark.parametrize(
    "uri",
    [
        "test://64x",
        "test://0x10",
        "test://10x0",
        "test://9000x10",
        "test://64x48@",
        "test://64x48@0",
        "test://64x48@2000",
        "test://?frames=-1",
        "test://?frames=\u00b2",
        "test://?frames=2&speed=2",
        "test://640x480 ",
    ],
)
def test_synthetic_grammar(uri):
    with pytest.raises(SourceError, match="should look like|sides should be"):
        open_source(uri).close()


@pytest.mark.parametrize("size", ["640x480", "64x48", "16x16", "1280x720", "48x200"])
def test_every_synthetic_frame_differs_from_the_one_before(size):
    frames = frames_of("test://{}?frames=100".format(size))
    assert len(frames) == 100
    assert all((one.image != other.image).any() for one, other in zip(frames, frames[1:]))


def test_synthetic_frames_are_the_same_every_time():
    first, second = [frames_of("test://64x48?frames=5") for _ in range(2)]
    assert all((one.image == other.image).all() for one, other in zip(first, second))


@pytest.mark.parametrize("uri", ["gopher://host/video", "s3://bucket/video.mp4", "://"])
def test_unknown_kind_of_source(uri):
    with pytest.raises(SourceError, match="not supported"):
        open_source(uri)


def readers():
    return [thread for thread in threading.enumerate() if thread.name == "read-ahead"]


def test_frames_are_prepared_in_the_thread_that_reads():
    prepared = []
    with open_source("test://64x48?frames=3") as source:
        source.start(lambda frame: prepared.append((frame.index, threading.current_thread().name)))
        assert [source.take(LIMIT).index for _ in range(3)] == [0, 1, 2]
    assert prepared == [(index, "read-ahead") for index in range(3)]


@pytest.mark.parametrize("taken", [0, 1, 5])
def test_close_half_way_ends_the_thread(taken):
    source = open_source("test://64x48")
    assert readers() == [], "nothing is read before somebody iterates"
    if taken:
        take(source, taken)
        assert len(readers()) == 1
    source.close()
    assert readers() == []
    source.close()


@pytest.mark.parametrize("uri, error", [("test://64x48?frames=2", None), ("{}/broken.png", SourceError)])
def test_a_source_that_has_ended_stays_so(tmp_path, uri, error):
    (tmp_path / "broken.png").write_bytes(b"broken")
    with open_source(uri.format(tmp_path)) as source:
        for frames in (2, 0):
            if error is None:
                assert len([frame for frame in source if frame is not None]) == frames
            else:
                with pytest.raises(error):
                    take(source, 1)


@pytest.mark.parametrize("uri", ["test://64x48", "test://64x48@200?live"])
def test_a_closed_source_has_no_more_frames(uri):
    with open_source(uri) as source:
        take(source, 2)
    assert len(list(itertools.islice(source, 5))) <= 1, "no more than what was ready"


def test_an_exception_in_the_loop_ends_the_thread(tmp_path):
    with pytest.raises(KeyError):
        with open_source(str(clip(tmp_path / "street.mp4"))) as source:
            next(iter(source))
            raise KeyError
    assert readers() == []


def test_size_asked_of_a_file_is_a_warning(tmp_path, capsys):
    write_image(tmp_path / "dog.png", grey(1))
    (frame,) = frames_of(tmp_path / "dog.png", camera=CameraOptions(width=1920, height=1080))
    assert frame.image.shape == (6, 8, 3)
    assert "--width" in capsys.readouterr().err


def test_reading_is_quiet(tmp_path, capfd):
    frames_of(clip(tmp_path / "street.mp4"))
    assert capfd.readouterr() == ("", "")
