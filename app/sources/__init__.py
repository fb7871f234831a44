"""Opens sources: files are read ahead by a thread here, live sources are in `camera.py`.

0  /dev/video0  csi://0  rtsp://...  http://...  gst://...     live
street.mp4                          a video file
dog.jpg  photos/  'photos/*.png'    an image, all images of a folder, those that match
test://640x480@30?frames=300        moving shapes, at the size, nominal rate and length given
test://640x480@30?live              the same as from a camera, at that rate, whether or not anybody takes them
"""

import glob
import os
import queue
import re
import threading
import time
from typing import Callable, Iterator, List, Optional, Sequence, Union

from app.address import STREAMS, redacted, scheme
from app.errors import SourceError, warn
from app.files import IMAGE_SUFFIXES, is_image
from app.frame import Frame, Source
from app.sources.camera import Camera
from app.sources.capture import CameraOptions, Shapes, find_device
from app.sources.readers import Images, probe_video, read_images, read_video, synthesise
from app.threads import CLOSE_LIMIT, WAIT, yield_to_inference

__all__ = ["CameraOptions", "open_source"]

LIVE = STREAMS + ("csi", "gst")
READ_AHEAD = 3  # frames decoded before the loop asks for them


def open_source(uri: Union[str, int], camera: CameraOptions = CameraOptions(), *, loop: bool = False) -> Source:
    """Open what `uri` names, or the USB camera of that number. camera: what to request from a live source, and how
    long to keep trying. loop: start a file again at its end.

        with open_source("street.mp4") as source:
            for frame in source:
                if frame is not None: ...    # None: no frame came for a tenth of a second

    Raises SourceError when there is nothing there, or nothing that can be read; of a live source that may come later,
    while iterating.
    """
    uri = str(uri)
    if uri.isdigit() or uri.startswith("/dev/") or scheme(uri) in LIVE:
        return Camera(find_device(uri, camera), camera)
    if camera.width or camera.height:
        warn(f"--width and --height only apply to cameras; {redacted(uri)} keeps its own size")
    if uri.startswith("test://"):
        return _open_synthetic(uri, camera, loop)
    if "://" in uri:
        raise SourceError(
            f"{redacted(uri)}: this kind of source is not supported; use 0, /dev/video0, csi://, rtsp://, http://, "
            "gst://, a file, a folder or test://"
        )
    if os.path.isdir(uri):
        paths = [os.path.join(uri, name) for name in os.listdir(uri) if is_image(name)]
        return _open_images(uri, paths, loop)
    if not os.path.exists(uri) and glob.has_magic(uri):
        return _open_images(uri, [path for path in glob.glob(uri) if is_image(path)], loop)
    if not os.path.exists(uri):
        raise SourceError(f"{redacted(uri)}: no such file, folder or camera")
    if is_image(uri):
        return _open_images(uri, [uri], loop)
    return _open_video(uri, loop)


class ReadAhead(Source):
    """A source that can wait: a thread decodes a few frames ahead, and none is lost.

    A frame counts as captured when the loop takes it: how long it lay ready says nothing about the program's speed.
    """

    def __init__(
        self,
        name: str,
        read: Callable[[], Images],
        *,
        loop: bool,
        fps: Optional[float] = None,
        count: Optional[int] = None,
        files: Sequence[str] = (),
    ) -> None:
        """read: yields the images from the first on; called in the thread, again for each turn of `loop`."""
        self.name = name
        self.files = files
        self.fps = fps
        self.count = None if loop else count
        self._read = read
        self._loop = loop
        self._queue: "queue.Queue[Union[Frame, BaseException, None]]" = queue.Queue(READ_AHEAD)
        self._closed = threading.Event()
        self._thread: Optional[threading.Thread] = None

    def frames(self, prepare: Optional[Callable[[Frame], None]] = None) -> Iterator[Optional[Frame]]:
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, args=[prepare], name="read-ahead", daemon=True)
            self._thread.start()
        return self._take()

    def _take(self) -> Iterator[Optional[Frame]]:
        while not self._closed.is_set():
            try:
                item = self._queue.get(timeout=WAIT)
            except queue.Empty:
                yield None
                continue
            if not isinstance(item, Frame):
                self._queue.put(item)  # for whoever iterates once more
                if item is None:
                    return
                raise item
            item.times.captured_at = time.monotonic()
            self.captured += 1
            yield item

    def close(self) -> None:
        self._closed.set()
        if self._thread is not None:
            self._thread.join(CLOSE_LIMIT)
            if self._thread.is_alive():
                warn(f"{self.name}: the reading thread did not stop in time and was abandoned")

    def _run(self, prepare: Optional[Callable[[Frame], None]]) -> None:
        try:
            yield_to_inference()
            turn, index = True, 0
            while turn:
                turn = False
                for image, name in self._read():
                    frame = Frame(image, index, name=name)
                    if prepare is not None:
                        prepare(frame)
                    if not self._put(frame):
                        return
                    turn = self._loop
                    index += 1
            self._put(None)
        except BaseException as error:  # handed to the loop, which raises it in the main thread
            self._put(error)

    def _put(self, item: Union[Frame, BaseException, None]) -> bool:
        while not self._closed.is_set():
            try:
                self._queue.put(item, timeout=WAIT)
                return True
            except queue.Full:
                pass
        return False


def _open_video(path: str, loop: bool) -> Source:
    fps, count = probe_video(path)
    return ReadAhead(path, lambda: read_video(path, count), loop=loop, fps=fps, count=count, files=[path])


def _open_images(name: str, paths: List[str], loop: bool) -> Source:
    if not paths:
        raise SourceError(f"{name}: no images found ({' '.join(IMAGE_SUFFIXES)})")
    paths = sorted(paths)
    return ReadAhead(name, lambda: read_images(name, paths), loop=loop, count=len(paths), files=paths)


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
    return ReadAhead(uri, lambda: synthesise(width, height, count), loop=loop, fps=fps, count=count)
