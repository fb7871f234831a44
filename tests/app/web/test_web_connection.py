import random

import pytest
from support.live import GET, TOKEN, Cameras, Net, answer

from app.web import clients as clients_module
from app.web.connection import HEAD_LIMIT, LINGER, POLL_LIMIT, STALL_LIMIT
from app.web.request import LONGEST_HEAD


@pytest.fixture
def net():
    made = Net(Cameras("door", "yard", "gate"))
    for name in made.cameras.channels:
        made.cameras.film(name)
    return made


def wait(net, seconds):
    """Let time pass in steps of the server's checks."""
    for _ in range(int(seconds / 0.5)):
        net.cameras.clock.sleep(0.5)
        net.clients.check()


def statuses(sent):
    return [int(part.split()[0]) for part in sent.split(b"HTTP/1.1 ")[1:]]


def frames(sent):
    return [int(part.split(b"\r\n")[0]) for part in sent.split(b"X-Frame: ")[1:]]


def test_requests_one_after_the_other(net):
    connection, transport = net.connect(GET % b"/healthz")
    assert statuses(transport.sent) == [200]
    connection.data_received(GET % b"/healthz")
    assert statuses(transport.sent) == [200, 200]
    assert not transport.closed


def test_a_request_byte_by_byte(net):
    connection, transport = net.connect()
    for byte in GET % b"/healthz":
        assert transport.sent == b""
        connection.data_received(bytes([byte]))
    assert statuses(transport.sent) == [200]


def test_requests_at_once_are_answered_in_order(net):
    _, transport = net.connect(GET % b"/healthz" + GET % b"/page.css" + GET % b"/nothing" + GET % b"/healthz")
    assert statuses(transport.sent) == [200, 200, 404]  # after an error nothing more is read


