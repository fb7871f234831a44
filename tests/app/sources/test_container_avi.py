"""AVI files of a few bytes."""

import struct
from fractions import Fraction

import pytest

from app.sources.container import read_track


def chunk(kind, *parts, size=None):
    content = b"".join(parts)
    return kind + struct.pack("<I", len(content) if size is None else size) + content + bytes(len(content) % 2)


def group(kind, *parts, name=b"LIST", size=None):
    return chunk(name, kind, *parts, size=size)


def stream(*more, kind=b"vids", letters=b"MJPG", scale=1, rate=25, start=0):
    head = kind + b"HAND" + struct.pack("<10I", 0, 0, 0, scale, rate, start, 0, 0, 0, 0)
    return group(b"strl", chunk(b"strh", head), chunk(b"strf", bytes(16), letters, bytes(20)), *more)


FRAMES = chunk(b"00dc", b"abc"), chunk(b"00dc"), chunk(b"01wb", b"sound"), chunk(b"00db", b"ab")  # one was dropped


def film(*more, streams=None, frames=FRAMES, size=None):
    header = group(b"hdrl", chunk(b"avih", bytes(56)), *(streams or [stream()]))
    return group(b"AVI ", header, group(b"movi", *frames, size=size), *more, name=b"RIFF")


def idx1(*rows):
    return chunk(b"idx1", *(kind + struct.pack("<III", 0, 4, size) for kind, size in rows))


def read(tmp_path, data):
    path = tmp_path / "film.avi"
    path.write_bytes(data)
    track = read_track(str(path))
    return track, None if track is None else [round(time * 1000) for time in track.times]


INDEX = idx1((b"00dc", 3), (b"01wb", 5), (b"00dc", 0), (b"00db", 2), (b"00dc", 2))


@pytest.mark.parametrize(
    "data, times",
    [
        pytest.param(film(), [0, 80], id="no index"),
        pytest.param(film(INDEX), [0, 80, 120], id="index"),
        pytest.param(film(idx1((b"01wb", 9))), [0, 80], id="an index of something else"),
        pytest.param(film(frames=[group(b"rec ", *FRAMES), group(b"rec ", *FRAMES)]), [0, 80, 120, 200], id="records"),
        pytest.param(film(size=0), [0, 80], id="killed before the sizes were written"),
        pytest.param(film(size=1 << 31), [0, 80], id="a size beyond the end"),
        pytest.param(film(streams=[stream(start=5)]), [200, 280], id="starts later"),
        pytest.param(film(streams=[stream(start=1 << 31)]), [0, 80], id="starts in some years"),
        pytest.param(film(streams=[stream(scale=1001, rate=30000)]), [0, 67], id="29.97 FPS"),
        pytest.param(
            film(streams=[stream(kind=b"auds"), stream()], frames=[chunk(b"01dc", b"a")]), [0], id="sound first"
        ),
        pytest.param(film() + group(b"AVIX", group(b"movi", *FRAMES), name=b"RIFF"), [0, 80, 120, 200], id="two RIFFs"),
    ],
)
def test_times(tmp_path, data, times):
    track, found = read(tmp_path, data)
    assert found == times
    assert track.frames == len(times)


def test_all_it_says(tmp_path):
    assert read(tmp_path, film(INDEX))[0]._replace(times=None) == ("mjpeg", 3, None, 0.16, 1, 1, True, True)
    even = film(frames=[chunk(b"00dc", b"a")] * 3)
    assert read(tmp_path, even)[0]._replace(times=None) == ("mjpeg", 3, None, 0.12, 1, 1, False, True)


def standard(*sizes):
    """OpenDML's index of frames; the highest bit marks those that are no key frame."""
    entries = b"".join(struct.pack("<II", 4, size) for size in sizes)
    return struct.pack("<HBBI4sQI", 2, 0, 1, len(sizes), b"00dc", 0, 0) + entries


def test_opendml(tmp_path):
    """Two indexes at the end of the file, and their places in the header."""

    def build(places):
        entries = b"".join(struct.pack("<QII", place, 0, 0) for place in places)
        master = chunk(b"indx", struct.pack("<HBBI4s", 4, 0, 0, len(places), b"00dc"), bytes(12), entries)
        return film(streams=[stream(master)])

    first, second = chunk(b"ix00", standard(3, 0, 1 << 31, 5)), chunk(b"ix00", standard(7))
    place = len(build([0, 0]))
    data = build([place, place + len(first)]) + first + second
    assert read(tmp_path, data)[1] == [0, 120, 160]
    assert read(tmp_path, data[: -len(second)])[1] == [0, 80]  # the index is not there: by the chunks themselves


def test_opendml_in_the_header(tmp_path):
    assert read(tmp_path, film(streams=[stream(chunk(b"indx", standard(3, 4)))]))[1] == [0, 40]


def test_hidden_frames(tmp_path):
    data = film(INDEX, streams=[stream(letters=b"VP80")], frames=[chunk(b"00dc", b"\x10"), chunk(b"00dc", b"\x01")] * 2)
    assert read(tmp_path, data)[1] == [0, 80]


def test_a_long_film_without_an_index(tmp_path):
    track, times = read(tmp_path, film(frames=[chunk(b"00dc", b"a")] * 5000))
    assert (track.frames, track.length) == (None, None)
    assert times == list(range(0, 200000, 40))


@pytest.mark.parametrize(
    "picture, size, aspect",
    [((4, 3), (640, 480), 1), ((16, 9), (720, 576), Fraction(64, 45)), ((0, 0), (1, 1), 1), ((1, 1), (9999, 1), 1)],
)
def test_aspect(tmp_path, picture, size, aspect):
    vprp = chunk(b"vprp", bytes(20), struct.pack("<HHIII", picture[1], picture[0], *size, 1))
    assert read(tmp_path, film(streams=[stream(vprp)]))[0].aspect == aspect


@pytest.mark.parametrize(
    "letters, codec", [(b"H264", "h264"), (b"XVID", "mpeg4"), (bytes(4), "rawvideo"), (b"what", "what")]
)
def test_codecs(tmp_path, letters, codec):
    assert read(tmp_path, film(streams=[stream(letters=letters)]))[0].codec == codec


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(film(streams=[stream(kind=b"auds")]), id="only sound"),
        pytest.param(film(frames=[chunk(b"01wb", b"a")]), id="no frame"),
        pytest.param(film(streams=[stream(rate=0)]), id="no rate"),
        pytest.param(film(streams=[stream(scale=0)]), id="no scale"),
        pytest.param(b"RIFF\0\0\0\0AVI ", id="no header"),
        pytest.param(b"RIFF\0\0\0\0WAVE" + bytes(99), id="sound"),
    ],
)
def test_no_film(tmp_path, data):
    assert read(tmp_path, data)[0] is None
