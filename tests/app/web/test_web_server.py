"""A real server on this machine's own address, with clients that behave, are slow, or mean harm."""

import socket
import ssl
import subprocess
import threading
import time
from contextlib import ExitStack

import pytest
from support.fakes import LIMIT
from support.live import GET, Cameras, answer

from app.errors import OutputError, UsageError
from app.web import connection as connection_module
from app.web.clients import MOST
from app.web.server import LiveView

pytestmark = pytest.mark.slow


@pytest.fixture
def serve(tmp_path, monkeypatch):
    """Opens a live view with one camera, which has one frame; yields its sinks' hub through the view."""
    monkeypatch.setenv("STATE_DIRECTORY", str(tmp_path))
    with ExitStack() as opened:

        def start(place="127.0.0.1:0", **options):
            cameras = Cameras("door")
            live = opened.enter_context(LiveView(place, cameras.run, **options))
            cameras.hub, cameras.clock.now = live.hub, time.monotonic
            cameras.views = {"door": live.sink("door")}
            cameras.film("door", size=(320, 240))
            live.cameras = cameras
            return live

        yield start


def connect(live, data=b""):
    sock = socket.create_connection(("127.0.0.1", live.port), LIMIT)
    sock.sendall(data)
    return sock


def read(sock, until=lambda data: False):
    """What comes until the server closes, or the data will do."""
    data = b""
    while not until(data):
        try:
            more = sock.recv(1 << 16)
        except ConnectionResetError:
            break
        if not more:
            break
        data += more
    return data


def ask(live, path, headers=b""):
    with connect(
        live, b"GET " + path + b" HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n" + headers + b"\r\n"
    ) as sock:
        return answer(read(sock))


def until(condition, seconds=LIMIT):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_a_frame_wakes_who_waits_for_it(serve):
    live = serve()
    with connect(live, GET % b"/door/frame.jpg?after=1") as sock:
        until(lambda: live.hub.wanted)
        live.cameras.film("door")
        assert answer(read(sock, lambda data: b"\xff\xd9" in data))[1]["x-frame"] == "2"


def test_it_says_where_it_is(serve, capsys):
    live = serve()
    said = capsys.readouterr().err
    assert f"live view: http://127.0.0.1:{live.port}/\n" in said
    assert "for others: --serve 0.0.0.0:8080" in said
    assert live.token is None


def test_on_all_addresses_the_token_is_needed_and_no_log_has_it(serve, capsys, tmp_path):
    live = serve("0.0.0.0:0")
    said = capsys.readouterr().err
    assert live.token not in said
    assert f"cat {tmp_path}/token" in said
    assert (tmp_path / "token").read_text().strip() == live.token
    assert ask(live, b"/")[0] == 401
    status, headers, _ = ask(live, b"/?token=" + live.token.encode())
    assert (status, headers["location"]) == (303, "/")
    cookie = headers["set-cookie"].split(";")[0].encode()
    assert ask(live, b"/", b"Cookie: " + cookie + b"\r\n")[0] == 200


def test_a_person_at_a_terminal_gets_link_and_code(serve, capsys, monkeypatch):
    monkeypatch.setattr("sys.stderr.isatty", lambda: True, raising=False)
    live = serve(token=True)
    said = capsys.readouterr().err
    assert f"live view: http://127.0.0.1:{live.port}/?token={live.token}\n" in said
    assert "█" in said


def test_a_port_that_is_taken(serve):
    live = serve()
    with pytest.raises(OutputError, match=f"another program has this port; .* --serve 127.0.0.1:{live.port + 1}"):
        serve(f"127.0.0.1:{live.port}")


@pytest.mark.parametrize("place, why", [("nowhere.invalid:8080", "no host"), ("192.0.2.1:8080", "no such address")])
def test_an_address_that_is_not_here(serve, place, why):
    with pytest.raises(OutputError, match=why):
        serve(place)


