"""Matroska files of a few bytes."""

import struct
from fractions import Fraction

import pytest

from app.sinks.matroska import element
from app.sources.container import read_track

UNKNOWN = b"\x01" + b"\xff" * 7
CLUSTER, SEGMENT = b"\x1f\x43\xb6\x75", b"\x18\x53\x80\x67"


def entry(*more, number=1, kind=1, codec="V_MPEG4/ISO/AVC", video=()):
    size = element(0xB0, 64), element(0xBA, 48)
    return element(
        0xAE, element(0xD7, number), element(0x83, kind), element(0x86, codec), *more, element(0xE0, *size, *video)
    )


def block(time, number=1, flags=0, data=b"\x10data"):
    return struct.pack(">BhB", 0x80 | number, time, flags) + data


def simple(*arguments, **options):
    return element(0xA3, block(*arguments, **options))


def cluster(time, *parts, known=True):
    content = element(0xE7, time) + b"".join(parts)
    return element(0x1F43B675, content) if known else CLUSTER + UNKNOWN + content


def film(*parts, tracks=None, known=True, info=()):
    header = element(0x1A45DFA3, element(0x4282, "matroska"))
    content = element(0x1549A966, *info) + element(0x1654AE6B, *(tracks or [entry()])) + b"".join(parts)
    return header + (element(0x18538067, content) if known else SEGMENT + UNKNOWN + content)


def read(tmp_path, data):
    path = tmp_path / "film.mkv"
    path.write_bytes(data)
    track = read_track(str(path))
    return track, None if track is None else [round(time * 1000) for time in track.times]


@pytest.mark.parametrize(
    "data, times",
    [
        pytest.param(film(cluster(0, simple(0), simple(40)), cluster(80, simple(0))), [0, 40, 80], id="two clusters"),
        pytest.param(film(cluster(0, simple(0), simple(120), simple(40))), [0, 40, 120], id="decoded earlier"),
        pytest.param(film(cluster(100, simple(-40))), [60], id="before its cluster"),
        pytest.param(film(cluster(0, element(0xA0, element(0xA1, block(7)), element(0x9B, 5)))), [7], id="block group"),
        pytest.param(film(cluster(0, simple(0)), cluster(9, simple(0)), known=False), [0, 9], id="segment of any size"),
        pytest.param(
            film(cluster(0, simple(0), known=False), cluster(9, simple(0), known=False)),
            [0, 9],
            id="clusters of any size",
        ),
        pytest.param(film(element(0xEC, bytes(99)), cluster(0, element(0xBF, bytes(4)), simple(3))), [3], id="void"),
        pytest.param(film(cluster(0, simple(0, number=2), simple(5))), [5], id="other tracks"),
        pytest.param(
            film(cluster(0, simple(0)), element(0x1C53BB6B, bytes(50)), cluster(9, simple(0))), [0, 9], id="cues"
        ),
        pytest.param(film(cluster(5, simple(5)), info=[element(0x2AD7B1, 2000000)]), [20], id="another scale"),
        pytest.param(film(cluster(0, simple(0), b"\0\0\0\0\0")), [0], id="damage at the end"),
        pytest.param(film(cluster(0, simple(0), simple(7)))[:-9], [0], id="cut off in a block's head"),
        pytest.param(film(cluster(0, simple(0), simple(7, data=bytes(99))))[:-50], [0], id="cut off in a block"),
    ],
)
def test_times(tmp_path, data, times):
    track, found = read(tmp_path, data)
    assert found == times
    assert track.frames is None


JUNK = b"\0" * 40
ALL = [0, 40, 80, 120, 160, 200]
ENDS = (element(0x4489, 240.0),)  # Duration


@pytest.mark.parametrize(
    "parts, spacing, times",
    [
        pytest.param([cluster(0, simple(0), JUNK), cluster(160, simple(0), simple(40))], 40, ALL, id="between"),
        pytest.param([cluster(0, simple(0)), JUNK, cluster(160, simple(0), simple(40))], 40, ALL, id="no cluster"),
        pytest.param([cluster(0, simple(0), simple(40), JUNK)], 40, ALL, id="at the end"),
        pytest.param(
            [cluster(0, simple(0), b"\xa3\x08\xff\xff\xff\xff"), cluster(200, simple(0))], 40, ALL, id="a huge block"
        ),
        pytest.param([cluster(0, simple(0), JUNK), cluster(200, simple(0))], 0, [0, 200], id="no rate"),
        pytest.param([cluster(0, simple(0), JUNK), cluster(1 << 40, simple(0))], 40, [0, 1 << 40], id="damaged time"),
        pytest.param([cluster(0, simple(0), JUNK), CLUSTER], 40, ALL, id="half a cluster"),
    ],
)
def test_behind_damage_it_goes_on_with_the_next_cluster(tmp_path, parts, spacing, times):
    """And the frames that are missing in the damaged part are listed, so that they count as lost."""
    rate = [element(0x23E383, 1000000 * spacing)] if spacing else []
    assert read(tmp_path, film(*parts, tracks=[entry(*rate)], info=ENDS))[1] == times


def test_the_next_cluster_is_found_wherever_it_begins(tmp_path, monkeypatch):
    monkeypatch.setattr("app.sources.container.matroska.SEARCHED", 7)
    for length in range(1, 20):
        data = film(cluster(0, simple(0), b"\0" * length), cluster(9, simple(0)))
        assert read(tmp_path, data)[1] == [0, 9]


