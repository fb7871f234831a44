"""The server of the live view: its thread, the connections that it takes, and the line that says where it is."""

import asyncio
import ipaddress
import socket
import sys
import threading
from typing import Any, Dict, Optional, Sequence

from app.errors import say, showable, warn
from app.sinks import Sink
from app.threads import CLOSE_LIMIT
from app.web.access import Access
from app.web.arguments import read_place
from app.web.clients import MOST, Clients
from app.web.connection import HEAD_LIMIT, SEND_BUFFER, Connection
from app.web.hub import Hub
from app.web.mosaic import Overview
from app.web.port import listen, shown, tls_context
from app.web.routes import Site
from app.web.state import Run, State
from app.web.token import read_token, token_path

CHECK_PERIOD = 0.5  # seconds between two looks for what takes too long
RETRY = 0.5  # seconds without new connections where the process has too many files


class LiveView:
    """A context manager: from now on the cameras can be seen."""

    def __init__(
        self,
        place: str,
        run: Run,
        *,
        token: bool = False,
        names: Sequence[str] = (),
        tls: Optional[Sequence[str]] = None,
        announce: bool = True,
    ) -> None:
        """place: see `read_place`. token: whether viewers on this machine need it too. names: see `Access`. tls: the
        files of a certificate and its key.

        Raises UsageError for a certificate that cannot be used, OutputError for a port or a token that cannot.
        """
        host, port = read_place(place)
        self._tls = None if tls is None else tls_context(*tls)
        self._listener = listen(host, port)
        try:
            address, self.port = self._listener.getsockname()[:2]
            local = ipaddress.ip_address(address).is_loopback
            self.token = None if local and not token else read_token()
            self.hub = Hub(stored=run.events is not None)
            overview = Overview(self.hub)
            state = State(self.hub, overview, run, lambda: self._clients.viewers())
            access = Access(self.token, port=self.port, names=names, secure=tls is not None)
            site = Site(self.hub, overview, state)
        except BaseException:
            self._listener.close()
            raise
        self._loop = asyncio.new_event_loop()
        self._clients = Clients(site, access, self._loop.call_later)
        self._arriving: Dict[socket.socket, Any] = {}
        self._woken = False
        self._closed = False
        self.hub.arrived = self._wake
        self._thread = threading.Thread(target=self._serve, name="live view", daemon=True)
        self._thread.start()
        self.url = f"{'http' if tls is None else 'https'}://{shown(address)}:{self.port}/"
        if announce:
            self._announce(local)

    def sink(self, name: str) -> Sink:
        """The sink of one more camera."""
        return self.hub.open(name)

    def close(self) -> None:
        """Close the port and all connections. Closing twice is allowed."""
        if self._closed:
            return
        self._closed = True
        try:
            self._loop.call_soon_threadsafe(self._loop.stop)
        except RuntimeError:
            pass  # the thread has failed, which was told
        self._thread.join(CLOSE_LIMIT)
        if self._thread.is_alive():
            warn("the live view did not close in time; its thread was abandoned")

    def _announce(self, local: bool) -> None:
        """The token is shown to a person at a terminal only: a service's log is read by others."""
        if self.token is None:
            say(f"live view: {self.url}")
            if local:
                say("it is for this machine only; for others: --serve 0.0.0.0:8080")
        elif sys.stderr is not None and sys.stderr.isatty():
            from app.web.qr import qr_text

            link = f"{self.url}?token={self.token}"
            code = qr_text(link)
            say(f"live view: {link}")
            if code and showable(code, sys.stderr) == code:
                say(code)
        else:
            say(f"live view: {self.url}?token=..., where ... is what this prints: cat {token_path()}")

    def _wake(self) -> None:
        """Called from a camera's thread when a picture has come and somebody waits for one."""
        if not self._woken and not self._closed:
            self._woken = True
            try:
                self._loop.call_soon_threadsafe(self._look)
            except RuntimeError:
                pass  # it is closed

    def _look(self) -> None:
        self._woken = False
        self._clients.look()

    def _serve(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.set_exception_handler(self._complain)
        self._loop.add_reader(self._listener, self._accept)
        self._check()
        try:
            self._loop.run_forever()
        except Exception as error:
            warn(f"the live view has ended: {error!r}")
        finally:
            self._closed = True
            self._end()

    def _end(self) -> None:
        self._listener.close()
        self._clients.close()
        for sock, task in list(self._arriving.items()):
            task.cancel()
            sock.close()
        self._loop.call_later(0.05, self._loop.stop)  # for what has been cancelled
        self._loop.run_forever()
        self._loop.close()

    def _check(self) -> None:
        self._clients.check()
        self._loop.call_later(CHECK_PERIOD, self._check)

    def _accept(self) -> None:
        """Take a connection. Those that are still agreeing on TLS count as well."""
        try:
            sock, _ = self._listener.accept()
        except (BlockingIOError, InterruptedError, ConnectionAbortedError):
            return
        except OSError:  # too many open files: the system would report it again at once
            self._loop.remove_reader(self._listener)
            self._loop.call_later(RETRY, self._loop.add_reader, self._listener, self._accept)
            return
        sock.setblocking(False)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if len(self._arriving) >= MOST:
            oldest = next(iter(self._arriving))
            self._arriving.pop(oldest).cancel()
            oldest.close()
        self._arriving[sock] = self._loop.create_task(self._take(sock))

    async def _take(self, sock: socket.socket) -> None:
        try:
            connecting = self._loop.connect_accepted_socket(lambda: Connection(self._clients), sock, ssl=self._tls)
            await asyncio.wait_for(connecting, HEAD_LIMIT)
        except (OSError, asyncio.TimeoutError, asyncio.CancelledError):
            sock.close()
        finally:
            self._arriving.pop(sock, None)

    def _complain(self, loop: Any, context: Dict[str, Any]) -> None:
        """What a client does wrong with its connection is no news; anything else is a bug."""
        error = context.get("exception")
        if not isinstance(error, (OSError, asyncio.CancelledError)) and not self._closed:
            self._clients.failed(error if isinstance(error, Exception) else RuntimeError(context.get("message")))

    def __enter__(self) -> "LiveView":
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()
