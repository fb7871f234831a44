"""Tells systemd how the program is doing: ready, still working, and the text of its status line.

The protocol is sd_notify(3): datagrams to the Unix socket that $NOTIFY_SOCKET names.
"""

import os
import socket
from typing import Callable, Dict, Optional

import numpy as np

from app.detections import Detections
from app.errors import warn
from app.frame import Frame
from app.sinks import Sink
from app.timing.total import Total

PERIOD = 0.5  # seconds between two messages


def is_supervised() -> bool:
    """Whether a supervisor started the program, and so will restart it when it ends."""
    return bool(os.environ.get("NOTIFY_SOCKET"))


class SupervisorSink(Sink):
    """`READY=1` with the first frame, or the first outage; `WATCHDOG=1` with new frames only, so that a program whose
    camera is dead is restarted if its unit says so; `STATUS=` with both.

    Of several cameras a frame of any will do, and the status names those that have none.
    """

    wants_canvas = False

    def __init__(self, timing: Total, outages: Callable[[], Dict[str, str]] = dict) -> None:
        """outages: of several cameras, by name, why there is no image; empty where there is only one camera."""
        self._timing = timing
        self._outages = outages
        self._address = os.environ["NOTIFY_SOCKET"]
        if self._address.startswith("@"):  # an abstract socket
            self._address = "\0" + self._address[1:]
        self._socket: Optional[socket.socket] = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.setblocking(False)
        self._ready = False
        self._watchdog_at = self._last = -PERIOD

    def write(self, frame: Frame, canvas: np.ndarray, detections: Detections) -> None:
        if self._timing.now() - self._watchdog_at >= PERIOD or not self._ready:
            self._watchdog_at = self._timing.now()
            self._notify("WATCHDOG=1", self._status())

    def idle(self, canvas: np.ndarray, outage: str) -> None:
        if self._timing.now() - self._last >= PERIOD or not self._ready:
            self._notify("", self._status() if self._outages() else outage)

    def _status(self) -> str:
        parts = [_rates(self._timing)]
        return "; ".join(parts + [f"{name}: {outage}" for name, outage in self._outages().items()])

    def close(self) -> None:
        if self._socket is not None:
            self._send_message("STOPPING=1")
            self._socket.close()
            self._socket = None

    def _notify(self, watchdog: str, status: str) -> None:
        ready = "" if self._ready else "READY=1"
        self._ready = True
        self._last = self._timing.now()
        status = "STATUS=" + " ".join(status.split())  # a line break would start another message
        self._send_message("\n".join(line for line in (ready, watchdog, status) if line))

    def _send_message(self, message: str) -> None:
        if self._socket is None:
            return
        try:
            self._socket.sendto(message.encode(errors="replace"), self._address)
        except BlockingIOError:
            pass  # it is busy, and the next message will do
        except OSError as error:
            warn(f"cannot notify the supervisor at $NOTIFY_SOCKET: {error.strerror or error}")
            self._socket.close()
            self._socket = None


def _rates(timing: Total) -> str:
    real, camera, latency = timing.current_fps, timing.current_capture_fps, timing.current_latency(95)
    parts = ["started"] if real is None else [f"{real:.1f} FPS"]
    if real is not None and timing.configured_fps:
        parts[0] += f" of {timing.configured_fps:g}"
    if camera and timing.live:
        parts.append(f"camera {camera:.1f} FPS")
    parts.append(f"{timing.frames} frames, {timing.dropped} dropped")
    if latency:
        parts.append(f"latency p95 {1000 * latency:.0f} ms")
    return ", ".join(parts)
