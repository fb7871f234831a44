import functools
import glob
import os

import cv2
import pytest
from support.fakes import FakeClock, FakeVideoCapture

from app.errors import SourceError
from app.sources import capture, gstreamer
from app.sources.capture import CameraOptions, Pipeline, Shapes, Stream, UsbCamera, csi_camera, find_device
from app.timing.pacing import Pacer

WIDTH, HEIGHT, FPS, FOURCC = (
    cv2.CAP_PROP_FRAME_WIDTH,
    cv2.CAP_PROP_FRAME_HEIGHT,
    cv2.CAP_PROP_FPS,
    cv2.CAP_PROP_FOURCC,
)
MJPG, YUYV = (float(cv2.VideoWriter_fourcc(*letters)) for letters in ("MJPG", "YUYV"))


URI = "rtsp://u:p@h/x"


class Webcam(FakeVideoCapture):
    """Remembers what was asked of it, in order. `stubborn`: settings that stay as they are, whatever is asked."""

    stubborn = {}

    def __init__(self, device, api):
        super().__init__(device, api)
        self.settings.update(self.stubborn)
        self.wishes = []

    def set(self, setting, value):
        self.wishes.append(setting)
        if setting in self.stubborn:
            assert setting in self.settings
            return False
        return super().set(setting, value)


@pytest.fixture
def webcam(monkeypatch):
    """Opens a camera of these settings, which it does not change; the device, and the camera."""

    def open_webcam(uri="/dev/video0", width=None, height=None, fps=None, stubborn=()):
        monkeypatch.setattr(Webcam, "stubborn", dict(stubborn))
        monkeypatch.setattr(cv2, "VideoCapture", Webcam)
        device = UsbCamera(uri, CameraOptions(width, height, fps))
        return device, device.open()

    return open_webcam


@pytest.fixture
def openings(monkeypatch):
    """The arguments of every VideoCapture that was opened; `openings.succeed` says whether it opens."""

    class Openings(list):
        succeed = True

    opened = Openings()

    class Capture:
        def __init__(self, *arguments):
            opened.append(arguments)

        def isOpened(self):
            return opened.succeed

    monkeypatch.setattr(cv2, "VideoCapture", Capture)
    return opened


def have_gstreamer(monkeypatch, available, nvidia=False):
    monkeypatch.setattr(gstreamer, "available", lambda: available)
    monkeypatch.setattr(gstreamer, "has_nvidia", lambda: nvidia)


# USB cameras


@pytest.mark.parametrize(
    "asked, wishes",
    [
        pytest.param({}, [], id="nothing"),
        pytest.param({"width": 640, "height": 480}, [WIDTH, HEIGHT], id="VGA"),
        pytest.param({"width": 320, "fps": 15}, [WIDTH, FPS], id="less than VGA"),
        pytest.param({"fps": 60}, [FPS], id="a rate only"),
        pytest.param({"width": 1280, "height": 720, "fps": 30}, [FOURCC, WIDTH, HEIGHT, FPS], id="720p"),
        pytest.param({"width": 641}, [FOURCC, WIDTH], id="just wider than VGA"),
        pytest.param({"height": 481}, [FOURCC, HEIGHT], id="just higher than VGA"),
    ],
)
def test_compression_is_asked_for_above_vga_and_before_the_size(webcam, asked, wishes):
    device, camera = webcam(**asked)
    assert camera.wishes == wishes
    assert camera.settings[FOURCC] == (MJPG if FOURCC in wishes else YUYV)
    assert "instead" not in device.note


@pytest.mark.parametrize(
    "asked, stubborn, note",
    [
        pytest.param({}, {}, "640x480 YUYV at 30 FPS", id="nothing asked"),
        pytest.param({"width": 320, "height": 240, "fps": 15}, {}, "320x240 YUYV at 15 FPS", id="all as asked"),
        pytest.param({"width": 1280, "height": 720}, {}, "1280x720 MJPG at 30 FPS", id="compressed as asked"),
        pytest.param(
            {"width": 1280, "height": 720, "fps": 30},
            {FOURCC: YUYV, FPS: 10.0},
            "1280x720 YUYV at 10 FPS, instead of the requested FPS 30, MJPG",
            id="not compressed, and so slow",
        ),
        pytest.param(
            {"width": 320, "height": 240, "fps": 60},
            {WIDTH: 640.0, HEIGHT: 480.0, FPS: 30.0},
            "640x480 YUYV at 30 FPS, instead of the requested width 320, height 240, FPS 60",
            id="takes no notice of anything",
        ),
        pytest.param({"fps": 30}, {FPS: 29.97}, "640x480 YUYV at 29.97 FPS", id="as good as asked"),
        pytest.param(
            {"fps": 7.5}, {FPS: 10.0}, "640x480 YUYV at 10 FPS, instead of the requested FPS 7.5", id="faster"
        ),
    ],
)
def test_note(webcam, asked, stubborn, note):
    device, camera = webcam(stubborn=stubborn, **asked)
    assert device.note == note
    assert device.fps == camera.settings[FPS]


