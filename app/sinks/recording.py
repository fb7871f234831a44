"""Recordings: annotated video files. Stills are in `stills.py`."""

import errno
import os
from contextlib import contextmanager
from typing import BinaryIO, Iterator, Optional, Tuple

import cv2
import numpy as np

from app.detections import Detections
from app.errors import OutputError, UsageError, say, warn
from app.files import check_writable, opencv_path, remove_file
from app.frame import Frame
from app.letterbox import Letterbox
from app.sinks import QUEUE, Sink
from app.sinks.matroska import MatroskaWriter
from app.sinks.stills import ImageSink
from app.sources.readers import is_image

CODECS = {".mp4": "mp4v", ".avi": "MJPG"}
DEFAULT_FPS = 25.0
JPEG_QUALITY = 80
# Bytes left free, so that a recording can still be finished when the disk is nearly full, and more for each frame.
DISK_RESERVE, INDEX_ENTRY = 4 << 20, 32


def open_recording(
    path: str, fps: Optional[float], frames: Optional[int], still: bool, live: bool = False, keep: bool = False
) -> Sink:
    """The sink for `--save`: a video, an image, or for stills a folder.

    fps: nominal rate, None where there is none. frames: how many will come, None if nobody knows. still: whether the
    source is images, live: a camera. keep: whether a recording that is there is kept, and this one gets another name.
    Raises UsageError when the name does not fit, OutputError when it cannot be written.
    """
    suffix = os.path.splitext(path)[1].lower()
    if suffix == ".mkv":
        return MatroskaSink(path, fps, live, keep)
    if suffix in CODECS:
        if live:
            raise UsageError(
                "--save {}: would be lost if the program is killed; a camera is recorded as .mkv, which is not: "
                "--save {}.mkv".format(path, os.path.splitext(path)[0])
            )
        return VideoSink(path, fps or DEFAULT_FPS)
    if is_image(path):
        if frames != 1:
            raise UsageError("--save {}: one image cannot hold many frames; name a video, or a folder".format(path))
        return ImageSink(path)
    if still and (not suffix or path.endswith("/") or os.path.isdir(path)):
        return ImageSink(path)
    kinds = ".mkv" if live else ".mp4, .mkv, .avi" + (", .jpg, .png, or be a folder" if still else "")
    raise UsageError("--save {}: should end in {}".format(path, kinds))