def test_it_closes_with_all_its_connections(serve):
    live = serve()
    before = threading.active_count()
    socks = [connect(live, GET % b"/door/stream.mjpg"), connect(live, GET % b"/door/frame.jpg?after=1"), connect(live)]
    until(lambda: len(live._clients) == 3)
    live.close()
    live.close()
    assert all(read(sock) is not None for sock in socks)  # they end
    assert threading.active_count() == before - 1
    live.cameras.film("door")  # which wakes nobody
    for sock in socks:
        sock.close()


def test_many_that_send_nothing_little_or_read_nothing(serve, monkeypatch):
    monkeypatch.setattr(connection_module, "HEAD_LIMIT", 2.0)
    monkeypatch.setattr(connection_module, "STALL_LIMIT", 2.0)
    live = serve()
    threads, socks = threading.active_count(), []
    stop = threading.Event()
    try:
        for number in range(200):
            sock = connect(live)
            socks.append(sock)
            if number % 3 == 1:
                sock.sendall(b"GET ")
            elif number % 3 == 2:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
                sock.sendall(GET % b"/door/stream.mjpg")

        def drip():
            while not stop.wait(0.3):
                for sock in socks[1::3]:
                    try:
                        sock.send(b"x")
                    except OSError:
                        pass
                live.cameras.film("door", size=(1280, 960))

        threading.Thread(target=drip, daemon=True).start()
        for _ in range(20):
            status, headers, body = ask(live, b"/door/snapshot.jpg")
            assert status == 200
            assert len(body) == int(headers["content-length"])
            assert len(live._clients) <= MOST
        assert threading.active_count() <= threads + 1
        stop.wait(4)
        stop.set()
        until(lambda: len(live._clients) <= 8)  # streams that are stalled and not quite given up
        until(lambda: len(live._clients) == 0)
    finally:
        stop.set()
        for sock in socks:
            sock.close()
    assert ask(live, b"/page.css")[0] == 200


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tls")
    command = "openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost -keyout key.pem -out cert.pem"
    subprocess.run(command.split(), cwd=str(folder), check=True, stderr=subprocess.DEVNULL)
    return str(folder / "cert.pem"), str(folder / "key.pem")


def trusting():
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context


def test_tls(serve, certificate, capsys):
    live = serve(tls=certificate, token=True)
    assert f"https://127.0.0.1:{live.port}/" in capsys.readouterr().err
    with trusting().wrap_socket(connect(live)) as sock:
        sock.sendall(GET % (b"/?token=" + live.token.encode()))
        headers = answer(read(sock, lambda data: b"\r\n\r\n" in data))[1]
    assert "Secure" in headers["set-cookie"].split("; ")
    with trusting().wrap_socket(connect(live)) as sock:
        credentials = b"\r\nAuthorization: Bearer " + live.token.encode()
        sock.sendall(b"GET /door/stream.mjpg HTTP/1.1\r\nHost: localhost" + credentials + b"\r\n\r\n")
        until(lambda: live._clients.viewers()["stream"] == 1)
        live.cameras.film("door")
        read(sock, lambda data: data.count(b"X-Frame: ") == 2)


def test_clients_that_never_agree_on_tls(serve, certificate, monkeypatch, capsys):
    monkeypatch.setattr("app.web.server.HEAD_LIMIT", 1.0)
    live = serve(tls=certificate)
    capsys.readouterr()
    silent = [connect(live) for _ in range(MOST + 10)]
    plain = connect(live, GET % b"/")
    with trusting().wrap_socket(connect(live)) as sock:
        sock.sendall(GET % b"/page.css")
        assert read(sock, lambda data: b"\r\n\r\n" in data).startswith(b"HTTP/1.1 200")
    for sock in [*silent, plain]:
        sock.settimeout(LIMIT)
        assert b"HTTP" not in read(sock)
        sock.close()
    until(lambda: not live._arriving)
    assert capsys.readouterr().err == ""


def test_certificates_that_cannot_be_used(serve, certificate, tmp_path):
    with pytest.raises(UsageError, match="none.pem cannot be read"):
        serve(tls=(str(tmp_path / "none.pem"), certificate[1]))
    with pytest.raises(UsageError, match="are not a certificate and its key"):
        serve(tls=(certificate[1], certificate[0]))
