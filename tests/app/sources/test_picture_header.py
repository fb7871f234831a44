"""On bytes made by hand, so that each case says what it is about. Pillow is the oracle of a file beside it."""

import struct
import zlib

import pytest
from support.picture_files import (
    ARITHMETIC,
    BIG_TIFF,
    FRAME,
    GIF,
    GIF_PICTURE,
    PIXELS,
    PROGRESSIVE,
    SCAN,
    SIZE,
    THUMBNAIL,
    avif,
    bmp,
    box,
    chunk,
    exif,
    jpeg,
    mutate,
    png,
    segment,
    tiff,
    webp,
)

from app.sources.pictures.header import PictureHeader, read_header, without_orientation


@pytest.mark.parametrize(
    "data, kind",
    [
        pytest.param(jpeg(FRAME, SCAN), "JPEG", id="jpeg"),
        pytest.param(jpeg(segment(0xC4, b"table"), PROGRESSIVE, SCAN), "JPEG", id="jpeg, progressive"),
        pytest.param(jpeg(segment(0xCC, b"\0\1"), ARITHMETIC, SCAN), "JPEG", id="jpeg, arithmetic"),
        pytest.param(png(PIXELS), "PNG", id="png"),
        pytest.param(webp(), "WebP", id="webp, canvas"),
        pytest.param(b"RIFF\x16\0\0\0WEBPVP8 \x0a\0\0\0\0\0\0\x9d\x01\x2a\x38\0\x28\0", "WebP", id="webp, lossy"),
        pytest.param(b"RIFF\x12\0\0\0WEBPVP8L\x05\0\0\0\x2f\x37\xc0\x09\0\0", "WebP", id="webp, lossless"),
        pytest.param(GIF + GIF_PICTURE + b"\x3b", "GIF", id="gif"),
        pytest.param(GIF + b"\x21\xf9\4abcd\0" + GIF_PICTURE, "GIF", id="gif, after an extension"),
        pytest.param(bmp(56, 40, 56 * 40 * 3), "BMP", id="bmp"),
        pytest.param(bmp(56, -40, 56 * 40 * 3), "BMP", id="bmp, first row on top"),
        pytest.param(bmp(56, 40, 7, compression=1), "BMP", id="bmp, run lengths: any length may be right"),
        pytest.param(
            b"BM" + bytes(8) + struct.pack("<IIHHHH", 26, 12, 56, 40, 1, 1) + bytes(320), "BMP", id="bmp, OS/2"
        ),
        pytest.param(b"P5\n# made by hand\n56 40\n255\n" + bytes(56 * 40), "PNM", id="pgm"),
        pytest.param(b"P6 56 40 65535 " + bytes(56 * 40 * 6), "PNM", id="ppm, 16 bit"),
        pytest.param(b"P4\n56 40\n" + bytes(7 * 40), "PNM", id="pbm"),
        pytest.param(b"P2\n56 40\n255\n0 1 2", "PNM", id="pgm, plain"),
        pytest.param(
            b"P7\nWIDTH 56\nHEIGHT 40\nDEPTH 4\nMAXVAL 255\nTUPLTYPE RGB_ALPHA\nENDHDR\n" + bytes(56 * 40 * 4),
            "PNM",
            id="pam",
        ),
        pytest.param(avif(SIZE), "AVIF", id="avif"),
        pytest.param(
            b"\xff\x4f\xff\x51" + struct.pack(">HHIIIIIIII", 41, 0, 60, 42, 4, 2, 60, 42, 0, 0) + b"\xff\xd9",
            "JPEG 2000",
            id="jpeg 2000, without boxes",
        ),
    ],
)
def test_kind_and_size(data, kind):
    assert read_header(data) == PictureHeader(kind, 56, 40, 1, None)


@pytest.mark.parametrize(
    "data", [b"", b"B", b"BMW is a car", b"P5", b"a text", b"RIFF\4\0\0\0AVI ", b"\0\0\0\x18ftypisom"]
)
def test_not_a_picture(data):
    assert read_header(data) is None


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("order", "<>")
def test_orientation(orientation, order):
    said = exif(orientation, order=order)
    for data in (
        jpeg(segment(0xE0, b"JFIF\0"), segment(0xE1, b"Exif\0\0" + said), FRAME, SCAN),
        jpeg(segment(0xE1, b"http://ns.adobe.com/xap/1.0/\0"), segment(0xE1, b"Exif\0\0" + said), FRAME, SCAN),
        png(chunk(b"eXIf", said), PIXELS),
        png(PIXELS, chunk(b"eXIf", said)),
        png(chunk(b"tEXt", b"Raw profile type exif\0\nexif\n  38\n" + (b"Exif\0\0" + said).hex().encode()), PIXELS),
        png(chunk(b"zTXt", b"Raw profile type APP1\0\0" + zlib.compress(b"\nx\n1\n" + said.hex().encode())), PIXELS),
        webp((b"VP8 ", b"coded"), (b"EXIF", said)),
        webp((b"VP8 ", b"coded"), (b"EXIF", b"Exif\0\0" + said)),
    ):
        assert read_header(data)[1:] == (56, 40, orientation, None)


