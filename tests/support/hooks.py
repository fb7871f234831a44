"""A server for webhooks that answers as the test says: well, wrongly, slowly or never."""

import http.server
import socketserver
import threading


class Hooks:
    """A context manager. answers: of the next requests, each (status, headers), or a function of the handler; then 200.

    requests: (path, headers, body) of those that came.
    """

    def __init__(self, answers=(), get=None):
        self.answers = list(answers)
        self.requests = []
        self.closing = threading.Event()
        hooks = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                hooks.requests.append((self.path, dict(self.headers.items()), body))
                answer = hooks.answers.pop(0) if hooks.answers else (200, {})
                if callable(answer):
                    answer(self)
                    return
                status, headers = answer
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.end_headers()

            do_PUT = do_POST

            def log_message(self, *arguments):
                pass

        class Server(socketserver.ThreadingMixIn, http.server.HTTPServer):
            daemon_threads = True

            def handle_error(self, request, address):
                pass  # a client that has gone

        self._server = Server(("127.0.0.1", 0), Handler)
        self.port = self._server.server_port
        self.url = "http://127.0.0.1:%d" % self.port
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01})
        self._thread.start()

    def never(self, handler):
        """Answer nothing until the test ends."""
        self.closing.wait(60)

    def drip(self, handler):
        """Send a head that never ends."""
        while not self.closing.wait(0.05):
            handler.wfile.write(b"H")

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self.closing.set()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
