import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.web.request import LONGEST_HEAD, Refused, parse, take_head

HOST = b"\r\nHost: localhost"


def status(call, *arguments):
    with pytest.raises(Refused) as refused:
        call(*arguments)
    return refused.value.status


def test_what_a_head_says():
    request = parse(b"GET /door/frame.jpg?after=12&width=640 HTTP/1.1" + HOST + b"\r\nX-A: 1 \r\nX-a:\t2")
    assert request.method == "GET"
    assert request.path == "/door/frame.jpg"
    assert request.query == {"after": "12", "width": "640"}
    assert request.headers == {"host": "localhost", "x-a": "1, 2"}
    assert (request.number("after"), request.number("since")) == (12, None)
    assert request.without("after") == "/door/frame.jpg?width=640"


@pytest.mark.parametrize(
    "line, keep",
    [
        (b"GET / HTTP/1.1" + HOST, True),
        (b"GET / HTTP/1.1" + HOST + b"\r\nConnection: Close", False),
        (b"GET / HTTP/1.1" + HOST + b"\r\nConnection: upgrade, close", False),
        (b"GET / HTTP/1.0" + HOST, False),
        (b"GET / HTTP/1.0" + HOST + b"\r\nConnection: keep-alive", True),
    ],
)
def test_whether_the_connection_stays(line, keep):
    assert parse(line).keep is keep


@pytest.mark.parametrize(
    "head, expected",
    [
        (b"", 400),
        (b"GET /", 400),
        (b"GET  / HTTP/1.1" + HOST, 400),
        (b"GET / HTTP/1.1 " + HOST, 400),
        (b" GET / HTTP/1.1" + HOST, 400),
        (b"GET / http/1.1" + HOST, 400),
        (b"GET / HTTP/2.0" + HOST, 505),
        (b"GET / HTTP/0.9" + HOST, 505),
        (b"GET http://localhost/ HTTP/1.1" + HOST, 400),
        (b"OPTIONS * HTTP/1.1" + HOST, 400),
        (b"get / HTTP/1.1" + HOST, 501),
        (b"BREW / HTTP/1.1" + HOST, 501),
        (b"GET /" + b"a" * 2048 + b" HTTP/1.1" + HOST, 414),
        (b"GET / HTTP/1.1", 400),  # no host
        (b"GET / HTTP/1.1" + HOST + HOST, 400),
        (b"GET / HTTP/1.1" + HOST + b"\r\n folded", 400),
        (b"GET / HTTP/1.1" + HOST + b"\r\nName : value", 400),
        (b"GET / HTTP/1.1" + HOST + b"\r\nno colon", 400),
        (b"GET / HTTP/1.1" + HOST + b"\r\nX: a\x00b", 400),
        (b"GET / HTTP/1.1" + HOST + 64 * b"\r\nX: y", 431),
        (b"GET / HTTP/1.1" + HOST + b"\r\nContent-Length: 5", 413),
        (b"GET / HTTP/1.1" + HOST + b"\r\nContent-Length: +0", 400),
        (b"GET / HTTP/1.1" + HOST + b"\r\nContent-Length: 0\r\nContent-Length: 0", 400),
        (b"GET / HTTP/1.1" + HOST + b"\r\nTransfer-Encoding: chunked", 400),
        (b"GET / HTTP/1.1" + HOST + b"\r\nTransfer-Encoding: identity\r\nContent-Length: 3", 400),
        (b"GET /../token HTTP/1.1" + HOST, 404),
        (b"GET /%2e%2e/token HTTP/1.1" + HOST, 404),
        (b"GET //evil.example/ HTTP/1.1" + HOST, 404),
        (b"GET /.git/config HTTP/1.1" + HOST, 404),
        (b"GET /?after=1&after=2 HTTP/1.1" + HOST, 400),
    ],
)
def test_what_is_refused(head, expected):
    assert status(parse, head) == expected


@pytest.mark.parametrize("text", [b"", b"-1", b"1.5", b"1e3", b"%31", b"1" * 16, b"\xc2\xb2".hex().encode() + b"x"])
def test_a_parameter_that_is_no_number(text):
    request = parse(b"GET /?after=" + text + b" HTTP/1.1" + HOST)
    assert status(request.number, "after") == 400


def test_a_head_is_taken_once_it_is_complete():
    assert take_head(b"GET / HTTP/1.1\r\nHost: a\r") is None
    assert take_head(b"GET / HTTP/1.1\r\nHost: a\r\n\r") is None
    assert take_head(b"GET / HTTP/1.1\r\nHost: a\r\n\r\nGET /") == (b"GET / HTTP/1.1\r\nHost: a", b"GET /")


@pytest.mark.parametrize("data", [b"GET / HTTP/1.1\n", b"GET / \rHTTP/1.1\r\n", b"GET /\0 HTTP/1.1", b"\n", b"a\r\n\n"])
def test_lines_that_end_otherwise(data):
    assert status(take_head, data) == 400


def test_a_head_that_is_too_long():
    assert take_head(b"G" * LONGEST_HEAD) is None
    assert status(take_head, b"G" * (LONGEST_HEAD + 1)) == 431
    head = b"GET / HTTP/1.1\r\nX: "
    assert take_head(head + b"a" * (LONGEST_HEAD - len(head) - 4) + b"\r\n\r\n") is not None
    assert status(take_head, head + b"a" * (LONGEST_HEAD - len(head) - 3) + b"\r\n\r\n") == 431


@given(st.binary(max_size=200))
def test_any_bytes_are_a_request_or_refused(data):
    found = 200
    try:
        parse(take_head(data + b"\r\n\r\n")[0])
    except Refused as refused:
        found = refused.status
    assert found in (200, 501, 505) or 400 <= found < 500
