"""The command on cameras that fail: real servers on loopback, the real command in a process of its own."""

import fcntl
import json
import os
import signal
import socket
import struct
import termios
import time

import numpy as np
import pytest
from support import program
from support.program import CARD, CLIP, PATIENCE, lines_of
from support.video import write_video
from support.webserver import serving

from app.errors import SourceError
from app.sources import open_source
from app.sources.capture import STREAM_OPTIONS
from app.sources.film import Film
from app.sources.shapes import synthesise
from app.sources.timeline import TELLS_TIME
from tools.camera_servers.faults import FaultProxy
from tools.camera_servers.mjpeg import MjpegServer
from tools.camera_servers.rtsp import RtspServer, available
from tools.camera_servers.stamp import read_stamp

SECRET = "s3cr3t"
F_SETPIPE_SZ = 1031  # of fcntl(2); Python 3.10 knows it

needs_model = pytest.mark.skipif(not os.path.exists(CARD), reason="the model is not here: python -m tools.convert")
needs_rtsp = pytest.mark.skipif(available() is not None, reason=str(available()))


@pytest.fixture(scope="module")
def footage():
    return list(synthesise(192, 144, 100))


@pytest.fixture
def http(footage):
    with MjpegServer(footage, password=("user", SECRET), slow_seconds=1.0) as server:
        yield server


def coming(source, seconds):
    """Frames that come within a time; None stands for none."""
    end = time.monotonic() + seconds
    for frame in source:
        yield frame
        if time.monotonic() > end:
            return


def wait_for(source, wanted, seconds=PATIENCE):
    """The first frame of a source that is as wanted."""
    for frame in coming(source, seconds):
        if frame is not None and wanted(frame):
            return frame
    raise AssertionError("no such frame: {}".format(source.outage))


def fresh(source, count=3):
    """Wait for so many frames, of numbers that only grow."""
    seen = []
    for frame in coming(source, PATIENCE):
        if frame is not None:
            stamp = read_stamp(frame.image)
            if stamp is not None:
                seen.append(stamp)
            if len(seen) == count:
                assert seen == sorted(set(seen)), "none twice"
                return
    raise AssertionError("no frames: {}".format(source.outage))


# Each fault, at the source


def cut(server):
    server.cut()


def refused(server):
    server.refuse()
    time.sleep(0.3)
    server.listen()


def fault(name):
    def happen(server):
        server.fault = name
        if name in ("slow", "deny"):
            server.cut()
        time.sleep(0.7)
        server.fault = None

    happen.__name__ = name
    return happen


@pytest.mark.parametrize("happen", [cut, refused] + [fault(n) for n in ("garbage", "half", "slow", "deny", "freeze")])
def test_http_faults_pass(http, happen):
    with open_source(http.url("user", SECRET)) as source:
        fresh(source)
        happen(http)
        wait_for(source, lambda frame: (read_stamp(frame.image) or 0) > http.number - 2)
        fresh(source)


def test_images_that_do_not_decode_are_no_outage(http, capsys):
    """For longer than a stream needs to look ended; they are counted where OpenCV tells of them."""
    with open_source(http.url("user", SECRET)) as source:
        for _ in range(2):
            fresh(source)
            http.fault = "dead"
            time.sleep(1.5)  # 37 images
            http.fault = None
        fresh(source)
        assert source.reconnects == 0
        if TELLS_TIME:  # before, FFmpeg's reader in OpenCV passes over them itself
            assert 60 < source.undecoded <= 80
            assert capsys.readouterr().err.count("cannot be decoded") == 1


def test_a_film_on_a_server_is_read_as_one(tmp_path):
    path = write_video(
        tmp_path / "street.avi", [np.full((48, 64, 3), 20 + 10 * index, np.uint8) for index in range(12)]
    )
    with serving({"/street.avi?key=1": path.read_bytes()}) as (address, _):
        with open_source(address + "/street.avi?key=1") as source:
            frames = [frame for frame in source if frame is not None]
    assert not source.live
    assert [frame.index for frame in frames] == list(range(12))
    assert [frame.time for frame in frames] == pytest.approx([index / 25 for index in range(12)], abs=1e-3)
    assert "1" not in source.name.rsplit("key=", 1)[1]


