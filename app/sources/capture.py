"""Devices: how a live source is opened, and what is requested from it. `camera.py` decides when it is reopened."""

import glob
import os
import re
from typing import Any, List, NamedTuple, Optional, Tuple

import cv2
import numpy as np

from app.address import STREAMS, redacted, scheme, why_no_video
from app.errors import SourceError, warn
from app.sources import gstreamer
from app.sources.shapes import synthesise
from app.timing.pacing import Pacer

STREAM_OPTIONS = "rtsp_transport;tcp|fpsprobesize;0"  # FFmpeg's; measuring the rate on opening would take 0.8 s
OPEN_TIMEOUT, READ_TIMEOUT = 10.0, 5.0  # seconds that FFmpeg waits for a stream, and for more of it
VGA = (640, 480)
CSI_DEFAULT = (1280, 720, 30.0)
GST_LAUNCH = "run it with gst-launch-1.0, which prints the reason"


class CameraOptions(NamedTuple):
    """What is requested from a live source.

    width, height (pixels), fps: of a camera that has a choice, None for its own. retry: give up after so many failures
    in a row, None for never. wait: keep trying if the camera is not there at the start.
    """

    width: Optional[int] = None
    height: Optional[int] = None
    fps: Optional[float] = None
    retry: Optional[int] = None
    wait: bool = False


class Device:
    """What can be opened, again and again.

    name: for people, without passwords. patience: seconds to wait for it to open before a second attempt is made beside
    the first. repeats: whether an image identical to the last one means that the device repeats it: true of a sensor,
    whose noise never repeats, but not of a stream. note: after `open`, what the device delivers. fps: after `open`, its
    frame rate. hint: what to try when it neither opens nor fails.
    """

    name: str
    patience = 10.0
    repeats = False
    note: Optional[str] = None
    fps: Optional[float] = None
    hint = ""

    def open(self) -> Any:
        """An object with cv2.VideoCapture's read() and release(). May take long. Raises SourceError with the reason."""
        raise NotImplementedError

    def missing(self) -> Optional[str]:
        """Why there is nothing to open, if that is known without trying."""
        return None


def find_device(uri: str, options: CameraOptions = CameraOptions()) -> Device:
    """The device that `uri` names. Raises SourceError for an address that makes no sense."""
    kind = scheme(uri)
    if kind not in ("", "csi") and (options.width or options.height):
        warn(f"--width and --height only apply to USB and CSI cameras; {redacted(uri)} keeps its own size")
    if not kind:
        return UsbCamera(uri, options)
    if kind == "csi":
        return csi_camera(uri, options)
    if kind == "gst":
        return Pipeline(uri, gstreamer.own_pipeline(uri.split("://", 1)[1]))
    if not gstreamer.available():
        return Stream(uri)
    pipeline = gstreamer.rtsp_pipeline if kind.startswith("rtsp") else gstreamer.http_pipeline
    return Pipeline(uri, pipeline(uri, gstreamer.has_nvidia()))


class UsbCamera(Device):
    """A V4L2 camera, by number (`0`) or by path (`/dev/video0`, `/dev/v4l/by-id/...`)."""

    repeats = True

    def __init__(self, uri: str, options: CameraOptions = CameraOptions()) -> None:
        self.name = "camera " + uri
        self._path = "/dev/video" + uri if uri.isdigit() else uri
        self._asked: List[Tuple[str, int, Optional[float]]] = [
            ("width", cv2.CAP_PROP_FRAME_WIDTH, options.width),
            ("height", cv2.CAP_PROP_FRAME_HEIGHT, options.height),
            ("FPS", cv2.CAP_PROP_FPS, options.fps),
        ]
        # Uncompressed, USB 2 carries little more than VGA at 30 FPS: 720p comes at 10.
        self._compressed = (options.width or 0) > VGA[0] or (options.height or 0) > VGA[1]

    def missing(self) -> Optional[str]:
        if os.path.exists(self._path):
            return None
        cameras = sorted(glob.glob("/dev/video*"))
        present = "found " + ", ".join(cameras) if cameras else "no camera is connected"
        return f"{self._path} does not exist; {present}"

    def open(self) -> Any:
        # By number: OpenCV 4.1.1 opens some cameras only so. The link of a by-id path leads to one.
        number = os.path.realpath(self._path).replace("/dev/video", "")
        capture = cv2.VideoCapture(int(number) if number.isdigit() else self._path, cv2.CAP_V4L2)
        if not capture.isOpened():
            raise SourceError("cannot be opened: in use by another program, or no permission to read it")
        if self._compressed:  # before the size, which it decides
            capture.set(cv2.CAP_PROP_FOURCC, cv2.VideoWriter.fourcc(*"MJPG"))
        for _, setting, value in self._asked:
            if value:
                capture.set(setting, value)
        self._read_back(capture)
        return capture

    def _read_back(self, capture: Any) -> None:
        """Note what the camera says it delivers, and how that differs from the request."""
        code = _fourcc(capture.get(cv2.CAP_PROP_FOURCC))
        got = {name: capture.get(setting) for name, setting, _ in self._asked}
        self.fps = got["FPS"] if 0 < got["FPS"] < 1000 else None
        self.note = f"{got['width']:g}x{got['height']:g} {code}"
        if self.fps:
            self.note += f" at {self.fps:g} FPS"
        differs = [f"{name} {value:g}" for name, _, value in self._asked if value and abs(got[name] - value) > 0.5]
        if self._compressed and code != "MJPG":
            differs.append("MJPG")
        if differs:
            self.note += ", instead of the requested " + ", ".join(differs)