@pytest.mark.parametrize(
    "said",
    [
        pytest.param(exif(0), id="0"),
        pytest.param(exif(9), id="9"),
        pytest.param(exif(6, kind=2), id="a text"),
        pytest.param(exif(6, count=0), id="no value"),
        pytest.param(exif(6, count=0xFFFFFFFF), id="more values than the file has bytes"),
        pytest.param(exif(6)[:20], id="cut"),
        pytest.param(b"II*\0\xff\xff\xff\xff", id="a directory beyond the end"),
        pytest.param(b"", id="empty"),
        pytest.param(b"nonsense", id="nonsense"),
    ],
)
def test_an_orientation_that_is_nonsense(said):
    for data in (jpeg(segment(0xE1, b"Exif\0\0" + said), FRAME, SCAN), png(chunk(b"eXIf", said), PIXELS)):
        assert read_header(data)[1:] == (56, 40, 1, None)


def test_an_orientation_among_broken_tags():
    """A list of directories that leads to itself, and values beyond the end, hide nothing."""
    said = exif(6, tags=[(0x8769, 4, 1, 8), (0x010F, 2, 100, 0xFFFFFF00)])
    looped = said[:-4] + struct.pack("<I", 8)
    assert read_header(jpeg(segment(0xE1, b"Exif\0\0" + looped), FRAME, SCAN)).orientation == 6


@pytest.mark.parametrize(
    "turns, mirror, orientation",
    [(0, None, 1), (1, None, 8), (2, None, 3), (3, None, 6), (0, 0, 4), (0, 1, 2), (1, 0, 5), (1, 1, 7)],
)
def test_orientation_of_avif(turns, mirror, orientation):
    properties = [SIZE] + ([box(b"irot", bytes([turns]))] if turns else [])
    properties += [] if mirror is None else [box(b"imir", bytes([mirror]))]
    assert read_header(avif(*properties)) == PictureHeader("AVIF", 56, 40, orientation, None)


def test_avif_means_its_primary_picture():
    assert read_header(avif(SIZE, item=2))[1:3] == (7, 5)


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(jpeg(FRAME, SCAN) + b"appended", id="jpeg, something appended"),
        pytest.param(jpeg(FRAME, SCAN) + jpeg(FRAME, SCAN, end=b""), id="jpeg, a second picture that is cut"),
        pytest.param(jpeg(FRAME, SCAN, segment(0xC4, b"table"), SCAN), id="jpeg, two scans"),
        pytest.param(jpeg(FRAME, SCAN, end=b"\xff\xff\xff\xd9"), id="jpeg, fill bytes before the end"),
        pytest.param(jpeg(b"\xff" + FRAME, b"\xff\xff" + SCAN), id="jpeg, fill bytes before markers"),
        pytest.param(png(PIXELS, end=b""), id="png, only the end missing"),
        pytest.param(png(PIXELS[:-8], end=b""), id="png, checksums missing"),
        pytest.param(GIF + GIF_PICTURE[:-1], id="gif, only the end missing"),
        pytest.param(avif(SIZE) + b"appended", id="avif, something appended that is no box"),
        pytest.param(tiff(6, [0], [24], pixels=24), id="tiff, one strip"),
        pytest.param(tiff(4, [0, 16], [16, 16], pixels=24), id="tiff, last strip's length is that of a full one"),
        pytest.param(tiff(6, [0], [24], pixels=24, compression=5), id="tiff, compressed"),
        pytest.param(
            tiff(0, [0], [256], pixels=84, offsets=324, counts=325), id="tiff, only padding of a tile missing"
        ),
        pytest.param(tiff(4, [0, 16], [99, 8], pixels=24, compression=5), id="tiff, a length over other strips"),
    ],
)
def test_whole(data):
    assert read_header(data).damage is None


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(jpeg(FRAME, SCAN, end=b""), id="jpeg"),
        pytest.param(jpeg(FRAME, SCAN, end=b"\xff"), id="jpeg, half an end"),
        pytest.param(jpeg(segment(0xE1, THUMBNAIL), FRAME, SCAN, end=b""), id="jpeg, a thumbnail has an end"),
        pytest.param(jpeg(segment(0xE1, THUMBNAIL), FRAME, end=b""), id="jpeg, ends before the scan"),
        pytest.param(jpeg(segment(0xE1, THUMBNAIL)[:-3], end=b""), id="jpeg, ends in the thumbnail"),
        pytest.param(jpeg(FRAME), id="jpeg without a scan"),
        pytest.param(b"\xff\xd8\xff", id="jpeg, three bytes"),
        pytest.param(png(PIXELS[:-14], end=b""), id="png"),
        pytest.param(png(end=b""), id="png, ends before the pixels"),
        pytest.param(png(PIXELS)[:20], id="png, ends in the header"),
        pytest.param(webp((b"VP8 ", b"coded"))[:-3], id="webp"),
        pytest.param(GIF + GIF_PICTURE[:-2], id="gif"),
        pytest.param(GIF + GIF_PICTURE[:10], id="gif, ends before the coded data"),
        pytest.param(GIF + b"\x21\xf9\4ab", id="gif, ends in an extension"),
        pytest.param(GIF + b"\x3b", id="gif without a picture"),
        pytest.param(bmp(56, 40, 56 * 40 * 3 - 1), id="bmp"),
        pytest.param(bmp(56, 40, 0)[:30], id="bmp, ends in the header"),
        pytest.param(b"P5 56 40 255 " + bytes(56 * 40 - 1), id="pgm"),
        pytest.param(b"P7\nWIDTH 56\nHEIGHT 40\nDEPTH 1\nMAXVAL 255\nENDHDR\n" + bytes(56 * 40 - 1), id="pam"),
        pytest.param(avif(SIZE)[:-1], id="avif"),
        pytest.param(avif(SIZE)[:-10], id="avif, ends before the pixels"),
        pytest.param(avif(SIZE)[:40], id="avif, ends in the header"),
        pytest.param(avif(SIZE, length=6), id="avif, a byte short"),
        pytest.param(tiff(6, [0], [24], pixels=23), id="tiff"),
        pytest.param(tiff(4, [0, 16], [16, 8], pixels=23), id="tiff, two strips"),
        pytest.param(tiff(0, [0], [256], pixels=83, offsets=324, counts=325), id="tiff, a tile"),
        pytest.param(tiff(0, [0], [256], pixels=255, offsets=324, counts=325, compression=5), id="tiff, packed tile"),
        pytest.param(tiff(6, [0], [24], pixels=23, compression=5, order=">"), id="tiff, compressed"),
        pytest.param(tiff(6, [0], [24], pixels=24)[:60], id="tiff, ends in the directory"),
        pytest.param(b"II*\0\x08\0\0\0", id="tiff, ends before the directory"),
    ],
)
def test_damaged(data):
    assert "ends" in read_header(data).damage


