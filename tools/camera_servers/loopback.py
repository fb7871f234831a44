"""A TCP server on 127.0.0.1 that fails on command: it closes and reopens its port, and resets connections.

A subclass talks to the client:

    class Echo(LoopbackServer):
        def serve(self, connection):
            connection.send(connection.socket.recv(4096))
"""

import socket
import socketserver
import struct
import threading
from typing import Any, Optional, Set

HOST = "127.0.0.1"
LIMIT = 5.0  # seconds that a thread may take to end
POLL = 0.05  # seconds between two checks whether to end


class Connection:
    """A client. Only its own thread closes it: a socket closed by another thread could be reused under this one."""

    def __init__(self, client: socket.socket) -> None:
        self.socket = client
        self.ended = threading.Event()
        self.thread: Optional[threading.Thread] = None

    def cut(self) -> None:
        """Ask its thread to reset it."""
        self.ended.set()
        try:
            self.socket.shutdown(socket.SHUT_RD)  # wakes a thread that reads, without the client noticing
        except OSError:
            pass  # it is closed already

    def wait(self, seconds: float) -> None:
        """Sleep. Raises ConnectionAbortedError when the connection is cut."""
        if self.ended.wait(seconds):
            raise ConnectionAbortedError

    def send(self, data: bytes, target: Optional[socket.socket] = None) -> None:
        """Send all data to the client, or another target. Raises ConnectionAbortedError if cut meanwhile."""
        target = target or self.socket
        left = memoryview(data)
        before = target.gettimeout()
        target.settimeout(POLL)
        while left:
            try:
                left = left[target.send(left) :]
            except socket.timeout:
                self.wait(0)
        target.settimeout(before)

    def close(self) -> None:
        """Close it, with a reset if it was cut."""
        if self.ended.is_set():
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.socket.close()


class LoopbackServer:
    """A context manager that listens, and serves each connection in a thread. Any thread may call its methods.

    port: 0 takes a free one, which is kept until close().
    """

    def __init__(self, port: int = 0) -> None:
        self._connections: Set[Connection] = set()
        self._lock = threading.Lock()
        self._listener: Optional[_Listener] = None
        self._accepting: Optional[threading.Thread] = None
        # Bound but not listening, it refuses connections and reserves the port. Otherwise a client that keeps trying to
        # connect could get this port for its own end, and be connected with itself.
        self._reserved = socket.socket()
        self._reserved.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            self._reserved.bind((HOST, port))
        except OSError:
            self._reserved.close()
            raise
        self.port = int(self._reserved.getsockname()[1])

    def __enter__(self) -> Any:
        self.listen()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def serve(self, connection: Connection) -> None:
        """Talk to a client until it leaves. Runs in its own thread; an OSError ends it."""
        raise NotImplementedError

    def listen(self) -> None:
        """Accept connections, on the same port as before."""
        if self._listener is None:
            self._listener = _Listener(self)
            # shutdown() takes one poll interval.
            self._accepting = threading.Thread(target=self._listener.serve_forever, args=(POLL,), daemon=True)
            self._accepting.start()

    def refuse(self) -> None:
        """Stop listening, so that connections are refused, and cut the open ones."""
        if self._listener is not None and self._accepting is not None:
            self._listener.shutdown()
            self._listener.server_close()
            self._accepting.join(LIMIT)
            self._listener = self._accepting = None
        self.cut()

    def cut(self) -> None:
        """Reset all connections before returning. Raises RuntimeError if the thread of one does not end."""
        with self._lock:
            connections = list(self._connections)
        for connection in connections:
            connection.cut()
        for connection in connections:
            if connection.thread is not None:
                connection.thread.join(LIMIT)
                if connection.thread.is_alive():
                    raise RuntimeError(f"port {self.port}: the thread of a connection does not end")

    def close(self) -> None:
        """End all connections and release the port."""
        self.refuse()
        self._reserved.close()

    def accept(self, client: socket.socket) -> None:
        """Start to serve a new client; called by the listener."""
        connection = Connection(client)
        connection.thread = threading.Thread(target=self._run, args=(connection,), daemon=True)
        with self._lock:
            self._connections.add(connection)
            connection.thread.start()

    def clients(self) -> int:
        """Number of open connections."""
        with self._lock:
            return len(self._connections)

    def _run(self, connection: Connection) -> None:
        try:
            self.serve(connection)
        except OSError:
            pass  # the client has left, or was cut
        finally:
            connection.close()
            with self._lock:
                self._connections.discard(connection)


class _Listener(socketserver.TCPServer):
    allow_reuse_address = True

    def __init__(self, owner: LoopbackServer) -> None:
        self._owner = owner
        super().__init__((HOST, owner.port), socketserver.BaseRequestHandler)

    def process_request(self, request: Any, client_address: Any) -> None:
        self._owner.accept(request)