class MatroskaSink(Sink):
    """An annotated video of JPEG pictures, which can be played up to the last frame whatever ends the program.

    The frames of a camera have the times at which they were taken. Frames of another size than the first are fitted
    into it.
    """

    waiting = QUEUE
    keeps_all = True

    def __init__(self, path: str, fps: Optional[float], live: bool, keep: bool) -> None:
        """See open_recording. Raises OutputError when the file cannot be written there."""
        check_writable(path)
        self.name = self._path = path
        self._fps = fps
        self._live = live
        self._keep = keep
        self._size = (0, 0)
        self._frames = 0
        self._start = 0.0
        self._file: Optional[BinaryIO] = None
        self._writer: Optional[MatroskaWriter] = None

    def write(self, frame: Frame, canvas: np.ndarray, detections: Detections) -> None:
        if self._frames and (canvas.shape[1], canvas.shape[0]) != self._size:
            canvas = _fit(canvas, self._size)
        data = cv2.imencode(".jpg", canvas, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])[1].tobytes()
        with self._reporting():
            if self._writer is None:
                self._open(frame, canvas)
            assert self._writer is not None
            seconds = frame.captured_at - self._start if self._live else self._frames / (self._fps or DEFAULT_FPS)
            self._writer.write(data, seconds)
        self._frames += 1

    def _open(self, frame: Frame, canvas: np.ndarray) -> None:
        self._size = (canvas.shape[1], canvas.shape[0])
        self._start = frame.captured_at
        self._frames = 0
        path = free_name(self._path) if self._keep else self._path
        if path != self._path:
            say("{} is there already; recording to {}".format(self._path, path))
        self.name = path
        self._file = open(path, "wb", buffering=0)  # noqa: SIM115
        self._writer = MatroskaWriter(self._file, self._size[0], self._size[1], self._fps or DEFAULT_FPS)

    def reopen(self) -> None:
        self._keep = self._keep or self._writer is not None
        self.close()
        self._frames = 0

    def close(self) -> None:
        writer, file, self._writer, self._file = self._writer, self._file, None, None
        with self._reporting():
            if writer is not None:
                writer.close()
        if file is not None:
            file.close()
            if not self._frames:
                remove_file(self.name)

    @contextmanager
    def _reporting(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            if error.errno == errno.ENOSPC:
                raise OutputError("{}: the disk is full; the recording ends here".format(self.name)) from error
            raise OutputError("{}: cannot be written: {}".format(self.name, error.strerror)) from error


def free_name(path: str) -> str:
    """The path, or the first of name-1, name-2, ... that no file has."""
    stem, suffix = os.path.splitext(path)
    number, name = 0, path
    while os.path.exists(name):
        number += 1
        name = "{}-{}{}".format(stem, number, suffix)
    return name


class VideoSink(Sink):
    """An annotated video. Frames of another size than the first are fitted into it."""

    waiting = QUEUE
    keeps_all = True

    def __init__(self, path: str, fps: float) -> None:
        """fps: the rate at which the file is to be played. Raises OutputError when it cannot be written there."""
        check_writable(path)
        try:
            opencv_path(path)
        except ValueError as error:
            raise OutputError(str(error)) from error
        self.name = self._path = path
        self._fps = fps
        self._keep = False
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
        if _free_bytes(self.name) < DISK_RESERVE + INDEX_ENTRY * self._frames:
            raise OutputError("{}: the disk is full; the recording ends here".format(self.name))
        self._writer.write(canvas)
        self._frames += 1

    def reopen(self) -> None:
        self._keep = self._keep or self._writer is not None
        if self._writer is not None and not os.path.exists(self.name):  # moved away, so it is not there to be checked
            self._writer.release()
            self._writer = None
        self.close()

    def close(self) -> None:
        writer, self._writer = self._writer, None
        if writer is None:
            return
        writer.release()
        reader = cv2.VideoCapture(opencv_path(self.name))
        kept = int(reader.get(cv2.CAP_PROP_FRAME_COUNT)) if reader.isOpened() else 0
        reader.release()
        if kept <= 0:
            _remove(self.name)
            raise OutputError("{}: the recording could not be finished, and was removed".format(self.name))
        if kept < self._frames:
            raise OutputError("{}: only {} of {} frames were recorded".format(self.name, kept, self._frames))

    def _open(self, width: int, height: int) -> "cv2.VideoWriter":
        # Encoders take even sides only.
        self._size = (max(2, width // 2 * 2), max(2, height // 2 * 2))
        self._frames = 0
        self.name = free_name(self._path) if self._keep else self._path
        code = CODECS[os.path.splitext(self.name)[1].lower()]
        if _free_bytes(self.name) < DISK_RESERVE:
            raise OutputError("{}: the disk is full".format(self.name))
        writer = cv2.VideoWriter(opencv_path(self.name), cv2.VideoWriter.fourcc(*code), self._fps, self._size)
        if not writer.isOpened():
            _remove(self.name)
            raise OutputError("{}: OpenCV cannot record {}x{} there as {}".format(self.name, width, height, code))
        return writer


def _fit(canvas: np.ndarray, size: Tuple[int, int]) -> np.ndarray:
    """Fit a picture into (width, height), with grey bars."""
    width, height = size
    if 0 <= canvas.shape[1] - width < 2 and 0 <= canvas.shape[0] - height < 2:
        return canvas[:height, :width]
    return Letterbox.into(canvas.shape[1], canvas.shape[0], width, height).apply(canvas)


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
