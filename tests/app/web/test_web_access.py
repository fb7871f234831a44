import base64

import pytest
from support.fakes import FakeClock
from support.live import TOKEN

from app.web.access import MOST_ADDRESSES, Access, Failures
from app.web.request import Refused, parse

CLIENT = "198.51.100.7"


def request(path="/", method="GET", host="localhost:8080", **headers):
    rows = [f"{method} {path} HTTP/1.1", f"Host: {host}"]
    rows += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return parse("\r\n".join(rows).encode())


def access(token=TOKEN, **options):
    return Access(token, port=8080, **options)


def basic(text):
    return "Basic " + base64.b64encode(text.encode()).decode()


def refused(who, asked):
    with pytest.raises(Refused) as found:
        who.refusal(asked, CLIENT)
    return found.value.status


@pytest.mark.parametrize(
    "headers",
    [
        {"Authorization": "Bearer " + TOKEN},
        {"Authorization": "bearer  " + TOKEN},
        {"Authorization": basic("anybody:" + TOKEN)},
        {"Authorization": basic(":" + TOKEN)},
        {"Cookie": "nanoyolo_8080=" + TOKEN},
        {"Cookie": "a=b; nanoyolo_8080=" + TOKEN + "; c=d"},
    ],
)
def test_who_is_let_in(headers):
    assert access().refusal(request(**headers), CLIENT) is None


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Authorization": "Bearer "},
        {"Authorization": "Bearer " + TOKEN[:-1]},
        {"Authorization": "Bearer " + TOKEN.upper()},
        {"Authorization": "Bearer \xe9"},
        {"Authorization": "Digest " + TOKEN},
        {"Authorization": "Basic " + TOKEN},
        {"Authorization": "Basic \xff"},
        {"Authorization": basic(TOKEN)},
        {"Authorization": basic(TOKEN + ":")},
        {"Cookie": "nanoyolo_8081=" + TOKEN},  # of another port
        {"Cookie": "nanoyolo_8080="},
        {"Referer": "http://localhost:8080/?token=" + TOKEN},
    ],
)
def test_who_is_not(headers):
    assert access().refusal(request(**headers), CLIENT).status == 401


def test_a_link_is_exchanged_for_a_cookie():
    who = access()
    answer = who.refusal(request("/door/snapshot.jpg?token=" + TOKEN + "&width=320"), CLIENT)
    assert answer.status == 303
    headers = dict(answer.headers)
    assert headers["Location"] == "/door/snapshot.jpg?width=320"
    cookie, *attributes = headers["Set-Cookie"].split("; ")
    assert {"HttpOnly", "SameSite=Strict", "Path=/"} <= set(attributes)
    assert "Secure" not in attributes
    assert TOKEN not in headers["Location"].encode().decode() + answer.body.decode()
    assert who.refusal(request(Cookie=cookie), CLIENT) is None


def test_a_cookie_of_tls_is_not_sent_without_it():
    answer = access(secure=True).refusal(request("/?token=" + TOKEN), CLIENT)
    assert "Secure" in dict(answer.headers)["Set-Cookie"].split("; ")


def test_a_wrong_link():
    answer = access().refusal(request("/?token=" + TOKEN[::-1]), CLIENT)
    assert answer.status == 401
    assert "Set-Cookie" not in dict(answer.headers)


def test_browsers_get_a_form_and_programs_a_challenge():
    page = access().refusal(request(Accept="text/html,*/*"), CLIENT)
    assert b"<form" in page.body
    assert dict(page.headers)["WWW-Authenticate"].startswith("Bearer")
    assert dict(access().refusal(request(), CLIENT).headers)["WWW-Authenticate"].startswith("Basic")
    script = access().refusal(request(Sec_Fetch_Mode="cors"), CLIENT)  # Basic would open a dialogue over the page
    assert dict(script.headers)["WWW-Authenticate"].startswith("Bearer")


@pytest.mark.parametrize(
    "host", ["localhost", "LOCALHOST:8080", "127.0.0.1:8080", "192.168.1.20", "[::1]:8080", "[fe80::1]", "board.local"]
)
def test_hosts(host, monkeypatch):
    monkeypatch.setattr("socket.gethostname", lambda: "Board.example.org")
    assert access(None).refusal(request(host=host), CLIENT) is None


