"""Reads images and videos from files, and draws synthetic ones. Generators, for whichever thread wants to wait."""

import os
from typing import Iterator, Optional, Sequence, Tuple

import cv2
import numpy as np

from app.errors import SourceError, warn
from app.files import opencv_path, without_stderr
from app.sources.container import is_cut_off

Images = Iterator[Tuple[np.ndarray, str]]  # image (h, w, 3) uint8 BGR, and the file name of a still, else empty


def probe_video(path: str) -> Tuple[Optional[float], Optional[int]]:
    """Nominal rate and number of frames of a video, None if the file does not say. The number may be an estimate.

    Raises SourceError for a file that is not a video.
    """
    if os.path.getsize(path) == 0:
        raise SourceError(f"{path}: the file is empty")
    with without_stderr():
        capture = cv2.VideoCapture(_opencv_name(path))
    if not capture.isOpened():
        raise SourceError(f"{path}: damaged, or not a video that OpenCV can read")
    fps, count = capture.get(cv2.CAP_PROP_FPS), int(capture.get(cv2.CAP_PROP_FRAME_COUNT))
    capture.release()
    return fps if 0 < fps < 1000 else None, count if count > 0 else None


def _opencv_name(path: str) -> str:
    try:
        return opencv_path(path)
    except ValueError as error:
        raise SourceError(str(error)) from error


def read_video(path: str, expected: Optional[int]) -> Images:
    """The frames of a video, of which the header promises `expected`.

    Opens the file itself, so that the decoder's threads have the priority of the thread that reads. Raises SourceError
    when the file is truncated.
    """
    capture = cv2.VideoCapture(_opencv_name(path))
    count = 0
    try:
        while True:
            good, image = capture.read()
            if not good:
                break
            yield image, ""
            count += 1
    finally:
        capture.release()
    if count == 0:
        raise SourceError(f"{path}: no frame can be decoded; truncated or damaged")
    # The header's count may be an estimate, so it takes both to call a file truncated.
    if expected and count < expected and is_cut_off(path):
        raise SourceError(f"{path}: truncated; it ends after {count} of {expected} frames")


def read_images(name: str, paths: Sequence[str]) -> Images:
    """Images from files; damaged ones are skipped with a warning. Raises SourceError when no image can be read."""
    good = 0
    for path in paths:
        image = read_image(path)
        if image is not None:
            yield image, os.path.basename(path)
            good += 1
        elif len(paths) > 1:
            warn(f"{path}: damaged, or not an image that OpenCV can read; skipped")
    if good == 0:
        raise SourceError(f"{name}: damaged, or not an image that OpenCV can read")


def read_image(path: str) -> Optional[np.ndarray]:
    """An image file as (h, w, 3) uint8 BGR, upright according to its EXIF; None when it cannot be read."""
    try:
        image = cv2.imread(opencv_path(path), cv2.IMREAD_COLOR)
    except (cv2.error, ValueError):  # larger than OpenCV allows; a name that it cannot open
        return None
    return None if image is None else np.asarray(image)


def synthesise(width: int, height: int, count: Optional[int]) -> Images:
    """A grey ramp on which shapes move along Lissajous curves; every frame differs from the previous one."""
    ramp = np.linspace(40, 200, width).astype(np.uint8)
    background = np.ascontiguousarray(np.broadcast_to(ramp[None, :, None], (height, width, 3)))
    shapes = (((60, 60, 230), 0.21, 0.013), ((70, 200, 90), 0.34, 0.007), ((230, 150, 60), 0.55, 0.017))
    radius = max(1, min(width, height) // 8)
    index = 0
    while count is None or index < count:
        image = background.copy()
        for colour, phase, speed in shapes:
            angle = 2 * np.pi * (phase + speed * index)
            # In 1/256 of a pixel, so that slow shapes on small images move in every frame too.
            centre = (0.5 + 0.35 * np.sin(angle)) * width * 256, (0.5 + 0.35 * np.cos(1.5 * angle)) * height * 256
            cv2.circle(image, (int(centre[0]), int(centre[1])), radius * 256, colour, cv2.FILLED, cv2.LINE_AA, 8)
        yield image, ""
        index += 1
