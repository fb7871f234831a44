"""A camera for tests: H.264 over RTSP and TCP on 127.0.0.1, from GStreamer's RTSP server.

    python3 -m tools.camera_servers.rtsp video.avi --port 8554   # rtsp://127.0.0.1:8554/live

It prints `ready PORT` and reads commands from standard input, one per line, which it answers with `ok`: `size 640x480`
drops all clients, and new ones get that size; `quit`, like the end of standard input, ends it. It is live, and frames
carry their number (tools.camera_servers.stamp), like those of tools.camera_servers.mjpeg.

GStreamer's Python bindings belong to the system's interpreter, so `RtspServer` runs this file under that one.
`available()` names what is missing.
"""

import argparse
import functools
import os
import select
import subprocess
import sys
import threading
import time
from typing import Any, Dict, List, Optional, Tuple

from app.command import exit_code, print_lines
from tools.camera_servers.loopback import HOST, LIMIT

PYTHONS = ("/usr/bin/python3", sys.executable)
PACKAGES = "python3-gi python3-opencv gir1.2-gst-rtsp-server-1.0 gstreamer1.0-plugins-base gstreamer1.0-plugins-ugly"
PROBE = """
import cv2, gi
gi.require_version("Gst", "1.0"), gi.require_version("GstRtspServer", "1.0")
from gi.repository import Gst, GstRtspServer
Gst.init(None)
assert all(Gst.ElementFactory.find(name) for name in "appsrc videoconvert x264enc rtph264pay".split())
"""
# At most two frames wait for the encoder: a live camera does not queue.
PIPELINE = (
    "( appsrc name=source is-live=true do-timestamp=true format=time max-buffers=2 leaky-type=downstream"
    " ! videoconvert ! video/x-raw,format=I420 ! x264enc tune=zerolatency speed-preset=ultrafast key-int-max=12"
    " ! rtph264pay name=pay0 pt=96 config-interval=1 )"
)
START_LIMIT = 20.0  # seconds; loading GStreamer and OpenCV takes a few on a slow machine


class RtspServer:
    """A context manager that runs the server in a child process, at `rtsp://127.0.0.1:{port}/live`.

    Raises RuntimeError if it cannot run, or does not start.
    """

    def __init__(
        self,
        video: str,
        port: int = 0,
        *,
        fps: float = 25.0,
        size: str = "",
        password: Optional[Tuple[str, str]] = None,
    ) -> None:
        reason = available()
        if reason:
            raise RuntimeError(reason)
        self.port = 0
        self._arguments = [os.path.abspath(video), "--port", str(port), "--fps", str(fps)]
        self._arguments += ["--size", size] if size else []
        self._arguments += ["--password", ":".join(password)] if password else []
        self._process: Any = None

    def __enter__(self) -> "RtspServer":
        folder = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
        pipes: Dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "universal_newlines": True}
        command = [str(_python()), "-m", "tools.camera_servers.rtsp", *self._arguments]
        self._process = subprocess.Popen(command, cwd=folder, **pipes)
        try:
            self.port = int(self._answer("ready", START_LIMIT))
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def url(self, user: str = "", secret: str = "", port: int = 0) -> str:
        """The address of the stream, with a login if one is given. port: of a proxy in front of it."""
        login = f"{user}:{secret}@" if user else ""
        return f"rtsp://{login}{HOST}:{port or self.port}/live"

    def command(self, line: str) -> None:
        """Send it a command, and wait until it is done."""
        self._process.stdin.write(line + "\n")
        self._process.stdin.flush()
        self._answer("ok", LIMIT)

    def close(self) -> None:
        """End the process."""
        if self._process is None:
            return
        try:
            self._process.stdin.close()
            self._process.wait(LIMIT)
        except (OSError, subprocess.TimeoutExpired):
            self._process.kill()
            self._process.wait()
        self._process.stdout.close()
        self._process = None

    def _answer(self, expected: str, seconds: float) -> str:
        # The server writes complete lines, each after a command, so none is hidden in a buffer.
        readable = select.select([self._process.stdout], [], [], seconds)[0]
        line = self._process.stdout.readline() if readable else "nothing\n"
        word, _, rest = line.strip().partition(" ")
        if word != expected:
            raise RuntimeError(f"the RTSP server answered {line.strip()!r} instead of {expected}")
        return str(rest)


def available() -> Optional[str]:
    """Why the server cannot run here; None if it can."""
    return None if _python() else "no Python with GStreamer's RTSP server: apt-get install " + PACKAGES


@functools.lru_cache(maxsize=None)
def _python() -> Optional[str]:
    """The first interpreter with everything that the server needs."""
    for python in PYTHONS:
        try:
            quiet: Dict[str, Any] = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
            if subprocess.call([python, "-c", PROBE], timeout=START_LIMIT, **quiet) == 0:
                return python
        except (OSError, subprocess.TimeoutExpired):
            pass
    return None


