"""What is counted of live cameras, and the scripts that say how long; most of it without a camera or a clock."""

import numpy as np
import pytest
from support.heads import CARD, quiet_heads
from support.streams import write_video

from app.backends.fake import FakeBackend
from app.errors import SourceError
from tools.bench.filming import SETTLING, Seen, Take, Watch, Window, film, jain, settled, share, steady, until
from tools.bench.live import fault, lost
from tools.bench.replay import DEAD, HANGS, WELL, Replay


def frames(*times):
    return [Seen(at, 0.1) for at in times]


def each_tenth(begin, end):
    return frames(*np.arange(begin, end, 0.1))


@pytest.mark.parametrize(
    "seen, expected",
    [
        pytest.param(each_tenth(0.05, 3), 1.0, id="all"),  # 29 intervals in 2.9 s
        pytest.param(each_tenth(0.05, 1) + each_tenth(2.05, 3), 19 / 29, id="a second is missing in the middle"),
        pytest.param(each_tenth(0.05, 1), 9 / (9 + 19.5), id="nothing after a second"),  # 3 - 0.95 - 0.1 = 1.95 s
        pytest.param(each_tenth(2.05, 3), 9 / (9 + 19.5), id="nothing for two seconds"),
        pytest.param(frames(0.05, 1.05, 2.05), 2 / 28.5, id="one a second"),  # 2 s, and 3 - 2.05 - 0.1 = 0.85 s
        pytest.param(frames(1), 0.0, id="one"),
        pytest.param([], 0.0, id="none"),
    ],
)
def test_share_of_what_was_due(seen, expected):
    assert share(seen, Window(0, 3), fps=10) == pytest.approx(expected)


@pytest.mark.parametrize(
    "counts, index",
    [([7], 1), ([5, 5, 5], 1), ([9, 0, 0], 1 / 3), ([3, 1], 0.8), ([0, 0], 0)],  # (3 + 1)^2 / (2 * (9 + 1))
)
def test_jain(counts, index):
    assert jain(counts) == pytest.approx(index)


def test_take():
    seen = [[Seen(1.0, 0.1), Seen(2.0, 0.2), Seen(3.0, 0.3)], [Seen(1.0, 0.4), Seen(2.0, 0.5)]]
    take = Take(seen, Window(1, 3), {})
    assert take.counts == [3, 2]
    assert take.rate == 2.5
    assert take.shares(1) == [1, 1]
    assert take.age(50) == pytest.approx(0.3)


def watching(*frames):
    watch = Watch()
    watch.seen = list(frames)
    return watch


def test_a_script_begins_when_all_cameras_have_delivered():
    first, second = watching(), watching()
    script = settled([first, second], 7)
    assert next(script) < 1
    first.seen = frames(1)
    assert next(script) < 1
    second.seen = frames(1)
    assert next(script) == 7
    with pytest.raises(StopIteration):
        next(script)


def test_a_script_gives_up():
    with pytest.raises(SourceError, match="nothing came within -1 s"):
        next(until(lambda: False, -1, "nothing came"))


def test_the_time_that_counts():
    script = steady([watching(Seen(1, 1))], 30, 10)
    assert [next(script), next(script)] == [10, 30]
    with pytest.raises(StopIteration) as ended:
        next(script)
    window = ended.value.value
    assert 0 <= window.end - window.begin < 5, "on the clock, which these pauses did not wait for"


def test_a_fault_and_its_end():
    device = Replay("video.avi", 10)
    watches = [watching(Seen(1, 1)), watching(Seen(float("inf"), 1))]
    script = fault(watches, device, 5)
    assert [(pause, device.state) for pause in script] == [
        (SETTLING, WELL),
        *((5, state) for state in (WELL, HANGS, DEAD, WELL)),
    ]


def test_a_camera_that_must_be_back_is_waited_for():
    device = Replay("video.avi", 10)
    last = watching(Seen(1, 1))
    script = fault([watching(Seen(1, 1)), last], device, 5)
    pauses = [next(script) for _ in range(6)]
    assert pauses[-1] < 1, "it is not back"
    last.seen.append(Seen(float("inf"), 1))
    assert next(script) == 5


def test_a_fault_ends_with_its_script():
    device = Replay("video.avi", 10)
    script = fault([watching(Seen(1, 1))] * 2, device, 5)
    while device.state != HANGS:
        next(script)
    script.close()
    assert device.state == WELL


def test_what_the_others_lose():
    assert lost([1.0, 1.0, 1.0], [0.99, 1.01, 0.2]) == pytest.approx(0.01)
    assert lost([0.5, 1.0], [0.6, 0.1]) == 0
    assert lost([0.0, 1.0], [0.0, 0.1]) == 0


@pytest.fixture
def video(tmp_path):
    return write_video(tmp_path / "video.avi", 20)


@pytest.mark.slow
def test_two_cameras_through_one_model(video):
    devices = [Replay(video, 50), Replay(video, 25)]
    backend = FakeBackend(quiet_heads(64, 64))
    take = film(devices, backend, CARD, 64, lambda watches: steady(watches, 1.0, 0.1))
    assert list(take.report["cameras"]) == ["cam0", "cam1"]
    seconds = take.window.end - take.window.begin
    assert seconds >= 1
    for count, fps in zip(take.counts, (50, 25)):
        assert 0 < count <= fps * seconds + 2, "no more than a camera delivers"
    assert 0 < take.age(50) <= take.age(95)
    assert all(take.window.begin <= one.at <= take.window.end for camera in take.seen for one in camera)


@pytest.mark.slow
def test_what_a_script_raises_ends_the_filming(video):
    def script(watches):
        yield 0.1
        raise SourceError("enough")

    with pytest.raises(SourceError, match="enough"):
        film([Replay(video, 50)], FakeBackend(quiet_heads(64, 64)), CARD, 64, script)


@pytest.mark.slow
def test_a_turn_without_a_frame(video):
    def script(watches):
        yield 0.1
        return Window(0, 0)

    with pytest.raises(SourceError, match="--seconds"):
        film([Replay(video, 50)], FakeBackend(quiet_heads(64, 64)), CARD, 64, script)


@pytest.mark.slow
def test_a_camera_that_cannot_be_opened_ends_the_filming(video):
    device = Replay(video, 50, "porch")
    device.state = DEAD
    with pytest.raises(SourceError, match="porch: is dead"):
        film([device], FakeBackend(quiet_heads(64, 64)), CARD, 64, lambda watches: steady(watches, 60))


@pytest.mark.slow
def test_one_that_dies_and_comes_back(video):
    devices = [Replay(video, 20), Replay(video, 20)]
    backend = FakeBackend(quiet_heads(64, 64))
    take = film(devices, backend, CARD, 64, lambda watches: fault(watches, devices[1], 0.5))
    assert take.report["cameras"]["cam1"]["reconnects"] >= 1
    assert all(take.counts)
