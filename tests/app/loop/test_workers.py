import threading
import time

import pytest
from support.fakes import LIMIT

from app.loop.workers import Choice, Growth, Workers, choose_workers


def test_work_is_repeated_by_all_until_there_is_none():
    left, lock, names = list(range(100)), threading.Lock(), set()

    def work():
        with lock:
            names.add(threading.current_thread().ident)
            return bool(left) and left.pop() >= 0

    workers = Workers(work)
    workers.add(3)
    assert workers.wait(LIMIT)
    assert workers.close()
    assert left == []
    assert len(workers) == 3


def test_a_failure_in_one_ends_all():
    def work():
        if threading.current_thread().ident == first[0]:
            raise ValueError("broken")
        return True

    first = []
    workers = Workers(lambda: first.append(threading.current_thread().ident) or work() if not first else work())
    workers.add(1)
    workers.add(2)
    assert workers.wait(LIMIT)
    assert workers.close()
    assert str(workers.failure) == "broken"


def test_a_thread_has_freed_what_is_its_own_before_all_have_ended():
    """Or a runtime's request is freed while Python ends, which aborts the process."""

    class Request:
        def __del__(self):
            time.sleep(0.2)
            freed.append(True)

    def work():
        own.request = Request()
        return False

    own, freed = threading.local(), []
    workers = Workers(work)
    workers.add(2)
    assert workers.wait(LIMIT)
    assert workers.close()
    assert freed == [True, True]


def test_one_that_hangs_is_abandoned(monkeypatch, capsys):
    monkeypatch.setattr("app.loop.workers.WORK_LIMIT", 0.05)
    release = threading.Event()
    workers = Workers(lambda: release.wait(LIMIT) and False)
    workers.add(1)
    assert not workers.wait(0.01)
    assert not workers.close()
    assert "abandoned" in capsys.readouterr().err
    release.set()


CHOICE = Choice(1, 4, "one camera")


class Figures:
    """What Growth asks of a camera's timing."""

    seconds_seen, current_fps, current_capture_fps, configured_fps = 4.0, 30.0, 30.0, None


class Channel:
    def __init__(self, **figures):
        self.timing = Figures()
        for name, figure in figures.items():
            setattr(self.timing, name, figure)


class Backend:
    def __init__(self, can=True):
        self.workers = 1
        self.fills_cpu = True
        self.can = can
        self.asked = []

    def share(self, workers):
        self.asked.append(workers)
        self.workers = workers if self.can else 1


@pytest.mark.parametrize(
    "figures, more",
    [
        pytest.param({}, 0, id="keeps up"),
        pytest.param({"current_fps": 29.0}, 0, id="nearly"),
        pytest.param({"current_fps": 25.0}, 3, id="falls behind"),
        pytest.param({"current_fps": 25.0, "seconds_seen": 2.0}, 0, id="too soon to say"),
        pytest.param({"current_fps": 10.0, "configured_fps": 10.0}, 0, id="as fast as configured"),
        pytest.param({"current_fps": 8.0, "configured_fps": 10.0}, 3, id="slower than configured"),
        pytest.param({"current_fps": 30.0, "configured_fps": 60.0}, 0, id="the camera is no faster"),
        pytest.param({"current_fps": None}, 0, id="before the first frames"),
    ],
)
def test_growth(figures, more, capsys):
    backend = Backend()
    growth = Growth([Channel(**figures)], backend, CHOICE)
    assert growth.more_workers() == more
    assert backend.asked == ([4] if more else [])
    assert growth.report()["count"] == 1 + more


def test_it_changes_its_mind_once(capsys):
    backend = Backend()
    growth = Growth([Channel(current_fps=20.0)], backend, CHOICE)
    assert [growth.more_workers() for _ in range(3)] == [3, 0, 0]
    assert "20.0 of 30.0 FPS" in capsys.readouterr().err
    assert growth.report() == {"count": 4, "why": "one per core, since a single one reached 20.0 of 30.0 FPS"}


def test_a_runtime_that_cannot_is_asked_once():
    backend = Backend(can=False)
    growth = Growth([Channel(current_fps=20.0)], backend, CHOICE)
    assert [growth.more_workers() for _ in range(3)] == [0, 0, 0]
    assert backend.asked == [4]
    assert growth.report() == {"count": 1, "why": "one camera"}


@pytest.mark.parametrize("fills_cpu, why", [(True, "the runtime infers one at a time"), (False, "a GPU has one")])
def test_fewer_than_asked_for_is_said(fills_cpu, why):
    backend = Backend()
    backend.fills_cpu = fills_cpu
    growth = Growth([Channel(), Channel()], backend, Choice(4, 4, "as asked for"))
    assert growth.report() == {"count": 1, "why": f"as asked for; but {why}"}


@pytest.mark.parametrize(
    "asked_for, live, expected",
    [
        pytest.param(None, [True], (1, 6), id="a camera"),
        pytest.param(None, [False], (6, 6), id="a file"),
        pytest.param(None, [True, True], (6, 6), id="two cameras"),
        pytest.param(3, [True], (3, 3), id="a number"),
    ],
)
def test_choice(monkeypatch, asked_for, live, expected):
    monkeypatch.setattr("app.loop.workers.physical_cores", lambda: 6)
    assert choose_workers(asked_for, live)[:2] == expected


def test_a_second_camera_that_comes_needs_more_workers(capsys):
    backend = Backend()
    cameras = [Channel()]
    growth = Growth(cameras, backend, CHOICE)
    assert growth.more_workers() == 0
    cameras.append(Channel())
    assert [growth.more_workers() for _ in range(2)] == [3, 0]
    assert growth.report() == {"count": 4, "why": "one per core, now that there are several cameras"}


def test_what_was_asked_for_stays():
    backend = Backend()
    growth = Growth([Channel(current_fps=1.0), Channel()], backend, Choice(1, 1, "as asked for"))
    assert growth.more_workers() == 0
    assert backend.asked == []
