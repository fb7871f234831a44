import contextlib
import functools
import json
import os
import threading
import time

import cv2
import pytest
from support.fakes import LIMIT
from support.program import CLIP, MODEL, ROOT, finish, start
from support.video import picture, write_video

from app.sources import gstreamer
from tools.camera_servers.faults import FaultProxy
from tools.camera_servers.mjpeg import MjpegServer
from tools.camera_servers.rtsp import RtspServer, available

SYSTEM_PYTHON = "/usr/bin/python3"  # on a Jetson, and on Debian and Ubuntu, the one whose OpenCV has GStreamer

SINK = "videoconvert ! video/x-raw,format=BGR ! appsink drop=true max-buffers=1 sync=false"
NVIDIA_SINK = "nvvidconv ! video/x-raw,format=BGRx ! " + SINK


def test_csi():
    assert gstreamer.csi_pipeline(1, 1280, 720, 30, 2) == (
        "nvarguscamerasrc sensor-id=1 ! video/x-raw(memory:NVMM),width=1280,height=720,format=NV12,framerate=30/1 ! "
        "nvvidconv flip-method=2 ! video/x-raw,format=BGRx ! " + SINK
    )


@pytest.mark.parametrize(
    "fps, fraction",
    [
        (30.0, "30/1"),
        (7.5, "15/2"),
        (0.5, "1/2"),
        (30000 / 1001, "30000/1001"),
        (29.97, "30000/1001"),
        (59.94, "60000/1001"),
    ],
)
def test_csi_rate(fps, fraction):
    """GStreamer's rates are fractions, and those of television have 1001 below."""
    assert ",framerate={} !".format(fraction) in gstreamer.csi_pipeline(0, 640, 480, fps, 0)


@pytest.mark.parametrize("nvidia, end", [(False, SINK), (True, NVIDIA_SINK)], ids=["CPU", "Jetson"])
def test_rtsp(nvidia, end):
    assert gstreamer.rtsp_pipeline("rtsp://u:p@h/x", nvidia) == (
        'rtspsrc location="rtsp://u:p@h/x" protocols=tcp latency=200 tcp-timeout=10000000 ! '
        "application/x-rtp,media=video ! decodebin ! " + end
    )


@pytest.mark.parametrize(
    "nvidia, decoder",
    [(False, "jpegdec ! " + SINK), (True, "jpegparse ! nvv4l2decoder mjpeg=1 ! " + NVIDIA_SINK)],
    ids=["CPU", "Jetson"],
)
def test_http(nvidia, decoder):
    assert gstreamer.http_pipeline("http://h/video.mjpg", nvidia) == (
        'souphttpsrc location="http://h/video.mjpg" is-live=true timeout=10 ! multipartdemux ! ' + decoder
    )


@pytest.mark.parametrize(
    "text, whole",
    [
        pytest.param("videotestsrc", "videotestsrc ! " + SINK, id="none at its end"),
        pytest.param("videotestsrc ! ", "videotestsrc ! " + SINK, id="an open end"),
        pytest.param("  videotestsrc!\n", "videotestsrc ! " + SINK, id="an open end without spaces"),
        pytest.param("a ! b ! appsink", "a ! b ! appsink", id="one of its own"),
        pytest.param("a ! appsink drop=1 name=x", "a ! appsink drop=1 name=x", id="with settings"),
    ],
)
def test_own_pipeline(text, whole):
    assert gstreamer.own_pipeline(text) == whole


@pytest.mark.parametrize(
    "value, quoted",
    [
        pytest.param("rtsp://h/x", '"rtsp://h/x"', id="plain"),
        pytest.param("a b ! c", '"a b ! c"', id="what would end the element"),
        pytest.param('a" ! c "', '"a\\" ! c \\""', id="what would end the quotes"),
        pytest.param("a\\", '"a\\\\"', id="a backslash before the end"),
        pytest.param('\\"', '"\\\\\\""', id="both"),
        pytest.param("", '""', id="nothing"),
    ],
)
def test_quote(value, quoted):
    assert gstreamer.quote(value) == quoted


BUILD = """
General configuration for OpenCV 4.1.1 =====================================
  Version control:               4.1.1-2-gd5a58aa75

  Video I/O:
    DC1394:                      YES (2.2.5)
    FFMPEG:                      YES
      avcodec:                   YES (57.107.100)
{}    v4l/v4l2:                    YES (linux/videodev2.h)

  Parallel framework:            TBB (ver 2017.0 interface 9107)
"""


