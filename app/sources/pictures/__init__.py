"""Still images: upright, whole, and no larger than the memory allows."""

import os
import re
from functools import lru_cache
from typing import Iterable, List, NamedTuple, Sequence, Tuple, Union

import cv2
import numpy as np

from app.errors import SourceError, say, warn
from app.files import is_image, opencv_path
from app.frame import Frame
from app.sources.pictures.header import PictureHeader, read_header, without_orientation
from app.sources.pictures.jpeg_end import with_end
from app.sources.readahead import Frames
from app.sources.upright import swaps_sides, upright

MOST_PIXELS = 64 * 10**6  # of an image that is decoded in full: 192 MB
REDUCED_SIDE = 2048  # pixels of the longer side that are left at least, where an image is decoded at a smaller scale
FULL = cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION
REDUCED = {2: cv2.IMREAD_REDUCED_COLOR_2, 4: cv2.IMREAD_REDUCED_COLOR_4, 8: cv2.IMREAD_REDUCED_COLOR_8}
# Endings of files that OpenCV decodes, but by which it does not choose an encoder; and those of the same kind.
SAME_KIND = {".jfif": ".jpg", ".jpe": ".jpg", ".dib": ".bmp"}


class Picture(NamedTuple):
    """A decoded image file. image: (h, w, 3) uint8 BGR, upright. size: width and height in pixels of the file, which is
    larger than `image` where that was decoded at a smaller scale.
    """

    image: np.ndarray
    size: Tuple[int, int]


def read_picture(path: str, most_pixels: int = MOST_PIXELS) -> Picture:
    """Decode an image file. A JPEG of more than `most_pixels` is decoded at a half, a quarter or an eighth of its size.

    Raises SourceError with the reason for a file that is damaged, incomplete, too large, or not an image.
    """
    try:
        with open(path, "rb") as file:
            data = file.read()
    except OSError as error:
        raise SourceError(f"{path}: cannot be read: {error.strerror}") from error
    header = read_header(data)
    if not data:
        raise SourceError(f"{path}: the file is empty; not an image")
    header = header or PictureHeader("", 0, 0, 1, None)  # perhaps of a rarer kind
    scale = _scale(path, header, most_pixels)
    if header.damage is not None:
        whole = with_end(data) if header.kind == "JPEG" and scale == 1 else None
        if whole is None:
            raise SourceError(f"{path}: damaged: {header.damage}")
        data = whole
    try:
        if scale == 1:
            image = cv2.imdecode(np.frombuffer(without_orientation(data), np.uint8), FULL)
        else:  # from the file: out of memory 4.1.1 decodes the whole image first
            image = cv2.imread(opencv_path(path), REDUCED[scale] | cv2.IMREAD_IGNORE_ORIENTATION)
    except (cv2.error, ValueError):
        image = None
    if image is None or not image.size:
        raise SourceError(f"{path}: {_why_not(header)}")
    size = (header.height, header.width) if swaps_sides(header.orientation) else (header.width, header.height)
    image = upright(np.asarray(image), header.orientation)
    return Picture(image, size if scale > 1 else (image.shape[1], image.shape[0]))


def _scale(path: str, header: PictureHeader, most_pixels: int) -> int:
    """By how much an image is to be made smaller while it is decoded. Raises SourceError where that is not possible."""
    pixels = header.width * header.height
    if pixels <= most_pixels:
        return 1
    longer = max(header.width, header.height)
    scales = [scale for scale in REDUCED if pixels <= most_pixels * scale * scale]
    if header.kind != "JPEG" or not scales:
        raise SourceError(
            f"{path}: has {pixels / 1e6:.0f} megapixels, more than the limit of {most_pixels / 1e6:.0f}; app.detect "
            f"decodes it with --max-megapixels {-(-pixels // 10**6)}"
        )
    return max([scale for scale in scales if longer >= scale * REDUCED_SIDE] or scales[:1])


def _why_not(header: PictureHeader) -> str:
    """Why OpenCV does not decode an image whose header can be read."""
    if not header.kind:
        return "not an image that OpenCV can read"
    if not has_decoder("." + header.kind.lower().replace("jpeg 2000", "jp2").replace("pnm", "ppm")):
        return f"this OpenCV has no decoder for {header.kind}; convert it to PNG or JPEG"
    if header.width * header.height > 1 << 30:
        return (
            "has more pixels than OpenCV decodes; the environment variable OPENCV_IO_MAX_IMAGE_PIXELS raises its limit"
        )
    return "damaged, or of a kind that OpenCV cannot read"


@lru_cache(maxsize=None)
def has_decoder(suffix: str) -> bool:
    """Whether this OpenCV decodes images with such an ending, as `.jpg`: whether it encodes them, which it tells."""
    try:
        return bool(cv2.haveImageWriter("image" + SAME_KIND.get(suffix, suffix)))
    except cv2.error:  # JPEG 2000 in 4.1.1, which is switched off
        return False


def is_picture(path: str) -> bool:
    """Whether a file is named like an image that this OpenCV decodes. Hidden files, such as ._dog.jpg, are none."""
    name = os.path.basename(path)
    return is_image(name) and not name.startswith(".") and has_decoder(os.path.splitext(name)[1].lower())


def natural_order(path: str) -> List[Union[str, int]]:
    """A sort key by which frame2 comes before frame10."""
    return [int(part) if part.isdecimal() else part for part in re.split("([0-9]+)", path)]


def read_pictures(
    source: str, paths: Sequence[str], names: Iterable[str], fps: float, most_pixels: int = MOST_PIXELS
) -> Frames:
    """The images of these files, `fps` to a second; None, and a warning, for each that cannot be read.

    source: for people. names: of the frames. Raises SourceError when none can be read.
    """
    good, reason = 0, ""
    reduced = False
    for index, (path, name) in enumerate(zip(paths, names)):
        try:
            picture = read_picture(path, most_pixels)
        except SourceError as error:
            reason = str(error)
            if len(paths) > 1:
                warn(f"{error}; skipped")
                yield None
            continue
        if picture.size != (picture.image.shape[1], picture.image.shape[0]) and not reduced:
            reduced = True
            height, width = picture.image.shape[:2]
            say(f"{path}: decoded at {width}x{height} of {picture.size[0]}x{picture.size[1]} pixels")
        yield Frame(picture.image, index, name=name, time=index / fps, size=picture.size)
        good += 1
    if good == 0:
        raise SourceError(
            reason if len(paths) == 1 else f"{source}: none of its {len(paths)} images can be read: {reason}"
        )
