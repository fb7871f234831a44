"""Recordings that OpenCV writes: MP4 and AVI, for files only, since they need their end to be played."""

import os
from typing import BinaryIO, Optional

import cv2
import numpy as np

from app.detections import Detections
from app.errors import OutputError, warn
from app.files import check_writable, opencv_path
from app.frame import Frame
from app.lock import open_locked
from app.sinks import DISK_QUEUE, Sink
from app.sinks.playback import Times, fit, free_name

CODECS = {".mp4": "mp4v", ".avi": "MJPG"}
# Bytes left free, so that a recording can still be finished when the disk is nearly full, and more for each frame.
DISK_RESERVE, INDEX_ENTRY = 4 << 20, 32
TOLERANCE = 1.5  # frames; many films begin with their second one


class VideoSink(Sink):
    """An annotated video. Frames of another size than the first are letterboxed into it."""

    queue_size = DISK_QUEUE
    lossless = True

    def __init__(self, path: str, fps: float, *, variable: bool = False, keep: bool = False) -> None:
        """fps: the rate of playback. variable: whether the frames are known not to come evenly, which is told at once.

        keep: keep an existing recording, and give this one another name. Raises OutputError when the file cannot be
        written there.
        """
        check_writable(free_name(path) if keep else path)
        try:
            opencv_path(path)
        except ValueError as error:
            raise OutputError(str(error)) from error
        self.name = self._path = path
        self._fps = fps
        self._times = Times(False, fps)
        self._told = False
        self._keep = keep
        self._writer: Optional["cv2.VideoWriter"] = None
        self._lock: Optional[BinaryIO] = None
        self._size = (0, 0)
        self._frames = 0
        if variable:
            self._tell_of_times()

    def write(self, frame: Frame, canvas: np.ndarray, detections: Detections) -> None:
        height, width = canvas.shape[:2]
        if self._writer is None:
            self._writer = self._open(width, height)
        if (width, height) != self._size:
            canvas = fit(canvas, self._size)
        # OpenCV's writer reports nothing when the disk is full.
        if _free_bytes(self.name) < DISK_RESERVE + INDEX_ENTRY * self._frames:
            raise OutputError(f"{self.name}: the disk is full; the recording ends here")
        if abs(self._times.next(frame.time) - self._frames / self._fps) > TOLERANCE / self._fps:
            self._tell_of_times()
        self._writer.write(canvas)
        self._frames += 1

    def _tell_of_times(self) -> None:
        """Say once that frames do not play when they should: OpenCV writes evenly spaced ones only."""
        if not self._told:
            self._told = True
            stem = os.path.splitext(self._path)[0]
            warn(
                f"{self.name}: plays at an even {self._fps:.4g} FPS, and not by the times of the film; to keep "
                f"those, record as Matroska: --save {stem}.mkv"
            )

    def reopen(self) -> None:
        self._keep = self._keep or self._writer is not None
        if self._writer is not None and not os.path.exists(self.name):  # moved away, so it cannot be checked
            self._writer.release()
            self._writer = None
        self.close()

    def close(self) -> None:
        writer, lock, self._writer, self._lock = self._writer, self._lock, None, None
        try:
            if writer is not None:
                self._finish(writer)
        finally:
            if lock is not None:
                lock.close()

    def _finish(self, writer: "cv2.VideoWriter") -> None:
        writer.release()
        reader = cv2.VideoCapture(opencv_path(self.name))
        kept = int(reader.get(cv2.CAP_PROP_FRAME_COUNT)) if reader.isOpened() else 0
        reader.release()
        if kept <= 0:
            _remove(self.name)
            raise OutputError(f"{self.name}: the recording could not be finished and was removed")
        if kept < self._frames:
            raise OutputError(f"{self.name}: only {kept} of {self._frames} frames were recorded")

    def _open(self, width: int, height: int) -> "cv2.VideoWriter":
        # Encoders take even sides only.
        self._size = (max(2, width // 2 * 2), max(2, height // 2 * 2))
        self._frames, self._times = 0, Times(False, self._fps)
        self.name = free_name(self._path) if self._keep else self._path
        code = CODECS[os.path.splitext(self.name)[1].lower()]
        if _free_bytes(self.name) < DISK_RESERVE:
            raise OutputError(f"{self.name}: the disk is full")
        self._lock = open_locked(self.name)  # OpenCV opens the file once more, and does not lock it
        writer = cv2.VideoWriter(opencv_path(self.name), cv2.VideoWriter.fourcc(*code), self._fps, self._size)
        if not writer.isOpened():
            _remove(self.name)
            raise OutputError(f"{self.name}: OpenCV cannot record {width}x{height} with the codec {code}")
        return writer


def _free_bytes(path: str) -> int:
    status = os.statvfs(os.path.dirname(os.path.abspath(path)))
    return status.f_bavail * status.f_frsize


def _remove(path: str) -> None:
    try:
        os.remove(path)
    except FileNotFoundError:
        pass
    except OSError as error:
        warn(f"{path}: cannot remove it: {error.strerror}")
