"""What the markers of a JPEG say (ITU-T T.81, annex B).

A marker is FF and a code, with any number of FF before it. In coded data FF is followed by 00, and RST0 to RST7 stand
in between; any other marker ends a scan. A progressive picture has several scans, and EOI ends the last.
"""

import re

from app.sources.picture_header_tiff import IN_HEADER, IN_PICTURE, Facts, exif_orientation

MARKER = re.compile(b"\xff+([^\x00\xff])", re.DOTALL)
SOI, EOI, SOS, APP1 = 0xD8, 0xD9, 0xDA, 0xE1
FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}  # SOF0 to SOF15; between them lie DHT, JPG and DAC
BARE = frozenset(range(0xD0, 0xDA)) | {0x01}  # markers without a length: RST, SOI, EOI, TEM


def jpeg_facts(data: bytes) -> Facts:
    """Size and EXIF orientation; damaged when no end follows the first scan.

    An end anywhere behind it will do: decoders stop at the first, and what cameras append (a second picture, a film)
    has nothing to do with this one. A thumbnail's end lies in a segment before the scan.
    """
    width, height, orientation, position = 0, 0, 0, 2
    while True:
        marker = MARKER.search(data, position)  # what is no marker is skipped, as libjpeg does
        if marker is None:
            return width, height, orientation or 1, IN_HEADER
        code, position = data[marker.end() - 1], marker.end()
        if code == SOS:
            damage = None if data.find(b"\xff\xd9", position) >= 0 else IN_PICTURE
            return width, height, orientation or 1, damage
        if code == EOI:
            return width, height, orientation or 1, "holds no picture: ends before the first scan"
        if code in BARE:
            continue
        segment = data[position + 2 : position + int.from_bytes(data[position : position + 2], "big")]
        if code in FRAMES and not width:
            width, height = int.from_bytes(segment[3:5], "big"), int.from_bytes(segment[1:3], "big")
        elif code == APP1 and not orientation and segment[:4] == b"Exif":
            orientation = exif_orientation(segment)
        position += max(2, len(segment) + 2)
