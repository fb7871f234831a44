"""Picture files made by hand, byte by byte: as much of each as its header says; and how files get damaged."""

import random
import struct
import zlib


def exif(orientation, *, order="<", kind=3, count=1, tags=()):
    """A TIFF without pixels: an orientation, then other tags as (tag, type, count, value)."""
    entries = [struct.pack(order + "HHI", 0x0112, kind, count) + struct.pack(order + "HH", orientation, 0)]
    entries += [struct.pack(order + "HHII", *tag) for tag in tags]
    head = (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(order + "IH", 8, len(entries))
    return head + b"".join(entries) + b"\0\0\0\0"


def segment(code, content):
    return struct.pack(">BBH", 0xFF, code, len(content) + 2) + content


THUMBNAIL = b"\xff\xd8\xff\xda\0\x02coded\xff\xd9"
FRAME = segment(0xC0, struct.pack(">BHHB", 8, 40, 56, 1) + b"\1\x11\0")
PROGRESSIVE, ARITHMETIC = FRAME.replace(b"\xc0", b"\xc2"), FRAME.replace(b"\xc0", b"\xc9")
SCAN = segment(0xDA, b"\1\1\0\0\x3f\0") + b"coded\xff\0data\xff\xd0more"


def jpeg(*parts, end=b"\xff\xd9"):
    return b"\xff\xd8" + b"".join(parts) + end


def chunk(kind, content):
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


PIXELS = chunk(b"IDAT", zlib.compress((b"\0" + bytes(range(168))) * 40))


IEND = chunk(b"IEND", b"")


def png(*chunks, end=IEND):
    ihdr = chunk(b"IHDR", struct.pack(">IIBBBBB", 56, 40, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + ihdr + b"".join(chunks) + end


def webp(*chunks):
    canvas = b"\x08\0\0\0" + (55).to_bytes(3, "little") + (39).to_bytes(3, "little")
    body = b"WEBP"
    for kind, content in ((b"VP8X", canvas),) + chunks:
        body += kind + struct.pack("<I", len(content)) + content + b"\0" * (len(content) % 2)
    return b"RIFF" + struct.pack("<I", len(body)) + body


def box(kind, *parts):
    content = b"".join(parts)
    return struct.pack(">I", 8 + len(content)) + kind + content


def avif(*properties, item=1, length=5):
    """Item 1 has the properties given, and so many bytes; item 2, a thumbnail, has a size of 7x5."""
    thumbnail = box(b"ispe", struct.pack(">III", 0, 7, 5))
    numbers = bytes(range(2, len(properties) + 2))
    listed = struct.pack(">IIHB", 0, 2, 1, len(numbers)) + numbers + struct.pack(">HBB", 2, 1, 0x81)
    iprp = box(b"iprp", box(b"ipco", thumbnail, *properties), box(b"ipma", listed))
    start = box(b"ftyp", b"avif\0\0\0\0mif1")

    def meta(place):
        iloc = box(b"iloc", struct.pack(">IBBHHHHII", 0, 0x44, 0, 1, 1, 0, 1, place, length))
        return box(b"meta", b"\0\0\0\0", box(b"pitm", struct.pack(">IH", 0, item)), iloc, iprp)

    return start + meta(len(start) + len(meta(0)) + 8) + box(b"mdat", b"coded")


SIZE = box(b"ispe", struct.pack(">III", 0, 56, 40))
GIF = b"GIF89a" + struct.pack("<HHBBB", 56, 40, 0x80, 0, 0) + bytes(6)
GIF_PICTURE = b"\x2c" + struct.pack("<HHHHB", 0, 0, 56, 40, 0) + b"\2" + b"\3abc" + b"\2de\0"


def bmp(width, height, pixels, *, compression=0):
    return (
        b"BM" + struct.pack("<IIIIiiHHI", 0, 0, 54, 40, width, height, 1, 24, compression) + bytes(20) + bytes(pixels)
    )


def tiff(rows_per_strip, starts, sizes, *, pixels, compression=1, offsets=273, counts=279, order="<"):
    """Of 4x6 grey pixels, in strips or in tiles of 16x16, with the directory in front."""
    short = [(256, 4), (257, 6), (258, 8), (259, compression), (274, 6)]
    short += [(278, rows_per_strip)] if offsets == 273 else [(322, 16), (323, 16)]
    tags = [struct.pack(order + "HHIHH", tag, 3, 1, value, 0) for tag, value in short]
    end = 8 + 2 + 12 * (len(tags) + 2) + 4
    first = end + 8 * len(starts)
    starts = [first + start for start in starts]
    # A single value stands where else the place of the list does.
    places = (starts[0], sizes[0]) if len(starts) == 1 else (end, end + 4 * len(starts))
    tags += [struct.pack(order + "HHII", offsets, 4, len(starts), places[0])]
    tags += [struct.pack(order + "HHII", counts, 4, len(sizes), places[1])]
    head = (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(order + "IH", 8, len(tags))
    lists = struct.pack("{}{}I".format(order, len(starts) * 2), *starts, *sizes)
    return head + b"".join(tags) + b"\0\0\0\0" + lists + bytes(pixels)


BIG_TIFF = b"II+\0\x08\0\0\0" + struct.pack("<QQ", 16, 1) + struct.pack("<HHQHHI", 0x0112, 3, 1, 6, 0, 0) + bytes(8)


def mutate(data, seed):
    """A bit flipped, the end cut, some bytes zeroed, or some put in."""
    generator = random.Random(seed)
    start, length = generator.randrange(len(data)), generator.choice((1, 2, 4, 30))
    kind = generator.choice(("flip", "cut", "zero", "insert"))
    if kind == "flip":
        return data[:start] + bytes([data[start] ^ 1 << generator.randrange(8)]) + data[start + 1 :]
    if kind == "cut":
        return data[:start]
    if kind == "zero":
        return data[:start] + bytes(min(length, len(data) - start)) + data[start + length :]
    return data[:start] + bytes(generator.randrange(256) for _ in range(length)) + data[start:]
