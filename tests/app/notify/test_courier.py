"""What all threads that tell others have in common."""

import time

import pytest
from support.outboxes import FakeStore, wait_for

from app.errors import OutputError
from app.notify.courier import Courier


class Recorder(Courier):
    """Raises what the test wants, and notes what is asked of it."""

    def __init__(self, store):
        super().__init__("mqtt", store, "mqtt://nano")
        self.problem = None
        self.calls = 0
        self.finished = 0

    def deliver(self, outbox):
        self.calls += 1
        if self.problem is not None:
            raise self.problem
        outbox.wait(0.01)

    def finish(self, outbox):
        self.finished += 1


@pytest.fixture
def recorder():
    found = Recorder(FakeStore())
    yield found
    found.end(time.monotonic() + 10)
    found.join()


@pytest.mark.parametrize("problem", [OutputError("no space"), ValueError("a bug")])
def test_a_problem_is_said_once_and_the_thread_goes_on(recorder, problem, capsys, monkeypatch):
    monkeypatch.setattr("app.notify.courier.TROUBLE_PAUSE", 0.001)
    recorder.problem = problem
    recorder.start()
    wait_for(lambda: recorder.calls > 3)
    err = capsys.readouterr().err
    assert err.count("warning: mqtt://nano: ") == 1
    assert str(problem) in err


def test_a_problem_is_said_again_once_all_was_well(recorder, capsys):
    recorder.complain("no answer")
    recorder.complain("no answer")
    recorder.all_well()
    recorder.all_well()
    recorder.complain("no answer")
    assert capsys.readouterr().err.splitlines() == [
        "warning: mqtt://nano: no answer", "mqtt://nano: works again", "warning: mqtt://nano: no answer",
    ]  # fmt: skip


def test_the_end(recorder):
    recorder.start()
    wait_for(lambda: recorder.calls)
    recorder.end(time.monotonic() + 10)
    recorder.join()
    assert recorder.finished == 1


def test_one_that_never_started_can_be_closed(recorder):
    recorder.end(time.monotonic() + 10)
    recorder.join()
    assert recorder.figures() == {"sent": 0, "retried": 0, "given_up": 0}
