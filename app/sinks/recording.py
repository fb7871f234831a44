"""Recordings: annotated video files. Stills are in `stills.py`."""

import errno
import os
from contextlib import contextmanager
from typing import BinaryIO, Iterator, Optional, Tuple

import cv2
import numpy as np

from app.detections import Detections
from app.errors import OutputError, UsageError, say, warn
from app.files import check_writable, is_image, numbered, opencv_path, remove_file
from app.frame import Frame, Source
from app.letterbox import Letterbox
from app.lock import open_locked
from app.sinks import DISK_QUEUE, Sink
from app.sinks.matroska import MatroskaWriter
from app.sinks.stills import ImageSink

CODECS = {".mp4": "mp4v", ".avi": "MJPG"}
DEFAULT_FPS = 25.0
JPEG_QUALITY = 80
# Bytes left free, so that a recording can still be finished when the disk is nearly full, and more for each frame.
DISK_RESERVE, INDEX_ENTRY = 4 << 20, 32


def open_recording(
    path: str, source: Source, *, fps: Optional[float] = None, frames: Optional[int] = None, keep: bool = False
) -> Sink:
    """The sink for `--save`: a video, an image, or for a source of images a folder.

    Frames play at the times at which they were filmed, whatever the speed of detection. fps: the rate of images, or the
    nominal one of a camera, if it was configured. frames: how many will come, None if unknown. keep: keep an existing
    recording, and give this one another name. Raises UsageError when the name does not fit the source, OutputError when
    it cannot be written.
    """
    stem, suffix = os.path.splitext(path)
    live, stills = source.live, source.fps is None and not source.live
    rate = (fps if live or stills else None) or source.fps
    if suffix.lower() == ".mkv":
        whole = source.length is not None and frames == source.count
        return MatroskaSink(path, rate, live=live, length=source.length if whole else None, keep=keep)
    if suffix.lower() in CODECS:
        if live:
            raise UsageError(
                f"--save {path}: would be lost if the program is killed; record a camera as .mkv: --save {stem}.mkv"
            )
        return VideoSink(path, rate or DEFAULT_FPS)
    if is_image(path):
        if frames != 1:
            raise UsageError(f"--save {path}: one image cannot hold many frames; name a video or a folder")
        return ImageSink(path)
    if stills and (not suffix or path.endswith("/") or os.path.isdir(path)):
        return ImageSink(path)
    kinds = ".mkv" if live else ".mp4, .mkv, .avi" + (", .jpg, .png, or be a folder" if stills else "")
    raise UsageError(f"--save {path}: should end in {kinds}")


class MatroskaSink(Sink):
    """An annotated video of JPEG images, which can be played up to the last frame however the program ends.

    Frames of another size than the first are letterboxed into it.
    """

    queue_size = DISK_QUEUE
    lossless = True

    def __init__(
        self,
        path: str,
        fps: Optional[float],
        *,
        live: bool,
        length: Optional[float] = None,
        keep: bool = False,
    ) -> None:
        """fps: nominal rate. live: it begins with its first frame, and not where the film does. length: in seconds, of
        a film that is recorded as a whole. keep: see open_recording. Raises OutputError when the file cannot be written
        there.
        """
        check_writable(free_name(path) if keep else path)
        self.name = self._path = path
        self._fps = fps
        self._live = live
        self._length = length
        self._keep = keep
        self._size = (0, 0)
        self._frames = 0
        self._times = Times(live)
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
            self._writer.write(data, self._times.next(frame.time))
        self._frames += 1

    def _open(self, frame: Frame, canvas: np.ndarray) -> None:
        self._size = (canvas.shape[1], canvas.shape[0])
        self._times = Times(self._live)
        self._frames = 0
        path = free_name(self._path) if self._keep else self._path
        if path != self._path:
            say(f"{self._path} exists already; recording to {path}")
        self.name = path
        self._file = open_locked(path)
        self._writer = MatroskaWriter(self._file, self._size[0], self._size[1], self._fps or DEFAULT_FPS)

    def reopen(self) -> None:
        self._keep = self._keep or self._writer is not None
        self.close()
        self._frames = 0

    def close(self) -> None:
        writer, file, self._writer, self._file = self._writer, self._file, None, None
        with self._reporting():
            if writer is not None:
                writer.close(self._length)
        if file is not None:
            try:
                if not self._frames:  # removed while it is locked: after that it may be another program's
                    remove_file(self.name)
            finally:
                file.close()

    @contextmanager
    def _reporting(self) -> Iterator[None]:
        try:
            yield
        except OutputError:
            raise
        except OSError as error:
            if error.errno == errno.ENOSPC:
                raise OutputError(f"{self.name}: the disk is full; the recording ends here") from error
            raise OutputError(f"{self.name}: cannot write to it: {error.strerror}") from error


