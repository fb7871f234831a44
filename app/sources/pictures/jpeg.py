"""What the markers of a JPEG say (ITU-T T.81, annex B).

A marker is FF and a code, with any number of FF before it. In coded data FF is followed by 00, and RST0 to RST7 stand
in between; any other marker ends a scan. A progressive picture has several scans, and EOI ends the last.
"""

import re
from typing import Iterator, Tuple

from app.sources.pictures.tiff import IN_HEADER, IN_PICTURE, Facts, exif_orientation

MARKER = re.compile(b"\xff[^\x00\xff]")
EOI, SOS, APP1 = 0xD9, 0xDA, 0xE1
FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}  # SOF0 to SOF15; between them lie DHT, JPG and DAC
SEQUENTIAL = (b"\xc0", b"\xc1", b"\xc9")  # baseline, extended, arithmetic
BARE = frozenset(range(0xD0, 0xDA)) | {0x01}  # markers without a length: RST, SOI, EOI, TEM
END = b"\xff\xd9"


def segments(data: bytes) -> Iterator[Tuple[int, int, int]]:
    """The code of each marker up to the first scan's, and where its content starts and ends."""
    end, code = 2, 0
    while code not in (SOS, EOI):
        marker = MARKER.search(data, end)  # what is no marker is skipped, as libjpeg does
        if marker is None:
            return
        code, start, end = data[marker.end() - 1], marker.end(), marker.end()
        if code not in BARE:
            start, end = start + 2, start + max(2, int.from_bytes(data[start : start + 2], "big"))
        yield code, start, end


def jpeg_facts(data: bytes) -> Facts:
    """Size and EXIF orientation; damaged when no end follows the first scan.

    An end anywhere behind it will do: decoders stop at the first, and what cameras append (a second picture, a film)
    has nothing to do with this one. A thumbnail's end lies in a segment before the scan.
    """
    width, height, orientation = 0, 0, 0
    damage = IN_HEADER
    for code, start, end in segments(data):
        if code in FRAMES and not width:
            width = int.from_bytes(data[start + 3 : start + 5], "big")
            height = int.from_bytes(data[start + 1 : start + 3], "big")
        elif code == APP1 and not orientation and data[start : start + 4] == b"Exif":
            orientation = exif_orientation(data[start:end])
        elif code == SOS and data.find(END, start) >= 0:
            return width, height, orientation or 1, None
        elif code == SOS:
            damage = IN_PICTURE
        elif code == EOI:
            damage = "holds no picture: ends before the first scan"
    return width, height, orientation or 1, damage