def test_a_connection_that_is_to_be_closed(net):
    _, transport = net.connect(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
    assert answer(transport.sent)[1]["connection"] == "close"
    assert transport.closed


def test_who_is_refused_can_read_why(net):
    connection, transport = net.connect(b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\n")
    connection.data_received(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")  # a body, and no second request
    assert statuses(transport.sent) == [413]
    assert not transport.closed
    wait(net, LINGER + 0.5)
    assert transport.closed


def test_a_picture_is_waited_for(net):
    connection, transport = net.connect(GET % b"/door/frame.jpg?after=1")
    assert transport.sent == b""
    assert net.cameras.hub.wanted
    net.cameras.film("yard")
    net.clients.look()
    assert transport.sent == b""
    net.cameras.film("door")
    net.clients.look()
    assert answer(transport.sent)[1]["x-frame"] == "2"
    assert not net.cameras.hub.wanted
    connection.data_received(GET % b"/door/frame.jpg?after=1")  # an older one than the newest
    assert statuses(transport.sent) == [200, 200]


def test_a_picture_of_a_run_before_this_one(net):
    _, transport = net.connect(GET % b"/door/frame.jpg?after=5000")
    assert answer(transport.sent)[1]["x-frame"] == "1"


def test_two_requests_get_two_pictures_one_after_the_other(net):
    _, first = net.connect(GET % b"/door/frame.jpg?after=1")
    _, second = net.connect(GET % b"/door/frame.jpg?after=2")
    for _ in range(2):
        net.cameras.film("door")
        net.clients.look()
    assert [frames(one.sent) for one in (first, second)] == [[2], [3]]
    assert net.cameras.hub.encoded == 2


def test_viewers_share_an_encoding(net):
    transports = [net.connect(GET % b"/door/frame.jpg?after=1&width=%d" % width)[1] for width in (20, 60, 640)]
    net.cameras.film("door")
    net.clients.look()
    assert len({answer(one.sent)[2] for one in transports}) == 1
    assert net.cameras.hub.encoded == 1


def test_nobody_waits_for_ever(net):
    connection, transport = net.connect(GET % b"/door/frame.jpg?after=1" + GET % b"/page.css")
    wait(net, POLL_LIMIT)
    assert transport.sent == b""
    wait(net, 1)
    net.run_later()
    assert statuses(transport.sent) == [204, 200]
    assert not transport.closed
    assert not net.cameras.hub.wanted


def test_a_picture_that_comes_while_it_begins_to_wait(net):
    def listen():
        net.cameras.film("door")

    net.clients.listen = listen
    _, transport = net.connect(GET % b"/door/frame.jpg?after=1")
    assert frames(transport.sent) == [2]


def test_a_camera_that_is_removed_while_somebody_waits(net):
    connection, transport = net.connect(GET % b"/door/frame.jpg?after=1")
    net.cameras.views["door"].close()
    net.clients.look()
    wait(net, POLL_LIMIT + 1)
    assert statuses(transport.sent) == [204]


def test_what_comes_while_it_waits_is_kept_and_bounded(net):
    connection, transport = net.connect(GET % b"/door/frame.jpg?after=1")
    for _ in range(40):
        connection.data_received(b"x" * 1000)
        if transport.reading_paused:
            break
    assert transport.reading_paused
    assert len(connection._inbox._received) < LONGEST_HEAD + 1001
    net.cameras.film("door")
    net.clients.look()
    net.run_later()
    assert not transport.reading_paused
    assert statuses(transport.sent) == [200, 431]


def test_the_mosaic_is_drawn_again_when_it_may_be(net):
    connection, transport = net.connect(GET % b"/mosaic.jpg")
    assert frames(transport.sent) == [1]
    connection.data_received(GET % b"/mosaic.jpg?after=1")
    net.cameras.film("door")
    net.clients.look()
    net.clients.look()
    assert frames(transport.sent) == [1]
    assert len(net.later) == 1
    net.cameras.clock.sleep(0.1)
    net.run_later()
    assert frames(transport.sent) == [1, 2]


def test_a_stream_sends_the_newest_and_skips(net):
    connection, transport = net.connect(GET % b"/door/stream.mjpg")
    assert answer(transport.sent)[1]["content-type"] == "multipart/x-mixed-replace; boundary=frame"
    net.clients.look()
    net.cameras.film("door")
    net.clients.look()
    assert frames(transport.sent) == [1, 2]
    assert transport.sent.endswith(b"\r\n--frame\r\n")  # so that a browser shows the last one
    transport.stuck = True
    for _ in range(5):
        net.cameras.film("door")
        net.clients.look()
    transport.flow()
    net.clients.look()
    assert frames(transport.sent) == [1, 2, 3, 7]


def test_the_parts_of_a_stream(net):
    _, transport = net.connect(GET % b"/door/stream.mjpg?width=160")
    head, _, parts = transport.sent.partition(b"\r\n\r\n")
    assert b"Content-Length" not in head
    assert parts.startswith(b"--frame\r\nContent-Type: image/jpeg\r\nContent-Length: ")
    fields, _, rest = parts.partition(b"\r\n\r\n")
    length = int(fields.split(b"Content-Length: ")[1].split(b"\r\n")[0])
    assert rest[:length] == net.cameras.views["door"].picture.jpeg(160)
    assert rest[length:] == b"\r\n--frame\r\n"


def test_a_client_that_takes_nothing_is_given_up(net):
    connection, transport = net.connect()
    transport.stuck = True
    connection.data_received(GET % b"/page.css")
    wait(net, STALL_LIMIT)
    assert not transport.aborted
    wait(net, 1)
    assert transport.aborted


def test_a_slow_client_is_not(net):
    connection, transport = net.connect()
    transport.stuck = True
    connection.data_received(GET % b"/page.css")
    for _ in range(40):
        wait(net, 0.5)
        transport.waiting = transport.waiting[10:]
    assert not transport.aborted
    transport.flow()
    connection.data_received(GET % b"/healthz")
    assert transport.sent.endswith(b"}}\n")


def test_answers_wait_for_those_before_them(net):
    connection, transport = net.connect()
    transport.stuck = True
    connection.data_received(GET % b"/healthz" + GET % b"/healthz")
    assert statuses(transport.waiting) == [200]
    transport.flow()
    net.run_later()
    assert statuses(transport.sent) == [200, 200]


@pytest.mark.parametrize("data, status", [(b"", []), (b"GET / HT", [408]), (GET % b"/healthz" + b"G", [200, 408])])
def test_the_time_to_send_a_request_is_limited(net, data, status):
    connection, transport = net.connect(data)
    wait(net, HEAD_LIMIT)
    assert not transport.closed
    connection.data_received(b"\r" if status == [408] else b"")  # one more byte gives no more time
    wait(net, LINGER + 1)
    assert statuses(transport.sent) == status
    assert transport.closed


def test_the_oldest_without_a_request_is_closed_first(net, monkeypatch):
    monkeypatch.setattr(clients_module, "MOST", 3)
    _, waits = net.connect(GET % b"/door/frame.jpg?after=1")
    _, old = net.connect(b"GET /")
    _, new = net.connect()
    _, one_more = net.connect()
    assert [one.aborted for one in (waits, old, new, one_more)] == [False, True, False, False]
    assert len(net.clients) == 3


def test_where_all_have_a_request_the_stalled_one_goes_and_else_the_new_one(net, monkeypatch):
    monkeypatch.setattr(clients_module, "MOST", 2)
    _, waits = net.connect(GET % b"/door/frame.jpg?after=1")
    connection, stalled = net.connect()
    stalled.stuck = True
    connection.data_received(GET % b"/page.css")
    _, new = net.connect()
    assert new.aborted
    assert not stalled.aborted
    wait(net, 2)
    _, new = net.connect()
    assert stalled.aborted
    assert not new.aborted
    assert not waits.aborted


def test_streams_are_limited(net, monkeypatch):
    monkeypatch.setattr(clients_module, "MOST_STREAMS", 1)
    connection, first = net.connect(GET % b"/door/stream.mjpg")
    assert statuses(net.connect(GET % b"/door/stream.mjpg")[1].sent) == [503]
    connection.connection_lost(None)
    assert statuses(net.connect(GET % b"/door/stream.mjpg")[1].sent) == [200]


def test_viewers_are_counted(net):
    net.connect(GET % b"/door/frame.jpg?after=1")
    net.connect(GET % b"/yard/frame.jpg?after=1")  # of the same browser
    connection, _ = net.connect(GET % b"/door/stream.mjpg")
    assert net.clients.viewers() == {"page": 1, "stream": 1}
    connection.connection_lost(None)
    net.cameras.clock.sleep(6)
    assert net.clients.viewers() == {"page": 0, "stream": 0}


def test_a_bug_is_said_once_and_is_no_hang(net, monkeypatch, capsys):
    monkeypatch.setattr(net.cameras.state, "state", lambda: 1 / 0)
    for _ in range(2):
        status, _, body = net.ask(b"/api/state")
        assert status == 500
        assert b"division" not in body
    assert capsys.readouterr().err.count("ZeroDivisionError") == 1


def test_a_picture_that_cannot_be_encoded_costs_the_others_nothing(net, monkeypatch, capsys):
    _, broken = net.connect(GET % b"/door/frame.jpg?after=1")
    _, well = net.connect(GET % b"/yard/frame.jpg?after=1")
    net.cameras.film("yard")
    net.cameras.views["door"].picture = net.cameras.hub.picture("door", None, 0.0)
    net.clients.look()
    assert broken.aborted
    assert frames(well.sent) == [2]
    assert "the live view has a fault" in capsys.readouterr().err


def test_many_requests_at_once_do_not_keep_others_waiting(net):
    connection, transport = net.connect()
    connection.data_received(50 * (GET % b"/page.css"))
    assert statuses(transport.sent) == [200]
    assert len(net.later) == 1
    net.run_later()
    assert len(statuses(transport.sent)) == 50


def test_a_connection_that_is_lost_is_forgotten(net):
    connection, transport = net.connect(GET % b"/door/frame.jpg?after=1")
    connection.connection_lost(None)
    assert len(net.clients) == 0
    assert not net.cameras.hub.wanted
    net.clients.look()
    net.clients.close()


SEEDS = [
    GET % b"/healthz",
    GET % b"/door/frame.jpg?after=12&width=640",
    b"HEAD /api/state HTTP/1.1\r\nHost: 127.0.0.1:8080\r\nConnection: keep-alive\r\nAccept: */*\r\n\r\n",
    b"POST /api/events HTTP/1.1\r\nHost: localhost\r\nOrigin: http://localhost\r\nContent-Length: 4\r\n\r\nabcd",
    b"GET /metrics HTTP/1.1\r\nHost: localhost\r\nAuthorization: Basic dXNlcjpwYXNz\r\nCookie: a=b; c=d\r\n\r\n",
    b"GET /door/stream.mjpg HTTP/1.0\r\nHost: [::1]:8080\r\n\r\n",
]
PIECES = [b"\r\n", b"\n", b"\r", b"\0", b" ", b"\t", b":", b"..", b"%00", b"%2e", b"//", b"?", b"&", b"=", b"\xff"]
PIECES += [b"Transfer-Encoding: chunked\r\n", b"Content-Length: 0\r\n", b"Content-Length: 99\r\n", b"Host: evil\r\n"]
PIECES += [
    b"Host: localhost\r\n",
    b"0\r\n\r\n",
    b"GET / HTTP/1.1\r\n",
    b"HTTP/9.9",
    b"A" * 300,
    b"X: y\r\n" * 70,
    b"\r\n\r\n",
]


def mutated(chance):
    """A request that something was done to, perhaps with another behind it."""
    data = chance.choice(SEEDS)
    for _ in range(chance.randrange(1, 5)):
        start = chance.randrange(len(data) + 1)
        end = min(len(data), start + chance.randrange(6))
        data = data[:start] + chance.choice([b"", chance.choice(PIECES), bytes([chance.randrange(256)])]) + data[end:]
    return data + (chance.choice(SEEDS) if chance.random() < 0.3 else b"")


@pytest.mark.slow
@pytest.mark.parametrize("token", [None, TOKEN])
def test_mutated_requests(token, capsys):
    chance = random.Random(23)
    net = Net(Cameras("door"), token)
    net.cameras.film("door")
    for _ in range(1000):
        data = mutated(chance)
        connection, transport = net.connect()
        for part in (data[: len(data) // 2], data[len(data) // 2 :]):
            if not transport.closed:
                connection.data_received(part)
        allowed = {200, 204, 501, 505} if token is None else {501, 505}
        assert all(status in allowed or 400 <= status < 500 for status in statuses(transport.sent)), data
        connection.connection_lost(None)
    assert capsys.readouterr().err == ""
    assert len(net.clients) == 0
