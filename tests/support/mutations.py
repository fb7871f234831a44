"""Requests that are wrong in every way: seeded, so that each can be made again by its number."""

import random

from app.web.routes import ROUTES

METHODS = [b"GET", b"HEAD", b"POST", b"PUT", b"DELETE", b"PATCH", b"OPTIONS", b"TRACE", b"CONNECT", b"PRI", b"get"]
METHODS += [b"", b"G E T", b"GET\0", b"BREW", b"A" * 300, b"G\xc3\x89T", b"PROPFIND"]
VERSIONS = [b"HTTP/1.1", b"HTTP/1.0", b"HTTP/0.9", b"HTTP/2.0", b"HTTP/1.2", b"HTTP/1.1 ", b"http/1.1", b"HTTP/1.11"]
VERSIONS += [b"", b"HTTP/", b"HTTP/1", b"ICY/1.0", b"HTTP/1.1\tx", b"HTTP/-1.1", b"HTTP/9.9"]
ENDS = [b"\r\n", b"\n", b"\r", b"\n\r", b"\r\r\n", b"\0\r\n", b"\x0b", b"\x85"]
PATHS = [b"/../../etc/passwd", b"/%2e%2e/%2e%2e/etc/passwd", b"//localhost/", b"/door/../page.js", b"/door%2fframe.jpg"]
PATHS += [b"/./page.css", b"/page/page.js", b"/.git/config", b"\\", b"/..\\..\\windows\\win.ini", b"/door/frame.jpg%00"]
PATHS += [b"http://localhost/api/state", b"http://evil.example/", b"evil.example:80", b"*", b"", b"door/frame.jpg"]
PATHS += [b"/" + b"a" * 3000, b"/" * 50, b"/\xff\xfe", b"/\xe2\x82\xac", b"/;/../", b"/page.css;x", b"/page.css#x"]
PATHS += [
    b"/api/events/999999999999999.jpg",
    b"/api/events/9999999999999999.jpg",
    b"/api/events/-1.jpg",
    b"/nobody/frame.jpg",
]
QUERIES = [b"?after=-1", b"?after=1e9", b"?after=99999999999999999999", b"?after=1&after=2", b"?after", b"?width=0"]
QUERIES += [b"?width=abc", b"?width=999999999", b"?width=%00", b"?since=1", b"?since=%31", b"?&&&", b"?=", b"?token=x"]
QUERIES += [b"?" + b"a=b&" * 400, b"??after=1", b"?after=\xc3\xa9", b"?width=+640", b"?width=640 "]
HOSTS = [b"localhost", b"evil.example", b"localhost:8080:80", b"127.0.0.1@evil.example", b"[::1", b"", b"a" * 300]
HOSTS += [
    b"localhost, evil.example",
    b"[::1]:8080",
    b"localhost\x00",
    b"\xc3\xa9.example",
    b"0.0.0.0",
    b"169.254.169.254",
]
HEADERS = [
    b"Content-Length: " + value for value in (b"5", b"-1", b"+5", b"0x5", b"5, 5", b"0", b"9" * 20, b"", b"5\t5")
]
HEADERS += [
    b"Content-Length : 5",
    b"Content_Length: 5",
    b"Content-Length\t: 5",
    b"Content-Length: 0\r\nContent-Length: 5",
]
HEADERS += [b"Transfer-Encoding: chunked", b"Transfer-Encoding : chunked", b"Transfer-Encoding: xchunked"]
HEADERS += [b"Transfer-Encoding:\x0bchunked", b" Transfer-Encoding: chunked", b"Transfer-Encoding: chunked, identity"]
HEADERS += [b"Connection: " + value for value in (b"close", b"keep-alive", b"close, host", b"", b"upgrade", b"\xff")]
HEADERS += [
    b"Expect: 100-continue",
    b"Upgrade: websocket",
    b"Upgrade: h2c",
    b"HTTP2-Settings: AAMAAABk",
    b"Range: bytes=0-1",
]
HEADERS += [
    b"Origin: http://evil.example",
    b"Origin: null",
    b"Sec-Fetch-Site: cross-site",
    b"X-Forwarded-For: 127.0.0.1",
]
HEADERS += [b"Forwarded: for=127.0.0.1", b"X-Original-URL: /api/state", b"X-HTTP-Method-Override: DELETE"]
HEADERS += [
    b"Authorization: Basic",
    b"Authorization: Basic !!!!",
    b"Authorization: Bearer \xff",
    b"Cookie: nanoyolo_8080=x",
]
HEADERS += [
    b"Cookie: " + b"a=b; " * 500,
    b"Accept: */*;q=\xff",
    b"X: " + b"y" * 9000,
    b": no name",
    b"no colon",
    b"X:\0",
]
HEADERS += [
    b"X: a\rY: b",
    b"X: a\nY: b",
    b"X: a\r\n folded",
    b"X: a\r\n\tfolded",
    b"Na me: x",
    b"X\xc3\xa9: y",
    b"X:\x7f",
]
HEADERS += [
    b"If-None-Match: *",
    b"Referer: http://localhost/?token=x",
    b"Host: localhost",
    b"TE: trailers",
    b"Trailer: X",
]
BODIES = [
    b"",
    b"",
    b"",
    b"hello",
    b"0\r\n\r\n",
    b"5\r\nhello\r\n0\r\n\r\n",
    b"GET /api/state HTTP/1.1\r\nHost: localhost\r\n\r\n",
]
BODIES += [
    b"\r\n\r\n",
    b"\0" * 50,
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    b"a" * 20000,
]
ADDRESSES = [route.format(camera="door", number="1", event="1700000000.000-abcdef").encode() for route in ROUTES]


def request(dice):
    """One request, right but for what the dice decide."""

    def often():
        return dice.random() < 0.85

    method = b"GET" if often() else dice.choice(METHODS)
    path = dice.choice(ADDRESSES) if often() else dice.choice(PATHS)
    if not often():
        path += dice.choice(QUERIES)
    version = b"HTTP/1.1" if often() else dice.choice(VERSIONS)
    lines = [b" ".join((method, path, version)), b"Host: " + (b"localhost" if often() else dice.choice(HOSTS))]
    if not often():
        lines.pop()
    if not often():
        lines += [dice.choice(HEADERS) for _ in range(dice.choice((1, 1, 2, 5, 80)))]
    end = b"\r\n" if often() else dice.choice(ENDS)
    return end.join([*lines, b"", b""])


def mutated(number):
    """What a client sends: one request or several, with a body or without, cut off or with wrong bytes in it."""
    dice = random.Random(number)
    data = b"".join(request(dice) for _ in range(dice.choice((1, 1, 1, 2, 3))))
    data += dice.choice(BODIES)
    kind = dice.random()
    if kind < 0.1:
        data = data[: dice.randrange(len(data) + 1)]
    elif kind < 0.25:
        wrong = bytearray(data)
        for _ in range(dice.choice((1, 2, 8))):
            wrong[dice.randrange(len(wrong))] = dice.randrange(256)
        data = bytes(wrong)
    elif kind < 0.35:
        place = dice.randrange(len(data) + 1)
        data = data[:place] + bytes(dice.randrange(256) for _ in range(dice.choice((1, 3, 200)))) + data[place:]
    return data
