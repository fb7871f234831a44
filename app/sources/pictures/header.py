"""What a picture file says of itself: kind, size, which way up it is, and whether it is all there.

Decoders differ: OpenCV 4.1.1 turns JPEGs only, 5.0 also PNG and WebP, and both turn a TIFF even when told not to. Of a
cut JPEG, cv2.imread fills the rest with grey and reports nothing; cv2.imdecode of 4.1.1 repeats the last row. So the
headers are read here, and OpenCV decodes with IMREAD_IGNORE_ORIENTATION. Nothing here decodes pixels.
"""

from typing import NamedTuple, Optional

from app.sources.pictures.boxes import CODESTREAM, HEIF_BRANDS, heif_facts, jp2_facts
from app.sources.pictures.chunks import gif_facts, png_facts, webp_facts
from app.sources.pictures.jpeg import jpeg_facts
from app.sources.pictures.plain import bmp_facts, pam_facts, pnm_facts
from app.sources.pictures.tiff import is_tiff, tiff_facts, upright_tiff

JP2 = b"\0\0\0\x0cjP  \r\n\x87\n"


class PictureHeader(NamedTuple):
    """What a picture file says of itself."""

    kind: str  # "JPEG", "PNG", "WebP", "TIFF", "GIF", "BMP", "JPEG 2000", "AVIF", "HEIF", "PNM"
    width: int  # stored pixels, before turning; 0 where the header does not say
    height: int
    orientation: int  # EXIF's 1 to 8; 1 where nothing (or nonsense) is said
    damage: Optional[str]  # why the file cannot hold the whole picture; None where nothing can be seen to be wrong


def read_header(data: bytes) -> Optional[PictureHeader]:
    """What the bytes of a whole file say of its (first) picture; None when they are not of a known kind.

    Raises nothing, whatever the bytes are.
    """
    if data[:3] == b"\xff\xd8\xff":
        return PictureHeader("JPEG", *jpeg_facts(data))
    if data[:8] == b"\x89PNG\r\n\x1a\n":
        return PictureHeader("PNG", *png_facts(data))
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return PictureHeader("WebP", *webp_facts(data))
    if is_tiff(data):
        return PictureHeader("TIFF", *tiff_facts(data))
    if data[:6] in (b"GIF87a", b"GIF89a"):
        return PictureHeader("GIF", *gif_facts(data))
    if data[:2] == b"BM" and data[15:18] == b"\0\0\0":  # the length of the second header, less than 256
        return PictureHeader("BMP", *bmp_facts(data))
    if data[:12] == JP2 or data[:4] == CODESTREAM:
        return PictureHeader("JPEG 2000", *jp2_facts(data))
    if data[4:8] == b"ftyp" and data[8:12] in HEIF_BRANDS:
        return PictureHeader("AVIF" if b"avi" in data[8:64] else "HEIF", *heif_facts(data))
    if data[:1] == b"P" and data[1:2] in (b"1", b"2", b"3", b"4", b"5", b"6") and data[2:3].isspace():
        return PictureHeader("PNM", *pnm_facts(data))
    if data[:3] == b"P7\n":
        return PictureHeader("PNM", *pam_facts(data))
    return None


def without_orientation(data: bytes) -> bytes:
    """A TIFF whose orientation says 1, for decoders that turn it themselves; other files as they are."""
    return upright_tiff(data) if is_tiff(data) else data
