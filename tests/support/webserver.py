"""A web server on this machine, for tests of downloads."""

import http.server
import re
import threading
from contextlib import contextmanager


@contextmanager
def serving(files, *, parts=False):
    """Serve files, a dictionary of bytes by path, which may change meanwhile; yields (address, stalled).

    Of /truncated and /stalled only the first half is sent. The first then hangs up; the second sets the event `stalled`
    and waits until the client leaves. parts: send the parts of files that are asked for.
    """
    stalled = threading.Event()

    class Files(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1" if parts else "HTTP/1.0"

        def do_GET(self):
            content = files.get(self.path)
            if content is None:
                self.send_error(404)
                return
            asked = re.match("bytes=([0-9]+)-$", self.headers.get("Range", "")) if parts else None
            if asked:
                start, length = int(asked.group(1)), len(content)
                self.send_response(206)
                self.send_header("Content-Range", f"bytes {start}-{length - 1}/{length}")
                content = content[start:]
            else:
                self.send_response(200)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            half = self.path in ("/truncated", "/stalled")
            self.wfile.write(content[: len(content) // 2] if half else content)
            if self.path == "/stalled":
                self.wfile.flush()
                stalled.set()
                self.rfile.read(1)

        def log_message(self, *arguments):
            pass

    running = http.server.HTTPServer(("127.0.0.1", 0), Files)
    thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://127.0.0.1:{running.server_port}", stalled
    finally:
        running.shutdown()
        thread.join()
        running.server_close()
