"""A slow link to a server on this machine: what comes from there passes at so many bits a second, all connections
together, and in the order in which it came.
"""

import socket
import threading
import time
from typing import List

CHUNK = 1500  # bytes that pass at once
BUFFER = 16 << 10  # bytes that it holds for a connection
LIMIT = 0.5  # seconds between two looks at whether it is to end


class SlowLink:
    """A context manager. port: where it listens on 127.0.0.1."""

    def __init__(self, server_port: int, bits_per_second: float) -> None:
        self._server_port = server_port
        self._rate = bits_per_second
        self._free_at = 0.0
        self._lock = threading.Lock()
        self._ended = threading.Event()
        self._socks: List[socket.socket] = []
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self._listener.settimeout(LIMIT)
        self.port = int(self._listener.getsockname()[1])
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while not self._ended.is_set():
            try:
                client, _ = self._listener.accept()
            except OSError:  # nobody came
                continue
            server = socket.socket()
            server.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, BUFFER)
            server.connect(("127.0.0.1", self._server_port))
            self._socks += [client, server]
            for source, sink, slow in ((client, server, False), (server, client, True)):
                threading.Thread(target=self._pass, args=(source, sink, slow), daemon=True).start()

    def _pass(self, source: socket.socket, sink: socket.socket, slow: bool) -> None:
        try:
            while not self._ended.is_set():
                data = source.recv(CHUNK)
                if not data:
                    break
                if slow:
                    time.sleep(self._wait(8 * len(data)))
                sink.sendall(data)
        except OSError:
            pass  # one of both has gone
        for sock in (source, sink):
            sock.close()

    def _wait(self, bits: int) -> float:
        """Seconds until so many bits have passed."""
        with self._lock:
            now = time.monotonic()
            self._free_at = max(now, self._free_at) + bits / self._rate
            return self._free_at - now

    def __enter__(self) -> "SlowLink":
        return self

    def __exit__(self, *exception: object) -> None:
        self._ended.set()
        for sock in [self._listener, *self._socks]:
            sock.close()
