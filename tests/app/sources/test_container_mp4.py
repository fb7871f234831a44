"""MP4 files of a few bytes: what each box says, and what a damaged one cannot do."""

import struct
from fractions import Fraction

import pytest

from app.sources.container import read_track

UNIT = 65536
UPRIGHT = (UNIT, 0, 0, UNIT)
HUGE = 0xFFFFFFFF


def box(kind, *parts):
    content = b"".join(parts)
    return (8 + len(content)).to_bytes(4, "big") + kind + content


def words(*values):
    return struct.pack(f">{len(values)}I", *(value & HUGE for value in values))


def full(kind, *values, version=0, flags=0):
    """A box with a version and flags, and 4-byte numbers or bytes."""
    parts = [value if isinstance(value, bytes) else words(value) for value in values]
    return box(kind, words(version << 24 | flags), *parts)


def table(kind, *rows, count=None):
    """A box that counts its rows."""
    return full(kind, len(rows) if count is None else count, *(words(*row) for row in rows))


def matrix(a, b, c, d):
    return words(a, b, 0, c, d, 0, 0, 0, 1 << 30)


def tkhd(turn=UPRIGHT, size=(64, 48), number=1):
    return full(b"tkhd", 0, 0, number, 0, 0, bytes(16), matrix(*turn), size[0] * UNIT, size[1] * UNIT)


def entry(kind=b"avc1", *extra, size=(64, 48)):
    return box(kind, bytes(24), struct.pack(">HH", *size), bytes(50), *extra)


def trak(*samples, head=None, edits=(), handler=b"vide", scale=1000, codec=None, extra=b""):
    """A track. samples: the boxes of its table."""
    stbl = box(b"stbl", full(b"stsd", 1, codec or entry()), *samples)
    mdia = box(b"mdia", full(b"mdhd", 0, 0, scale, 0), full(b"hdlr", 0, handler, bytes(13)), box(b"minf", stbl))
    edts = box(b"edts", table(b"elst", *((length, time, UNIT) for length, time in edits))) if edits else b""
    return box(b"trak", head or tkhd(), extra, edts, mdia)


def movie(*parts, turn=UPRIGHT):
    mvhd = full(b"mvhd", 0, 0, 1000, 0, 0, 0, 0, 0, matrix(*turn))
    return box(b"ftyp", b"isom", words(0)) + box(b"moov", mvhd, *parts) + box(b"mdat", bytes(100))


EVEN = table(b"stts", (4, 40)), full(b"stsz", 10, 4)
B_FRAMES = EVEN + (table(b"ctts", (1, 40), (1, 120), (2, 0)), table(b"stss", (1,)))


def read(tmp_path, data, name="film.mp4"):
    path = tmp_path / name
    path.write_bytes(data)
    track = read_track(str(path))
    return track, None if track is None or track.times is None else [round(time * 1000) for time in track.times]


@pytest.mark.parametrize(
    "data, times",
    [
        pytest.param(movie(trak(*EVEN)), [0, 40, 80, 120], id="even"),
        pytest.param(movie(trak(table(b"stts", (2, 40), (1, 100), (1, 0)), EVEN[1])), [0, 40, 80, 180], id="uneven"),
        pytest.param(movie(trak(*B_FRAMES)), [40, 80, 120, 160], id="shown later than decoded"),
        pytest.param(movie(trak(*B_FRAMES, edits=[(160, 40)])), [0, 40, 80, 120], id="the usual edit with B-frames"),
        pytest.param(movie(trak(*EVEN, edits=[(500, -1), (160, 0)])), [500, 540, 580, 620], id="starts later"),
        pytest.param(movie(trak(*EVEN, edits=[(80, 80)])), [0, 40], id="starts in the middle"),
        pytest.param(movie(trak(*EVEN, edits=[(80, 0)])), [0, 40], id="ends in the middle"),
        pytest.param(movie(trak(*EVEN, edits=[(80, 80), (80, 0)])), [0, 40, 80, 120], id="two parts exchanged"),
        pytest.param(movie(trak(*EVEN, edits=[(0, 0)])), [0, 40, 80, 120], id="an edit that leaves nothing"),
        pytest.param(movie(trak(EVEN[0], full(b"stsz", 0, 3, 1, 2, 3))), [0, 40, 80], id="a size each"),
        pytest.param(movie(trak(EVEN[0], full(b"stz2", 16, 3, bytes(6)))), [0, 40, 80], id="sizes of 16 bits"),
        pytest.param(movie(trak(EVEN[0], full(b"stz2", 4, 3, bytes(2)))), [0, 40, 80], id="sizes of 4 bits"),
        pytest.param(movie(trak(table(b"stts", (2, 40)), EVEN[1])), [0, 40, 80, 120], id="stts ends too early"),
        pytest.param(movie(trak(table(b"stts", (HUGE, 40)), EVEN[1])), [0, 40, 80, 120], id="stts counts too many"),
        pytest.param(movie(trak(table(b"stts", (4, HUGE)), EVEN[1])), [0, 1, 2, 3], id="negative durations"),
        pytest.param(
            movie(trak(*EVEN, table(b"ctts", (4, HUGE), (0, 0), (0, 0)))), [-1, 39, 79, 119], id="negative offset"
        ),
        pytest.param(movie(trak(*EVEN, table(b"ctts", (1, 7)))), [7, 40, 80, 120], id="ctts ends too early"),
        pytest.param(movie(trak(*EVEN, scale=2000)), [0, 20, 40, 60], id="another scale"),
        pytest.param(movie(trak(*EVEN, handler=b"soun"), trak(*EVEN, scale=500)), [0, 80, 160, 240], id="sound first"),
        pytest.param(movie(trak(*EVEN), trak(*EVEN, scale=500)), [0, 40, 80, 120], id="two films"),
    ],
)
def test_times(tmp_path, data, times):
    track, found = read(tmp_path, data)
    assert found == times
    assert track.frames == len(times)