@pytest.mark.parametrize(
    "host, status",
    [
        ("evil.example", 421),
        ("localhost.evil.example", 421),
        ("127.0.0.1.evil.example", 421),
        ("127.0.0.1:8080:80", 400),
        ("user@localhost", 400),
        ("", 400),
        ("[::1", 400),
        ("local host", 400),
    ],
)
def test_other_hosts(host, status):
    assert refused(access(None), request(host=host)) == status


def test_a_host_that_is_allowed():
    assert access(None, names=["Door.Example.org"]).refusal(request(host="door.example.org"), CLIENT) is None


@pytest.mark.parametrize("name", ["Forwarded", "X-Forwarded-For", "X-Forwarded-Proto"])
def test_a_proxy_needs_the_token(name):
    assert refused(access(None), request(**{name: "for=1"})) == 403
    assert access().refusal(request(**{name: "for=1", "Authorization": "Bearer " + TOKEN}), CLIENT) is None


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS", "TRACE", "CONNECT", "PATCH"])
def test_nothing_can_be_changed(method):
    assert access(None).refusal(request(method=method), CLIENT).status == 405
    assert access(None).refusal(request(method=method, Origin="http://localhost:8080"), CLIENT).status == 405
    for origin in ("http://evil.example", "null", "http://localhost", "http://localhost:80800"):
        assert refused(access(None), request(method=method, Origin=origin)) == 403


def test_another_site_may_link_but_not_embed():
    assert refused(access(None), request(Sec_Fetch_Site="cross-site", Sec_Fetch_Mode="no-cors")) == 403
    assert access(None).refusal(request(Sec_Fetch_Site="cross-site", Sec_Fetch_Mode="navigate"), CLIENT) is None
    assert access(None).refusal(request(Sec_Fetch_Site="same-origin", Sec_Fetch_Mode="cors"), CLIENT) is None


def test_failures_are_limited_per_address():
    clock = FakeClock()
    who = access(failures=Failures(clock.now))
    wrong = request(Authorization="Bearer x")
    found = []
    for _ in range(8):
        found.append(who.refusal(wrong, CLIENT).status)
        clock.sleep(2)
    assert found == [401] * 5 + [429] * 3  # five a minute
    assert dict(who.refusal(wrong, CLIENT).headers)["Retry-After"].isdecimal()
    assert who.refusal(wrong, "198.51.100.8").status == 401
    assert who.refusal(request(), CLIENT).status == 401  # no token is no failure
    assert who.refusal(request(Authorization="Bearer " + TOKEN), CLIENT) is None


@pytest.mark.parametrize(
    "pauses, expected",
    [
        ([0], [0, 1.0]),  # one a second
        ([1], [0, 0]),
        ([20] * 5, [0] * 6),
        ([10] * 5, [0] * 5 + [10.0]),  # the sixth in a minute, 50 s after the first
        ([70] * 20, [0] * 20 + [3600 - 1400.0]),  # the 21st in an hour
    ],
)
def test_how_long_an_address_has_to_wait(pauses, expected):
    clock = FakeClock()
    failures = Failures(clock.now)
    found = [failures.add(CLIENT)]
    for seconds in pauses:
        clock.time += seconds
        found.append(failures.add(CLIENT))
    assert found == expected


def test_addresses_of_one_network_of_ipv6_count_together():
    failures = Failures(FakeClock().now)
    assert failures.add("2001:db8::1") == 0
    assert failures.add("2001:db8::ffff:2") > 0
    assert failures.add("2001:db8:0:1::1") == 0
    assert failures.add("198.51.100.9") == 0
    assert failures.add("::ffff:198.51.100.9") > 0


def test_failures_are_counted_in_bounded_memory():
    failures = Failures(FakeClock().now)
    for number in range(MOST_ADDRESSES + 50):
        failures.add(f"10.{number >> 8}.{number & 255}.1")
    assert len(failures._times) == MOST_ADDRESSES
