"""Devices: how a live source is opened, and what is asked of it. Who reads it, and when it is opened again, is decided
in `camera.py`.
"""

import glob
import os
import re
from typing import Any, List, Optional, Tuple

import cv2
import numpy as np

from app.address import STREAMS, redacted, scheme, why_no_video
from app.errors import SourceError, warn
from app.sources import gstreamer
from app.sources.readers import synthesise
from app.timing.pacing import Pacer

OPEN_TIMEOUT, READ_TIMEOUT = 10.0, 5.0  # seconds that FFmpeg waits for a stream, and for more of it
VGA = (640, 480)
CSI_DEFAULT = (1280, 720, 30.0)
SAYS_WHY = "try it with gst-launch-1.0, which says why"


class Device:
    """What can be opened, again and again.

    name: for people, without passwords. patience: seconds that opening may take before it is worth trying another time
    beside it. repeats: whether a picture that is the same to the bit as the last one is that one again: of a sensor,
    whose noise never repeats, but not of a stream. note: after `open`, what the device gives. fps: likewise, its rate.
    hint: what to do where it neither opens nor fails.
    """

    name: str
    patience = 10.0
    repeats = False
    note: Optional[str] = None
    fps: Optional[float] = None
    hint = ""

    def open(self) -> Any:
        """Something with cv2.VideoCapture's read() and release(). May take long. Raises SourceError with the reason."""
        raise NotImplementedError

    def missing(self) -> Optional[str]:
        """Why there is nothing to open, where that is known without trying."""
        return None


def find_device(uri: str, width: Optional[int], height: Optional[int], fps: Optional[float]) -> Device:
    """The device that `uri` names; width, height and fps are asked of it. Raises SourceError for nonsense."""
    kind = scheme(uri)
    if kind not in ("", "csi") and (width or height):
        warn("--width and --height are asked of cameras; {} keeps its own size".format(redacted(uri)))
    if not kind:
        return UsbCamera(uri, width, height, fps)
    if kind == "csi":
        return csi_camera(uri, width, height, fps)
    if kind == "gst":
        return Pipeline(uri, gstreamer.own_pipeline(uri.split("://", 1)[1]))
    if not gstreamer.available():
        return Stream(uri)
    pipeline = gstreamer.rtsp_pipeline if kind.startswith("rtsp") else gstreamer.http_pipeline
    return Pipeline(uri, pipeline(uri, gstreamer.has_nvidia()))


class UsbCamera(Device):
    """A V4L2 camera, by number (`0`) or by path (`/dev/video0`, `/dev/v4l/by-id/...`)."""

    repeats = True

    def __init__(self, uri: str, width: Optional[int], height: Optional[int], fps: Optional[float]) -> None:
        self.name = "camera " + uri
        self._path = "/dev/video" + uri if uri.isdigit() else uri
        self._asked: List[Tuple[str, int, Optional[float]]] = [
            ("width", cv2.CAP_PROP_FRAME_WIDTH, width),
            ("height", cv2.CAP_PROP_FRAME_HEIGHT, height),
            ("FPS", cv2.CAP_PROP_FPS, fps),
        ]
        # Uncompressed, USB 2 carries little more than VGA at 30 FPS: 720p comes at 10.
        self._compressed = (width or 0) > VGA[0] or (height or 0) > VGA[1]

    def missing(self) -> Optional[str]:
        if os.path.exists(self._path):
            return None
        cameras = sorted(glob.glob("/dev/video*"))
        present = "there are: " + ", ".join(cameras) if cameras else "no camera is connected"
        return "there is no {}; {}".format(self._path, present)

    def open(self) -> Any:
        # By number: OpenCV 4.1.1 opens some cameras only so. The link of a by-id path leads to one.
        number = os.path.realpath(self._path).replace("/dev/video", "")
        capture = cv2.VideoCapture(int(number) if number.isdigit() else self._path, cv2.CAP_V4L2)
        if not capture.isOpened():
            raise SourceError("cannot be opened; is it in use, or not yours to read?")
        if self._compressed:  # before the size, which it decides
            capture.set(cv2.CAP_PROP_FOURCC, cv2.VideoWriter.fourcc(*"MJPG"))
        for _, setting, value in self._asked:
            if value:
                capture.set(setting, value)
        self._read_back(capture)
        return capture

    def _read_back(self, capture: Any) -> None:
        """Note what the camera says it gives, and what of that is not what was asked for."""
        code = _fourcc(capture.get(cv2.CAP_PROP_FOURCC))
        got = {name: capture.get(setting) for name, setting, _ in self._asked}
        self.fps = got["FPS"] if 0 < got["FPS"] < 1000 else None
        self.note = "{:g}x{:g} {}".format(got["width"], got["height"], code)
        if self.fps:
            self.note += " at {:g} FPS".format(self.fps)
        differs = [
            "{} {:g}".format(name, value) for name, _, value in self._asked if value and abs(got[name] - value) > 0.5
        ]
        if self._compressed and code != "MJPG":
            differs.append("MJPG")
        if differs:
            self.note += ", though it was asked for " + ", ".join(differs)