def test_all_it_says(tmp_path):
    track, _ = read(tmp_path, movie(trak(*EVEN)))
    assert track._replace(times=None) == ("h264", 4, None, 0.16, 1, 1, False, False)


def test_longer_headers(tmp_path):
    """Version 1: times and durations of 8 bytes."""
    long = bytes(8)
    head = full(b"tkhd", long, long, 1, 0, long, bytes(16), matrix(0, UNIT, -UNIT, 0), 128 * UNIT, 48 * UNIT, version=1)
    media = full(b"mdhd", long, long, 500, long, 0, version=1)
    edits = full(b"elst", 1, struct.pack(">QqI", 500, 40, UNIT), version=1)
    stbl = box(b"stbl", full(b"stsd", 1, entry()), *B_FRAMES)
    mdia = box(b"mdia", media, full(b"hdlr", 0, b"vide", bytes(13)), box(b"minf", stbl))
    mvhd = full(b"mvhd", long, long, 1000, long, 0, 0, 0, 0, matrix(*UPRIGHT), version=1)
    moov = box(b"moov", mvhd, box(b"trak", head, box(b"edts", edits), mdia))
    track, times = read(tmp_path, box(b"ftyp", b"isom") + moov)
    assert times == [0, 80, 160, 240]
    assert track._replace(times=None) == ("h264", 4, None, 0.32, 6, 2, False, False)


def test_what_is_uneven(tmp_path):
    assert not read(tmp_path, movie(trak(table(b"stts", (1, 33), (1, 34), (2, 33)), EVEN[1])))[0].variable
    assert read(tmp_path, movie(trak(table(b"stts", (1, 33), (1, 66), (2, 33)), EVEN[1])))[0].variable


def test_chapter_pictures_are_not_a_film(tmp_path):
    pictures = trak(*EVEN, head=tkhd(number=7), codec=entry(b"jpeg"))
    film = trak(*EVEN, head=tkhd(number=8), extra=box(b"tref", box(b"chap", words(7))))
    assert read(tmp_path, movie(pictures, film))[0].codec == "h264"


@pytest.mark.parametrize(
    "kind, codec",
    [(b"hvc1", "hevc"), (b"av01", "av1"), (b"jpeg", "mjpeg"), (b"vp09", "vp9"), (b"mp4v", "mpeg4"), (b"what", "what")],
)
def test_codecs(tmp_path, kind, codec):
    assert read(tmp_path, movie(trak(*EVEN, codec=entry(kind))))[0].codec == codec


@pytest.mark.parametrize("kind, codec", [(0x20, "mpeg4"), (0x61, "mpeg2video"), (0x6C, "mjpeg"), (0x99, "mpeg4")])
@pytest.mark.parametrize("long", [False, True])
def test_object_types(tmp_path, kind, codec, long):
    size = (lambda n: b"\x80\x80\x80" + bytes([n])) if long else (lambda n: bytes([n]))
    esds = full(b"esds", b"\x03" + size(20) + b"\0\1\0" + b"\x04" + size(15) + bytes([kind]) + bytes(14))
    assert read(tmp_path, movie(trak(*EVEN, codec=entry(b"mp4v", esds))))[0].codec == codec