class _Camera:
    """The server itself. Its main loop runs in the main thread; another thread supplies the frames."""

    def __init__(self, options: Any) -> None:
        import gi

        from tools.camera_servers.footage import endless

        for name in ("Gst", "GstRtsp", "GstRtspServer"):
            gi.require_version(name, "1.0")
        from gi.repository import GLib, Gst, GstRtsp, GstRtspServer

        Gst.init(None)
        self._gst, self._glib, self._rtsp = Gst, GLib, GstRtspServer
        self._tcp = GstRtsp.RTSPLowerTrans.TCP
        self._options = options
        self._pictures = endless(options.video)
        self._sources: Dict[Any, Tuple[Any, Any]] = {}  # appsrc and frame size of each running medium
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._loop = GLib.MainLoop()
        self._server = GstRtspServer.RTSPServer(address=HOST, service=str(options.port))
        if options.password:
            self._ask_for(*options.password)
        self._mount(options.size)

    def run(self) -> None:
        """Serve until the commands end. Raises SourceError if the port is taken."""
        from app.errors import SourceError

        if not self._server.attach(None):
            raise SourceError(f"port {self._options.port}: cannot listen on it")
        print_lines([f"ready {self._server.get_bound_port()}"])
        capturing = threading.Thread(target=self._capture, daemon=True)
        capturing.start()
        threading.Thread(target=self._obey, daemon=True).start()
        try:
            self._loop.run()
        finally:
            self._stop.set()
            capturing.join(LIMIT)  # OpenCV aborts a process that exits while it decodes

    def _ask_for(self, user: str, secret: str) -> None:
        token = self._rtsp.RTSPToken()
        token.set_string("media.factory.role", "user")
        auth = self._rtsp.RTSPAuth()
        auth.add_basic(self._rtsp.RTSPAuth.make_basic(user, secret), token)
        self._server.set_auth(auth)

    def _mount(self, size: Optional[Tuple[int, int]]) -> None:
        """Send frames of this size from now on, through a new factory, which makes new media."""
        factory = self._rtsp.RTSPMediaFactory(launch=PIPELINE, shared=True, protocols=self._tcp)
        if self._options.password:
            permissions = self._rtsp.RTSPPermissions()
            for right in ("access", "construct"):
                permissions.add_permission_for_role("user", "media.factory." + right, True)
            factory.set_permissions(permissions)
        factory.connect("media-configure", lambda _, media: self._add(media, size))
        self._server.get_mount_points().add_factory("/live", factory)  # replaces the old one

    def _add(self, media: Any, size: Optional[Tuple[int, int]]) -> None:
        with self._lock:
            self._sources[media] = media.get_element().get_by_name("source"), size
        media.connect("unprepared", self._remove)

    def _remove(self, media: Any) -> None:
        with self._lock:
            self._sources.pop(media, None)

    def _capture(self) -> None:
        """Push a frame per tick to each running medium; frames are counted even without one."""
        from tools.camera_servers.footage import picture

        due = time.monotonic()
        for number, image in enumerate(self._pictures, 1):
            with self._lock:
                sources = list(self._sources.values())
            for source, size in sources:
                # Before its pipeline has a base time, a frame would be stamped with the machine's uptime, and the sink
                # would hold it and all later frames back for as long.
                if source.get_base_time():
                    self._push(source, picture(image, size, number))
            due = max(due + 1 / self._options.fps, time.monotonic())
            if self._stop.wait(max(0.0, due - time.monotonic())):
                return

    def _push(self, source: Any, image: Any) -> None:
        import cv2

        height, width = image.shape[:2]
        rate = round(1000 * self._options.fps)
        caps = f"video/x-raw,format=BGRx,width={width},height={height},framerate={rate}/1000"
        source.set_property("caps", self._gst.Caps.from_string(caps))
        # Four bytes per pixel, since GStreamer aligns rows to four bytes.
        source.emit("push-buffer", self._gst.Buffer.new_wrapped(cv2.cvtColor(image, cv2.COLOR_BGR2BGRA).tobytes()))

    def _obey(self) -> None:
        """Read commands from standard input, and run each in the main loop's thread."""
        for line in iter(sys.stdin.readline, ""):
            if line.split() == ["quit"]:
                break
            self._glib.idle_add(self._command, line)
        self._glib.idle_add(self._loop.quit)

    def _command(self, line: str) -> None:
        from tools.camera_servers.footage import parse_size

        word, _, value = line.strip().partition(" ")
        try:
            if word != "size":
                raise argparse.ArgumentTypeError(f"commands are size WxH and quit; not {line.strip()}")
            self._mount(parse_size(value))
            self._server.client_filter(lambda *_: self._rtsp.RTSPFilterResult.REMOVE)
            print_lines(["ok"])
        except argparse.ArgumentTypeError as error:
            print_lines([f"error: {error}"])


def serve(arguments: Optional[List[str]] = None) -> None:
    """Serve a video until standard input ends."""
    from tools.camera_servers.footage import make_parser

    parser = make_parser(
        "tools.camera_servers.rtsp", "Serve a video as a live H.264 camera on 127.0.0.1, over RTSP.", 8554
    )
    options = parser.parse_args(arguments)
    _Camera(options).run()


def main(arguments: Optional[List[str]] = None) -> int:
    """Run the command; its exit code."""
    return exit_code(lambda: serve(arguments))


if __name__ == "__main__":
    sys.exit(main())
