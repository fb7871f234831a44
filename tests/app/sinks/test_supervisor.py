import os
import socket

import numpy as np
import pytest
from support.fakes import FakeClock

from app.detections import Detections
from app.frame import Frame
from app.sinks.supervisor import PERIOD, SupervisorSink, is_supervised
from app.timing import FrameTimes, Timing

IMAGE = np.zeros((48, 64, 3), np.uint8)


class Supervisor:
    """The other end: a real socket, as systemd has one."""

    def __init__(self, address):
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.setblocking(False)
        self.socket.bind("\0" + address[1:] if address.startswith("@") else address)

    def messages(self):
        """What has come since this was last asked: the lines of each datagram."""
        came = []
        while True:
            try:
                came.append(self.socket.recv(4096).decode().split("\n"))
            except BlockingIOError:
                return came


@pytest.fixture(params=["path", "abstract"])
def address(request, tmp_path, monkeypatch):
    address = str(tmp_path / "notify") if request.param == "path" else "@nanoyolo-test-{}".format(os.getpid())
    monkeypatch.setenv("NOTIFY_SOCKET", address)
    return address


@pytest.fixture
def supervisor(address):
    supervisor = Supervisor(address)
    yield supervisor
    supervisor.socket.close()


@pytest.fixture
def clock():
    return FakeClock()


@pytest.fixture
def sink(supervisor, clock):
    with SupervisorSink(Timing(now=clock.now)) as sink:
        yield sink


def write(sink):
    sink.write(Frame(IMAGE, 0, 0.0), IMAGE, Detections.empty())


def names(messages):
    """The messages without what the status says."""
    return [[line.split("=")[0] for line in lines] for lines in messages]


def test_nothing_is_said_before_there_is_something_to_say(sink, supervisor):
    assert supervisor.messages() == []
    assert not sink.wants_canvas
    assert sink.queue_size == 0, "it must know of every frame"


def test_ready_comes_first_and_once(sink, supervisor, clock):
    for _ in range(3):
        write(sink)
        clock.sleep(PERIOD)
    assert names(supervisor.messages()) == [["READY", "WATCHDOG", "STATUS"]] + 2 * [["WATCHDOG", "STATUS"]]


def test_the_first_frame_is_told_at_once_however_young_the_clock(supervisor, clock):
    clock.time = 0.0
    with SupervisorSink(Timing(now=clock.now)) as sink:
        write(sink)
    assert supervisor.messages()[0][:2] == ["READY=1", "WATCHDOG=1"]


def test_at_most_one_message_a_period(sink, supervisor, clock):
    came = []
    for _ in range(41):
        write(sink)
        came.append(len(supervisor.messages()))  # each time, since a socket's queue may hold as few as ten
        clock.sleep(PERIOD / 8)
    assert came == [1] + 5 * (7 * [0] + [1])


def test_without_a_frame_no_watchdog(sink, supervisor, clock):
    sink.idle(IMAGE, "no picture since 3 s: gone")
    clock.sleep(PERIOD)
    sink.idle(IMAGE, "no picture since 4 s: gone")
    assert supervisor.messages() == [
        ["READY=1", "STATUS=no picture since 3 s: gone"],
        ["STATUS=no picture since 4 s: gone"],
    ]
    clock.sleep(PERIOD)
    write(sink)
    assert names(supervisor.messages()) == [["WATCHDOG", "STATUS"]], "it is ready already"


def test_of_several_cameras_the_status_names_those_without_an_image(supervisor, clock):
    outages = {"yard": "no image for 3 s: gone", "door": "no image for 4 s:\nno new frame"}
    timing = Timing(now=clock.now)
    frames(timing, clock, 5)
    with SupervisorSink(timing, lambda: outages) as sink:
        write(sink)
        clock.sleep(PERIOD)
        del outages["door"]
        write(sink)
        clock.sleep(PERIOD)
        outages.clear()
        write(sink)
    rates = "STATUS=10.0 FPS, 5 frames, 0 dropped, latency p95 40 ms"
    assert [lines[-1] for lines in supervisor.messages()[:3]] == [
        rates + "; yard: no image for 3 s: gone; door: no image for 4 s: no new frame",
        rates + "; yard: no image for 3 s: gone",
        rates,
    ]


