"""One client: its requests one after the other, and their answers. Runs in the server's event loop.

While an answer is on its way, or waits for a picture, what the client sends is kept, up to one head, and not looked at.
"""

import asyncio
from typing import Any, Optional

from app.web.answers import Stream, Waiting
from app.web.inbox import Inbox
from app.web.owner import Owner
from app.web.request import Refused, parse
from app.web.response import Response, head, text
from app.web.sender import Outflow, Sender

HEAD_LIMIT = 10.0  # seconds to send the head of a request
POLL_LIMIT = 10.0  # seconds that an answer may wait for a picture
STALL_LIMIT = 5.0  # seconds without progress after which a client is given up
LINGER = 1.0  # seconds in which a client can read why it was refused, whatever else it sends
SEND_BUFFER = 128 << 10  # bytes that the system keeps for a client: about two pictures of 640x480


class Connection(asyncio.Protocol):
    """since: when its next request was due, or what it is busy with began. busy: whether a request is being answered.

    polled_at: when it last asked for a picture. address: the client's; agent: what its browser is.
    """

    def __init__(self, clients: Owner) -> None:
        self._clients = clients
        self._scheduled = False  # the next request will be looked at
        self._paused = False  # what is written has not been taken yet
        self._keep = True
        self._without_body = False
        self._waiting: Optional[Waiting] = None
        self._stream: Optional[Sender] = None
        self._lingers = False
        self._inbox: Any = None  # from here on of the transport
        self._outflow: Any = None
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
        self._inbox, self._outflow = Inbox(transport), Outflow(transport, self._clients.now)
        self._clients.add(self)

    def connection_lost(self, reason: Optional[BaseException]) -> None:
        self.busy = True  # with nothing that is still to come
        if self._stream is not None:
            self._stream.close()
        self._waiting = self._stream = None
        self._clients.remove(self)

    @property
    def streaming(self) -> bool:
        """Whether it gets pictures without asking for each."""
        return self._stream is not None

    @property
    def held_up(self) -> bool:
        """Whether the client of a stream has not taken the last picture yet."""
        return self._stream is not None and self._stream.held_up

    @property
    def plays(self) -> bool:
        """Whether it gets a clip, and so is to be looked after whenever the next picture may be due."""
        return self._stream is not None and self._stream.plays

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
        self._inbox.add(data)
        if not (self.busy or self._scheduled):
            self._next()
        self._inbox.read_on()

    def _next(self) -> None:
        """Answer the next request, if it is complete."""
        self._scheduled = False
        if self.busy:
            return
        try:
            first = self._inbox.take()
            if first is None:
                return
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
        self._inbox.clear()
        self._inbox.read_on()
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
        self._outflow.write(head(response, keep=self._keep) + (b"" if self._without_body else response.body))

    def _done(self) -> None:
        """The answer is on its way. If the next request is there already, it has to wait for other clients' first."""
        self.busy, self.since = False, self._clients.now()
        self._without_body = False
        self._inbox.read_on()
        if self._inbox and not self._scheduled:
            self._scheduled = True
            self._clients.soon(self._next)

    def pause_writing(self) -> None:
        self._paused = True

    def resume_writing(self) -> None:
        self._paused = False
        if self.busy and self._keep and not self.listening and not self._lingers:
            self._done()

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
        self._inbox.clear()
        self._inbox.read_on()  # which is how the end of the client is noticed
        first = Response(200, kind="multipart/x-mixed-replace; boundary=frame")
        self._outflow.write(head(first, keep=False, length=False))
        if self._without_body:
            self.transport.close()
            return
        self._stream = Sender(self.transport, self._outflow, stream)
        self._clients.listen()
        self.look()

    def look(self) -> bool:
        """Send the picture that was waited for, or the next one of a stream; whether there was one."""
        try:
            return self._look()
        except Exception as error:  # a bug; the others still get their pictures
            self._clients.failed(error)
            self.transport.abort()
            return True

    def _look(self) -> bool:
        if self._stream is not None:
            pushed = self._stream.push(self._paused)
            if self._stream.ended:
                self.transport.close()  # once it is sent
            return pushed
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

    @property
    def stalled_for(self) -> float:
        """Seconds for which the client has taken nothing of what was sent."""
        return float(self._outflow.stalled_for)

    def check(self) -> None:
        """Give up what takes too long. Called twice a second."""
        now = self._clients.now()
        self._outflow.look()
        if self.stalled_for > STALL_LIMIT:
            self.transport.abort()
        elif self._lingers:
            if now - self.since > LINGER:
                self.transport.close()
        elif self._waiting is not None:
            if now - self.since > POLL_LIMIT:
                self._end_wait(Response(204))
        elif not self.busy and now - self.since > HEAD_LIMIT:
            if self._inbox:
                self.refuse(408, f"the head of a request should come within {HEAD_LIMIT:g} s")
            else:
                self.transport.close()