class Times:
    """When each frame of a recording plays: at its time in the film, and after the frames of the films before it."""

    def __init__(self, live: bool) -> None:
        """live: the first frame plays at 0, whatever its time."""
        self._offset: Optional[float] = None if live else 0.0
        self._last = self._step = 0.0

    def next(self, time: float) -> float:
        """When the next frame plays, in seconds. time: in its film, which may have started again."""
        if self._offset is None:
            self._offset = -time
        seconds = time + self._offset
        if seconds < self._last:
            self._offset = self._last + self._step - time
            seconds = time + self._offset
        self._step, self._last = seconds - self._last, seconds
        return seconds


def free_name(path: str) -> str:
    """The path, or the first of name-1, name-2, ... that does not exist."""
    number, name = 0, path
    while os.path.exists(name):
        number += 1
        name = numbered(path, number)
    return name


class VideoSink(Sink):
    """An annotated video. Frames of another size than the first are letterboxed into it."""

    queue_size = DISK_QUEUE
    lossless = True

    def __init__(self, path: str, fps: float) -> None:
        """fps: the rate of playback. Raises OutputError when the file cannot be written there."""
        check_writable(path)
        try:
            opencv_path(path)
        except ValueError as error:
            raise OutputError(str(error)) from error
        self.name = self._path = path
        self._fps = fps
        self._times = Times(False)
        self._told = False
        self._keep = False
        self._writer: Optional["cv2.VideoWriter"] = None
        self._lock: Optional[BinaryIO] = None
        self._size = (0, 0)
        self._frames = 0

    def write(self, frame: Frame, canvas: np.ndarray, detections: Detections) -> None:
        height, width = canvas.shape[:2]
        if self._writer is None:
            self._writer = self._open(width, height)
        if (width, height) != self._size:
            canvas = _fit(canvas, self._size)
        # OpenCV's writer reports nothing when the disk is full.
        if _free_bytes(self.name) < DISK_RESERVE + INDEX_ENTRY * self._frames:
            raise OutputError(f"{self.name}: the disk is full; the recording ends here")
        self._compare(self._times.next(frame.time))
        self._writer.write(canvas)
        self._frames += 1

    def _compare(self, seconds: float) -> None:
        """Say once if a frame does not play when it should: OpenCV writes evenly spaced frames only."""
        if not self._told and abs(seconds - self._frames / self._fps) > 1 / self._fps:
            self._told = True
            stem = os.path.splitext(self._path)[0]
            warn(
                f"{self.name}: plays at an even {self._fps:.4g} FPS, unlike the film, whose frames are not evenly "
                f"spaced; to keep their times, record as Matroska: --save {stem}.mkv"
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
        self._frames, self._times = 0, Times(False)
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


def _fit(canvas: np.ndarray, size: Tuple[int, int]) -> np.ndarray:
    """Letterbox an image into (width, height)."""
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
        warn(f"{path}: cannot remove it: {error.strerror}")