@pytest.mark.parametrize(
    "turn, orientation",
    [
        ((1, 0, 0, 1), 1),
        ((-1, 0, 0, 1), 2),
        ((-1, 0, 0, -1), 3),
        ((1, 0, 0, -1), 4),
        ((0, 1, 1, 0), 5),
        ((0, 1, -1, 0), 6),
        ((0, -1, -1, 0), 7),
        ((0, -1, 1, 0), 8),
        ((0.7, 0.7, -0.7, 0.7), 1),
        ((0, 0, 0, 0), 1),
    ],
)
@pytest.mark.parametrize("by_movie", [False, True])
def test_orientation(tmp_path, turn, orientation, by_movie):
    """As EXIF has it: 5 is mirrored along the diagonal from the top left, 6 to be rotated by 90 degrees clockwise."""
    turn = [int(value * UNIT) for value in turn]
    data = movie(trak(*EVEN), turn=turn) if by_movie else movie(trak(*EVEN, head=tkhd(turn)))
    assert read(tmp_path, data)[0].orientation == orientation


@pytest.mark.parametrize(
    "head, codec, aspect",
    [
        pytest.param(tkhd(), entry(), 1, id="nothing"),
        pytest.param(tkhd(), entry(b"avc1", box(b"pasp", words(40, 33))), Fraction(40, 33), id="pasp"),
        pytest.param(tkhd(), entry(b"avc1", box(b"pasp", words(0, 1))), 1, id="pasp without a number"),
        pytest.param(tkhd(), entry(b"avc1", box(b"pasp", words(HUGE, 1))), 1, id="nonsense"),
        pytest.param(tkhd(size=(128, 48)), entry(), 2, id="shown larger than stored"),
        pytest.param(tkhd(size=(128, 48)), entry(b"avc1", box(b"pasp", words(3, 2))), Fraction(3, 2), id="pasp wins"),
        pytest.param(tkhd(size=(0, 0)), entry(), 1, id="no size to show"),
        pytest.param(tkhd((UNIT * 3 // 2, 0, 0, UNIT)), entry(), Fraction(3, 2), id="stretched by the matrix"),
    ],
)
def test_aspect(tmp_path, head, codec, aspect):
    assert read(tmp_path, movie(trak(*EVEN, head=head, codec=codec)))[0].aspect == aspect


def test_sizes_of_64_bits(tmp_path):
    data = movie(trak(*EVEN))
    padding = words(1) + b"free" + words(0, 20) + bytes(4)
    assert read(tmp_path, data[:16] + padding + data[16:])[1] == [0, 40, 80, 120]


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(movie(), id="no track"),
        pytest.param(movie(trak(table(b"stts"), full(b"stsz", 0, 0))), id="no frame"),
        pytest.param(movie(trak(*EVEN, handler=b"soun")), id="only sound"),
        pytest.param(movie(trak(*EVEN, scale=0)), id="no scale"),
        pytest.param(box(b"ftyp", b"isom") + box(b"mdat", bytes(9)), id="cut off before moov"),
        pytest.param(box(b"ftyp") + words(0) + b"moov", id="an empty moov"),
        pytest.param(box(b"free") * 1000, id="nothing"),
        pytest.param(b"G" * 400, id="another kind"),
        pytest.param(b"", id="empty"),
    ],
)
def test_no_film(tmp_path, data):
    assert read(tmp_path, data)[0] is None


@pytest.mark.parametrize(
    "samples",
    [
        pytest.param((EVEN[0], full(b"stsz", 0, HUGE)), id="no sizes"),
        pytest.param((EVEN[0], full(b"stsz", HUGE, HUGE)), id="larger than the file"),
        pytest.param((table(b"stts", count=HUGE), EVEN[1], table(b"stss", count=HUGE)), id="no rows"),
        pytest.param((table(b"stts", (4, 40)), EVEN[1], table(b"stss", (0,), (HUGE,))), id="key frames outside"),
    ],
)
def test_counts_that_are_not_true(tmp_path, samples):
    track, times = read(tmp_path, movie(trak(*samples)))
    assert track is None or track.frames == len(times) == 4


def test_deep_boxes(tmp_path):
    data = b""
    for _ in range(3000):
        data = box(b"moov", data)
    assert read(tmp_path, data)[0] is None
