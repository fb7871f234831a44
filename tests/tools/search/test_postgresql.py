"""The command with a PostgreSQL server: two searches on one study stand for two machines."""

import os
import signal

import pytest

pytest.importorskip("optuna")
pytest.importorskip("psycopg2")

from optuna.trial import TrialState  # noqa: E402
from support.postgresql import Postgresql, find  # noqa: E402
from support.processes import send  # noqa: E402
from support.searching import (  # noqa: E402
    GRACE,
    check_complete,
    ended,
    join,
    new,
    starts,
    suspend,
    wait_for,
    working,
    write_space,
)

pytestmark = [
    pytest.mark.verify,
    pytest.mark.slow,
    pytest.mark.skipif(not (find("initdb") and find("pg_ctl")), reason="needs PostgreSQL: apt-get install postgresql"),
]


@pytest.fixture
def server():
    with Postgresql() as running:
        yield running


def test_a_worker_killed_and_a_machine_lost_in_24_trials(tmp_path, server):
    space, here, there = write_space(tmp_path), tmp_path / "here", tmp_path / "there"
    one = new(space, here, "--workers", 3, "--storage", server.url, pause=0.3)
    wait_for(lambda: starts(here), "the first machine trains")
    other = join(there, "--workers", 2, "--storage", server.url, pause=0.3)
    os.kill(working(one, 3, here, least=1)[0], signal.SIGKILL)
    working(other, 2, there, least=1)
    asleep = suspend(other)
    try:
        code, _, err = ended(one)
        assert code == 0, err
        trials = check_complete(space, here, server.url)
    finally:
        send(asleep, signal.SIGCONT)
    code, _, err = ended(other)  # it wakes when all is done
    assert code == 0, err
    assert check_complete(space, there, server.url) == trials, "who wakes changes nothing"
    assert len([trial for trial in trials if trial.state == TrialState.FAIL]) >= 2


def test_a_database_that_stops_is_one_line_and_the_search_goes_on_when_it_is_back(tmp_path, server):
    space, run = write_space(tmp_path, trials=4, epochs=3), tmp_path / "run"
    process = new(space, run, "--workers", 2, "--storage", server.url, pause=0.5)
    working(process, 2, run)
    server.stop()
    code, _, err = ended(process)
    assert code == 5
    assert "Traceback" not in err
    last = err.splitlines()[-1]
    assert last.startswith("error: ")
    assert "the database does not answer" in last
    assert f"continue with: python -m tools.search --join --study space --storage {server.url}" in last
    assert len(list(run.glob("trial-*"))) >= 2
    server.start()
    code, _, err = ended(join(run, "--workers", 2, "--storage", server.url))
    assert code == 0, err
    check_complete(space, run, server.url)


def test_a_database_that_is_back_soon_is_waited_for(tmp_path, server):
    space, run = write_space(tmp_path, trials=4, epochs=3), tmp_path / "run"
    process = new(space, run, "--workers", 2, "--storage", server.url, "--grace", 20 * GRACE, pause=0.5)
    working(process, 2, run)
    server.stop()
    server.start()
    code, _, err = ended(process)
    assert code == 0, err
    check_complete(space, run, server.url)
