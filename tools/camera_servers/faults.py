"""A TCP proxy on 127.0.0.1 whose faults can be commanded, for a camera that speaks RTSP over TCP.

with FaultProxy(8554) as proxy: ...  # rtsp://127.0.0.1:{proxy.port}/live; proxy.fault = "freeze"
"""

import os
import select
import socket
from typing import Optional

from tools.camera_servers.loopback import HOST, LIMIT, POLL, Connection, LoopbackServer

CHUNK = 65536


class FaultProxy(LoopbackServer):
    """Forwards each connection to `upstream_port`, as well as its `fault` lets it.

    fault, at any time: None; "freeze": nothing passes in either direction, and connections are kept and taken until
    it is over; "garbage": what comes from the server is replaced by as many random bytes; "slow": nothing passes in
    the first `slow_seconds` of a connection. Beside these there are cut(), refuse() and listen().
    """

    def __init__(self, upstream_port: int, port: int = 0, slow_seconds: float = 2.0) -> None:
        super().__init__(port)
        self.fault: Optional[str] = None
        self.slow_seconds = slow_seconds
        self._upstream_port = upstream_port

    def serve(self, connection: Connection) -> None:
        if self.fault == "slow":
            connection.wait(self.slow_seconds)
        with socket.create_connection((HOST, self._upstream_port), LIMIT) as upstream:
            while self._forward(connection, upstream):
                pass

    def _forward(self, connection: Connection, upstream: socket.socket) -> bool:
        """What has arrived on both sides, or a moment's rest. False when a side has closed."""
        if self.fault == "freeze":
            connection.wait(POLL)
            return True
        connection.wait(0)
        for source in select.select([connection.socket, upstream], [], [], POLL)[0]:
            data = source.recv(CHUNK)
            if not data:
                return False
            if source is upstream:
                connection.send(os.urandom(len(data)) if self.fault == "garbage" else data)
            else:
                connection.send(data, upstream)
        return True
