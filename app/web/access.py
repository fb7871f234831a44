"""Who is let in. It is asked for every request, whatever its address, before anything is looked up."""

import base64
import binascii
import hmac
import ipaddress
import re
import socket
import time
from collections import OrderedDict, deque
from typing import Callable, Deque, FrozenSet, Optional, Sequence

from app.web.login import login
from app.web.request import METHODS, Refused, Request
from app.web.response import Response, text

COOKIE_AGE = 30 * 86400  # seconds that a browser is let in without the link
FAILURES = ((1.0, 1), (60.0, 5), (3600.0, 20))  # wrong tokens that are allowed within so many seconds
MOST_ADDRESSES = 1024  # whose failures are counted
_NAME = re.compile(r"\[([0-9A-Fa-f:.]+)\](?::[0-9]{1,5})?|([A-Za-z0-9._-]{1,253})(?::[0-9]{1,5})?")


def host_names() -> FrozenSet[str]:
    """The names of this machine in its own network."""
    name = socket.gethostname().lower()
    short = name.split(".")[0]
    return frozenset(("localhost", name, short, short + ".local"))


class Failures:
    """Counts the wrong tokens of each address."""

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._times: "OrderedDict[str, Deque[float]]" = OrderedDict()

    def add(self, address: str) -> float:
        """Count one; for how many seconds the address has too many of them, else 0."""
        now, times = self._now(), self._times.setdefault(_network(address), deque(maxlen=FAILURES[-1][1]))
        self._times.move_to_end(_network(address))
        while len(self._times) > MOST_ADDRESSES:
            self._times.popitem(last=False)
        wait = max(times[-most] + seconds - now for seconds, most in FAILURES if len(times) >= most) if times else 0.0
        times.append(now)
        return max(0.0, wait)


class Access:
    """token: that viewers need, None where everybody is let in, as on the address that only this machine has.

    A right token is always taken: 2**128 cannot be tried, and who shares an address with somebody that tries, behind
    one proxy, is not locked out.
    """

    def __init__(
        self,
        token: Optional[str],
        *,
        port: int,
        names: Sequence[str] = (),
        secure: bool = False,
        failures: Optional[Failures] = None,
    ) -> None:
        """names: under which this machine is asked for, besides its addresses and its own names. secure: over TLS."""
        self._token = token
        self._names = host_names() | frozenset(name.lower() for name in names)
        self._cookie = f"nanoyolo_{port}"  # a browser sends the cookies of all ports of a machine
        self._attributes = f"; Path=/; Max-Age={COOKIE_AGE}; HttpOnly; SameSite=Strict" + ("; Secure" if secure else "")
        self._failures = failures or Failures()

    def refusal(self, request: Request, address: str) -> Optional[Response]:
        """What to answer instead; None if the request is let in. address: the client's. Raises Refused."""
        self._check_host(request.headers["host"])
        self._check_site(request)
        if request.method not in METHODS:
            return text(405, "nothing can be changed here", ("Allow", ", ".join(METHODS)))
        if self._token is None:
            if any(name == "forwarded" or name.startswith("x-forwarded-") for name in request.headers):
                raise Refused(403, "comes through a proxy, and so needs a token: start the program with --serve-token")
            return None
        if "token" in request.query:
            return self._exchange(request, address)
        given = self._given(request)
        if given is None:
            return login(request)
        return None if self._is_right(given) else self._wrong(request, address)

    def _check_host(self, host: str) -> None:
        """Another name may be one that an attacker's DNS gives this machine: to a browser their pages are one site."""
        match = _NAME.fullmatch(host)
        if match is None:
            raise Refused(400, "the Host header is malformed")
        name = (match.group(1) or match.group(2)).lower()
        if name.rstrip(".") not in self._names and not _is_address(name):
            raise Refused(421, "this machine is not known under that name; allow it with --serve-host")

    def _check_site(self, request: Request) -> None:
        """No other site's page may send anything, or embed something: only links lead here."""
        headers = request.headers
        origin = headers.get("origin", headers["host"]).split("://")[-1].lower()
        if request.method not in METHODS and origin != headers["host"].lower():
            raise Refused(403, "another site may not send this")
        if headers.get("sec-fetch-site") == "cross-site" and headers.get("sec-fetch-mode") != "navigate":
            raise Refused(403, "another site may not embed this")

    def _exchange(self, request: Request, address: str) -> Response:
        """The token of a link for a cookie: from then on it is in no address."""
        if not self._is_right(request.query["token"]):
            return self._wrong(request, address)
        cookie = f"{self._cookie}={self._token}{self._attributes}"
        return text(303, "see there", ("Location", request.without("token")), ("Set-Cookie", cookie))

    def _given(self, request: Request) -> Optional[str]:
        kind, _, value = request.headers.get("authorization", "").partition(" ")
        if kind.lower() == "bearer":
            return value.strip()
        if kind.lower() == "basic":
            return _password(value.strip())
        for part in request.headers.get("cookie", "").split(";"):
            name, _, value = part.strip().partition("=")
            if name == self._cookie:
                return value
        return None

    def _is_right(self, given: str) -> bool:
        token = self._token or ""
        return bool(token) and hmac.compare_digest(given.encode("utf-8", "replace"), token.encode())

    def _wrong(self, request: Request, address: str) -> Response:
        wait = self._failures.add(address)
        if wait:
            return text(429, "too many wrong tokens", ("Retry-After", str(int(wait) + 1)))
        return login(request)


def _password(value: str) -> str:
    """The password in the value of Basic; the user may be any."""
    try:
        return base64.b64decode(value, validate=True).decode("utf-8", "replace").partition(":")[2]
    except (binascii.Error, ValueError):
        return ""


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def _network(address: str) -> str:
    """Whose failures are counted together: an address, or the network of 64 bits that a customer has in IPv6."""
    try:
        found = ipaddress.ip_address(address.split("%")[0])
    except ValueError:
        return address
    if found.version == 4:
        return str(found)
    mapped = found.ipv4_mapped
    return str(mapped) if mapped else str(ipaddress.ip_network(f"{found}/64", strict=False))
