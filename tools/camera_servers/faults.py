"""A TCP proxy on 127.0.0.1 with faults that can be switched on, for a camera that speaks RTSP over TCP.

with FaultProxy(8554) as proxy: ...  # rtsp://127.0.0.1:{proxy.port}/live; proxy.fault = "freeze"
"""

import os
import select
import socket
from typing import Optional

from tools.camera_servers.loopback import HOST, LIMIT, POLL, Connection, LoopbackServer

CHUNK = 65536


class FaultProxy(LoopbackServer):
    """Forwards each connection to `upstream_port`, unless `fault`, which may be changed at any time, prevents it.

    fault: None; "freeze": nothing passes in either direction, and connections are kept and accepted; "garbage": data
    from the server are replaced by as many random bytes; "slow": nothing passes in the first `slow_seconds` of a
    connection. See also cut(), refuse() and listen().
    """

    def __init__(self, upstream_port: int, port: int = 0, *, slow_seconds: float = 2.0) -> None:
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
        """Forward what has arrived on either side within a moment. False when a side has closed."""
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