def _fourcc(value: float) -> str:
    """The four letters of a pixel format."""
    letters = (int(value) & 0xFFFFFFFF).to_bytes(4, "little").rstrip(b" ")
    return letters.decode("ascii") if letters.isalnum() else "of an unknown format"


class Pipeline(Device):
    """A GStreamer pipeline that ends in an appsink."""

    def __init__(self, uri: str, pipeline: str) -> None:
        """Raises SourceError when OpenCV has no GStreamer."""
        self.name = redacted(uri)
        self._uri = uri
        self._pipeline = pipeline
        self.patience = 1.0 if scheme(uri) in STREAMS else Device.patience
        self.repeats = scheme(uri) == "csi"
        self.hint = "" if scheme(uri) in STREAMS else "; " + GST_LAUNCH
        if not gstreamer.available():
            raise SourceError(
                f"{self.name}: this OpenCV was built without GStreamer; the system's has it (python3-opencv), unless "
                "pip's opencv-python hides it"
            )

    def open(self) -> Any:
        gstreamer.silence()
        capture = cv2.VideoCapture(self._pipeline, cv2.CAP_GSTREAMER)
        if not capture.isOpened():
            if scheme(self._uri) in STREAMS:
                raise SourceError(why_no_video(self._uri))
            raise SourceError("the pipeline does not start; " + GST_LAUNCH)
        return capture


def csi_camera(uri: str, options: CameraOptions = CameraOptions()) -> Pipeline:
    """The camera of csi://0 or csi://1?flip=2. Raises SourceError for anything else."""
    match = re.match(r"csi://([0-9]+)(?:\?flip=([0-7]))?$", uri, re.IGNORECASE)
    if not match:
        raise SourceError(f"{uri}: should look like csi://0 or csi://0?flip=2, with a flip from 0 to 7")
    size = options.width or CSI_DEFAULT[0], options.height or CSI_DEFAULT[1]
    fps = options.fps or CSI_DEFAULT[2]
    pipeline = gstreamer.csi_pipeline(int(match.group(1)), *size, fps, int(match.group(2) or 0))
    device = Pipeline(uri, pipeline)
    device.fps = fps
    return device


class Stream(Device):
    """An RTSP or HTTP stream over TCP, read by FFmpeg."""

    patience = 1.0

    def __init__(self, uri: str) -> None:
        self.name = redacted(uri)
        self._uri = uri

    def open(self) -> Any:
        opening, reading = int(1000 * OPEN_TIMEOUT), int(1000 * READ_TIMEOUT)
        options = STREAM_OPTIONS
        settings: List[int] = []
        if hasattr(cv2, "CAP_PROP_OPEN_TIMEOUT_MSEC"):
            settings += [cv2.CAP_PROP_OPEN_TIMEOUT_MSEC, opening, cv2.CAP_PROP_READ_TIMEOUT_MSEC, reading]
            if hasattr(cv2, "CAP_PROP_N_THREADS"):  # each further thread holds a frame back
                settings += [cv2.CAP_PROP_N_THREADS, 1]
        else:  # OpenCV 4.1.1, with FFmpeg 4: for RTSP and for HTTP, in microseconds
            options += f"|stimeout;{reading}000|rw_timeout;{reading}000"
        os.environ.setdefault("OPENCV_FFMPEG_CAPTURE_OPTIONS", options)  # OpenCV reads it at every opening
        capture = cv2.VideoCapture(self._uri, cv2.CAP_FFMPEG, *([settings] if settings else []))
        if not capture.isOpened():
            raise SourceError(why_no_video(self._uri))
        count = int(capture.get(cv2.CAP_PROP_FRAME_COUNT)) if scheme(self._uri).startswith("http") else 0
        if count > 0:
            capture.release()
            raise SourceError(
                f"a film of {count} frames, not a live stream; download it, and name the file: --cam FILE"
            )
        return capture


class Shapes(Device):
    """Moving shapes at a fixed rate, as a camera would deliver them: also when they are not read."""

    def __init__(self, uri: str, width: int, height: int, fps: float) -> None:
        self.name = uri
        self.fps = fps
        self._size = (width, height)

    def open(self) -> "Shapes":
        self._images = synthesise(self._size[0], self._size[1], None)
        self._pacer = Pacer(self.fps)
        return self

    def read(self) -> Tuple[bool, np.ndarray]:
        """Like cv2.VideoCapture.read()."""
        self._pacer.wait()
        return True, next(self._images)

    def release(self) -> None:
        """Nothing is held."""
