"""A web server on this machine, for tests of what downloads."""

import http.server
import threading
from contextlib import contextmanager


@contextmanager
def serving(handler):
    """The address of a server of requests to this handler class."""
    running = http.server.HTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield "http://127.0.0.1:{}".format(running.server_port)
    finally:
        running.shutdown()
        thread.join()
        running.server_close()
