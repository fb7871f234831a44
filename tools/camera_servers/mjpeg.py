"""A camera for tests: Motion JPEG over HTTP on 127.0.0.1, with faults that can be switched on while it runs.

    python -m tools.camera_servers.mjpeg video.avi --port 8080   # http://127.0.0.1:8080/video

It is live: all clients get the same frame at each tick, and slow ones miss frames. Frames carry their number
(tools.camera_servers.stamp), which counts ticks and continues through all faults.
"""

import base64
import http.server
import os
import sys
import threading
import time
from typing import Any, Dict, List, Optional

import cv2
import numpy as np

from app.command import exit_code, print_lines
from app.errors import SourceError
from tools.camera_servers.footage import Footage, Password, Size, endless, make_parser, picture
from tools.camera_servers.loopback import HOST, LIMIT, POLL, Connection, LoopbackServer

QUALITY = 85
BOUNDARY = "frame"


class MjpegServer(LoopbackServer):
    """The camera. These may be changed at any time, by any thread:

    size, fps: from the next frame on.
    fault: None; "freeze": no data, on old and new connections; "garbage": random bytes instead of parts; "half": parts
        whose JPEG breaks off in the middle; "dead": parts of zeros, which nobody decodes; "slow": new connections get
        their first byte after `slow_seconds`; "deny": new connections get status 401.
    password: user and secret, without which the answer is 401.

    See also cut(), which breaks off in the middle of a JPEG, refuse() and listen(). Raises SourceError for an
    unreadable video, OSError for a port that is taken.
    """

    def __init__(
        self,
        footage: Footage,
        port: int = 0,
        *,
        fps: float = 25.0,
        size: Size = None,
        password: Password = None,
        slow_seconds: float = 2.0,
    ) -> None:
        self._pictures = endless(footage)
        super().__init__(port)
        self.fps = fps
        self.size = size
        self.password = password
        self.fault: Optional[str] = None
        self.slow_seconds = slow_seconds
        self.number = 0  # of the current frame
        self._jpeg = b""
        self._tick = threading.Condition()
        self._stop = threading.Event()
        self._capturing = threading.Thread(target=self._capture, daemon=True)

    def url(self, user: str = "", secret: str = "") -> str:
        """The address of the stream, with a login if one is given."""
        return f"http://{user}:{secret}@{HOST}:{self.port}/video" if user else f"http://{HOST}:{self.port}/video"

    def listen(self) -> None:
        super().listen()
        if self._capturing.ident is None:
            self._capturing.start()

    def close(self) -> None:
        super().close()
        self._stop.set()
        if self._capturing.ident is not None:
            self._capturing.join(LIMIT)

    def serve(self, connection: Connection) -> None:
        while self.fault == "freeze":
            connection.wait(POLL)
        if self.fault == "slow":
            connection.wait(self.slow_seconds)
        _Request(connection, self)

    def allows(self, authorization: str) -> bool:
        """Whether a request with this header may see the stream."""
        if self.fault == "deny":
            return False
        if self.password is None:
            return True
        return authorization == "Basic " + base64.b64encode(":".join(self.password).encode()).decode()

    def stream(self, connection: Connection) -> None:
        """Send frame after frame until the client leaves or is cut."""
        seen = self.number
        while True:
            with self._tick:
                if self.number == seen:
                    self._tick.wait(POLL)
                fresh, seen, jpeg = self.number > seen, self.number, self._jpeg
            if connection.ended.is_set():
                connection.send(_part(jpeg)[: -len(jpeg) // 2])
                connection.wait(0)
            if not fresh or not jpeg or self.fault == "freeze":
                continue
            if self.fault == "garbage":
                connection.send(os.urandom(len(jpeg)))
            elif self.fault == "dead":
                connection.send(_part(bytes(len(jpeg))))
            else:
                connection.send(_part(jpeg[: len(jpeg) // 2] if self.fault == "half" else jpeg))

    def _capture(self) -> None:
        due = time.monotonic()
        for image in self._pictures:
            due = max(due + 1 / self.fps, time.monotonic())
            stamp = self.number + 1
            jpeg = _encode(picture(image, self.size, stamp)) if self.clients() else b""
            with self._tick:
                self.number, self._jpeg = stamp, jpeg
                self._tick.notify_all()
            if self._stop.wait(max(0.0, due - time.monotonic())):
                return


def _encode(image: np.ndarray) -> bytes:
    return bytes(cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, QUALITY])[1].tobytes())


def _part(jpeg: bytes) -> bytes:
    head = f"--{BOUNDARY}\r\nContent-Type: image/jpeg\r\nContent-Length: {len(jpeg)}\r\n\r\n"
    return head.encode() + jpeg + b"\r\n"


class _Request(http.server.BaseHTTPRequestHandler):
    timeout = LIMIT  # for a client that sends no request

    def __init__(self, connection: Connection, camera: Any) -> None:
        self._client, self._camera = connection, camera
        super().__init__(connection.socket, (HOST, 0), camera)

    def do_GET(self) -> None:  # noqa: N802
        if self.path != "/video":
            self._answer(404, {})
        elif not self._camera.allows(self.headers.get("Authorization", "")):
            self._answer(401, {"WWW-Authenticate": 'Basic realm="camera"'})
        else:
            self._answer(200, {"Content-Type": "multipart/x-mixed-replace; boundary=" + BOUNDARY})
            self._camera.stream(self._client)

    def _answer(self, status: int, headers: Dict[str, str]) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        """Log nothing."""


def serve(arguments: Optional[List[str]] = None) -> None:
    """Serve a video until Ctrl-C."""
    options = make_parser(
        "tools.camera_servers.mjpeg", "Serve a video as a live MJPEG camera on 127.0.0.1.", 8080
    ).parse_args(arguments)
    try:
        server = MjpegServer(options.video, options.port, fps=options.fps, size=options.size, password=options.password)
    except SourceError:
        raise
    except OSError as error:
        raise SourceError(f"{options.video}, port {options.port}: {error.strerror}") from error
    with server:
        print_lines([server.url(*options.password or ())])
        threading.Event().wait()


def main(arguments: Optional[List[str]] = None) -> int:
    """Run the command; its exit code."""
    return exit_code(lambda: serve(arguments))


if __name__ == "__main__":
    sys.exit(main())
