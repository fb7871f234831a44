import json

import cv2
import numpy as np
import pytest
from support.live import TOKEN, Cameras, Net

from app.tracking.events import Event, Sighting
from app.web import routes

EVENT = Event("appear", 1.0, Sighting(7, "person", 0, 0.9, [1.0, 2.0, 3.0, 4.0]))
ROUTES = [route for route in routes.ROUTES if "{event}" not in route]  # of a store: see test_web_stored.py
HEADERS = {
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cache-control": "no-store",
    "cross-origin-resource-policy": "same-origin",
}


def cameras():
    made = Cameras("door", "yard")
    for name in made.channels:
        made.film(name, events=[EVENT], size=(640, 480))
    return made


def example(route):
    return route.format(camera="door", number="1").encode()


@pytest.mark.parametrize("route", ROUTES)
def test_each_route_answers(route):
    status, headers, body = Net(cameras()).ask(example(route))
    assert status == 200
    assert body
    assert HEADERS.items() <= headers.items()
    assert "default-src 'none'" in headers["content-security-policy"]
    assert "access-control-allow-origin" not in headers
    if "content-length" in headers:
        assert int(headers["content-length"]) == len(body)


@pytest.mark.parametrize("route", [*ROUTES, "/nothing", "/door/other.jpg", "/garden/frame.jpg"])
def test_without_the_token_there_is_nothing_but_the_login(route):
    net = Net(cameras(), TOKEN)
    status, headers, body = net.ask(example(route))
    assert (status, body) == (401, b"this needs the token\n")
    assert net.ask(example(route), b"Accept: text/html\r\n")[2].startswith(b"<!doctype html>")
    assert net.cameras.hub.encoded == 0
    assert net.ask(example(route), b"Authorization: Bearer " + TOKEN.encode() + b"\r\n")[0] in (200, 404)


@pytest.mark.parametrize("route", ROUTES)
def test_head_has_no_body(route):
    status, _, body = Net(cameras()).ask(example(route), method=b"HEAD")
    assert (status, body) == (200, b"")


@pytest.mark.parametrize(
    "path",
    [b"/door", b"/door/", b"/garden/frame.jpg", b"/Door/frame.jpg", b"/page/page.js", b"/api", b"/door/frame.jpg/"]
    + [b"/api/events/9.jpg", b"/api/events/x.jpg", b"/healthz/", b"/page.html", b"/app/web/page/page.js"],
)
def test_other_addresses(path):
    assert Net(cameras()).ask(path)[0] == 404


def test_pictures():
    net = Net(cameras())
    for path, width in ((b"/door/frame.jpg", 640), (b"/door/snapshot.jpg?width=300", 320)):
        _, headers, body = net.ask(path)
        assert headers["content-type"] == "image/jpeg"
        assert (headers["x-frame"], headers["x-age-ms"]) == ("1", "100")
        assert cv2.imdecode(np.frombuffer(body, np.uint8), cv2.IMREAD_COLOR).shape[1] == width
    assert net.ask(b"/door/frame.jpg?after=-1")[0] == 400
    assert net.ask(b"/door/frame.jpg?width=wide")[0] == 400


def test_a_snapshot_before_the_first_image():
    status, headers, _ = Net(Cameras("door")).ask(b"/door/snapshot.jpg")
    assert (status, headers["retry-after"]) == (503, "1")


def test_health():
    net = Net(Cameras("door"))
    assert net.ask(b"/healthz")[0] == 503
    net.cameras.film("door")
    status, _, body = net.ask(b"/healthz")
    assert (status, json.loads(body)) == (200, {"healthy": True, "cameras": {"door": "live"}})


def test_events():
    net = Net(cameras())
    fields = json.loads(net.ask(b"/api/events?since=1")[2])
    assert (fields["last"], [event["id"] for event in fields["events"]]) == (2, [2])
    assert net.ask(fields["events"][0]["picture"].encode())[1]["content-type"] == "image/jpeg"


def test_the_page_is_small_and_loads_from_here_only():
    net = Net(cameras())
    total = 0
    for path in (b"/", b"/page.css", b"/page.js", b"/icon.svg", b"/places", b"/places.js"):
        body = net.ask(path)[2]
        total += len(body)
        assert b"https://" not in body
        assert b"style=" not in body  # which the Content-Security-Policy would not let through
        assert b"onclick=" not in body
        assert b"innerHTML" not in body
    assert total < 60000
