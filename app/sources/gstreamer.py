"""GStreamer pipelines as text, for OpenCV built with GStreamer: on a Jetson, the one that JetPack brings.

Every pipeline ends in an `appsink` that hands BGR images to OpenCV and holds only one, so that no old frame waits.
Source of the elements and their properties: NVIDIA, "Accelerated GStreamer", L4T 32.7; GStreamer 1.14 plugin reference.
"""

import ctypes
import glob
import os
from fractions import Fraction

import cv2

APPSINK = "video/x-raw,format=BGR ! appsink drop=true max-buffers=1 sync=false"
TO_BGR = "videoconvert ! " + APPSINK
# Out of the decoder's memory, which the CPU cannot read; nvvidconv does not know BGR.
NVIDIA_TO_BGR = "nvvidconv ! video/x-raw,format=BGRx ! " + TO_BGR
TIMEOUT = 10  # seconds without data after which an element ends the stream
PLUGINS = ("/usr/lib/*/gstreamer-1.0", "/usr/lib/gstreamer-1.0")


def csi_pipeline(sensor: int, width: int, height: int, fps: float, flip: int) -> str:
    """A camera on the ribbon cable. flip: nvvidconv's flip-method, 0 none, 2 upside down, 4 mirrored, up to 7."""
    rate = _fraction(fps)
    return (
        f"nvarguscamerasrc sensor-id={sensor} ! video/x-raw(memory:NVMM),width={width},height={height},format=NV12,"
        f"framerate={rate.numerator}/{rate.denominator} ! "
        f"nvvidconv flip-method={flip} ! video/x-raw,format=BGRx ! {TO_BGR}"
    )


def rtsp_pipeline(uri: str, nvidia: bool) -> str:
    """The video of an RTSP stream, whatever its codec, over TCP. nvidia: convert colours with the Jetson's hardware.

    `decodebin` picks the Jetson's hardware decoder where there is one, since it has the highest rank.
    """
    return (
        f"rtspsrc location={quote(uri)} protocols=tcp latency=200 tcp-timeout={TIMEOUT * 1000000} ! "
        f"application/x-rtp,media=video ! decodebin ! {NVIDIA_TO_BGR if nvidia else TO_BGR}"
    )


def http_pipeline(uri: str, nvidia: bool) -> str:
    """Motion JPEG over HTTP (multipart/x-mixed-replace)."""
    decode = "jpegparse ! nvv4l2decoder mjpeg=1 ! " + NVIDIA_TO_BGR if nvidia else "jpegdec ! " + TO_BGR
    return f"souphttpsrc location={quote(uri)} is-live=true timeout={TIMEOUT} ! multipartdemux ! {decode}"


def own_pipeline(text: str) -> str:
    """A user's own pipeline; one that does not end in an appsink gets one that takes any video."""
    return text if "appsink" in text else f"{text.strip().rstrip('!').rstrip()} ! {TO_BGR}"


def _fraction(fps: float) -> Fraction:
    """A frame rate as GStreamer wants it: 29.97 is 30000/1001."""
    television = Fraction(int(round(fps * 1.001)) * 1000, 1001)
    return television if abs(fps - television) < 0.005 and fps != int(fps) else Fraction(fps).limit_denominator(1000)


def quote(value: str) -> str:
    """A property's value as gst_parse_launch() reads it, so that nothing in an address can end the element."""
    return '"{}"'.format(value.replace("\\", "\\\\").replace('"', '\\"'))


def silence() -> None:
    """Discard what GLib writes to standard error, unless the user has asked for it.

    OpenCV tears down a pipeline that did not start in a way that GStreamer complains about, in thirty lines each time.
    """
    if os.environ.get("GST_DEBUG") or os.environ.get("G_MESSAGES_DEBUG"):
        return
    try:
        # The handler has to be a C function: one of Python's would be called by threads that Python does not know. This
        # one ignores its arguments and does nothing.
        ctypes.CDLL("libglib-2.0.so.0").g_log_set_default_handler(ctypes.CDLL(None).getpid, None)
    except (AttributeError, OSError):
        pass


def available() -> bool:
    """Whether this OpenCV was built with GStreamer."""
    lines = (line.split() for line in cv2.getBuildInformation().splitlines())
    return any(words[0] == "GStreamer:" and words[1] == "YES" for words in lines if len(words) > 1)


def has_nvidia() -> bool:
    """Whether GStreamer has the decoder of a Jetson's hardware."""
    folders = list(PLUGINS) + os.environ.get("GST_PLUGIN_PATH", "").split(os.pathsep)
    return any(glob.glob(os.path.join(folder, "libgstnvvideo4linux2.so")) for folder in folders if folder)