def test_all_it_says(tmp_path):
    data = film(cluster(0, simple(0)), tracks=[entry(element(0x23E383, 40000000))], info=[element(0x4489, 80.0)])
    assert read(tmp_path, data)[0]._replace(times=None) == ("h264", None, None, 0.08, 1, 1, False, False)
    assert read(tmp_path, film(cluster(0, simple(0))))[0]._replace(times=None) == (
        "h264",
        None,
        None,
        None,
        1,
        1,
        True,
        False,
    )


def test_uneven_frames_whatever_the_header_says(tmp_path):
    tracks = [entry(element(0x23E383, 33000000))]
    for spacing in (0, 33, 67, 100), (0, 33, 67, 133):
        blocks = [simple(time) for time in spacing]
        assert read(tmp_path, film(cluster(0, *blocks), tracks=tracks))[0].variable == (spacing[-1] == 133)


def test_frames_in_one_block(tmp_path):
    laced = simple(0, flags=0x04, data=b"\x02abcabcabc")
    assert read(tmp_path, film(cluster(0, laced), tracks=[entry(element(0x23E383, 40000000))]))[1] == [0, 40, 80]


def test_hidden_frames(tmp_path):
    parts = cluster(0, simple(0), simple(1, data=b"\x01"), simple(2, data=b"\x11"))
    assert read(tmp_path, film(parts, tracks=[entry(codec="V_VP8")]))[1] == [0, 2]
    assert read(tmp_path, film(parts, tracks=[entry(codec="V_VP9")]))[1] == [0, 1, 2]
    # With a compression, the first byte is not the frame's.
    assert read(tmp_path, film(parts, tracks=[entry(element(0x6D80, b""), codec="V_VP8")]))[1] == [0, 1, 2]


def test_the_film_is_not_the_first_track(tmp_path):
    tracks = [entry(kind=2, codec="A_OPUS"), entry(number=2, codec="V_AV1"), entry(number=3)]
    track, times = read(tmp_path, film(cluster(0, simple(0), simple(7, number=2), simple(9, number=3)), tracks=tracks))
    assert (track.codec, times) == ("av1", [7])


@pytest.mark.parametrize(
    "name, codec", [("V_VP9", "vp9"), ("V_MJPEG", "mjpeg"), ("V_MPEG2", "mpeg2video"), ("V_X", "V_X")]
)
def test_codecs(tmp_path, name, codec):
    assert read(tmp_path, film(cluster(0, simple(0)), tracks=[entry(codec=name)]))[0].codec == codec


@pytest.mark.parametrize("name, before", [("V_MS/VFW/FOURCC", 16), ("V_QUICKTIME", 4)])
def test_codecs_of_other_containers(tmp_path, name, before):
    track = entry(element(0x63A2, bytes(before) + b"MJPG"), codec=name)
    assert read(tmp_path, film(cluster(0, simple(0)), tracks=[track]))[0].codec == "mjpeg"


@pytest.mark.parametrize(
    "video, aspect",
    [
        ([], 1),
        ([element(0x54B0, 128)], 2),
        ([element(0x54B0, 4), element(0x54BA, 2), element(0x54B2, 3)], Fraction(3, 2)),
        ([element(0x54B0, 4), element(0x54BA, 2), element(0x54B2, 4)], 1),
        ([element(0x54B0, 0)], 1),
        ([element(0x54B0, 1 << 60)], 1),
    ],
)
def test_aspect(tmp_path, video, aspect):
    assert read(tmp_path, film(cluster(0, simple(0)), tracks=[entry(video=video)]))[0].aspect == aspect


@pytest.mark.parametrize(
    "yaw, pitch, roll, orientation",
    [
        (0, 0, 0, 1),
        (0, 0, -90, 6),
        (0, 0, 90, 8),
        (0, 0, 180, 3),
        (0, 0, -180, 3),
        (180, 0, 0, 2),
        (0, 0, 45, 1),
        (0, 30, 90, 1),
        (0, 0, float("nan"), 1),
    ],
)
def test_orientation(tmp_path, yaw, pitch, roll, orientation):
    """Degrees anticlockwise (RFC 9559, 5.1.4.1.28.46), and EXIF's number."""
    angles = (element(0x7673, float(yaw)), element(0x7674, float(pitch)), element(0x7675, float(roll)))
    data = film(cluster(0, simple(0)), tracks=[entry(video=[element(0x7670, *angles)])])
    assert read(tmp_path, data)[0].orientation == orientation


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(film(), id="no cluster"),
        pytest.param(film(cluster(0, simple(0, number=2))), id="no frame"),
        pytest.param(film(cluster(0, simple(0)), tracks=[entry(kind=2)]), id="only sound"),
        pytest.param(b"\x1a\x45\xdf\xa3", id="nothing behind the first bytes"),
        pytest.param(b"\x1a\x45\xdf\xa3" + UNKNOWN, id="a header of any size"),
        pytest.param(element(0x1A45DFA3) + element(0x1A45DFA3), id="no segment"),
    ],
)
def test_no_film(tmp_path, data):
    assert read(tmp_path, data)[0] is None
