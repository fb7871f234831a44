"""Recordings: which sink `--save` means, and the one for cameras. MP4 and AVI: `video.py`; images: `stills.py`."""

import errno
import os
from contextlib import contextmanager
from typing import BinaryIO, Iterator, Optional

import numpy as np

from app.detections import Detections
from app.errors import OutputError, UsageError, say
from app.files import check_writable, is_image, remove_file
from app.frame import DEFAULT_FPS, Frame, Source
from app.lock import open_locked
from app.sinks import DISK_QUEUE, Sink
from app.sinks.matroska import MatroskaWriter
from app.sinks.picture import jpeg_of
from app.sinks.playback import Times, fit, free_name
from app.sinks.stills import ImageSink
from app.sinks.video import CODECS, VideoSink


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
    rate = (fps if live or stills else None) or (DEFAULT_FPS if stills else source.fps)
    if suffix.lower() == ".mkv":
        whole = source.length is not None and frames == source.count
        return MatroskaSink(
            path, None if source.variable else rate, live=live, length=source.length if whole else None, keep=keep
        )
    if suffix.lower() in CODECS:
        if live:
            raise UsageError(
                f"--save {path}: would be lost if the program is killed; record a camera as .mkv: --save {stem}.mkv"
            )
        return VideoSink(path, rate or DEFAULT_FPS, variable=source.variable, keep=keep)
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
        self._times = Times(live, fps or DEFAULT_FPS)
        self._file: Optional[BinaryIO] = None
        self._writer: Optional[MatroskaWriter] = None

    def write(self, frame: Frame, canvas: np.ndarray, detections: Detections) -> None:
        if self._frames and (canvas.shape[1], canvas.shape[0]) != self._size:
            canvas = fit(canvas, self._size)
        data = jpeg_of(canvas, frame.picture)
        with self._reporting():
            if self._writer is None:
                self._open(frame, canvas)
            assert self._writer is not None
            self._writer.write(data, self._times.next(frame.time))
        self._frames += 1

    def _open(self, frame: Frame, canvas: np.ndarray) -> None:
        self._size = (canvas.shape[1], canvas.shape[0])
        self._times = Times(self._live, self._fps or DEFAULT_FPS)
        self._frames = 0
        path = free_name(self._path) if self._keep else self._path
        if path != self._path:
            say(f"{self._path} exists already; recording to {path}")
        self.name = path
        self._file = open_locked(path)
        self._writer = MatroskaWriter(self._file, self._size[0], self._size[1], self._fps)

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
