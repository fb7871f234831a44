"""What is sent to a client, and the pictures of a stream, as Motion JPEG: what it has no room for is skipped, and never
queued.
"""

import fcntl
import struct
import sys
import termios
from typing import Any, Callable

from app.web.answers import Stream

PART = b"\r\n--frame\r\n"
OVERHEAD = 4 << 10  # bytes that TLS and the head of an answer may add to a picture


class Outflow:
    """Counts the bytes that a client was sent, and has taken. now: the monotonic clock."""

    def __init__(self, transport: Any, now: Callable[[], float]) -> None:
        """transport: of asyncio."""
        self._transport = transport
        self._now = now
        self._written = 0
        self._taken = 0
        self._taken_at = now()  # and since then no more
        self._left = 0

    def write(self, data: bytes) -> None:
        """Send something."""
        self._written += len(data)
        self._transport.write(data)

    def look(self) -> None:
        """Find out how much was taken."""
        self._left = unsent(self._transport)
        taken = self._written - self._left
        if taken != self._taken or not self._left:
            self._taken, self._taken_at = taken, self._now()

    @property
    def stalled_for(self) -> float:
        """Seconds for which the client has taken nothing of what was sent."""
        return self._now() - self._taken_at if self._left else 0.0


class Sender:
    """held_up: whether the client has not taken the last picture, so that the newest has to wait."""

    def __init__(self, transport: Any, outflow: Outflow, stream: Stream) -> None:
        """The head of the answer has been written."""
        self._transport = transport
        self._outflow = outflow
        self._stream = stream
        self._number = 0  # of the last picture
        self._size = OVERHEAD  # of the last picture, on its way
        self.held_up = False
        outflow.write(PART[2:])

    @property
    def plays(self) -> bool:
        """Whether its pictures are not live, so that nothing tells when the next one is due."""
        return self._stream.clip is not None

    @property
    def ended(self) -> bool:
        """Whether its last picture was sent."""
        clip = self._stream.clip
        return clip is not None and clip.ended() and not self.held_up

    def close(self) -> None:
        """Nobody looks any more."""
        if self._stream.clip is not None:
            self._stream.clip.close()

    def push(self, paused: bool) -> bool:
        """Send the newest picture unless it was sent, or has to wait; whether it was. paused: whether the transport
        still has something.
        """
        picture = self._stream.picture()
        if picture is None or picture.number == self._number:
            return False
        # Linux counts what is not acknowledged yet as well: on a long way the last picture is no backlog.
        self.held_up = paused or unsent(self._transport) > self._size
        if self.held_up:
            return False
        data = picture.jpeg(self._stream.width)
        self._number, self._size = picture.number, len(data) + OVERHEAD
        # The next part begins at once, since browsers show a picture only when they see its end.
        fields = b"Content-Type: image/jpeg\r\nContent-Length: %d\r\nX-Frame: %d\r\n\r\n"
        self._outflow.write(fields % (len(data), picture.number) + data + PART)
        return True


def unsent(transport: Any) -> int:
    """Bytes that a client has not taken: in this program, and in the system."""
    waiting = int(transport.get_write_buffer_size())
    sock = transport.get_extra_info("socket")
    if sock is None or not sys.platform.startswith("linux"):
        return waiting
    try:
        return waiting + int(struct.unpack("i", fcntl.ioctl(sock.fileno(), termios.TIOCOUTQ, b"\0\0\0\0"))[0])
    except (OSError, ValueError):
        return waiting  # it is being closed