@pytest.mark.parametrize("claimed", [0.0, -1.0, 1000.0, 1e6])
def test_a_rate_that_is_none(webcam, claimed):
    device, _ = webcam(stubborn={FPS: claimed})
    assert device.fps is None
    assert device.note == "640x480 YUYV"


@pytest.mark.parametrize(
    "code, text",
    [
        pytest.param(MJPG, "MJPG", id="letters"),
        pytest.param(0.0, "of an unknown format", id="zero"),
        pytest.param(-1.0, "of an unknown format", id="minus one"),
        pytest.param(2.0**32 - 1, "of an unknown format", id="the largest number"),
        pytest.param(float(cv2.VideoWriter_fourcc(*"\n\x1b[3")), "of an unknown format", id="what a terminal obeys"),
        pytest.param(float(cv2.VideoWriter_fourcc(*"Y16 ")), "Y16", id="digits, padded with a space"),
    ],
)
def test_pixel_format(webcam, code, text):
    device, _ = webcam(stubborn={FOURCC: code, FPS: 0.0})
    assert device.note == "640x480 " + text


def test_a_camera_that_knows_nothing(webcam):
    device, _ = webcam(width=1280, stubborn={WIDTH: -1.0, HEIGHT: -1.0, FPS: -1.0, FOURCC: -1.0})
    assert device.note == "-1x-1 of an unknown format, instead of the requested width 1280, MJPG"


@pytest.mark.parametrize("uri, number", [("0", 0), ("12", 12), ("/dev/video0", 0), ("/dev/video977", 977)])
def test_cameras_are_opened_by_number(webcam, uri, number):
    _, camera = webcam(uri)
    assert camera.device == number


def test_a_link_is_followed_to_the_number(webcam, tmp_path):
    link = tmp_path / "usb-046d_HD_Webcam-video-index0"
    link.symlink_to("/dev/video977")
    device, camera = webcam(str(link))
    assert camera.device == 977
    assert device.name == "camera " + str(link), "what the user calls it"
    link.unlink()
    link.symlink_to("/dev/video978")
    assert device.open().device == 978, "it was plugged in again"


def test_what_is_no_link_is_opened_by_its_path(webcam, tmp_path):
    _, camera = webcam(str(tmp_path / "camera"))
    assert camera.device == str(tmp_path / "camera")


def test_a_camera_that_cannot_be_opened(webcam, monkeypatch):
    monkeypatch.setattr(Webcam, "isOpened", lambda self: False)
    with pytest.raises(SourceError, match="in use"):
        webcam()


@pytest.mark.parametrize(
    "cameras, phrase",
    [([], "no camera is connected"), (["/dev/video2", "/dev/video0"], "found /dev/video0, /dev/video2")],
    ids=["none", "others"],
)
@pytest.mark.parametrize("uri", ["977", "/dev/video977"])
def test_missing(monkeypatch, uri, cameras, phrase):
    monkeypatch.setattr(glob, "glob", lambda pattern: cameras)
    missing = UsbCamera(uri).missing()
    assert missing == "/dev/video977 does not exist; " + phrase


def test_missing_until_it_is_plugged_in(tmp_path):
    target, link = tmp_path / "video0", tmp_path / "by-id"
    link.symlink_to(target)
    device = UsbCamera(str(link))
    assert device.missing() is not None, "a link that leads nowhere"
    target.write_bytes(b"")
    assert device.missing() is None


# The ribbon cable


