"""How OpenCV opens a video file, and which of its readers does."""

import os
import re
from contextlib import contextmanager
from typing import Any, Iterator, Optional

import cv2

from app.address import STREAMS, scheme
from app.errors import SourceError
from app.files import opencv_path
from app.sources.capture import STREAM_OPTIONS
from app.sources.container import Track
from app.sources.timeline import TELLS_TIME

SILENCE = 5.0  # seconds that a server may take for each of its answers
MOST_AVI = 1 << 30  # bytes; a larger AVI may have several parts, of which OpenCV's own reader knows the first


def open_video(path: str, track: Optional[Track] = None, count: Optional[int] = None) -> Optional[Any]:
    """An open cv2.VideoCapture of a file, an address or `pipe:0`; None if OpenCV cannot open it. Raises SourceError.

    track, count: what its container says of it, and how many frames FFmpeg expects, if both are known.
    """
    try:
        name = path if re.match("pipe:[0-9]+$", path) or scheme(path) in STREAMS else opencv_path(os.path.abspath(path))
    except ValueError as error:
        raise SourceError(str(error)) from error
    if not TELLS_TIME and track is not None and _is_simple_mjpeg(path, track) and count == track.frames:
        # OpenCV's own reader fails at each frame that does not decode, where the FFmpeg of 4.1.1 goes on. But it
        # believes a damaged list of frames.
        capture = cv2.VideoCapture(name, cv2.CAP_OPENCV_MJPEG)
        if capture.isOpened() and int(capture.get(cv2.CAP_PROP_FRAME_COUNT)) == count:
            return capture
    # By name: what is tried otherwise takes a file for a camera, or its digits for the numbers of an image sequence.
    for backend in (cv2.CAP_FFMPEG, cv2.CAP_GSTREAMER):
        if backend in cv2.videoio_registry.getBackends():
            with _server_options():
                capture = cv2.VideoCapture(name, backend)
            if capture.isOpened():
                return capture
        if not os.path.isfile(path):
            break  # a pipe can be opened only once
    return None


def _is_simple_mjpeg(path: str, track: Track) -> bool:
    """Whether it is Motion JPEG in an AVI of one part."""
    return track.codec == "mjpeg" and track.by_decoding and os.path.getsize(path) < MOST_AVI


@contextmanager
def _server_options() -> Iterator[None]:
    """Have FFmpeg open a film so that it gives up a server that is silent, and keeps its connection when it seeks.

    FFmpeg 8 asks for another part of a film on a connection that it has told the server to close; MP4 with its index at
    the end then came without its first frames, or without any.
    """
    name = "OPENCV_FFMPEG_CAPTURE_OPTIONS"  # which OpenCV reads at every opening
    before = os.environ.get(name)
    if before is not None and not before.startswith(STREAM_OPTIONS):
        yield  # with the user's own
        return
    os.environ[name] = f"multiple_requests;1|rw_timeout;{int(1e6 * SILENCE)}"
    try:
        yield
    finally:
        if before is None:
            del os.environ[name]
        else:
            os.environ[name] = before
