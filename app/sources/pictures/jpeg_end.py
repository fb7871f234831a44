"""Tells a JPEG that lacks its end alone from one that is cut, which only decoding can.

Some cameras leave the end out. libjpeg fills what is missing of a picture and reports nothing, so the coded data is
decoded with noise behind it, and with the opposite noise: where the two differ, something was missing.
"""

from typing import Optional

import cv2
import numpy as np

from app.files import without_stderr
from app.sources.pictures.jpeg import END, FRAMES, SEQUENTIAL, SOS, segments

NOISE = bytes(1 + 37 * index * (index + 3) % 254 for index in range(64))  # neither 00 nor FF


def _more(noise: bytes) -> bytes:
    """Coded data that goes on anywhere: a picture with restart markers may be cut in front of any of them."""
    return noise + b"".join(bytes([0xFF, 0xD0 + index]) + noise for index in range(8)) + END


def with_end(data: bytes) -> Optional[bytes]:
    """A JPEG without an end, completed by it, where the picture is whole without; None where it is not.

    None too for a progressive JPEG and one of several scans: how many there should be is not known. Decodes twice.
    """
    frame = b""
    for code, start, end in segments(data):
        if code in FRAMES and not frame:
            frame = bytes([code]) + data[start:end]
        elif code == SOS and frame[:1] in SEQUENTIAL and frame[6:7] == data[start : start + 1]:
            coded = data[:-1] if data.endswith(b"\xff") else data  # half an end; in coded data 00 follows FF
            some = _decode(coded + _more(NOISE))
            other = _decode(coded + _more(bytes(255 - value for value in NOISE)))
            same = some is not None and other is not None and np.array_equal(some, other)
            return coded + END if same else None
    return None


def _decode(data: bytes) -> Optional[np.ndarray]:
    try:
        with without_stderr():  # libjpeg's warnings
            image = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION)
    except cv2.error:  # larger than OpenCV allows
        return None
    return None if image is None else np.asarray(image)
