"""The queue of trials in a database in a file, without trainings."""

import os
import threading

import pytest

optuna = pytest.importorskip("optuna")

from optuna.exceptions import UpdateFinishedTrialError  # noqa: E402
from optuna.trial import TrialState  # noqa: E402

from app.errors import OutputError, UsageError  # noqa: E402
from tools.search.plan import Draw, Plan  # noqa: E402
from tools.search.queue import DRAW, Outcome, Queue  # noqa: E402
from tools.search.space import Dimension  # noqa: E402
from tools.search.storage import open_storage, patiently, quiet_optuna, sqlite_url  # noqa: E402

pytestmark = pytest.mark.slow
LR = (0.1, 0.2, 0.3)


@pytest.fixture(autouse=True)
def quiet():
    quiet_optuna()


def plan_of(values=LR, grace=60):
    draws = [Draw(number, "", {"lr": value}, None) for number, value in enumerate(values)]
    return Plan("id", "grid", {"model": "report_fast"}, [], [Dimension("lr", values)], draws, 0, True, 1, grace)


@pytest.fixture
def url(tmp_path):
    return sqlite_url(str(tmp_path / "{100 %} of it.db"))


@pytest.fixture
def queue(url):
    return Queue.create(open_storage(url), "study", plan_of())


def claimed(queue):
    found = queue.claim()
    return found and (found[1].number, queue.trial_id(found[0]))


def test_every_draw_is_claimed_once_and_in_order(queue):
    assert [claimed(queue)[0] for _ in LR] == [0, 1, 2]
    assert queue.claim() is None
    assert not queue.finished(), "they still run"


def test_a_second_study_of_that_name(queue, url):
    with pytest.raises(UsageError, match="--study study: exists already; continue it with --join"):
        Queue.create(open_storage(url), "study", plan_of())
    with pytest.raises(UsageError, match="--study other: there is no such study"):
        Queue.join(open_storage(url), "other")
    assert Queue.join(open_storage(url), "study").plan == queue.plan


def test_what_was_created_by_halves_is_created_again(url):
    optuna.create_study(study_name="study", storage=open_storage(url), direction="maximize")
    assert claimed(Queue.create(open_storage(url), "study", plan_of()))[0] == 0


def test_a_draw_that_two_workers_queued_at_one_moment_is_done_once(queue, monkeypatch):
    queue.refill()
    queue.study().enqueue_trial({"lr": 0.1}, user_attrs={DRAW: 0})
    assert [claimed(queue)[0] for _ in LR] == [0, 1, 2]
    assert queue.claim() is None
    # What a worker sees that looked before the first of the two ran.
    seen, outcomes = [[Outcome("waiting", queue.study().trials[3])]], queue.outcomes
    monkeypatch.setattr(queue, "refill", lambda: None)
    monkeypatch.setattr(queue, "outcomes", lambda: seen.pop() if seen else outcomes())
    assert queue.claim() is None
    assert queue.study().trials[3].user_attrs["superseded"] == "true"
    assert queue.outcomes()[0].trial.number == 0


def test_a_worker_without_a_sign_of_life_loses_its_trial(queue, monkeypatch):
    number = claimed(queue)[1]
    monkeypatch.setattr(queue.storage, "_get_stale_trial_ids", lambda study: [number])
    queue.refill()
    monkeypatch.undo()
    with pytest.raises(UpdateFinishedTrialError):
        queue.beat(number)
    with pytest.raises(UpdateFinishedTrialError):
        queue.complete(number, 0.5)
    assert [claimed(queue)[0] for _ in LR] == [0, 1, 2]
    assert queue.outcomes()[0].trial.number == 3, "another attempt"


def test_a_value_and_a_reason_end_a_draw(queue):
    first, second = claimed(queue)[1], claimed(queue)[1]
    queue.complete(first, 0.5)
    queue.end(second, "reason", "no data")
    queue.complete(claimed(queue)[1], 0.25, pruned=True)
    assert queue.finished()
    assert [(found.state, found.value, found.reason) for found in queue.outcomes()] == [
        ("done", 0.5, ""),
        ("failed", None, "no data"),
        ("pruned", 0.25, ""),
    ]


def test_no_two_workers_get_one_trial(url):
    plan = plan_of(tuple(range(1, 13)))
    Queue.create(open_storage(url), "study", plan).refill()
    found, errors = [], []

    def work():
        try:
            queue = Queue.join(open_storage(url), "study")
            for number, _ in iter(lambda: claimed(queue), None):
                found.append(number)
        except Exception as error:
            errors.append(error)

    threads = [threading.Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    assert sorted(found) == list(range(12))
    trials = Queue.join(open_storage(url), "study").study().trials
    assert [trial.state for trial in trials].count(TrialState.RUNNING) == 12


@pytest.mark.parametrize(
    "address, error, message",
    [
        ("nonsense", UsageError, "--storage: should be an address as postgresql://"),
        ("nonsense://host/x", UsageError, "no such kind of database"),
        ("postgresql://me:secret@127.0.0.1:9/x", OutputError, r"me:\*\*\*@127.0.0.1:9/x: the database does not answer"),
        ("sqlite:////nowhere/at/all.db", OutputError, "unable to open database file"),
    ],
)
def test_addresses_without_a_database(address, error, message):
    with pytest.raises(error, match=message):
        open_storage(address)


def test_a_damaged_database_is_one_line(queue, url, tmp_path):
    path = tmp_path / os.listdir(tmp_path)[0]
    queue.storage.engine.dispose()
    with open(path, "r+b") as file:
        file.write(b"x" * 4096)
    with pytest.raises(OutputError, match="not as it should: file is not a database"):
        patiently(url, 0, queue.outcomes)