@pytest.mark.parametrize(
    "uri, asked, expected",
    [
        pytest.param("csi://0", (None, None, None), (0, 1280, 720, 30.0, 0), id="plain"),
        pytest.param("csi://1?flip=2", (None, None, None), (1, 1280, 720, 30.0, 2), id="upside down"),
        pytest.param("CSI://0?FLIP=7", (None, None, None), (0, 1280, 720, 30.0, 7), id="upper case"),
        pytest.param("csi://0", (1920, 1080, 15.0), (0, 1920, 1080, 15.0, 0), id="size and rate"),
    ],
)
def test_csi(monkeypatch, openings, uri, asked, expected):
    have_gstreamer(monkeypatch, True)
    device = csi_camera(uri, CameraOptions(*asked))
    device.open()
    assert openings == [(gstreamer.csi_pipeline(*expected), cv2.CAP_GSTREAMER)]
    assert (device.name, device.fps, device.repeats) == (uri, expected[3], True)


@pytest.mark.parametrize(
    "uri",
    ["csi://", "csi://a", "csi://-1", "csi://0?", "csi://0?flip=", "csi://0?flip=8", "csi://0?flip=22", "csi://0/x"]
    + ["csi://0?mirror=1", "csi://0?flip=2&x", "csi://0 ! fakesink"],
)
def test_csi_nonsense(monkeypatch, uri):
    have_gstreamer(monkeypatch, True)
    with pytest.raises(SourceError, match="should look like csi://0"):
        csi_camera(uri)


# Which device


@pytest.mark.parametrize(
    "uri, kind, patience, repeats",
    [
        pytest.param("0", UsbCamera, 10, True, id="a number"),
        pytest.param("/dev/video1", UsbCamera, 10, True, id="a path"),
        pytest.param("csi://0", Pipeline, 10, True, id="CSI"),
        pytest.param("gst://videotestsrc", Pipeline, 10, False, id="a pipeline"),
        pytest.param("rtsp://h/x", Pipeline, 1, False, id="RTSP"),
        pytest.param("RTSPS://h/x", Pipeline, 1, False, id="RTSPS"),
        pytest.param("http://h/x", Pipeline, 1, False, id="HTTP"),
        pytest.param("HTTPS://h/x", Pipeline, 1, False, id="HTTPS"),
    ],
)
def test_the_device_of_an_address(monkeypatch, uri, kind, patience, repeats):
    have_gstreamer(monkeypatch, True)
    device = find_device(uri)
    assert (type(device), device.patience, device.repeats) == (kind, patience, repeats)
    if kind is not UsbCamera:
        assert device.missing() is None, "nobody knows without trying"


@pytest.mark.parametrize("nvidia", [False, True], ids=["CPU", "Jetson"])
@pytest.mark.parametrize(
    "uri, pipeline",
    [("rtsp://h/x", gstreamer.rtsp_pipeline), ("RTSPS://h/x", gstreamer.rtsp_pipeline)]
    + [("http://h/x", gstreamer.http_pipeline), ("HTTPS://h/x", gstreamer.http_pipeline)],
)
def test_streams_by_gstreamer(monkeypatch, openings, uri, pipeline, nvidia):
    have_gstreamer(monkeypatch, True, nvidia)
    find_device(uri).open()
    assert openings == [(pipeline(uri, nvidia), cv2.CAP_GSTREAMER)]


def test_the_text_of_a_pipeline_is_what_follows_gst(monkeypatch, openings):
    have_gstreamer(monkeypatch, True)
    find_device("gst://rtspsrc location=rtsp://h/x ! decodebin").open()
    assert openings[0][0].startswith("rtspsrc location=rtsp://h/x ! decodebin ! ")
    assert openings[0][0].endswith(gstreamer.TO_BGR)


@pytest.mark.parametrize("uri", ["rtsp://h/x", "RTSPS://h/x", "http://h/x", "https://h/x"])
def test_streams_without_gstreamer(monkeypatch, uri):
    have_gstreamer(monkeypatch, False)
    device = find_device(uri)
    assert (type(device), device.patience, device.repeats) == (Stream, 1, False)


@pytest.mark.parametrize("uri", ["csi://0", "gst://rtspsrc location=rtsp://u:hunter2@h/x"])
def test_what_needs_gstreamer(monkeypatch, uri):
    have_gstreamer(monkeypatch, False)
    with pytest.raises(SourceError, match="without GStreamer") as caught:
        find_device(uri)
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize("size", [(640, None), (None, 480), (640, 480)], ids=str)
@pytest.mark.parametrize(
    "uri, warned",
    [("0", False), ("/dev/video0", False), ("csi://0", False), ("gst://x user-pw=hunter2", True)]
    + [("rtsp://u:hunter2@h/x", True), ("http://h/x?password=hunter2", True)],
)
def test_a_size_is_asked_of_cameras_only(monkeypatch, capsys, uri, warned, size):
    have_gstreamer(monkeypatch, True)
    find_device(uri, CameraOptions(*size))
    err = capsys.readouterr().err
    assert ("keeps its own size" in err) == warned
    assert "hunter2" not in err


