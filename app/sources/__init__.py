"""Opens sources: what waits for the loop is read ahead by a thread here, cameras are in `camera.py`.

0  /dev/video0  csi://0  rtsp://...  http://...  gst://...     live
street.mp4                          a video file
dog.jpg  photos/  'photos/*.png'    an image, all images of a folder, those that match
test://640x480@30?frames=300        moving shapes, at the size, nominal rate and length given
test://640x480@30?live              the same as from a camera, at that rate, whether or not anybody looks
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
from app.frame import Frame, Source
from app.sources.camera import Camera
from app.sources.capture import Shapes, find_device
from app.sources.readers import IMAGE_SUFFIXES, Pictures, is_image, probe_video, read_images, read_video, synthesise
from app.threads import CLOSE_LIMIT, WAIT, yield_to_inference

LIVE = STREAMS + ("csi", "gst")
READ_AHEAD = 3  # frames decoded before the loop asks for them


def open_source(
    uri: str,
    width: Optional[int] = None,
    height: Optional[int] = None,
    fps: Optional[float] = None,
    loop: bool = False,
    retry: Optional[int] = None,
    wait: bool = False,
) -> Source:
    """Open what `uri` names. width, height and fps are asked of a camera; `loop` starts a file again at its end.

    retry, wait: see Camera. Raises SourceError when there is nothing there, or nothing that can be read; of a live
    source that may come later, from the source itself.
    """
    if uri.isdigit() or uri.startswith("/dev/") or scheme(uri) in LIVE:
        return Camera(find_device(uri, width, height, fps), retry, wait)
    if width or height:
        warn("--width and --height are asked of cameras; {} keeps its own size".format(redacted(uri)))
    if uri.startswith("test://"):
        return _open_synthetic(uri, loop, retry, wait)
    if "://" in uri:
        raise SourceError(
            "{}: this kind of source is not supported; there are: 0, /dev/video0, csi://, rtsp://, http://, gst://, a "
            "file, a folder, test://".format(redacted(uri))
        )
    if os.path.isdir(uri):
        paths = [os.path.join(uri, name) for name in os.listdir(uri) if is_image(name)]
        return _open_images(uri, paths, loop)
    if not os.path.exists(uri) and glob.has_magic(uri):
        return _open_images(uri, [path for path in glob.glob(uri) if is_image(path)], loop)
    if not os.path.exists(uri):
        raise SourceError("{}: no such file, folder or camera".format(redacted(uri)))
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
        read: Callable[[], Pictures],
        loop: bool,
        fps: Optional[float] = None,
        count: Optional[int] = None,
        files: Sequence[str] = (),
    ) -> None:
        """read: gives the pictures from the first on; called in the thread, again for each turn of `loop`."""
        self.name = name
        self.files = files
        self.fps = fps
        self.count = None if loop else count
        self._read = read
        self._loop = loop
        self._queue: "queue.Queue[Union[Frame, BaseException, None]]" = queue.Queue(READ_AHEAD)
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._run, name="read-ahead", daemon=True)
        self._thread.start()

    def __iter__(self) -> Iterator[Optional[Frame]]:
        while True:
            try:
                item = self._queue.get(timeout=WAIT)
            except queue.Empty:
                yield None
                continue
            if item is None:
                return
            if isinstance(item, BaseException):
                raise item
            item.captured_at = time.monotonic()
            self.captured += 1
            yield item

    def close(self) -> None:
        self._closed.set()
        self._thread.join(CLOSE_LIMIT)
        if self._thread.is_alive():
            warn("{}: its reading thread does not end".format(self.name))

    def _run(self) -> None:
        try:
            yield_to_inference()
            turn, index = True, 0
            while turn:
                turn = False
                for image, name in self._read():
                    frame = Frame(image, index, 0.0, name)
                    if self.prepare is not None:
                        self.prepare(frame)
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
    return ReadAhead(path, lambda: read_video(path, count), loop, fps, count, [path])


def _open_images(name: str, paths: List[str], loop: bool) -> Source:
    if not paths:
        raise SourceError("{}: no images there ({})".format(name, " ".join(IMAGE_SUFFIXES)))
    paths = sorted(paths)
    return ReadAhead(name, lambda: read_images(name, paths), loop, None, len(paths), paths)


def _open_synthetic(uri: str, loop: bool, retry: Optional[int], wait: bool) -> Source:
    match = re.match(r"test://(?:([0-9]+)x([0-9]+))?(?:@([0-9]+(?:\.[0-9]+)?))?(?:\?(?:frames=([0-9]+)|(live)))?$", uri)
    if not match:
        raise SourceError("{}: should look like test://640x480@30?frames=300, or end in ?live".format(uri))
    width, height, fps = int(match.group(1) or 640), int(match.group(2) or 480), float(match.group(3) or 30)
    if not (1 <= width <= 8192 and 1 <= height <= 8192 and 1 <= fps <= 1000):
        raise SourceError("{}: sides go from 1 to 8192 pixels, the rate from 1 to 1000".format(uri))
    if match.group(5):
        return Camera(Shapes(uri, width, height, fps), retry, wait)
    count = int(match.group(4) or 0) or None
    return ReadAhead(uri, lambda: synthesise(width, height, count), loop, fps, count)
