"""Recordings: annotated video files and images."""

import os
from typing import Optional, Set, Tuple

import cv2
import numpy as np

from app.detections import Detections
from app.errors import OutputError, UsageError, warn
from app.files import check_writable, opencv_path, write_file
from app.frame import Frame
from app.letterbox import Letterbox
from app.readers import is_image
from app.sinks import Sink

CODECS = {".mp4": "mp4v", ".mkv": "mp4v", ".avi": "MJPG"}
# Bytes left free, so that a recording can still be finished when the disk is nearly full, and more for each frame.
DISK_RESERVE, INDEX_ENTRY = 4 << 20, 32


def open_recording(path: str, fps: float, frames: Optional[int], still: bool) -> Sink:
    """The sink for `--save`: a video, an image, or for stills a folder.

    frames: how many will come, None if nobody knows. still: whether the source is images. Raises UsageError when the
    name fits neither, OutputError when it cannot be written.
    """
    suffix = os.path.splitext(path)[1].lower()
    if suffix in CODECS:
        return VideoSink(path, fps)
    if is_image(path):
        if frames != 1:
            raise UsageError("--save {}: one image cannot hold many frames; name a video, or a folder".format(path))
        return ImageSink(path)
    if still and (not suffix or path.endswith("/") or os.path.isdir(path)):
        return ImageSink(path)
    kinds = ", ".join(CODECS) + (", .jpg, .png, or be a folder" if still else "")
    raise UsageError("--save {}: should end in {}".format(path, kinds))


class VideoSink(Sink):
    """An annotated video. Frames of another size than the first are fitted into it."""

    def __init__(self, path: str, fps: float) -> None:
        """fps: the rate at which the file is to be played. Raises OutputError when it cannot be written there."""
        check_writable(path)
        try:
            self._name = opencv_path(path)
        except ValueError as error:
            raise OutputError(str(error)) from error
        self._path = path
        self._fps = fps
        self._writer: Optional["cv2.VideoWriter"] = None
        self._size = (0, 0)
        self._frames = 0

    def write(self, frame: Frame, canvas: np.ndarray, detections: Detections) -> None:
        height, width = canvas.shape[:2]
        if self._writer is None:
            self._writer = self._open(width, height)
        if (width, height) != self._size:
            canvas = _fit(canvas, self._size)
        # OpenCV's writer says nothing when the disk is full.
        if _free_bytes(self._path) < DISK_RESERVE + INDEX_ENTRY * self._frames:
            raise OutputError("{}: the disk is full; the recording ends here".format(self._path))
        self._writer.write(canvas)
        self._frames += 1

    def close(self) -> None:
        writer, self._writer = self._writer, None
        if writer is None:
            return
        writer.release()
        reader = cv2.VideoCapture(self._name)
        kept = int(reader.get(cv2.CAP_PROP_FRAME_COUNT)) if reader.isOpened() else 0
        reader.release()
        if kept <= 0:
            _remove(self._path)
            raise OutputError("{}: the recording could not be finished, and was removed".format(self._path))
        if kept < self._frames:
            raise OutputError("{}: only {} of {} frames were recorded".format(self._path, kept, self._frames))

    def _open(self, width: int, height: int) -> "cv2.VideoWriter":
        # Encoders take even sides only.
        self._size = (max(2, width // 2 * 2), max(2, height // 2 * 2))
        code = CODECS[os.path.splitext(self._path)[1].lower()]
        if _free_bytes(self._path) < DISK_RESERVE:
            raise OutputError("{}: the disk is full".format(self._path))
        writer = cv2.VideoWriter(self._name, cv2.VideoWriter.fourcc(*code), self._fps, self._size)
        if not writer.isOpened():
            _remove(self._path)
            raise OutputError("{}: OpenCV cannot record {}x{} there as {}".format(self._path, width, height, code))
        return writer


def _fit(canvas: np.ndarray, size: Tuple[int, int]) -> np.ndarray:
    """Fit a picture into (width, height), with grey bars."""
    width, height = size
    if 0 <= canvas.shape[1] - width < 2 and 0 <= canvas.shape[0] - height < 2:
        return canvas[:height, :width]
    scale = min(width / canvas.shape[1], height / canvas.shape[0])
    scaled = [max(1, int(side * scale)) for side in (canvas.shape[1], canvas.shape[0])]
    left, top = (width - scaled[0]) // 2, (height - scaled[1]) // 2
    place = Letterbox(canvas.shape[1], canvas.shape[0], width, height, scaled[0], scaled[1], left, top)
    return place.apply(canvas)


class ImageSink(Sink):
    """Annotated images: one file, or one per image under its own name in a folder."""

    def __init__(self, path: str) -> None:
        """path: an image file for a source of one image, or a folder. Raises OutputError when it cannot be written."""
        self._path = path
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


def _free_bytes(path: str) -> int:
    status = os.statvfs(os.path.dirname(os.path.abspath(path)))
    return status.f_bavail * status.f_frsize


def _remove(path: str) -> None:
    try:
        os.remove(path)
    except FileNotFoundError:
        pass
    except OSError as error:
        warn("{}: cannot be removed: {}".format(path, error.strerror))