def test_of_several_cameras_those_without_an_image_do_not_keep_the_frames_of_others_from_the_watchdog(
    supervisor, clock
):
    """However the calls of the cameras lie: here all outages come just before the frame that would be told."""
    with SupervisorSink(Timing(now=clock.now), lambda: {"yard": "gone"}) as sink:
        for _ in range(10):
            clock.sleep(PERIOD / 2)
            sink.idle(IMAGE, "gone")
            sink.idle(IMAGE, "gone")
            write(sink)
    messages = supervisor.messages()
    assert sum("WATCHDOG=1" in lines for lines in messages) == 5
    assert len(messages) <= 5 + 10 + 1


def test_without_a_frame_of_any_camera_no_watchdog(supervisor, clock):
    with SupervisorSink(Timing(now=clock.now), lambda: {"yard": "gone", "door": "lost"}) as sink:
        for _ in range(4):
            sink.idle(IMAGE, "gone")
            sink.idle(IMAGE, "lost")
            clock.sleep(PERIOD)
    status = "STATUS=started, 0 frames, 0 dropped; yard: gone; door: lost"
    assert supervisor.messages()[:-1] == [["READY=1", status]] + 3 * [[status]]


def test_the_end(sink, supervisor):
    write(sink)
    supervisor.messages()
    sink.close()
    assert supervisor.messages() == [["STOPPING=1"]]
    sink.close()
    write(sink)
    assert supervisor.messages() == []


def frames(timing, clock, count, capture_step=1):
    """A frame every 100 ms, each 40 ms old when it is through."""
    for number in range(count):
        clock.time += 0.1
        times = FrameTimes(number * capture_step, clock.now() - 0.04)
        times.processed_at = times.delivered_at = clock.now()
        timing.add(times)


@pytest.mark.parametrize(
    "options, count, step, status",
    [
        pytest.param({}, 0, 1, "started, 0 frames, 0 dropped", id="the first frame"),
        pytest.param({}, 5, 1, "10.0 FPS, 5 frames, 0 dropped, latency p95 40 ms", id="a file"),
        pytest.param({"configured_fps": 12.5}, 5, 1, "10.0 FPS of 12.5, 5 frames", id="asked for a rate"),
        pytest.param({"live": True}, 5, 1, "10.0 FPS, camera 10.0 FPS, 5 frames, 0 dropped", id="a camera"),
        pytest.param({"live": True}, 5, 3, "10.0 FPS, camera 30.0 FPS, 5 frames, 8 dropped", id="a faster camera"),
        pytest.param(
            {"configured_fps": 30},
            0,
            1,
            "started, 0 frames",
            id="asked for a rate, the first frame",
        ),
    ],
)
def test_status(supervisor, clock, options, count, step, status):
    timing = Timing(now=clock.now, **options)
    frames(timing, clock, count, step)
    with SupervisorSink(timing) as sink:
        write(sink)
    assert supervisor.messages()[0][-1].startswith("STATUS=" + status)


def test_a_supervisor_that_does_not_listen_holds_nothing_up(sink, supervisor, clock, capsys):
    for _ in range(500):  # more than its queue holds; a socket that blocks would hang here for ever
        write(sink)
        clock.sleep(PERIOD)
    assert 0 < len(supervisor.messages()) < 500
    write(sink)
    assert names(supervisor.messages()) == [["WATCHDOG", "STATUS"]], "it is told again as soon as it listens"
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("messages", [0, 1], ids=["before the first message", "after it"])
def test_a_supervisor_that_goes_away_is_said_once(sink, supervisor, clock, capsys, messages):
    for number in range(3):
        if number == messages:
            supervisor.socket.close()
        write(sink)
        sink.idle(IMAGE, "gone")
        clock.sleep(PERIOD)
    sink.close()
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("warning: ")
    assert "NOTIFY_SOCKET" in line


@pytest.mark.parametrize("value, expected", [(None, False), ("", False), ("/run/notify", True), ("@notify", True)])
def test_is_supervised(monkeypatch, value, expected):
    monkeypatch.delenv("NOTIFY_SOCKET", raising=False)
    if value is not None:
        monkeypatch.setenv("NOTIFY_SOCKET", value)
    assert is_supervised() is expected