# Opening


@pytest.mark.parametrize("available", [False, True], ids=["FFmpeg", "GStreamer"])
def test_why_a_stream_does_not_open(monkeypatch, openings, available):
    have_gstreamer(monkeypatch, available)
    monkeypatch.setattr(os, "environ", {})
    monkeypatch.setattr(capture, "why_no_video", "because of {}".format)
    openings.succeed = False
    with pytest.raises(SourceError) as caught:
        find_device(URI).open()
    assert str(caught.value) == "because of " + URI


def test_a_pipeline_that_does_not_start(monkeypatch, openings):
    have_gstreamer(monkeypatch, True)
    openings.succeed = False
    with pytest.raises(SourceError, match="gst-launch-1.0"):
        find_device("gst://videotestsrc").open()


def set_constants(monkeypatch, **constants):
    for name, value in constants.items():
        name = "CAP_PROP_" + name
        if value is None:
            monkeypatch.delattr(cv2, name, raising=False)
        else:
            monkeypatch.setattr(cv2, name, value, raising=False)


@pytest.mark.parametrize(
    "constants, arguments, microseconds",
    [
        pytest.param(
            {"OPEN_TIMEOUT_MSEC": 53, "READ_TIMEOUT_MSEC": 54, "N_THREADS": 70},
            (URI, cv2.CAP_FFMPEG, [53, 10000, 54, 5000, 70, 1]),
            False,
            id="OpenCV 4.8",
        ),
        pytest.param(
            {"OPEN_TIMEOUT_MSEC": 53, "READ_TIMEOUT_MSEC": 54, "N_THREADS": None},
            (URI, cv2.CAP_FFMPEG, [53, 10000, 54, 5000]),
            False,
            id="OpenCV 4.5.2",
        ),
        pytest.param(
            {"OPEN_TIMEOUT_MSEC": None, "READ_TIMEOUT_MSEC": None, "N_THREADS": None},
            (URI, cv2.CAP_FFMPEG),
            True,
            id="OpenCV 4.1.1",
        ),
    ],
)
def test_a_stream_has_time_limits(monkeypatch, openings, constants, arguments, microseconds):
    set_constants(monkeypatch, **constants)
    environment = {}
    monkeypatch.setattr(os, "environ", environment)
    Stream(URI).open()
    assert openings == [arguments]
    options = dict(option.split(";") for option in environment.pop("OPENCV_FFMPEG_CAPTURE_OPTIONS").split("|"))
    assert environment == {}
    assert options["rtsp_transport"] == "tcp"
    limits = {name: options.get(name) for name in ("stimeout", "rw_timeout")}
    assert limits == dict.fromkeys(limits, "5000000" if microseconds else None)


def test_options_of_the_user_stay(monkeypatch, openings):
    environment = {"OPENCV_FFMPEG_CAPTURE_OPTIONS": "rtsp_transport;udp"}
    monkeypatch.setattr(os, "environ", environment)
    Stream(URI).open()
    assert environment == {"OPENCV_FFMPEG_CAPTURE_OPTIONS": "rtsp_transport;udp"}


def test_shapes_come_at_their_rate(monkeypatch):
    clock = FakeClock()
    monkeypatch.setattr(capture, "Pacer", functools.partial(Pacer, now=clock.now, sleep=clock.sleep))
    device = Shapes("test://64x48@10?live", 64, 48, 10.0)
    opened = device.open()
    times, images = [], []
    for _ in range(4):
        good, image = opened.read()
        assert good
        assert image.shape == (48, 64, 3)
        times.append(clock.now() - 100)
        images.append(image.copy())
    assert times == pytest.approx([0, 0.1, 0.2, 0.3])
    assert all((one != other).any() for one, other in zip(images, images[1:])), "they move"
    clock.sleep(1.05)
    opened.read()
    assert clock.now() - 100 == pytest.approx(1.35), "nobody waits for a frame that is due"
    opened.read()
    assert clock.now() - 100 == pytest.approx(1.45), "and what was missed is not made up for"
    opened.release()
    assert (device.name, device.fps) == ("test://64x48@10?live", 10)
