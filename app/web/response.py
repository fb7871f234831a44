"""Answers, and the head that is sent before them."""

from http import HTTPStatus
from typing import NamedTuple, Sequence, Tuple

HTML = "text/html; charset=utf-8"
TEXT = "text/plain; charset=utf-8"
JSON = "application/json"
JPEG = "image/jpeg"
METRICS = "text/plain; version=0.0.4; charset=utf-8"

Header = Tuple[str, str]

# The page may load what comes from here and nothing else, and no other site may show it, load from it, or learn that it
# was opened. There is no Access-Control-Allow-Origin: no other site's scripts may read anything.
SAFETY: Sequence[Header] = (
    (
        "Content-Security-Policy",
        "default-src 'none'; img-src 'self' blob:; script-src 'self'; style-src 'self'; connect-src 'self'; "
        "form-action 'self'; base-uri 'none'; frame-ancestors 'self'",
    ),
    ("X-Content-Type-Options", "nosniff"),
    ("Referrer-Policy", "no-referrer"),
    ("Cross-Origin-Resource-Policy", "same-origin"),
    ("Cross-Origin-Opener-Policy", "same-origin"),
    ("Cache-Control", "no-store"),
)


class Response(NamedTuple):
    """An answer. kind: the Content-Type of its body. headers: further ones, or instead of SAFETY's."""

    status: int
    body: bytes = b""
    kind: str = TEXT
    headers: Sequence[Header] = ()


def text(status: int, message: str, *headers: Header) -> Response:
    """An answer of one line."""
    return Response(status, (message + "\n").encode(), TEXT, headers)


def head(response: Response, *, keep: bool, length: bool = True) -> bytes:
    """The head of an answer, with its empty line. keep: whether the connection stays open. length: whether its length
    is known, which that of a stream is not.
    """
    status = HTTPStatus(response.status) if response.status != 421 else None  # came with Python 3.7
    rows = [f"HTTP/1.1 {response.status} {status.phrase if status else 'Misdirected Request'}"]
    own = {name for name, _ in response.headers}
    rows += [f"{name}: {value}" for name, value in SAFETY if name not in own]
    rows += [f"{name}: {value}" for name, value in response.headers]
    if response.status != 204:
        rows.append(f"Content-Type: {response.kind}")
        if length:
            rows.append(f"Content-Length: {len(response.body)}")
    rows.append(f"Connection: {'keep-alive' if keep else 'close'}")
    return "\r\n".join([*rows, "", ""]).encode("latin-1")
