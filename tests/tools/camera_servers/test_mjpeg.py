"""With OpenCV as the client where that is quick, and a plain socket for what it hides."""

import argparse
import base64
import re
import signal
import socket
import subprocess
import sys
import threading
import time

import cv2
import numpy as np
import pytest
from support.program import ROOT
from support.streams import LIMIT, QUIET, SETTLED, decode, drain, is_silent, numbers, parts, read_until, receive

from app.sources.shapes import synthesise
from tools.camera_servers import mjpeg
from tools.camera_servers.footage import parse_password, parse_size
from tools.camera_servers.mjpeg import MjpegServer
from tools.camera_servers.stamp import read_stamp


@pytest.fixture
def get(connect):
    """Asks for a page, and returns the connection."""

    def get(camera, path="/video", authorization=None):
        client = connect(camera.port)
        header = f"Authorization: {authorization}\r\n" if authorization else ""
        client.sendall(f"GET {path} HTTP/1.0\r\n{header}\r\n".encode())
        return client

    return get


@pytest.fixture
def camera(nothing_left):
    with MjpegServer(list(synthesise(320, 240, 10))) as server:
        yield server


def test_frames_follow_each_other(camera, play):
    first = play(camera.url())
    assert first.isOpened()
    stamps = numbers(first, 16)
    assert stamps[-1] - stamps[0] < 25, "few are missed, on a busy machine"
    assert camera.number - stamps[-1] < 10, "it is live"
    second = play(camera.url())
    ahead, behind = numbers(second, 5), numbers(first, 20)
    assert set(ahead) & set(behind), "all clients see the same frames"


def test_rate(camera, play):
    camera.fps = 50
    capture = play(camera.url())
    numbers(capture, 5)
    start = time.monotonic()
    numbers(capture, 25)
    assert 0.3 < time.monotonic() - start < 2
    assert camera.clients() == 1


def test_a_slow_client_skips_and_does_not_hold_up_a_cut(get):
    """What does not fit into the buffers is lost, as with any camera."""
    large = np.random.RandomState(0).randint(0, 256, (720, 1280, 3)).astype(np.uint8)  # few fit into the buffers
    with MjpegServer([large], fps=30) as camera:
        client = get(camera)
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
        time.sleep(1)
        stamps = [read_stamp(decode(jpeg)) for jpeg in parts(receive(client, 12 << 20))]
        assert np.diff(stamps).max() > 1
        time.sleep(1)
        start = time.monotonic()
        camera.cut()
        assert time.monotonic() - start < 1
        drain(client)


def test_freeze(camera, play, get):
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
    assert read_stamp(stamps[0]) > at + QUIET * camera.fps / 2, "it continues to count"
    assert not is_silent(running)
    assert not is_silent(frozen)


def test_garbage(camera, play, get):
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


def test_half(camera, play, get):
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


def test_slow(camera, play, get):
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
def test_status(camera, get, password, fault, path, given, status):
    camera.password, camera.fault = password, fault
    authorization = "Basic " + base64.b64encode(given.encode()).decode() if given else None
    answer = get(camera, path, authorization).recv(4096)
    assert answer.startswith(f"HTTP/1.0 {status} ".encode())
    assert (b"WWW-Authenticate: Basic" in answer) == (status == 401)


def test_size_changes(camera, play, get):
    """In the middle of a stream. OpenCV 4.1.1 follows, 5.0 scales what comes to the size that there was first."""
    client, capture = get(camera), play(camera.url())
    assert capture.get(cv2.CAP_PROP_FRAME_WIDTH) == 320
    camera.size = (480, 360)
    time.sleep(SETTLED)
    client.recv(1 << 24)
    assert decode(parts(receive(client, 50000))[-1]).shape == (360, 480, 3)
    numbers(capture, 10)
    assert play(camera.url()).get(cv2.CAP_PROP_FRAME_WIDTH) == 480


def test_cut(camera, play, get):
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


def test_cut_where_frozen(camera, get):
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


def test_port_is_taken(camera):
    with pytest.raises(OSError, match="in use"):
        MjpegServer([np.zeros((96, 128, 3), np.uint8)], camera.port)


def test_video_is_repeated(video, play):
    with MjpegServer(video, fps=100, size=(160, 120)) as camera:
        numbers(play(camera.url()), 25)


def test_command(video, get):
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
            process.kill()  # or leaving the block would wait for it


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
    assert mjpeg.main(arguments) == code
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
