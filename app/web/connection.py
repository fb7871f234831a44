"""One client: its requests one after the other, and their answers. Runs in the server's event loop.

While an answer is on its way, or waits for a picture, what the client sends is kept, up to one head, and not looked at.
"""

import asyncio
import fcntl
import struct
import sys
import termios
from typing import Any, Callable, Optional, Tuple

from app.web.request import LONGEST_HEAD, Refused, Request, parse, take_head
from app.web.response import Response, head, text
from app.web.routes import Answer, Stream, Waiting

HEAD_LIMIT = 10.0  # seconds to send the head of a request
POLL_LIMIT = 10.0  # seconds that an answer may wait for a picture
STALL_LIMIT = 5.0  # seconds without progress after which a client is given up
LINGER = 1.0  # seconds in which a client can read why it was refused, whatever else it sends
SEND_BUFFER = 128 << 10  # bytes that the system keeps for a client: about two pictures of 640x480

PART = b"\r\n--frame\r\n"
OVERHEAD = 4 << 10  # bytes that TLS and the head of an answer may add to a picture


class Server:
    """What a connection needs of the server: `Clients`. now: the monotonic clock."""

    now: Callable[[], float]

    def add(self, connection: "Connection") -> None:
        """Take one more, and close another where there are too many."""
        raise NotImplementedError

    def remove(self, connection: "Connection") -> None:
        """Forget one that is closed."""
        raise NotImplementedError

    def answer(self, request: Request, address: str) -> Answer:
        """The answer to a request, from the client of an address. Raises Refused."""
        raise NotImplementedError

    def failed(self, error: Exception) -> None:
        """Say once that there is a bug of this kind."""
        raise NotImplementedError

    def soon(self, call: Callable[[], None]) -> None:
        """Call something a moment later, so that no client's requests keep the others waiting."""
        raise NotImplementedError

    def listen(self) -> None:
        """Have pictures told as long as somebody waits for one."""
        raise NotImplementedError

    @property
    def is_full_of_streams(self) -> bool:
        """Whether there may be no more streams."""
        raise NotImplementedError