@pytest.mark.parametrize("options", [None, STREAM_OPTIONS + "|x;1"], ids=["", "after a camera"])
def test_a_film_on_a_server_with_its_index_at_its_end(tmp_path, monkeypatch, options):
    """For which FFmpeg goes back to the start of the file."""
    monkeypatch.delenv("OPENCV_FFMPEG_CAPTURE_OPTIONS", raising=False)
    if options:
        monkeypatch.setenv("OPENCV_FFMPEG_CAPTURE_OPTIONS", options)
    frames = [np.full((48, 64, 3), 20 + 10 * index, np.uint8) for index in range(12)]
    path = write_video(tmp_path / "street.mp4", frames, code="mp4v")
    with serving({"/street.mp4": path.read_bytes()}, parts=True) as (address, _):
        with open_source(address + "/street.mp4") as source:
            assert [frame.index for frame in source if frame is not None] == list(range(12))
    assert os.environ.get("OPENCV_FFMPEG_CAPTURE_OPTIONS") == options


@pytest.mark.skipif(not TELLS_TIME, reason="this OpenCV does not tell the times of frames")
def test_a_film_on_a_server_that_ends_early(tmp_path, capsys):
    path = write_video(tmp_path / "street.avi", [np.full((48, 64, 3), index, np.uint8) for index in range(250)])
    data = path.read_bytes()
    with serving({"/a.avi": data, "/b.avi": data[: len(data) // 2]}, parts=True) as (address, _):
        for name, told in (("/a.avi", 0), ("/b.avi", 1)):
            with open_source(address + name) as source:
                assert sum(frame is not None for frame in source) > 100
            assert capsys.readouterr().err.count("its header says 10.0 s") == told


def test_a_film_on_a_server_that_is_silent(monkeypatch):
    monkeypatch.setattr("app.sources.opening.SILENCE", 0.3)
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen(5)
        began = time.monotonic()
        with pytest.raises(SourceError, match="cannot be read from its server"):
            Film("http://127.0.0.1:{}/street.mp4".format(server.getsockname()[1]))
    assert time.monotonic() - began < 3


def test_a_film_on_a_server_whose_name_does_not_tell(tmp_path):
    path = write_video(tmp_path / "street.avi", [np.full((48, 64, 3), 90, np.uint8)] * 12)
    with serving({"/street": path.read_bytes()}) as (address, _):
        with pytest.raises(SourceError, match="a film of 12 frames, not a live stream"):
            with open_source(address + "/street") as source:
                wait_for(source, lambda frame: False)


def test_a_resolution_that_changes(http):
    with open_source(http.url("user", SECRET)) as source:
        wait_for(source, lambda frame: frame.image.shape == (144, 192, 3))
        http.refuse()
        http.size = (320, 240)
        http.listen()
        wait_for(source, lambda frame: frame.image.shape == (240, 320, 3))
        assert source.reconnects == 1


@pytest.fixture
def rtsp():
    if available():
        pytest.skip(available())
    with RtspServer(CLIP, size="192x144") as server, FaultProxy(server.port, slow_seconds=1.0) as proxy:
        yield server, proxy


@pytest.mark.parametrize("happen", [cut, refused] + [fault(n) for n in ("freeze", "garbage", "slow")])
def test_rtsp_faults_pass(rtsp, happen):
    server, proxy = rtsp
    with open_source(server.url(port=proxy.port)) as source:
        fresh(source)
        count = source.captured
        happen(proxy)
        wait_for(source, lambda frame: frame.index > count + 2)
        fresh(source)


def test_rtsp_of_another_resolution(rtsp):
    server, proxy = rtsp
    with open_source(server.url(port=proxy.port)) as source:
        wait_for(source, lambda frame: frame.image.shape == (144, 192, 3))
        server.command("size 320x240")
        wait_for(source, lambda frame: frame.image.shape == (240, 320, 3))


# The whole command


@pytest.fixture(autouse=True)
def started():
    """What a test has started, which ends with it, whatever comes of it."""
    yield STARTED
    while STARTED:
        STARTED.pop().kill()


STARTED = []


def start(*args, **options):
    STARTED.append(program.start("--size", 64, "--no-show", "--offline", *args, **options))
    return STARTED[-1]


def wait_until(condition, process):
    end = time.monotonic() + PATIENCE
    while not condition():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.01)


def has_lines(path, count):
    """Whether there are so many; the last one may be on its way into the file."""
    return lambda: os.path.exists(str(path)) and path.read_bytes().count(b"\n") >= count


def is_full(pipe):
    """Whether so much waits in a pipe of 4096 bytes, for a second, that the next line does not fit."""
    looks = []  # (seconds, bytes that wait)

    def look():
        looks.append((time.monotonic(), struct.unpack("i", fcntl.ioctl(pipe, termios.FIONREAD, bytes(4)))[0]))
        since = next(seconds for seconds, count in looks if count == looks[-1][1])
        return looks[-1][1] > 3072 and looks[-1][0] - since > 1

    return look


def end(process, number=signal.SIGTERM):
    """Ask for the end; exit code, standard error, and the seconds that it took."""
    began = time.monotonic()
    process.send_signal(number)
    _, err = process.communicate(timeout=PATIENCE)
    return process.returncode, err, time.monotonic() - began


@needs_model
def test_no_password_gets_out(http, tmp_path):
    lines, report, video = tmp_path / "out.jsonl", tmp_path / "report.json", tmp_path / "out.mkv"
    url = http.url("user", SECRET)
    process = start("--cam", url, "--jsonl", lines, "--report", report, "--save", video)
    wait_until(has_lines(lines, 5), process)
    http.cut()
    wait_until(has_lines(lines, 40), process)
    code, err, _ = end(process)
    assert code == 0, err
    assert "trying again" in err
    assert "the image is back" in err
    fields = json.loads(report.read_text())
    assert fields["source"] == "http://***@127.0.0.1:{}/video".format(http.port)
    assert fields["reconnects"] >= 1
    assert fields["captured"] == fields["frames"] + fields["dropped"]
    for place in (err, report.read_text(), lines.read_text()):
        assert SECRET not in place
        assert "user" not in place


@needs_model
@pytest.mark.parametrize("kind", ["http", pytest.param("rtsp", marks=needs_rtsp)])
def test_a_wrong_password_is_one_line_without_it(http, tmp_path, kind):
    if kind == "http":
        code, _, err = program.detect("--cam", http.url("user", "wr0ng"), "--no-show", "--offline")
    else:
        with RtspServer(CLIP, size="192x144", password=("user", SECRET)) as server:
            code, _, err = program.detect("--cam", server.url("user", "wr0ng"), "--no-show", "--offline")
    assert code == 3, err
    ours = [line for line in err.splitlines() if line.startswith(("error", "warning"))]
    assert len(ours) == 1
    assert "password" in ours[0]
    assert "wr0ng" not in err
    assert "Traceback" not in err


@needs_model
def test_waiting_for_a_camera_that_is_switched_on_later(footage, tmp_path):
    lines = tmp_path / "out.jsonl"
    server = MjpegServer(footage)
    with server:
        server.refuse()
        process = start("--cam", server.url(), "--wait", "--jsonl", lines)
        assert any("connection refused; trying again" in line for line in process.stderr)  # FFmpeg may speak too
        server.listen()
        wait_until(has_lines(lines, 5), process)
        code, err, _ = end(process)
    assert code == 0, err


@needs_model
def test_the_end_comes_soon_while_a_camera_is_frozen(http, tmp_path):
    lines, report = tmp_path / "out.jsonl", tmp_path / "report.json"
    process = start("--cam", http.url("user", SECRET), "--jsonl", lines, "--report", report)
    wait_until(has_lines(lines, 5), process)
    http.fault = "freeze"
    time.sleep(1.0)
    code, err, seconds = end(process)
    assert code == 0, err
    assert "its thread was abandoned" in err, "it hangs in FFmpeg"
    assert json.loads(report.read_text())["frames"] >= 5
    assert seconds < 2


@needs_model
@pytest.mark.parametrize("place", ["a pipe by name", "standard output"])
def test_the_end_comes_soon_while_nobody_reads_the_lines(tmp_path, place):
    pipe, report = tmp_path / "pipe", tmp_path / "report.json"
    os.mkfifo(str(pipe))
    reader = os.open(str(pipe), os.O_RDONLY | os.O_NONBLOCK)
    writer = os.open(str(pipe), os.O_WRONLY)
    fcntl.fcntl(reader, F_SETPIPE_SZ, 4096)
    lines = pipe if place == "a pipe by name" else "-"
    process = start("--cam", "test://64x48@500?live", "--jsonl", lines, "--report", report, stdout=writer)
    wait_until(is_full(reader), process)
    code, err, seconds = end(process)
    os.close(reader)
    os.close(writer)
    assert code == 0, err
    assert "its thread was abandoned" in err
    assert seconds < 3
    assert json.loads(report.read_text())["frames"] > 0


@needs_model
def test_hangup_reopens_the_outputs(tmp_path):
    lines, video = tmp_path / "out.jsonl", tmp_path / "out.mkv"
    process = start("--cam", "test://64x48@50?live", "--jsonl", lines, "--save", video)
    wait_until(has_lines(lines, 10), process)
    lines.rename(tmp_path / "old.jsonl")
    video.rename(tmp_path / "old.mkv")
    process.send_signal(signal.SIGHUP)
    wait_until(has_lines(lines, 10), process)
    code, err, _ = end(process)
    assert code == 0, err
    old, new = lines_of(tmp_path / "old.jsonl"), lines_of(lines)
    assert old[-1]["frame"] < new[0]["frame"], "no line is lost or written twice"
    assert program.frames_of(tmp_path / "old.mkv") >= 10 - 2
    assert program.frames_of(video) > 0


@needs_model
@pytest.mark.parametrize("source", ["test://160x120@30?live", "test://160x120@30"])
def test_kill_loses_next_to_nothing(tmp_path, source):
    lines, video = tmp_path / "out.jsonl", tmp_path / "out.mkv"
    process = start("--cam", source, "--fps", 30, "--jsonl", lines, "--save", video)
    wait_until(has_lines(lines, 30), process)
    process.kill()
    process.communicate()
    assert 0 <= len(lines_of(lines)) - program.frames_of(video) <= 15


@needs_model
def test_a_slow_reader_of_the_lines_loses_none(tmp_path):
    process = start("--cam", "test://64x48@200?frames=400", "--jsonl", "-")
    time.sleep(1.0)
    out, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == 0, err
    assert [json.loads(line)["frame"] for line in out.splitlines()] == list(range(400))


@needs_model
def test_what_systemd_is_told(http, tmp_path):
    """The watchdog hears nothing while no frames come."""
    place, lines = str(tmp_path / "notify"), tmp_path / "out.jsonl"
    lines.write_text('{"frame": 0}\n')
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as supervisor:
        supervisor.bind(place)
        supervisor.settimeout(PATIENCE)

        def until(words):
            messages = [""]
            while words not in messages[-1]:
                messages.append(supervisor.recv(4096).decode())
            return messages[1:]

        process = start("--cam", http.url("user", SECRET), "--jsonl", lines, env={"NOTIFY_SOCKET": place})
        (first,) = until("WATCHDOG=1")
        assert first.startswith("READY=1\nWATCHDOG=1\nSTATUS=")
        http.fault = "freeze"
        later = until("no image for 3 s")
        assert "WATCHDOG" not in later[-1]
        http.fault = None
        later += until("WATCHDOG=1")
        code, err, _ = end(process)
        later += until("STOPPING=1")
    assert code == 0, err
    assert not any("READY" in message or SECRET in message for message in later)
    assert lines_of(lines)[0] == {"frame": 0}, "a program that is started again keeps what it wrote before"
