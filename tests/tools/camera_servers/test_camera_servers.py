"""The camera servers, with FFmpeg as the client where that is quick, and a plain socket for what it hides."""

import argparse
import base64
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time

from support.program import ROOT

import app  # noqa: F401  (first, since it quiets what the next prints)

# isort: split
import cv2
import numpy as np
import pytest

from app.errors import SourceError
from app.sources.readers import synthesise
from tools.camera_servers import mjpeg as mjpeg_server
from tools.camera_servers import rtsp as rtsp_server
from tools.camera_servers.faults import FaultProxy
from tools.camera_servers.footage import parse_password, parse_size
from tools.camera_servers.loopback import LoopbackServer
from tools.camera_servers.mjpeg import MjpegServer
from tools.camera_servers.rtsp import RtspServer
from tools.camera_servers.stamp import LEAST_WIDTH, read_stamp, write_stamp

LIMIT = 20  # seconds after which a test that waits has failed
SETTLED = 0.4  # seconds in which the servers' threads have seen what they were told
QUIET = 0.3  # seconds in which nothing comes, if nothing is to come

needs_rtsp = pytest.mark.skipif(rtsp_server.available() is not None, reason=str(rtsp_server.available()))


def open_sockets():
    links = []
    for name in os.listdir("/proc/self/fd"):
        try:
            links.append(os.readlink("/proc/self/fd/" + name))
        except OSError:
            pass  # the one that lists
    return sorted(link for link in links if link.startswith("socket:"))


@pytest.fixture(autouse=True)
def nothing_left():
    """All that a test started has ended when it has."""
    threads, sockets = set(threading.enumerate()), open_sockets()
    yield
    assert set(threading.enumerate()) <= threads
    assert open_sockets() == sockets


@pytest.fixture
def camera(nothing_left):
    with MjpegServer([image for image, _ in synthesise(320, 240, 10)]) as server:
        yield server


@pytest.fixture
def play(nothing_left, monkeypatch):
    """Opens a stream as the program does, and closes it after the test."""
    monkeypatch.setenv("OPENCV_FFMPEG_CAPTURE_OPTIONS", "rtsp_transport;tcp")
    captures = []

    def play(url):
        limits = ()
        if hasattr(cv2, "CAP_PROP_OPEN_TIMEOUT_MSEC"):
            limits = ([cv2.CAP_PROP_OPEN_TIMEOUT_MSEC, 5000, cv2.CAP_PROP_READ_TIMEOUT_MSEC, 3000],)
        captures.append(cv2.VideoCapture(url, cv2.CAP_FFMPEG, *limits))
        return captures[-1]

    yield play
    for capture in captures:
        capture.release()


@pytest.fixture
def connect(nothing_left):
    """Opens a plain connection, and closes it after the test."""
    clients = []

    def connect(port):
        clients.append(socket.create_connection(("127.0.0.1", port), LIMIT))
        return clients[-1]

    yield connect
    for client in clients:
        client.close()


@pytest.fixture
def get(connect):
    """Asks for a page, and returns the connection."""

    def get(camera, path="/video", authorization=None):
        client = connect(camera.port)
        header = "Authorization: {}\r\n".format(authorization) if authorization else ""
        client.sendall("GET {} HTTP/1.0\r\n{}\r\n".format(path, header).encode())
        return client

    return get


def numbers(capture, count):
    stamps = []
    for _ in range(count):
        good, image = capture.read()
        assert good
        stamps.append(read_stamp(image))
    assert np.all(np.diff(stamps) > 0)  # also that none is missing
    return stamps


def read_until(capture, wanted):
    """Reads until wanted(good, image), and returns that image."""
    end = time.monotonic() + LIMIT
    while time.monotonic() < end:
        good, image = capture.read()
        if wanted(good, image):
            return image
    raise AssertionError("did not happen")


def receive(client, size):
    data = bytearray()
    while len(data) < size:
        more = client.recv(65536)
        assert more
        data += more
    return bytes(data)


def is_silent(client):
    client.settimeout(QUIET)
    try:
        client.recv(1)
        return False
    except socket.timeout:
        return True
    finally:
        client.settimeout(LIMIT)


def drain(client):
    """All that comes until the connection is reset."""
    data = b""
    try:
        while True:
            more = client.recv(65536)
            assert more, "closed, but not reset"
            data += more
    except ConnectionResetError:
        return data