class Connection(asyncio.Protocol):
    """since: when its next request was due, or what it is busy with began. busy: whether a request is being answered.

    polled_at: when it last asked for a picture. held_up: whether a stream's client has not taken the last picture yet.
    address: the client's; agent: what its browser is.
    """

    def __init__(self, clients: Server) -> None:
        self._clients = clients
        self._received = b""
        self._paused = False  # what is written has not been taken yet
        self._keep = True
        self._without_body = False
        self._waiting: Optional[Waiting] = None
        self._stream: Optional[Stream] = None
        self._sent: Tuple[int, int] = (0, OVERHEAD)  # number of the last picture of the stream, and its size on the way
        self.held_up = False
        self._backlog: Tuple[int, float] = (0, 0.0)  # bytes that were not taken, and since when there are so many
        self._lingers = False
        self.transport: Any = None
        self.busy = False
        self.since = 0.0
        self.polled_at = float("-inf")
        self.address = self.agent = ""

    def connection_made(self, transport: Any) -> None:
        self.transport = transport
        transport.set_write_buffer_limits(high=0)
        peer = transport.get_extra_info("peername")
        self.address = str(peer[0]) if peer else ""
        self.since = self._clients.now()
        self._clients.add(self)

    def connection_lost(self, reason: Optional[BaseException]) -> None:
        self._clients.remove(self)
        self._waiting = self._stream = None

    @property
    def streaming(self) -> bool:
        """Whether it gets pictures without asking for each."""
        return self._stream is not None

    @property
    def listening(self) -> bool:
        """Whether it waits for a picture."""
        return self._stream is not None or self._waiting is not None

    @property
    def waits_for_mosaic(self) -> bool:
        """Whether it waits for a picture of all cameras."""
        return self._waiting is not None and self._waiting.mosaic

    def data_received(self, data: bytes) -> None:
        if self._lingers or self.streaming:
            return  # nothing more is read from this one
        self._received += data
        if not self.busy:
            self._next()
        elif len(self._received) > LONGEST_HEAD:
            self.transport.pause_reading()

    def _next(self) -> None:
        """Answer what has come, until an answer takes time."""
        while not (self.busy or self._lingers):
            try:
                taken = take_head(self._received)
                if taken is None:
                    return
                first, self._received = taken
                request = parse(first)
                self._keep = request.keep
                self._without_body = request.method == "HEAD"
                self.agent = request.headers.get("user-agent", "")
                answer = self._clients.answer(request, self.address)
            except Refused as refused:
                self.refuse(refused.status, str(refused))
                return
            except Exception as error:  # a bug, of which this client and the log get to know
                self._clients.failed(error)
                self.refuse(500, "this is a fault of the program; its log says more")
                return
            self.busy, self.since = True, self._clients.now()
            if isinstance(answer, Waiting):
                self._wait(answer)
            elif isinstance(answer, Stream):
                self._start(answer)
            else:
                self._send(answer)

    def refuse(self, status: int, message: str) -> None:
        """Answer that, and read nothing more: where the next request would begin is not known."""
        self._keep = False
        self._write(text(status, message))
        self._linger()

    def _linger(self) -> None:
        """Close in a moment. At once, the answer would be lost where more comes in meanwhile."""
        self._lingers = self.busy = True
        self._received = b""
        self.since = self._clients.now()

    def _send(self, response: Response) -> None:
        if response.status >= 400:
            self._keep = False
        self._write(response)
        if not self._keep:
            if response.status >= 400:
                self._linger()
            else:
                self.transport.close()  # once it is sent
        elif not self._paused:
            self._done()

    def _write(self, response: Response) -> None:
        body = b"" if self._without_body else response.body
        self.transport.write(head(response, keep=self._keep) + body)

    def _done(self) -> None:
        """The answer is on its way."""
        self.busy, self.since = False, self._clients.now()
        self._without_body = False

    def pause_writing(self) -> None:
        self._paused = True

    def resume_writing(self) -> None:
        self._paused = False
        if self.busy and self._keep and not self.listening and not self._lingers:
            self._done()
            self.transport.resume_reading()
            self._next()

    def _wait(self, waiting: Waiting) -> None:
        self.polled_at = self._clients.now()
        self._waiting = waiting
        if not self.look():
            self._clients.listen()  # and look again: a picture may have come in between
            self.look()

    def _start(self, stream: Stream) -> None:
        if self._clients.is_full_of_streams:
            self._send(text(503, "too many streams at once", ("Retry-After", "10")))
            return
        self._keep = False
        self._received = b""
        first = Response(200, kind="multipart/x-mixed-replace; boundary=frame")
        self.transport.write(head(first, keep=False, length=False))
        if self._without_body:
            self.transport.close()
            return
        self.transport.write(PART[2:])
        self._stream = stream
        self._clients.listen()
        self.look()

    def look(self) -> bool:
        """Send the picture that was waited for, or the next one of a stream; whether there was one."""
        if self._stream is not None:
            return self._push(self._stream)
        if self._waiting is None:
            return False
        response = self._waiting.answer()
        if response is None:
            return False
        self._end_wait(response)
        return True

    def _end_wait(self, response: Response) -> None:
        self._waiting = None
        self._clients.listen()
        self._send(response)
        if not self.busy:
            self.transport.resume_reading()
            if self._received:
                self._clients.soon(self._next)

    def _push(self, stream: Stream) -> bool:
        """Send the newest picture of a stream, unless it was sent, or the client has not taken those before it."""
        picture = stream.picture()
        number, size = self._sent
        if picture is None or picture.number == number:
            return False
        # Linux counts what is not acknowledged yet as well: on a long way the last picture is no backlog.
        self.held_up = self._paused or self._unsent() > size
        if self.held_up:
            return False
        data = picture.jpeg(stream.width)
        self._sent = picture.number, len(data) + OVERHEAD
        # The next part begins at once, since browsers show a picture only when they see its end.
        self.transport.write(
            b"Content-Type: image/jpeg\r\nContent-Length: %d\r\nX-Frame: %d\r\n\r\n" % (len(data), picture.number)
            + data
            + PART
        )
        return True

    def _unsent(self) -> int:
        """Bytes that the client has not taken: in this program, and in the system."""
        waiting = int(self.transport.get_write_buffer_size())
        sock = self.transport.get_extra_info("socket")
        if sock is None or not sys.platform.startswith("linux"):
            return waiting
        try:
            return waiting + int(struct.unpack("i", fcntl.ioctl(sock.fileno(), termios.TIOCOUTQ, b"\0\0\0\0"))[0])
        except (OSError, ValueError):
            return waiting  # it is being closed

    @property
    def stalled_for(self) -> float:
        """Seconds for which the client has taken nothing of what was sent."""
        size, since = self._backlog
        return self._clients.now() - since if size else 0.0

    def check(self) -> None:
        """Give up what takes too long. Called twice a second."""
        now = self._clients.now()
        unsent = self._unsent()
        if not unsent or unsent != self._backlog[0]:
            self._backlog = unsent, now
        if self.stalled_for > STALL_LIMIT:
            self.transport.abort()
        elif self._lingers:
            if now - self.since > LINGER:
                self.transport.close()
        elif self._waiting is not None:
            if now - self.since > POLL_LIMIT:
                self._end_wait(Response(204))
        elif not self.busy and now - self.since > HEAD_LIMIT:
            if self._received:
                self.refuse(408, f"the head of a request should come within {HEAD_LIMIT:g} s")
            else:
                self.transport.close()
