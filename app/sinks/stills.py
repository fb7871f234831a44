"""Annotated images."""

import os
from typing import Optional, Set

import cv2
import numpy as np

from app.detections import Detections
from app.errors import OutputError
from app.files import check_writable, is_image, numbered, write_file
from app.frame import Frame
from app.lock import check_unlocked, lock_folder
from app.sinks import DISK_QUEUE, Sink

# PGM and PBM are grey, and the overlay has colours; OpenCV knows no .jfif.
WRITTEN_AS = {".pgm": ".png", ".pbm": ".png", ".jfif": ".jpg"}
SAME_KIND = {".jfif": ".jpg", ".jpe": ".jpg", ".dib": ".bmp"}


class ImageSink(Sink):
    """Annotated images: one file, or a folder that gets each image under its own name."""

    queue_size = DISK_QUEUE
    lossless = True

    def __init__(self, path: str) -> None:
        """path: an image file for a source of one image, or a folder. Raises OutputError when it cannot be written."""
        self._path = self.name = path
        self._names: Set[str] = set()
        self._lock: Optional[int] = None
        if is_image(path):
            check_writable(path)
            if _encode(path, np.zeros((16, 16, 3), np.uint8)) is None:  # now, and not after the work
                suffix = os.path.splitext(path)[1]
                raise OutputError(f"{path}: this OpenCV writes no images in colour as {suffix}; name a .png or .jpg")
        else:  # created with the first image; until then check the nearest folder that exists
            folder = os.path.abspath(path)
            while not os.path.exists(folder):
                folder = os.path.dirname(folder)
            if not os.path.isdir(folder) or not os.access(folder, os.W_OK):
                raise OutputError(f"{path}: cannot create it: {folder} is not a writable folder")
            check_unlocked(path)

    def write(self, frame: Frame, canvas: np.ndarray, detections: Detections) -> None:
        path = self._path if is_image(self._path) else os.path.join(self._path, self._name(frame))
        try:
            os.makedirs(os.path.dirname(os.path.abspath(path)), exist_ok=True)
            if path != self._path and self._lock is None:
                self._lock = lock_folder(self._path)
        except OutputError:
            raise
        except OSError as error:
            raise OutputError(f"{self._path}: cannot create it: {error.strerror}") from error
        data = _encode(path, canvas)
        if data is None:
            height, width = canvas.shape[:2]
            raise OutputError(f"{path}: OpenCV cannot write {width}x{height} pixels in this image format")
        write_file(path, data)

    def close(self) -> None:
        number, self._lock = self._lock, None
        if number is not None:
            os.close(number)

    def _name(self, frame: Frame) -> str:
        """The image's own name; numbered where another folder had one of the same name."""
        stem, suffix = os.path.splitext(frame.name or f"{frame.index:06d}.jpg")
        suffix = WRITTEN_AS.get(suffix.lower(), suffix)
        name = stem + suffix if stem + suffix not in self._names else numbered(stem + suffix, frame.index)
        self._names.add(name)
        return name


def _encode(path: str, image: np.ndarray) -> Optional[bytes]:
    """An image as a file of this name, None where OpenCV cannot write it."""
    suffix = os.path.splitext(path)[1].lower()
    try:
        good, data = cv2.imencode(SAME_KIND.get(suffix, suffix), image)
    except cv2.error:
        return None
    return data.tobytes() if good else None
