"""A camera on this machine whose stream is damaged, and which is unplugged after it."""

import http.server
import threading
from typing import Dict

from tools.soak.files.originals import BOUNDARY


class StreamServer(http.server.ThreadingHTTPServer):
    """Motion JPEG over HTTP on 127.0.0.1. Each path of `add` is served once, then no more: a stream has one end."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Request)
        self._streams: Dict[str, bytes] = {}
        self._thread = threading.Thread(target=self.serve_forever, args=(0.05,), daemon=True)

    def add(self, path: str, stream: bytes) -> str:
        """Serve a stream under a path as "/1"; its address."""
        self._streams[path] = stream
        return f"http://127.0.0.1:{self.server_port}{path}"

    def take(self, path: str) -> "bytes | None":
        """The stream of a path, for the first who asks."""
        return self._streams.pop(path, None)

    def __enter__(self) -> "StreamServer":
        self._thread.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self.shutdown()
        self._thread.join()
        self.server_close()


class _Request(http.server.BaseHTTPRequestHandler):
    server: StreamServer

    def do_GET(self) -> None:  # noqa: N802
        stream = self.server.take(self.path)
        if stream is None:
            self.send_error(404)
            return
        self.send_response(200)
        self.send_header("Content-Type", "multipart/x-mixed-replace; boundary=" + BOUNDARY.decode())
        self.end_headers()
        try:
            self.wfile.write(stream)
        except OSError:
            pass  # the reader has seen enough

    def log_message(self, *arguments: object) -> None:
        """Nothing."""
