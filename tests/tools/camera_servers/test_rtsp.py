import threading

import cv2
import pytest
from support.streams import LIMIT, numbers, read_until

from tools.camera_servers import rtsp
from tools.camera_servers.faults import FaultProxy
from tools.camera_servers.rtsp import RtspServer

needs_rtsp = pytest.mark.skipif(rtsp.available() is not None, reason=str(rtsp.available()))


@pytest.fixture(scope="module")
def camera(video):
    with RtspServer(video) as server:
        process = server._process
        yield server
    assert process.returncode == 0, "it ends with its standard input, and is not killed"


@needs_rtsp
def test_through_the_proxy(camera, play):
    """Frames, and their absence."""
    camera.command("size 160x120")
    with FaultProxy(camera.port) as proxy:
        url = camera.url(port=proxy.port)
        capture = play(url)
        stamps = numbers(capture, 20)
        assert stamps[-1] - stamps[0] < 30, "few are missed, on a busy machine"
        assert capture.get(cv2.CAP_PROP_FRAME_WIDTH) == 160

        proxy.fault = "freeze"
        threading.Timer(1, lambda: setattr(proxy, "fault", None)).start()
        last = numbers(capture, 30)[-1]
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
def test_size(camera, play):
    camera.command("size 320x240")
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
def test_password_and_quit(video, play):
    with RtspServer(video, password=("user", "secret")) as server:
        assert not play(server.url()).isOpened()
        assert not play(server.url("user", "wrong")).isOpened()
        assert numbers(play(server.url("user", "secret")), 2)
        server._process.stdin.write("quit\n")
        server._process.stdin.flush()
        assert server._process.wait(LIMIT) == 0


@needs_rtsp
def test_a_server_that_cannot_start(camera, video, tmp_path):
    for other, port in ((video, camera.port), (str(tmp_path / "none.avi"), 0)):
        with pytest.raises(RuntimeError, match="instead of ready"):
            RtspServer(other, port).__enter__()


def test_it_is_not_available(monkeypatch, video):
    monkeypatch.setattr(rtsp, "PYTHONS", ("/nowhere/python",))
    rtsp._python.cache_clear()
    try:
        assert "apt-get install python3-gi" in rtsp.available()
        with pytest.raises(RuntimeError, match="apt-get"):
            RtspServer(video)
    finally:
        rtsp._python.cache_clear()
