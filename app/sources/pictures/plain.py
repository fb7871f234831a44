"""What a BMP and a PNM (PBM, PGM, PPM, PAM) say: formats that lay down pixels row by row.

BMP: Microsoft's BITMAPFILEHEADER and BITMAPINFOHEADER. PNM: netpbm's manual pages.
"""

import re
import struct

from app.sources.pictures.tiff import IN_HEADER, IN_PICTURE, Facts

NO_COMPRESSION, BIT_FIELDS = 0, 3
NUMBER = re.compile(rb"(?:\s|#[^\n]*\n)*(\d{1,9})")
PAM_FIELD = re.compile(rb"^(WIDTH|HEIGHT|DEPTH|MAXVAL)\s+(\d{1,9})\s*$", re.MULTILINE)
LONGEST_HEADER = 1 << 16  # bytes of a PNM's, with comments


def bmp_facts(data: bytes) -> Facts:
    """The size; damaged when it is shorter than its pixels. The length of compressed pixels is not known."""
    if len(data) < 26:
        return 0, 0, 1, IN_HEADER
    (start,) = struct.unpack_from("<I", data, 10)
    if data[14:18] == b"\x0c\0\0\0":
        width, height, _, bits = struct.unpack_from("<HHHH", data, 18)
        compression = NO_COMPRESSION
    elif len(data) < 34:
        return 0, 0, 1, IN_HEADER
    else:
        width, height, _, bits, compression = struct.unpack_from("<iiHHI", data, 18)
    width, height = abs(width), abs(height)  # of a height below 0 the first row is on top
    row = (width * bits + 7) // 8
    padded = (row + 3) // 4 * 4
    is_cut = start + padded * (height - 1) + row > len(data)
    damage = IN_PICTURE if is_cut and compression in (NO_COMPRESSION, BIT_FIELDS) else None
    return width, height, 1, damage


def pnm_facts(data: bytes) -> Facts:
    """The size; damaged when it is shorter than its pixels. The length of the plain forms, P1 to P3, is not known."""
    kind, position, fields = data[1:2], 2, []
    for _ in range(2 if kind in b"14" else 3):
        number = NUMBER.match(data, position, LONGEST_HEADER)
        if number is None:
            return 0, 0, 1, IN_HEADER
        fields.append(int(number.group(1)))
        position = number.end()
    width, height = fields[:2]
    if kind in b"123":
        return width, height, 1, None
    row = (width + 7) // 8 if kind == b"4" else width * (3 if kind == b"6" else 1) * (1 + (fields[2] > 255))
    return width, height, 1, IN_PICTURE if position + 1 + row * height > len(data) else None


def pam_facts(data: bytes) -> Facts:
    """The size; damaged when it is shorter than its pixels."""
    end = data.find(b"ENDHDR\n", 0, LONGEST_HEADER)
    fields = {name: int(value) for name, value in PAM_FIELD.findall(data[: max(end, 0)])}
    if len(fields) < 4:
        return 0, 0, 1, IN_HEADER
    width, height = fields[b"WIDTH"], fields[b"HEIGHT"]
    length = width * height * fields[b"DEPTH"] * (1 + (fields[b"MAXVAL"] > 255))
    return width, height, 1, IN_PICTURE if end + 7 + length > len(data) else None