@pytest.mark.parametrize("order", "<>")
def test_a_tiff_without_its_orientation(order):
    data = tiff(6, [0], [24], pixels=24, order=order)
    turned = without_orientation(data)
    assert read_header(data)[1:] == (4, 6, 6, None)
    assert read_header(turned)[1:] == (4, 6, 1, None)
    assert [old for old, new in zip(data, turned) if old != new] == [6]
    assert without_orientation(turned) == turned


def test_big_tiff():
    assert read_header(BIG_TIFF).orientation == 6
    assert read_header(without_orientation(BIG_TIFF)).orientation == 1


def test_other_kinds_keep_their_orientation():
    data = png(chunk(b"eXIf", exif(6)), PIXELS)
    assert without_orientation(data) is data


def test_counts_beyond_all_bounds():
    huge = struct.pack("<Q", 2**63)
    for data in (
        b"II+\0\x08\0\0\0" + huge,
        b"II+\0\x08\0\0\0" + struct.pack("<Q", 16) + huge + bytes(40),
        tiff(6, [0], [24], pixels=24).replace(struct.pack("<HHI", 273, 4, 1), struct.pack("<HHI", 273, 4, 2**32 - 1)),
        box(b"ftyp", b"avif\0\0\0\0mif1") + struct.pack(">I", 1) + b"meta" + struct.pack(">Q", 2**63),
    ):
        assert read_header(data).damage is not None
        without_orientation(data)


WHOLE = {
    "jpeg": jpeg(segment(0xE1, b"Exif\0\0" + exif(6)), FRAME, SCAN),
    "png": png(chunk(b"eXIf", exif(6)), PIXELS),
    "png, text": png(chunk(b"tEXt", b"Raw profile type exif\0\nx\n1\n" + exif(6).hex().encode()), PIXELS),
    "webp": webp((b"VP8 ", b"coded"), (b"EXIF", exif(6))),
    "gif": GIF + GIF_PICTURE + b"\x3b",
    "bmp": bmp(5, 4, 64),
    "avif": avif(SIZE, box(b"irot", b"\1"), box(b"imir", b"\0")),
    "ppm": b"P6\n5 4\n255\n" + bytes(60),
    "pam": b"P7\nWIDTH 5\nHEIGHT 4\nDEPTH 1\nMAXVAL 255\nENDHDR\n" + bytes(20),
    "tiff": tiff(4, [0, 16], [16, 8], pixels=24),
    "tiff, tiles": tiff(0, [0], [256], pixels=84, offsets=324, counts=325),
    "big tiff": BIG_TIFF,
}


@pytest.mark.parametrize("name", sorted(WHOLE))
def test_mutations_raise_nothing(name):
    for seed in range(300):
        data = mutate(WHOLE[name], seed)
        try:
            header = read_header(data)
            changed = without_orientation(data)
        except Exception as error:
            raise AssertionError("{}, seed {}: {!r}".format(name, seed, error))
        assert len(changed) == len(data)
        assert header is None or (header.width >= 0 and header.height >= 0 and 1 <= header.orientation <= 8), seed
