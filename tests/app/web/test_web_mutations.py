"""2,000 requests that are wrong in many ways: each gets a refusal, or the right answer to what is still valid."""

import random
import re
import socket
import threading
import time

import pytest
from support.fakes import LIMIT
from support.live import Cameras, Net
from support.mutations import mutated

from app.tracking.events import Event, Sighting
from app.web.connection import HEAD_LIMIT, POLL_LIMIT
from app.web.server import LiveView

COUNT = 2000
EVENT = Event("appear", 1.0, Sighting(7, "person", 0, 0.9, [1.0, 2.0, 3.0, 4.0]))
EXPECTED = {200, 204, 303, 501, 503, 505}  # and 4xx. 503: of /healthz, and of too many streams


@pytest.fixture
def cameras():
    made = Cameras("door", "yard")
    for name in made.channels:
        made.film(name, events=[EVENT])
    return made


def statuses(sent):
    """Of the answers in what was sent: of no page and no picture has this in it."""
    return [int(found) for found in re.findall(rb"HTTP/1\.1 ([0-9]{3}) [A-Z]", sent)]


def is_expected(status):
    return status in EXPECTED or 400 <= status < 500


class Watched(Net):
    """A server whose faults are raised. accepted: method and path of the requests that were answered as such."""

    def __init__(self, cameras):
        super().__init__(cameras)
        self.accepted = []
        self._answer, self.clients.answer = self.clients.answer, self.answer
        self.clients.failed = self.failed

    def answer(self, request, address):
        self.accepted.append((request.method, request.path))
        return self._answer(request, address)

    def failed(self, error):
        raise error

    def take(self, data, dice):
        """A client that sends this in pieces, and then waits until the server gives it up; what it was told."""
        connection, transport = self.connect()
        while data and not transport.is_closing() and not transport.reading_paused:
            size = dice.choice((1, 7, 100, 1 << 16))
            connection.data_received(data[:size])
            self.run_later()
            data = data[size:]
        for _ in range(int((HEAD_LIMIT + POLL_LIMIT) * 2) + 4):
            self.cameras.clock.sleep(0.5)
            self.clients.check()
            self.run_later()
        assert transport.is_closing() or connection.streaming
        return transport.sent


@pytest.mark.slow
def test_no_request_is_answered_that_another_parser_does_not_see(cameras):
    """What is answered was a request to h11 as well, the same one, in the same order: nothing can be smuggled."""
    h11 = pytest.importorskip("h11")
    answered = refused = 0
    for number in range(COUNT):
        server = Watched(cameras)
        found = statuses(server.take(mutated(number), random.Random(number)))
        assert all(map(is_expected, found)), (number, found)
        seen = requests_seen(h11, mutated(number))
        assert server.accepted == seen[: len(server.accepted)], number
        answered += sum(status < 400 for status in found)
        refused += sum(status >= 400 for status in found)
    assert answered > COUNT / 5
    assert refused > COUNT / 2


def requests_seen(h11, data):
    """Method and path of each request that h11 finds, until it finds an error."""
    server, found = h11.Connection(h11.SERVER, max_incomplete_event_size=1 << 20), []
    server.receive_data(data)
    try:
        while True:
            event = server.next_event()
            if isinstance(event, h11.Request):
                found.append((event.method.decode(), event.target.decode("latin-1").partition("?")[0]))
            elif isinstance(event, h11.EndOfMessage):
                server.send(h11.Response(status_code=200, headers=[("Content-Length", "0")]))
                server.send(h11.EndOfMessage())
                server.start_next_cycle()
            elif not isinstance(event, h11.Data):
                return found  # it needs more, or sees the end
    except (h11.ProtocolError, UnicodeDecodeError):
        return found


@pytest.mark.slow
@pytest.mark.parametrize("token", [False, True])
def test_a_server_outlives_them(cameras, tmp_path, monkeypatch, capsys, token):
    """Over real sockets: each client is told something, or nothing, and its connection ends when it has sent all."""
    monkeypatch.setenv("STATE_DIRECTORY", str(tmp_path))
    with LiveView("127.0.0.1:0", cameras.run, token=token, announce=False) as live:
        cameras.hub, cameras.clock.now = live.hub, time.monotonic
        cameras.views = {name: live.sink(name) for name in cameras.channels}
        for name in cameras.views:
            cameras.film(name, events=[EVENT])
        threads = threading.active_count()
        for number in range(COUNT):
            found = statuses(told(live.port, mutated(number)))
            assert all(map(is_expected, found)), (number, found)
            if token:
                assert set(found) <= {400, 401, 403, 404, 405, 408, 413, 414, 421, 429, 431, 501, 505}, (number, found)
        assert threading.active_count() <= threads
        last = told(live.port, b"GET /page.css HTTP/1.0\r\nHost: localhost\r\n\r\n")
        assert statuses(last) == [401 if token else 200]
    assert capsys.readouterr().err == ""


def told(port, data):
    with socket.create_connection(("127.0.0.1", port), LIMIT) as sock:
        answer = b""
        try:
            sock.sendall(data)
            sock.shutdown(socket.SHUT_WR)
            while True:
                more = sock.recv(1 << 16)
                if not more:
                    return answer
                answer += more
        except (BrokenPipeError, ConnectionResetError):
            return answer
