"""Opens sources: files are read ahead by a thread, see `readahead.py`; live sources are in `camera.py`.

0  /dev/video0  csi://0  rtsp://...  http://...  gst://...     live
street.mp4  http://host/street.mp4                  a video file, here or on a server that tells its length
-  a named pipe                                     a video or images through a pipe
dog.jpg  photos/  'photos/*.png'                    an image, all images of a folder, those that match
films/  'films/*.mp4'                               videos, one after the other
test://640x480@30?frames=300        moving shapes, at the size, nominal rate and length given
test://640x480@30?live              the same as from a camera, at that rate, whether or not anybody takes them

A source is what it is, not what its name looks like: only a device of a video driver is a camera.
"""

import os
import re
import stat
from typing import Iterator, Union

from app.address import STREAMS, redacted, scheme
from app.errors import SourceError, warn
from app.frame import Frame, Source
from app.sources.camera import Camera
from app.sources.capture import CameraOptions, Shapes, find_device
from app.sources.film import STDIN, Film
from app.sources.folder import is_film, open_files
from app.sources.pictures import MOST_PIXELS
from app.sources.readahead import ReadAhead
from app.sources.shapes import synthesise

__all__ = ["CameraOptions", "open_source"]

LIVE = STREAMS + ("csi", "gst")
VIDEO_DRIVER = 81  # the major number of Linux' video devices


def open_source(
    uri: Union[str, int],
    camera: CameraOptions = CameraOptions(),
    *,
    loop: bool = False,
    most_pixels: int = MOST_PIXELS,
) -> Source:
    """Open what `uri` names, or the USB camera of that number. camera: what to request from a live source, and how
    long to keep trying; its `fps` is also how many images of a folder make a second. loop: start a file again at its
    end. most_pixels: of an image that is decoded in full.

        with open_source("street.mp4") as source:
            for frame in source:
                if frame is not None: ...    # None: no frame came for a tenth of a second

    Raises SourceError when there is nothing there, or nothing that can be read; of a live source that may come later,
    while iterating.
    """
    uri = str(uri)
    if scheme(uri) in ("http", "https") and is_film(uri.split("?")[0]):
        film = _film_on_a_server(uri, loop)
        if film is not None:
            return film
    if _is_live(uri):
        return Camera(find_device(uri, camera), camera)
    if camera.width or camera.height:
        warn(f"--width and --height only apply to cameras; {redacted(uri)} keeps its own size")
    if uri.startswith("test://"):
        return _open_synthetic(uri, camera, loop)
    if "://" in uri and not os.path.exists(uri):
        raise SourceError(
            f"{redacted(uri)}: this kind of source is not supported; use 0, /dev/video0, csi://, rtsp://, http://, "
            "gst://, a file, a folder, - or test://"
        )
    path = "/dev/stdin" if uri == "-" else uri
    if is_pipe(path):
        return _open_pipe(uri, path, loop)
    return open_files(path, loop=loop, fps=camera.fps, most_pixels=most_pixels)


def _is_live(uri: str) -> bool:
    """Whether a camera or a stream is meant. Raises SourceError for any other device."""
    if scheme(uri) in LIVE:
        return True
    if re.match("[0-9]+$", uri):
        return os.path.exists("/dev/video" + uri) or not os.path.exists(uri)
    try:
        status = os.stat(uri)
    except OSError:
        return uri.startswith(("/dev/video", "/dev/v4l/"))  # it may still come
    if stat.S_ISCHR(status.st_mode) and os.major(status.st_rdev) != VIDEO_DRIVER:
        raise SourceError(f"{uri}: a device, but not a camera; cameras are /dev/video0, /dev/video1, ...")
    if stat.S_ISBLK(status.st_mode):
        raise SourceError(f"{uri}: a disk, not a camera; mount it, and name a file or a folder on it")
    return stat.S_ISCHR(status.st_mode)


def is_pipe(path: str) -> bool:
    """Whether there is a pipe at a path, which can be read only once. Raises SourceError for a terminal."""
    try:
        mode = os.stat(path).st_mode
    except OSError:
        return False
    if path == "/dev/stdin" and stat.S_ISCHR(mode):
        raise SourceError("-: nothing is piped to standard input; try: cat street.ts | python -m app.detect --cam -")
    return stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode)


def _open_pipe(uri: str, path: str, loop: bool) -> Source:
    if loop:
        raise SourceError(f"{uri}: a pipe can be read only once, not with --loop")
    film = Film(STDIN if path == "/dev/stdin" else path, pipe=True)
    return ReadAhead("standard input" if uri == "-" else uri, film.read, loop=False)


def _film_on_a_server(uri: str, loop: bool) -> "Union[Source, None]":
    """A film over HTTP whose server tells its length; None where it is a stream, or cannot be opened."""
    try:
        film = Film(uri)
    except SourceError:
        return None
    if film.count is None:
        return None
    return ReadAhead(redacted(uri), film.read, loop=loop, fps=film.fps, count=film.count)


def _open_synthetic(uri: str, camera: CameraOptions, loop: bool) -> Source:
    match = re.match(r"test://(?:([0-9]+)x([0-9]+))?(?:@([0-9]+(?:\.[0-9]+)?))?(?:\?(?:frames=([0-9]+)|(live)))?$", uri)
    if not match:
        raise SourceError(f"{uri}: should look like test://640x480@30?frames=300 or test://640x480@30?live")
    width, height, fps = int(match.group(1) or 640), int(match.group(2) or 480), float(match.group(3) or 30)
    if not (1 <= width <= 8192 and 1 <= height <= 8192 and 1 <= fps <= 1000):
        raise SourceError(f"{uri}: the sides should be from 1 to 8192 pixels, the rate from 1 to 1000")
    if match.group(5):
        return Camera(Shapes(uri, width, height, fps), camera)
    count = int(match.group(4) or 0) or None

    def read() -> Iterator[Frame]:
        return (Frame(image, index, time=index / fps) for index, image in enumerate(synthesise(width, height, count)))

    return ReadAhead(uri, read, loop=loop, fps=fps, count=count, length=None if count is None else count / fps)
