"""Annotated images."""

import os
from typing import Set

import cv2
import numpy as np

from app.detections import Detections
from app.errors import OutputError
from app.files import check_writable, write_file
from app.frame import Frame
from app.sinks import QUEUE, Sink
from app.sources.readers import is_image


class ImageSink(Sink):
    """Annotated images: one file, or one per image under its own name in a folder."""

    waiting = QUEUE
    keeps_all = True

    def __init__(self, path: str) -> None:
        """path: an image file for a source of one image, or a folder. Raises OutputError when it cannot be written."""
        self._path = self.name = path
        self._names: Set[str] = set()
        if is_image(path):
            check_writable(path)
        else:  # made with the first image; until then the nearest folder that exists tells whether it can be
            folder = os.path.abspath(path)
            while not os.path.exists(folder):
                folder = os.path.dirname(folder)
            if not os.path.isdir(folder) or not os.access(folder, os.W_OK):
                raise OutputError("{}: cannot be made: {} is no folder to write in".format(path, folder))

    def write(self, frame: Frame, canvas: np.ndarray, detections: Detections) -> None:
        path = self._path if is_image(self._path) else os.path.join(self._path, self._name(frame))
        try:
            os.makedirs(os.path.dirname(os.path.abspath(path)), exist_ok=True)
            good, data = cv2.imencode(os.path.splitext(path)[1], canvas)
        except OSError as error:
            raise OutputError("{}: cannot be made: {}".format(self._path, error.strerror)) from error
        except cv2.error:
            good = False
        if not good:
            raise OutputError(
                "{}: OpenCV cannot write {}x{} pixels as this kind of image".format(path, *canvas.shape[1::-1])
            )
        write_file(path, data.tobytes())

    def _name(self, frame: Frame) -> str:
        """The image's own name; numbered where another folder had one of the same name."""
        stem, suffix = os.path.splitext(frame.name or "{:06d}.jpg".format(frame.index))
        suffix = ".png" if suffix.lower() == ".pgm" else suffix  # pgm is for grey pictures, the overlay has colours
        name = stem + suffix if stem + suffix not in self._names else "{}-{}{}".format(stem, frame.index, suffix)
        self._names.add(name)
        return name
