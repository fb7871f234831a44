"""One POST over HTTP, within a time limit whatever the server does, and to a public address only if that is asked for.

Nothing is followed: where a server sends us elsewhere, that is its answer.
"""

import http.client
import io
import ipaddress
import socket
import ssl
import threading
import time
from email.utils import parsedate_to_datetime
from typing import Any, Dict, NamedTuple, Optional
from urllib.parse import urlsplit

from app import __version__

LIMIT = 20.0  # seconds for all of it, but for the search for the host, which the system limits
CONNECT_LIMIT = 10.0  # seconds
LARGEST_ANSWER = 1 << 16  # bytes of it that are read
LONGEST_WAIT = 86400.0  # seconds that a server may ask for
NAT64 = ipaddress.ip_network("64:ff9b::/96")


class Answer(NamedTuple):
    """status: of HTTP. retry_after: seconds that the server wants us to wait; None where it says nothing."""

    status: int
    retry_after: Optional[float]


class Refused(OSError):
    """The address is not one to which this program may post."""


def is_public(address: str) -> bool:
    """Whether an IP address is in the public internet, also the one that it carries in it."""
    try:
        ip = ipaddress.ip_address(address.split("%")[0])  # without the interface
    except ValueError:
        return False
    if isinstance(ip, ipaddress.IPv6Address):
        inner = [ip.ipv4_mapped, ip.sixtofour, *(ip.teredo or ())]
        if ip in NAT64:
            inner.append(ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF))
        if not all(is_public(str(one)) for one in inner if one is not None):
            return False
    return ip.is_global and not (ip.is_multicast or ip.is_unspecified or ip.is_loopback)


class Post:
    """One request, which another thread may interrupt."""

    def __init__(self, url: str, *, public_only: bool = False, limit: float = LIMIT) -> None:
        parts = urlsplit(url)
        self._host = parts.hostname or ""
        self._tls = parts.scheme == "https"
        self._port = parts.port or (443 if self._tls else 80)
        self._netloc = parts.netloc
        self._target = (parts.path or "/") + ("?" + parts.query if parts.query else "")
        self._public_only = public_only
        self._limit = limit
        self._socket: Optional[socket.socket] = None
        self._interrupted = False
        self._lock = threading.Lock()

    def send(self, body: bytes, headers: Dict[str, str]) -> Answer:
        """The server's answer. Raises OSError and http.client.HTTPException where there is none in time, and Refused
        for an address that is not public.
        """
        try:
            deadline = time.monotonic() + self._limit
            self._connect(deadline)
            connection = http.client.HTTPConnection(self._host, self._port)
            connection.sock = _Limited(self._socket, deadline)  # type: ignore[assignment]
            connection.auto_open = 0
            fixed = {"Host": self._netloc, "Content-Type": "application/json", "Connection": "close"}
            fixed["User-Agent"] = "nanoyolo/" + __version__
            connection.request("POST", self._target, body, {**fixed, **headers})
            response = connection.getresponse()
            response.read(LARGEST_ANSWER)
            return Answer(response.status, _seconds(response.getheader("Retry-After")))
        finally:
            self._close()

    def interrupt(self) -> None:
        """Have `send` raise OSError soon."""
        with self._lock:
            self._interrupted = True
            if self._socket is not None:
                try:
                    self._socket.shutdown(socket.SHUT_RDWR)
                except OSError:
                    pass  # not connected

    def _connect(self, deadline: float) -> None:
        """Connect to an address that was looked at, so that no other can take its place."""
        found = socket.getaddrinfo(self._host, self._port, type=socket.SOCK_STREAM)
        if self._public_only:
            for *_, place in found:
                if not is_public(str(place[0])):
                    raise Refused(f"{place[0]} is not a public address, and --webhook-public-only is given")
        error: OSError = OSError("no address was found")
        for family, kind, protocol, _, place in found:
            try:
                self._open(socket.socket(family, kind, protocol), place, deadline)
                return
            except OSError as failure:
                error = failure
                self._close()
        raise error

    def _open(self, sock: socket.socket, place: Any, deadline: float) -> None:
        self._keep(sock)
        sock.settimeout(max(0.1, min(CONNECT_LIMIT, deadline - time.monotonic())))
        sock.connect(place)
        if self._tls:
            context = ssl.create_default_context()
            self._keep(context.wrap_socket(sock, server_hostname=self._host))

    def _keep(self, sock: socket.socket) -> None:
        with self._lock:
            self._socket = sock
            if self._interrupted:
                raise OSError("interrupted")

    def _close(self) -> None:
        with self._lock:
            if self._socket is not None:
                self._socket.close()
                self._socket = None


class _Limited(io.RawIOBase):
    """A connected socket, and the file that is read from it, as http.client uses both: all ends by a deadline."""

    def __init__(self, sock: Any, deadline: float) -> None:
        self._sock = sock
        self._deadline = deadline

    def sendall(self, data: bytes) -> None:
        view = memoryview(data)
        while view:
            self._limit()
            view = view[self._sock.send(view) :]

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        self._limit()
        return int(self._sock.recv_into(buffer))

    def close(self) -> None:
        pass  # who has opened it closes it; http.client would, before it has read the answer

    def makefile(self, mode: str) -> io.BufferedReader:
        return io.BufferedReader(self)

    def _limit(self) -> None:
        left = self._deadline - time.monotonic()
        if left <= 0:
            raise socket.timeout("timed out")
        self._sock.settimeout(left)


def _seconds(text: Optional[str]) -> Optional[float]:
    """What Retry-After says: seconds, or a date."""
    if text is None:
        return None
    try:
        seconds = float(text) if text.strip().isdigit() else parsedate_to_datetime(text).timestamp() - time.time()
    except (ValueError, TypeError, OverflowError, IndexError):
        return None
    return min(max(seconds, 0.0), LONGEST_WAIT)