@pytest.mark.parametrize(
    "line, expected",
    [
        pytest.param("    GStreamer:                   YES (1.14.5)\n", True, id="JetPack"),
        pytest.param("    GStreamer:                   NO\n", False, id="switched off"),
        pytest.param("", False, id="unknown to it"),
        pytest.param("    GStreamer:\n", False, id="cut off"),
    ],
)
def test_available(monkeypatch, line, expected):
    monkeypatch.setattr(cv2, "getBuildInformation", lambda: BUILD.format(line))
    assert gstreamer.available() is expected


def test_has_nvidia(tmp_path, monkeypatch):
    monkeypatch.setattr(gstreamer, "PLUGINS", (str(tmp_path / "*" / "gstreamer-1.0"),))
    for place in ("aarch64-linux-gnu/gstreamer-1.0", "own"):
        folder = tmp_path / place
        folder.mkdir(parents=True)
        monkeypatch.setenv("GST_PLUGIN_PATH", os.pathsep.join([str(tmp_path / "other"), str(tmp_path / "own")]))
        assert gstreamer.has_nvidia() is False
        library = folder / "libgstnvvideo4linux2.so"
        library.write_bytes(b"")
        assert gstreamer.has_nvidia() is True
        library.unlink()


# What follows runs real pipelines, with the system's Python and OpenCV.


def run(*arguments):
    """Run the system's Python on the repository's code; exit code, standard output and standard error."""
    environment = {"PYTHONPATH": ROOT, "PYTHONDONTWRITEBYTECODE": "1"}
    return finish(start(command=(SYSTEM_PYTHON,) + arguments, env=environment), 3 * LIMIT)


@pytest.fixture(scope="module")
def version():
    """The version of the system's OpenCV, which has GStreamer."""
    if not os.path.exists(SYSTEM_PYTHON):
        pytest.skip("there is no " + SYSTEM_PYTHON)
    ask = (
        "import json, cv2; from app.sources.gstreamer import available as a; print(json.dumps([cv2.__version__, a()]))"
    )
    code, out, err = run("-c", ask)
    if code != 0:
        pytest.skip("{} does not run this: {}".format(SYSTEM_PYTHON, (err.strip() or "?").splitlines()[-1]))
    version, available = json.loads(out)
    if not available:
        pytest.skip("the OpenCV of {} has no GStreamer".format(SYSTEM_PYTHON))
    return version


READ = """
import json, sys
from app.sources import camera
from app.command import leave
from app.errors import SourceError
from app.sources import open_source

camera.FIRST_LIMIT = 3.0
uri, frames, reconnects, begun = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), sys.argv[4]
shapes, indices, middles, error = [], [], [], None
try:
    with open_source(uri) as source:
        for frame in source:
            if frame is not None:
                open(begun, "w").close()
                shapes.append(frame.image.shape)
                indices.append(frame.index)
                middles.append(frame.image[frame.image.shape[0] // 2, frame.image.shape[1] // 2].tolist())
            if len(shapes) >= frames and source.reconnects >= reconnects:
                break
except SourceError as failure:
    error = str(failure)
print(json.dumps({"shapes": shapes, "indices": indices, "middles": middles, "error": error}))
leave(0)
"""


def read(uri, frames=1, reconnects=0, begun=os.devnull):
    """Read so many frames at least, and until it was reconnected so many times. begun: a file that is made then."""
    code, out, err = run("-c", READ, uri, str(frames), str(reconnects), str(begun))
    assert code == 0, err
    return json.loads(out), err


@pytest.mark.slow
@pytest.mark.parametrize(
    "pattern, bgr", [("red", [0, 0, 255]), ("green", [0, 255, 0]), ("blue", [255, 0, 0])], ids=["red", "green", "blue"]
)
def test_frames_are_bgr(version, pattern, bgr):
    uri = "gst://videotestsrc is-live=true pattern={} ! video/x-raw,width=320,height=240".format(pattern)
    result, _ = read(uri)
    assert result["shapes"][0] == [240, 320, 3]
    assert result["middles"][0] == pytest.approx(bgr, abs=3)  # it may have been YUV on the way


@pytest.mark.slow
def test_the_end_of_the_stream_leads_to_a_new_connection(version):
    uri = "gst://videotestsrc num-buffers=20 ! video/x-raw,width=320,height=240"
    result, err = read(uri, reconnects=1)
    assert result["error"] is None
    assert result["shapes"] == len(result["shapes"]) * [[240, 320, 3]]
    assert result["indices"] == sorted(set(result["indices"])), "no frame twice"
    assert "the stream ended" in err
    assert "the image is back" in err


