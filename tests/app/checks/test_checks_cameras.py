import os
import socket

import pytest
from support import fake_nano
from support.fake_nano import FakeNano

from app.checks import FAIL, PASS, SKIP, WARN, cameras, software
from app.checks.process import Failure

# v4l-utils 1.22, of Debian 12
NEWER = """ioctl: VIDIOC_ENUM_FMT
	Type: Video Capture

	[0]: 'MJPG' (Motion-JPEG, compressed)
		Size: Discrete 1280x720
			Interval: Discrete 0.033s (30.000 fps)
			Interval: Discrete 0.040s (25.000 fps)
	[1]: 'YUYV' (YUYV 4:2:2)
		Size: Discrete 640x480
			Interval: Discrete 0.033s (30.000 fps)
"""
RANGE = """	[0]: 'GREY' (8-bit Greyscale)
		Size: Stepwise 32x32 - 3840x2160 with step 2/2
			Interval: Continuous 0.017s - 1.000s (1.000-60.000 fps)
"""


@pytest.fixture
def nano(monkeypatch, tmp_path):
    root = fake_nano.prepare(monkeypatch, tmp_path)

    def make(cam, files=()):
        fake_nano.write_files(tmp_path / "root", dict(files))
        return FakeNano(str(root), "small.onnx", cam)

    return make


@pytest.mark.parametrize(
    "text, formats",
    [
        pytest.param(fake_nano.FORMATS, {"MJPG": (1920, 1080, 30), "YUYV": (1280, 720, 10)}, id="Ubuntu 18.04"),
        pytest.param(NEWER, {"MJPG": (1280, 720, 30), "YUYV": (640, 480, 30)}, id="Debian 12"),
        pytest.param(RANGE, {"GREY": (3840, 2160, 60)}, id="a range"),
        pytest.param("\t[0]: 'MJPG' (x)\n\t\tSize: Discrete 8x6\n", {"MJPG": (8, 6, 0)}, id="without rates"),
        pytest.param("ioctl: VIDIOC_ENUM_FMT\n\tType: Video Capture\n", {}, id="none"),
        pytest.param("", {}, id="nothing"),
    ],
)
def test_formats(text, formats):
    assert cameras.best_formats(text) == formats


@pytest.mark.slow
def test_a_device_that_gives_no_pictures(nano, tmp_path):
    fake_nano.write_commands(tmp_path / "fake_commands", {"v4l2-ctl": "echo 'ioctl: VIDIOC_ENUM_FMT'"})
    assert cameras.camera(0, nano(None)).state == SKIP


@pytest.mark.parametrize("cam, state", [(None, WARN), ("0", WARN), ("/dev/v4l/by-id/x", WARN), ("street.mp4", SKIP)])
def test_no_camera(nano, cam, state):
    assert cameras.connected(nano(cam, {"dev/video0": None, "dev/video1": None})).state == state


def test_cameras_in_order(nano):
    machine = nano(None, {"dev/video10": "", "dev/video2": "", "dev/videosink": ""})
    assert machine.cameras() == [0, 1, 2, 10]


@pytest.mark.parametrize(
    "cam, state, fix",
    [
        ("0", PASS, None),
        ("/dev/video1", PASS, None),
        ("/dev/v4l/by-id/usb-1", PASS, None),
        ("/dev/video7", FAIL, "ls -l /dev/video* /dev/v4l/by-id"),
        ("csi://0", PASS, None),
        ("gst://videotestsrc", PASS, None),
        ("test://640x480@30?live", PASS, None),
        ("ftp://host/x", FAIL, "python3 -m app.detect --help"),
        ("no/such/street.mp4", FAIL, "ls -l no/such"),
        ("missing.mp4", FAIL, "ls -l ."),
        ("rtsp://", FAIL, "python3 -m app.detect --help"),
        ("http://[::1/x", FAIL, "python3 -m app.detect --help"),
    ],
)
def test_source(nano, cam, state, fix):
    result = cameras.source(nano(cam, {"dev/v4l/by-id/usb-1": ""}))
    assert (result.state, result.fix) == (state, fix)


def test_source_of_files(nano, tmp_path):
    (tmp_path / "dog.jpg").write_text("")
    for uri in (str(tmp_path), str(tmp_path / "dog.jpg"), str(tmp_path / "*.jpg")):
        assert cameras.source(nano(uri)).state == PASS
    assert cameras.source(nano(str(tmp_path / "*.png"))).state == FAIL


def test_a_source_that_may_not_be_read(nano, monkeypatch):
    machine = nano("0")
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    assert cameras.source(machine).fix == cameras.JOIN_VIDEO


@pytest.mark.parametrize("cam", ["csi://0", "gst://x"])
def test_pipelines_want_gstreamer(nano, cam):
    machine = nano(cam)
    machine.answers[software.OPENCV] = ["5.0.0", False, []]
    assert cameras.source(machine).state == FAIL
    machine.answers[software.OPENCV] = Failure("none")
    assert cameras.source(machine).state == SKIP


def test_a_stream(nano):
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen(1)
        uri = f"rtsp://me:secret@127.0.0.1:{server.getsockname()[1]}/x?token=secret"
        result = cameras.source(nano(uri))
        assert result.state == PASS
    closed = cameras.source(nano(uri))
    assert (closed.state, closed.fix) == (FAIL, "ping -c 3 127.0.0.1")
    assert "connection refused" in closed.message
    for one in (result, closed):
        assert "secret" not in str(one)


@pytest.mark.parametrize("cam", ["rtsp://me:x/secret@host/x", "rtsp://me:x@127.0.0.1:1/secret@host/x"])
def test_what_may_be_a_part_of_a_password_is_not_pinged(nano, cam):
    result = cameras.source(nano(cam))
    assert (result.state, result.fix) == (FAIL, "python3 -m app.detect --help")
    assert "a password with / has to be written with %2F" in result.message
    assert "secret" not in str(result)
    assert "127.0.0.1" not in str(result)


@pytest.mark.parametrize(
    "cam",
    ["rtsp://me:secret@host:port/x", "me:secret@host/x", "ftp://me:secret@host/", "gst://rtspsrc user-pw=secret"],
)
def test_no_password_is_shown(nano, cam):
    machine = nano(cam)
    machine.answers[software.OPENCV] = ["5.0.0", False, []]
    result = cameras.source(machine)
    assert result.state == FAIL
    assert "secret" not in str(result)
