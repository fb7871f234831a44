"""What the head of a request says. Strict: whatever two programs could understand differently is refused."""

import re
from typing import Dict, List, NamedTuple, Optional, Tuple

LONGEST_HEAD = 8 << 10  # bytes
LONGEST_TARGET = 2 << 10  # bytes of path and query
MOST_HEADERS = 64
END = b"\r\n\r\n"
METHODS = ("GET", "HEAD")
REFUSED_METHODS = ("POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "CONNECT")  # known, but nothing here has them
ONCE = ("host", "content-length", "authorization", "origin", "cookie", "connection")  # headers that may not repeat

_LINE = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]+) ([\x21-\x7e]+) HTTP/([0-9]\.[0-9])")  # RFC 9112, section 3
_HEADER = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*([\t\x20-\x7e\x80-\xff]*?)[ \t]*")  # section 5
_BARE = re.compile(rb"\r(?!\n)|(?<!\r)\n|\0")
_PATH = re.compile(r"/[A-Za-z0-9/_.-]*")
_NUMBER = re.compile("[0-9]{1,15}")


class Refused(Exception):
    """A request that is not answered as asked. status: of the answer; the message is its text."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


class Request(NamedTuple):
    """A request. path: as sent; only plain characters, since no address here has others. query: the parameters, as
    sent. headers: by their names in lower case. keep: whether the connection may stay open.
    """

    method: str
    path: str
    query: Dict[str, str]
    headers: Dict[str, str]
    keep: bool

    def number(self, name: str) -> Optional[int]:
        """A parameter that is a whole number of at most 15 digits; None if it is not there. Raises Refused."""
        text = self.query.get(name)
        if text is None:
            return None
        if _NUMBER.fullmatch(text) is None:
            raise Refused(400, f"{name} should be a whole number of at most 15 digits")
        return int(text)

    def without(self, name: str) -> str:
        """The address without one of its parameters."""
        rest = [f"{key}={value}" for key, value in self.query.items() if key != name]
        return self.path + ("?" + "&".join(rest) if rest else "")


def take_head(data: bytes) -> Optional[Tuple[bytes, bytes]]:
    """The head at the start of what a client has sent, and what follows it; None while it is incomplete.

    Raises Refused once it cannot become one.
    """
    end = data.find(END)
    head = data if end < 0 else data[: end + len(END)]
    if len(head) > LONGEST_HEAD:
        raise Refused(431, f"the head of a request may have {LONGEST_HEAD} bytes")
    if _BARE.search(head[:-1] if end < 0 and head.endswith(b"\r") else head):  # which may be half of a line break
        raise Refused(400, "lines should end with CR LF")
    if end < 0:
        return None
    return head[: -len(END)], data[len(head) :]


def parse(head: bytes) -> Request:
    """The request of a head, without its empty line. Raises Refused."""
    line, *lines = head.split(b"\r\n")
    match = _LINE.fullmatch(line)
    if match is None:
        raise Refused(400, "the request line is malformed")
    method, target, version = (part.decode("ascii") for part in match.groups())
    if version not in ("1.0", "1.1"):
        raise Refused(505, "only HTTP/1.0 and HTTP/1.1 are spoken here")
    if len(target) > LONGEST_TARGET:
        raise Refused(414, f"an address may have {LONGEST_TARGET} bytes")
    if method not in METHODS + REFUSED_METHODS:
        raise Refused(501, "unknown method")
    headers = _headers(lines)
    _check_body(headers)
    if "host" not in headers:
        raise Refused(400, "the Host header is missing")
    path, query = _target(target)
    tokens = [token.strip().lower() for token in headers.get("connection", "").split(",")]
    keep = "close" not in tokens and (version == "1.1" or "keep-alive" in tokens)
    return Request(method, path, query, headers, keep)


def _headers(lines: List[bytes]) -> Dict[str, str]:
    if len(lines) > MOST_HEADERS:
        raise Refused(431, f"a request may have {MOST_HEADERS} headers")
    found: Dict[str, str] = {}
    for line in lines:
        match = _HEADER.fullmatch(line)  # a line that continues the one before begins with a space, and is refused
        if match is None:
            raise Refused(400, "a header is malformed")
        name, value = (part.decode("latin-1") for part in match.groups())
        name = name.lower()
        if name in found:
            if name in ONCE:
                raise Refused(400, f"{name} is there twice")
            value = found[name] + ", " + value
        found[name] = value
    return found


def _check_body(headers: Dict[str, str]) -> None:
    """No body is ever read: where one ends is what smuggled requests are about."""
    if "transfer-encoding" in headers:
        raise Refused(400, "a request here has no body")
    length = headers.get("content-length", "0")
    if re.fullmatch("[0-9]{1,18}", length) is None:
        raise Refused(400, "Content-Length is malformed")
    if int(length):
        raise Refused(413, "a request here has no body")


def _target(target: str) -> Tuple[str, Dict[str, str]]:
    path, _, rest = target.partition("?")
    if not target.startswith("/"):
        raise Refused(400, "an address should start with /")
    if _PATH.fullmatch(path) is None or "//" in path or "/." in path:
        raise Refused(404, "there is nothing at this address")
    query: Dict[str, str] = {}
    for part in filter(None, rest.split("&")):
        name, _, value = part.partition("=")
        if name in query:
            raise Refused(400, f"{name} is there twice" if name.isalnum() else "a parameter is there twice")
        query[name] = value
    return path, query
