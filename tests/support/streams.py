"""Reading the streams of camera servers: frames by OpenCV, bytes by a plain socket for what OpenCV hides."""

import re
import socket
import time

import cv2
import numpy as np

from tools.camera_servers.stamp import read_stamp

LIMIT = 20  # seconds after which a test that waits has failed
SETTLED = 0.4  # seconds in which the servers' threads have seen a change
QUIET = 0.3  # seconds in which nothing comes, if nothing is to come


def write_video(path, images):
    """A video of these pictures (h, w, 3), or of so many grey ones of 96x64, each 10 levels brighter; its path."""
    if isinstance(images, int):
        images = [np.full((64, 96, 3), 10 * index, np.uint8) for index in range(images)]
    height, width = images[0].shape[:2]
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*"MJPG"), 25, (width, height))
    for image in images:
        writer.write(image)
    writer.release()
    return str(path)


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