def parts(data):
    """The whole JPEGs in a piece of a stream."""
    found = re.finditer(rb"--frame\r\n.*?Content-Length: (\d+)\r\n\r\n", data, re.DOTALL)
    whole = [data[head.end() : head.end() + int(head.group(1))] for head in found]
    return whole[:-1]


def decode(jpeg):
    return cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR)


@pytest.mark.parametrize("quality", [50, 75])
@pytest.mark.parametrize("size", [(128, 96), (160, 120), (322, 242), (640, 480), (854, 480), (1280, 720)])
def test_stamp_survives(size, quality):
    width, height = size
    random = np.random.RandomState(0)
    for number in [0, 1, 61, 12345678, 2**24 - 1]:
        for image in (np.zeros((height, width, 3), np.uint8), random.randint(0, 256, (height, width, 3)).astype("u1")):
            write_stamp(image, number)
            assert read_stamp(image) == number
            jpeg = decode(cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, quality])[1])
            assert read_stamp(jpeg) == number
            larger = cv2.resize(jpeg, (width * 3 // 2, height * 3 // 2))
            assert read_stamp(cv2.resize(larger, (width, height))) == number


def test_stamp_wraps_round():
    image = np.zeros((24, 320, 3), np.uint8)
    write_stamp(image, 2**24 + 7)
    assert read_stamp(image) == 7


def test_stamp_is_missing_or_damaged():
    image = np.zeros((24, 320, 3), np.uint8)
    assert read_stamp(image) is None
    assert read_stamp(np.full((24, 320, 3), 255, np.uint8)) is None
    assert read_stamp(np.zeros((240, LEAST_WIDTH - 1, 3), np.uint8)) is None
    for block in range(32):
        write_stamp(image, 1234567)
        side = slice(10 * block, 10 * block + 10)
        image[:10, side] = 255 - image[:10, side]
        assert read_stamp(image) is None, "block {} is wrong".format(block)
        image[:10, side] = 128
        assert block < 2 or read_stamp(image) is None, "block {} is grey".format(block)


@pytest.mark.parametrize("shape", [(240, LEAST_WIDTH - 1, 3), (9, 320, 3)])
def test_stamp_has_no_room(shape):
    with pytest.raises(ValueError, match="a stamp needs"):
        write_stamp(np.zeros(shape, np.uint8), 1)


def test_mjpeg_frames_follow_each_other(camera, play):
    first = play(camera.url())
    assert first.isOpened()
    stamps = numbers(first, 16)
    assert stamps[-1] - stamps[0] < 25, "few are missed, on a busy machine"
    assert camera.number - stamps[-1] < 10, "it is live"
    second = play(camera.url())
    ahead, behind = numbers(second, 5), numbers(first, 20)
    assert set(ahead) & set(behind), "all clients see the same frames"


def test_mjpeg_rate(camera, play):
    camera.fps = 50
    capture = play(camera.url())
    numbers(capture, 5)
    start = time.monotonic()
    numbers(capture, 25)
    assert 0.3 < time.monotonic() - start < 2
    assert camera.clients() == 1


@pytest.fixture
def noisy(nothing_left):
    """A camera whose frames are so large that few fit into the buffers between it and a client."""
    with MjpegServer([np.random.RandomState(0).randint(0, 256, (720, 1280, 3)).astype(np.uint8)], fps=30) as server:
        yield server


def test_mjpeg_client_that_is_slow_skips(noisy, get):
    """What does not fit into the buffers is lost, as with any camera."""
    client = get(noisy)
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
    time.sleep(1)
    stamps = [read_stamp(decode(jpeg)) for jpeg in parts(receive(client, 12 << 20))]
    assert np.diff(stamps).max() > 1


def test_mjpeg_freeze(camera, play, get):
    capture = play(camera.url())
    running = get(camera)
    receive(running, 1000)
    camera.fault = "freeze"
    frozen = get(camera)
    time.sleep(SETTLED)
    running.setblocking(False)
    with pytest.raises(BlockingIOError):
        while True:
            running.recv(65536)
    running.setblocking(True)
    assert is_silent(running)
    assert is_silent(frozen)

    at = camera.number
    stamps = []
    reader = threading.Thread(target=lambda: stamps.append(read_until(capture, lambda _, i: read_stamp(i) > at)))
    reader.start()
    reader.join(QUIET)
    assert reader.is_alive()
    camera.fault = None
    reader.join(LIMIT)
    assert not reader.is_alive()
    assert read_stamp(stamps[0]) > at + QUIET * camera.fps / 2, "it goes on counting"
    assert not is_silent(running)
    assert not is_silent(frozen)


def test_mjpeg_garbage(camera, play, get):
    capture, client = play(camera.url()), get(camera)
    numbers(capture, 3)
    camera.fault = "garbage"
    read_until(capture, lambda good, _: not good)
    time.sleep(SETTLED)
    client.recv(1 << 24)
    assert b"--frame" not in receive(client, 30000)
    assert not play(camera.url()).isOpened()
    camera.fault = None
    assert numbers(play(camera.url()), 2)


def test_mjpeg_half(camera, play, get):
    """FFmpeg takes half a picture for a good one, whose rest is grey."""
    capture, client = play(camera.url()), get(camera)
    receive(client, 20000)
    assert all(jpeg.endswith(b"\xff\xd9") for jpeg in parts(receive(client, 50000)))
    camera.fault = "half"
    time.sleep(SETTLED)
    client.recv(1 << 24)
    halves = parts(receive(client, 50000))
    assert len(halves) > 3
    for jpeg in halves:
        assert jpeg.startswith(b"\xff\xd8")
        assert not jpeg.endswith(b"\xff\xd9")
    numbers(capture, 12)
    camera.fault = None
    numbers(capture, 12)


def test_mjpeg_slow(camera, play, get):
    camera.fault, camera.slow_seconds = "slow", 0.5
    start = time.monotonic()
    client = get(camera)
    assert client.recv(1)
    assert time.monotonic() - start >= 0.5
    assert play(camera.url()).isOpened()


@pytest.mark.parametrize(
    "password, fault, path, given, status",
    [
        (None, None, "/video", None, 200),
        (None, None, "/video", "a:b", 200),
        (None, None, "/other", None, 404),
        (None, "deny", "/video", None, 401),
        (("user", "secret"), None, "/video", None, 401),
        (("user", "secret"), None, "/video", "user:wrong", 401),
        (("user", "secret"), None, "/video", "user:secret", 200),
        (("user", "secret"), "deny", "/video", "user:secret", 401),
    ],
)
def test_mjpeg_status(camera, get, password, fault, path, given, status):
    camera.password, camera.fault = password, fault
    authorization = "Basic " + base64.b64encode(given.encode()).decode() if given else None
    answer = get(camera, path, authorization).recv(4096)
    assert answer.startswith("HTTP/1.0 {} ".format(status).encode())
    assert (b"WWW-Authenticate: Basic" in answer) == (status == 401)


def test_mjpeg_password(camera, play):
    camera.password = "user", "secret"
    assert not play(camera.url()).isOpened()
    assert not play(camera.url("user", "wrong")).isOpened()
    assert numbers(play(camera.url("user", "secret")), 2)


def test_mjpeg_size_changes(camera, play, get):
    """In the middle of a stream. OpenCV 4.1.1 follows, 5.0 scales what comes to the size that there was first."""
    client, capture = get(camera), play(camera.url())
    assert capture.get(cv2.CAP_PROP_FRAME_WIDTH) == 320
    camera.size = (480, 360)
    time.sleep(SETTLED)
    client.recv(1 << 24)
    assert decode(parts(receive(client, 50000))[-1]).shape == (360, 480, 3)
    numbers(capture, 10)
    assert play(camera.url()).get(cv2.CAP_PROP_FRAME_WIDTH) == 480


def test_mjpeg_cut(camera, play, get):
    capture, client = play(camera.url()), get(camera)
    numbers(capture, 2)
    receive(client, 20000)
    camera.cut()
    assert camera.clients() == 0
    broken = drain(client).rpartition(b"--frame")[2]
    assert b"\xff\xd8" in broken, "a JPEG has begun"
    assert b"\xff\xd9" not in broken[-4:], "and does not end"
    read_until(capture, lambda good, _: not good)
    assert numbers(play(camera.url()), 2), "new ones are served"


def test_mjpeg_cut_where_frozen(camera, get):
    running = get(camera)
    receive(running, 1000)
    camera.fault = "freeze"
    frozen, mute = get(camera), socket.create_connection(("127.0.0.1", camera.port), LIMIT)
    with mute:
        time.sleep(SETTLED)
        assert camera.clients() == 3
        start = time.monotonic()
        camera.cut()
        assert time.monotonic() - start < 1
        for client in (running, frozen, mute):
            drain(client)


def test_mjpeg_cut_where_client_does_not_read(noisy, get):
    """A full buffer does not hold it up."""
    stuck = get(noisy)
    stuck.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
    time.sleep(1)
    start = time.monotonic()
    noisy.cut()
    assert time.monotonic() - start < 1
    drain(stuck)


def test_mjpeg_refuse_and_listen(camera, play, get):
    capture, client, port = play(camera.url()), get(camera), camera.port
    receive(client, 1000)
    for _ in range(2):  # twice is as good as once
        camera.refuse()
    drain(client)
    read_until(capture, lambda good, _: not good)
    with pytest.raises(ConnectionRefusedError):
        get(camera)
    assert not play(camera.url()).isOpened()
    before = camera.number
    for _ in range(2):
        camera.listen()
    assert camera.port == port
    assert numbers(play(camera.url()), 1)[0] > before


def test_mjpeg_port_is_taken(camera):
    with pytest.raises(OSError, match="in use"):
        MjpegServer([np.zeros((96, 128, 3), np.uint8)], camera.port)


@pytest.fixture(scope="module")
def video(tmp_path_factory):
    path = str(tmp_path_factory.mktemp("camera") / "video.avi")
    writer = cv2.VideoWriter(path, cv2.VideoWriter.fourcc(*"MJPG"), 25, (320, 240))
    for image, _ in synthesise(320, 240, 10):
        writer.write(image)
    writer.release()
    return path


def test_mjpeg_video_is_repeated(video, play):
    with MjpegServer(video, fps=100, size=(160, 120)) as camera:
        numbers(play(camera.url()), 25)


def test_mjpeg_video_is_none(tmp_path):
    with pytest.raises(SourceError, match="no such file"):
        MjpegServer(str(tmp_path / "none.avi"))


def test_mjpeg_command(video, get):
    command = [sys.executable, "-m", "tools.camera_servers.mjpeg", video, "--port", "0", "--password", "user:secret"]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with subprocess.Popen(command, cwd=ROOT, universal_newlines=True, **pipes) as process:
        url = process.stdout.readline()
        port = re.match(r"http://user:secret@127.0.0.1:(\d+)/video", url).group(1)
        with socket.create_connection(("127.0.0.1", int(port)), LIMIT) as client:
            client.sendall(b"GET /video HTTP/1.0\r\n\r\n")
            assert b" 401 " in client.recv(4096)
        process.send_signal(signal.SIGINT)
        try:
            assert process.wait(LIMIT) == 130
        finally:
            process.kill()  # else leaving the block would wait for it for ever


@pytest.mark.parametrize(
    "arguments, code, message",
    [
        (["none.avi"], 3, "none.avi: no such file"),
        ([], 2, "VIDEO"),
        (["x.avi", "--size", "640"], 2, "640x480"),
        (["x.avi", "--password", "user"], 2, "user:secret"),
        (["x.avi", "--port", "70000"], 2, "a port should be from 0 to 65535"),
    ],
)
def test_commands_errors(capsys, arguments, code, message):
    assert mjpeg_server.main(arguments) == code
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1


@pytest.mark.parametrize("text", ["", "640", "640x", "x480", "640x480x3", "64x48", "-640x480", "9999x480", "a:b"])
def test_size_is_wrong(text):
    with pytest.raises(argparse.ArgumentTypeError, match="a size should be"):
        parse_size(text)


def test_values():
    assert parse_size("640x480") == (640, 480)
    assert parse_password("user:a:b") == ("user", "a:b")


class Echo(LoopbackServer):
    def serve(self, connection):
        while True:
            data = connection.socket.recv(4096)
            if not data:
                return
            connection.send(data)


@pytest.fixture
def proxy(nothing_left):
    with Echo() as upstream, FaultProxy(upstream.port) as proxy:
        proxy.upstream = upstream
        yield proxy


def test_proxy_forwards(proxy, connect):
    client = connect(proxy.port)
    client.settimeout(LIMIT)
    data = os.urandom(1 << 20)
    sender = threading.Thread(target=client.sendall, args=(data,))
    sender.start()
    assert receive(client, len(data)) == data
    sender.join(LIMIT)
    client.close()
    end = time.monotonic() + LIMIT
    while proxy.clients() or proxy.upstream.clients():
        assert time.monotonic() < end
        time.sleep(0.01)


def test_proxy_freeze(proxy, connect):
    client = connect(proxy.port)
    client.sendall(b"before")
    assert receive(client, 6) == b"before"
    proxy.fault = "freeze"
    time.sleep(SETTLED)
    other = connect(proxy.port)
    for each in (client, other):
        each.sendall(b"after")
        assert is_silent(each)
    proxy.fault = None
    for each in (client, other):
        assert receive(each, 5) == b"after"


def test_proxy_garbage(proxy, connect):
    client = connect(proxy.port)
    proxy.fault = "garbage"
    client.sendall(b"0123456789")
    assert receive(client, 10) != b"0123456789"
    proxy.fault = None
    client.sendall(b"0123456789")
    assert receive(client, 10) == b"0123456789"


def test_proxy_slow(proxy, connect):
    proxy.fault, proxy.slow_seconds = "slow", 2.0
    start = time.monotonic()
    client = connect(proxy.port)
    client.sendall(b"a")
    assert client.recv(1) == b"a"
    assert time.monotonic() - start >= 2
    start = time.monotonic()
    client.sendall(b"b")
    assert client.recv(1) == b"b"
    assert time.monotonic() - start < 2, "only the beginning is slow"


@pytest.mark.parametrize("fault", [None, "freeze", "slow"])
def test_proxy_cut_and_refuse(proxy, connect, fault):
    proxy.fault, proxy.slow_seconds = fault, 60
    first = connect(proxy.port)
    time.sleep(SETTLED)
    proxy.cut()
    drain(first)
    second = connect(proxy.port)
    time.sleep(SETTLED)
    proxy.refuse()
    drain(second)
    with pytest.raises(ConnectionRefusedError):
        connect(proxy.port)
    port, proxy.fault = proxy.port, None
    proxy.listen()
    third = connect(port)
    third.sendall(b"a")
    assert third.recv(1) == b"a"


def test_proxy_without_upstream(proxy, connect):
    proxy.upstream.refuse()
    assert connect(proxy.port).recv(1) == b""


@needs_rtsp
def test_rtsp(video, play):
    """Through the proxy: frames, and their absence."""
    with RtspServer(video, size="160x120") as camera, FaultProxy(camera.port) as proxy:
        url = camera.url(port=proxy.port)
        capture = play(url)
        stamps = numbers(capture, 40)
        assert stamps[-1] - stamps[0] < 50, "few are missed, on a busy machine"
        assert capture.get(cv2.CAP_PROP_FRAME_WIDTH) == 160

        proxy.fault = "freeze"
        threading.Timer(1, lambda: setattr(proxy, "fault", None)).start()
        last = numbers(capture, 40)[-1]
        proxy.cut()
        read_until(capture, lambda good, _: not good)
        proxy.refuse()
        assert not play(url).isOpened()
        proxy.listen()
        capture = play(url)
        assert numbers(capture, 1)[0] > last
        proxy.fault = "garbage"
        read_until(capture, lambda good, _: not good)


@needs_rtsp
def test_rtsp_size(video, play):
    with RtspServer(video) as camera:
        capture = play(camera.url())
        before = numbers(capture, 1)[0]
        assert capture.get(cv2.CAP_PROP_FRAME_WIDTH) == 320
        camera.command("size 480x360")
        read_until(capture, lambda good, _: not good)
        capture = play(camera.url())
        assert capture.get(cv2.CAP_PROP_FRAME_WIDTH) == 480
        assert numbers(capture, 1)[0] > before + 1
        with pytest.raises(RuntimeError, match="a size should be"):
            camera.command("size 48")
        with pytest.raises(RuntimeError, match="quit; not nonsense"):
            camera.command("nonsense")


@needs_rtsp
def test_rtsp_password(video, play):
    with RtspServer(video, password=("user", "secret")) as camera:
        assert not play(camera.url()).isOpened()
        assert not play(camera.url("user", "wrong")).isOpened()
        assert numbers(play(camera.url("user", "secret")), 2)


@needs_rtsp
def test_rtsp_ends(video, tmp_path):
    with RtspServer(video) as camera:
        process, port = camera._process, camera.port
        with pytest.raises(RuntimeError, match="instead of ready"):
            RtspServer(video, port).__enter__()
    assert process.returncode == 0, "with its standard input, and not killed"
    with RtspServer(video) as camera:
        camera._process.stdin.write("quit\n")
        camera._process.stdin.flush()
        assert camera._process.wait(LIMIT) == 0
    with pytest.raises(RuntimeError, match="instead of ready"):
        RtspServer(str(tmp_path / "none.avi")).__enter__()


def test_rtsp_is_not_available(monkeypatch, video):
    monkeypatch.setattr(rtsp_server, "PYTHONS", ("/nowhere/python",))
    rtsp_server._python.cache_clear()
    try:
        assert "apt-get install python3-gi" in rtsp_server.available()
        with pytest.raises(RuntimeError, match="apt-get"):
            RtspServer(video)
    finally:
        rtsp_server._python.cache_clear()