def _fourcc(value: float) -> str:
    """A pixel format's four letters."""
    letters = (int(value) & 0xFFFFFFFF).to_bytes(4, "little").rstrip(b" ")
    return letters.decode("ascii") if letters.isalnum() else "of unknown format"


class Pipeline(Device):
    """A GStreamer pipeline that ends in an appsink."""

    def __init__(self, uri: str, pipeline: str) -> None:
        """Raises SourceError where OpenCV has no GStreamer."""
        self.name = redacted(uri)
        self._uri = uri
        self._pipeline = pipeline
        self.patience = 1.0 if scheme(uri) in STREAMS else Device.patience
        self.repeats = scheme(uri) == "csi"
        self.hint = "" if scheme(uri) in STREAMS else "; " + SAYS_WHY
        if not gstreamer.available():
            raise SourceError(
                "{}: this OpenCV has no GStreamer; the system's has (python3-opencv), unless pip's hides it".format(
                    self.name
                )
            )

    def open(self) -> Any:
        gstreamer.silence()
        capture = cv2.VideoCapture(self._pipeline, cv2.CAP_GSTREAMER)
        if not capture.isOpened():
            if scheme(self._uri) in STREAMS:
                raise SourceError(why_no_video(self._uri))
            raise SourceError("the pipeline does not start; " + SAYS_WHY)
        return capture


def csi_camera(uri: str, width: Optional[int], height: Optional[int], fps: Optional[float]) -> Pipeline:
    """The camera of csi://0, csi://1?flip=2. Raises SourceError for nonsense."""
    match = re.match(r"csi://([0-9]+)(?:\?flip=([0-7]))?$", uri, re.IGNORECASE)
    if not match:
        raise SourceError("{}: should look like csi://0 or csi://0?flip=2, with a flip from 0 to 7".format(uri))
    size = width or CSI_DEFAULT[0], height or CSI_DEFAULT[1]
    pipeline = gstreamer.csi_pipeline(int(match.group(1)), *size, fps or CSI_DEFAULT[2], int(match.group(2) or 0))
    device = Pipeline(uri, pipeline)
    device.fps = fps or CSI_DEFAULT[2]
    return device


class Stream(Device):
    """An RTSP or HTTP stream, by FFmpeg, over TCP."""

    patience = 1.0

    def __init__(self, uri: str) -> None:
        self.name = redacted(uri)
        self._uri = uri

    def open(self) -> Any:
        opening, reading = int(1000 * OPEN_TIMEOUT), int(1000 * READ_TIMEOUT)
        options = "rtsp_transport;tcp|fpsprobesize;0"  # to measure the rate at the opening would take 0.8 s
        settings: List[int] = []
        if hasattr(cv2, "CAP_PROP_OPEN_TIMEOUT_MSEC"):
            settings += [cv2.CAP_PROP_OPEN_TIMEOUT_MSEC, opening, cv2.CAP_PROP_READ_TIMEOUT_MSEC, reading]
            if hasattr(cv2, "CAP_PROP_N_THREADS"):  # each thread but one holds a frame back
                settings += [cv2.CAP_PROP_N_THREADS, 1]
        else:  # OpenCV 4.1.1, with FFmpeg 4: for RTSP and for HTTP, in microseconds
            options += "|stimeout;{0}000|rw_timeout;{0}000".format(reading)
        os.environ.setdefault("OPENCV_FFMPEG_CAPTURE_OPTIONS", options)  # read at every opening
        capture = cv2.VideoCapture(self._uri, cv2.CAP_FFMPEG, *([settings] if settings else []))
        if not capture.isOpened():
            raise SourceError(why_no_video(self._uri))
        return capture


class Shapes(Device):
    """Moving shapes at a rate, as a camera would give them: they do not wait for anybody."""

    def __init__(self, uri: str, width: int, height: int, fps: float) -> None:
        self.name = uri
        self.fps = fps
        self._size = (width, height)

    def open(self) -> "Shapes":
        self._pictures = synthesise(self._size[0], self._size[1], None)
        self._pacer = Pacer(self.fps)
        return self

    def read(self) -> Tuple[bool, np.ndarray]:
        """As cv2.VideoCapture's."""
        self._pacer.wait()
        return True, next(self._pictures)[0]

    def release(self) -> None:
        """Nothing is held."""
