"""A server for webhooks that answers late, wrongly, or not at all, as it is told."""

import http.server
import json
import threading
import time
from typing import Any, Dict, List, Tuple

MODES = ("well", "error", "moved", "slow", "hangs up", "silent")
SLOW = 1.5  # seconds for an answer
LONG = 60.0  # seconds without one


class Receiver:
    """A context manager. mode: how it answers, one of MODES. posts: what it has said yes to: webhook-id and body."""

    def __init__(self, port: int) -> None:
        self.mode = "well"
        self.posts: List[Tuple[str, Dict[str, Any]]] = []
        receiver, self._ended = self, threading.Event()

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                status = receiver._status(receiver.mode)
                if status == 200:
                    receiver.posts.append((self.headers["webhook-id"], json.loads(body.decode())))
                if status:
                    self.send_response(status)
                    self.send_header("Content-Length", "0")
                    self.end_headers()

            def log_message(self, *given: Any) -> None:
                """Nothing is printed."""

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", port), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}/hook"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.1,), daemon=True)
        self._thread.start()

    def _status(self, mode: str) -> int:
        """The status with which to answer now; 0 for no answer."""
        if mode == "silent":
            until = time.monotonic() + LONG
            while self.mode == "silent" and time.monotonic() < until and not self._ended.wait(0.1):
                pass
            return 0
        if mode == "slow":
            self._ended.wait(SLOW)
        return {"error": 500, "moved": 302, "hangs up": 0}.get(mode, 200)

    def __enter__(self) -> "Receiver":
        return self

    def __exit__(self, *exception: object) -> None:
        self._ended.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