@pytest.mark.slow
def test_a_pipeline_with_an_appsink_of_its_own(version):
    result, _ = read("gst://videotestsrc is-live=true ! video/x-raw,format=BGR,width=64,height=48 ! appsink drop=true")
    assert result["shapes"][0] == [48, 64, 3]


@pytest.mark.slow
@pytest.mark.parametrize("name", ["a b.avi", 'a "b" ! c.avi', "a\\.avi", "a ! fakesink.avi", "'a'.avi", 'a\\" b.avi'])
def test_gstreamer_reads_a_quoted_name_as_it_was(version, tmp_path, name):
    path = str(tmp_path / name)
    os.rename(str(write_video(tmp_path / "plain.avi", [picture(200)] * 5)), path)
    result, _ = read("gst://filesrc location={} ! avidemux ! jpegdec".format(gstreamer.quote(path)))
    assert result["error"] is None
    assert result["shapes"][0] == [48, 64, 3]


DOES_NOT_START = "the pipeline does not start"


@pytest.mark.slow
@pytest.mark.parametrize(
    "text, reason",
    [
        pytest.param("filesrc location=/absent.avi ! decodebin", DOES_NOT_START, id="a file that is not there"),
        pytest.param("videotestsrc ! audio/x-raw", DOES_NOT_START, id="elements that do not fit together"),
        pytest.param("a ! b ! appsink location=rtsp://u:hunter2@h", DOES_NOT_START, id="a password"),
        # GStreamer leaves out what it does not know, and OpenCV waits for ever for what is left; so it has to end.
        pytest.param("nosuchelement user-pw=hunter2", "no image within", id="an element that is not there"),
    ],
)
def test_a_broken_pipeline_is_an_error(version, text, reason):
    result, err = read("gst://" + text)
    assert result["shapes"] == []
    assert result["error"].startswith("gst://" + text.split(" ")[0])
    assert reason in result["error"]
    assert "hunter2" not in result["error"]


@pytest.mark.slow
@pytest.mark.skipif(not os.path.exists(MODEL), reason="weights/yolov3-tiny.onnx was not made")
def test_the_whole_command(version):
    if tuple(map(int, version.split(".")[:2])) < (4, 6):
        pytest.skip("OpenCV {} reads no model of opset 13".format(version))
    options = ["--backend", "opencv", "--size", "64", "--max-frames", "10", "--no-show", "--jsonl", "-"]
    source = "gst://videotestsrc is-live=true ! video/x-raw,width=320,height=240"
    code, out, err = run("-m", "app.detect", "--cam", source, *options)
    assert code == 0, err
    lines = [json.loads(line) for line in out.splitlines()]
    assert len(lines) == 10
    assert all(line["size"] == [320, 240] for line in lines)
    indices = [line["frame"] for line in lines]
    assert indices == sorted(set(indices))
    assert "10 frames" in err


@contextlib.contextmanager
def camera(kind):
    """A real camera in the network, what cuts its connections, and its address with that password."""
    if kind == "http":
        with MjpegServer(CLIP, password=("user", "s3cr3t")) as server:
            yield server.cut, functools.partial(server.url, "user")
    else:
        if available():
            pytest.skip(available())
        with RtspServer(CLIP, password=("user", "s3cr3t")) as server, FaultProxy(server.port) as proxy:
            yield proxy.cut, functools.partial(server.url, "user", port=proxy.port)


@pytest.mark.slow
@pytest.mark.skipif(not os.path.exists(CLIP), reason="weights/bikes.mp4 was not fetched")
@pytest.mark.parametrize("kind", ["http", "rtsp"])
def test_a_camera_in_the_network(version, kind, tmp_path):
    begun = tmp_path / "begun"

    def cut_it():
        end = time.monotonic() + 3 * LIMIT
        while not begun.exists() and time.monotonic() < end:
            time.sleep(0.05)
        cut()

    with camera(kind) as (cut, url):
        wrong, err = read(url("wr0ng"))
        assert "are the path and the password right" in wrong["error"]
        assert err == "", "GStreamer has nothing to add"
        cutting = threading.Thread(target=cut_it)
        cutting.start()
        result, err = read(url("s3cr3t"), reconnects=1, begun=begun)
        cutting.join()
    assert result["error"] is None
    assert result["indices"] == sorted(set(result["indices"]))
    assert "the image is back" in err
    assert "s3cr3t" not in err
