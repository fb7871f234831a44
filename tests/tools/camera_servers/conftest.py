import os
import socket
import threading

import app  # noqa: F401  (first: it sets how much OpenCV logs, which OpenCV reads on import)

# isort: split
import cv2
import pytest
from support.streams import LIMIT
from support.video import write_video

from app.sources.shapes import synthesise


def open_sockets():
    links = []
    for name in os.listdir("/proc/self/fd"):
        try:
            links.append(os.readlink("/proc/self/fd/" + name))
        except OSError:
            pass  # of this listing itself
    return sorted(link for link in links if link.startswith("socket:"))


@pytest.fixture(autouse=True)
def nothing_left():
    """Every thread and socket of a test has ended when the test has."""
    threads, sockets = set(threading.enumerate()), open_sockets()
    yield
    assert set(threading.enumerate()) <= threads
    assert open_sockets() == sockets


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


@pytest.fixture(scope="package")
def video(tmp_path_factory):
    images = list(synthesise(320, 240, 10))
    return str(write_video(tmp_path_factory.mktemp("camera") / "video.avi", images))
