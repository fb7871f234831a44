"""The command with SQLite and a fake trainer: workers that are killed, stopped and suspended."""

import collections
import json
import os
import random
import signal
import statistics
import time

import pytest

pytest.importorskip("optuna")
pytest.importorskip("matplotlib")

from optuna.trial import TrialState  # noqa: E402
from support.disk import fill, small_disk  # noqa: E402
from support.fake_trainer import figure  # noqa: E402
from support.processes import children, is_running, send  # noqa: E402
from support.program import start  # noqa: E402
from support.searching import (  # noqa: E402
    GRACE,
    check_complete,
    ended,
    join,
    new,
    starts,
    trainer,
    training_of,
    wait_for,
    working,
    write_space,
)

from tools.search.queue import MOST_LOST  # noqa: E402
from tools.train.options import parse  # noqa: E402


def url_of(run):
    return f"sqlite:///{run}/study.db"


def test_a_worker_killed_in_the_middle_of_24_trials(tmp_path):
    space, run = write_space(tmp_path), tmp_path / "run"
    process = new(space, run, "--workers", 3, pause=0.2)
    victim = working(process, 3, run, least=1)[0]
    training = children(victim)
    os.kill(victim, signal.SIGKILL)
    wait_for(lambda: not any(is_running(pid) for pid in training), "the training of a killed worker ends")
    code, out, err = ended(process)
    assert code == 0, err
    assert "was killed by signal 9; another one does its trial again" in err
    trials = check_complete(space, run, url_of(run))
    lost = [trial for trial in trials if trial.state == TrialState.FAIL]
    assert [set(trial.user_attrs) & {"reason", "given_back", "superseded"} for trial in lost] == [set()]
    assert len(trials) == 25
    assert len(starts(run)) == 25
    assert "With 24 independent random draws" in out
    assert {"results.md", "history.png", "parallel.png", "importances.png"} <= set(os.listdir(run))


def test_a_search_that_is_stopped_goes_on_from_its_checkpoints(tmp_path):
    space, run = write_space(tmp_path, trials=2, epochs=3), tmp_path / "a run"
    process = new(space, run, "--workers", 2, pause=1.5)
    working(process, 2, run)
    wait_for(lambda: len(list(run.glob("*/state.json"))) == 2, "both have an epoch")
    process.send_signal(signal.SIGINT)
    code, _, err = ended(process)
    assert code == 130
    assert f"stopped; continue with: python -m tools.search --join --study space --run '{run}' --workers 2" in err
    code, _, err = ended(join(run, "--workers", 2))
    assert code == 0, err
    trials = check_complete(space, run, url_of(run))
    stopped = [trial.user_attrs["given_back"] for trial in trials if trial.state == TrialState.FAIL]
    assert stopped == ["its worker was stopped"] * 2
    assert sorted(starts(run)[2:]) == [("trial-0000", "resumed"), ("trial-0001", "resumed")]


def test_a_worker_that_wakes_after_its_trial_was_done_again_counts_for_nothing(tmp_path):
    space, run = write_space(tmp_path, trials=3), tmp_path / "run"
    process = new(space, run, "--workers", 2, pause=1)
    lost = working(process, 2, run)[0]
    folder, asleep = training_of(lost), [lost, *children(lost)]
    send(asleep, signal.SIGSTOP)
    try:
        wait_for(lambda: (folder + "-2", "new") in starts(run), "its trial is done again, in another folder")
    finally:
        send(asleep, signal.SIGCONT)
    code, _, err = ended(process)
    assert code == 0, err
    assert "another worker does it, since this one showed no sign of life" in err
    check_complete(space, run, url_of(run))


def test_a_search_without_workers_says_how_to_go_on(tmp_path):
    space, run = write_space(tmp_path, trials=4), tmp_path / "run"
    process = new(space, run, "--workers", 2, pause=0.3)
    send(working(process, 2, run), signal.SIGKILL)
    code, _, err = ended(process)
    assert code == 4
    assert err.splitlines()[-1].startswith("error: no worker is left, and ")
    assert "continue with: python -m tools.search --join --study space" in err.splitlines()[-1]
    code, _, err = ended(join(run))
    assert code == 0, err
    check_complete(space, run, url_of(run))


def test_a_killed_search_leaves_no_process_behind(tmp_path):
    run = tmp_path / "run"
    process = new(write_space(tmp_path), run, "--workers", 2, pause=0.3)
    workers = working(process, 2, run)
    below = [*workers, *(pid for worker in workers for pid in children(worker))]
    process.kill()
    ended(process)
    wait_for(lambda: not any(is_running(pid) for pid in below), "workers and trainings end")


def test_a_training_that_fails_is_told_and_not_repeated(tmp_path):
    space, run = tmp_path / "space.toml", tmp_path / "run"
    space.write_text(
        'method = "grid"\nbase = { model = "report_fast", epochs = 1 }\nspace = { batch = { values = [16, 32, 64] } }\n'
    )
    fake = trainer(0.05, "--fail-at", "32")
    code, out, err = ended(start("--space", space, "--run", run, "--trainer", fake, module="tools.search"))
    assert code == 0, err
    assert "trial 1: failed, the loss of epoch 1 is not a number; start again with a lower --lr" in err
    rows = json.loads((run / "results.json").read_text())["trials"]
    assert [(row["options"]["batch"], row["state"]) for row in rows] == [(16, "done"), (32, "failed"), (64, "done")]
    assert len(starts(run)) == 3
    assert "independent random draws" not in out


def test_a_full_disk_ends_a_worker_and_not_the_draws(tmp_path):
    space, run = tmp_path / "space.toml", tmp_path / "run"
    space.write_text(
        'method = "grid"\nbase = { model = "report_fast", epochs = 1 }\nspace = { batch = { values = [16, 32, 64] } }\n'
    )
    fake = trainer(0.05, "--full-at", "32")
    code, _, err = ended(start("--space", space, "--run", run, "--trainer", fake, module="tools.search"))
    assert code == 5
    assert "2 of 3 trials are not done" in err.splitlines()[-1]
    assert "No space left on device; continue with: python -m tools.search --join" in err.splitlines()[-1]
    code, _, err = ended(join(run))
    assert code == 0, err
    rows = json.loads((run / "results.json").read_text())["trials"]
    assert [(row["options"]["batch"], row["state"]) for row in rows] == [(16, "done"), (32, "done"), (64, "done")]


def test_a_disk_that_fills_ends_the_search_in_one_line_and_it_goes_on_when_there_is_room(tmp_path):
    """The database is on it too, so nobody can say what became of a trial."""
    space = write_space(tmp_path, trials=4, epochs=3)
    with small_disk(tmp_path / "disk", "2m") as disk:
        run = disk / "run"
        process = new(space, run, "--workers", 2, "--grace", 2 * GRACE, pause=1)
        working(process, 2, run)
        fill(disk / "filler")
        code, _, err = ended(process)
        assert code == 5
        assert "Traceback" not in err
        last = err.splitlines()[-1]
        assert last.startswith("error: ")
        assert f"continue with: python -m tools.search --join --study space --run {run} --workers 2" in last
        (disk / "filler").unlink()
        code, _, err = ended(join(run, "--workers", 2))
        assert code == 0, err
        check_complete(space, run, url_of(run))
        assert not list(run.glob("**/.*"))


def test_tpe_does_as_many_trials_as_it_should(tmp_path):
    space, run = write_space(tmp_path, epochs=1), tmp_path / "run"
    process = new(space, run, "--workers", 2, "--method", "tpe", "--trials", 4)
    code, out, err = ended(process)
    assert code == 0, err
    rows = json.loads((run / "results.json").read_text())["trials"]
    assert [row["state"] for row in rows] == ["done"] * 4
    assert len({json.dumps(row["options"]) for row in rows}) == 4, "no two workers propose the same"
    assert all(0.5 <= row["options"]["momentum"] <= 0.99 and 16 <= row["options"]["batch"] <= 512 for row in rows)
    assert "independent random draws" not in out


def test_a_trial_below_the_median_is_ended(tmp_path):
    """The fake's value after an epoch is a share of the trial's own, so every epoch ranks trials alike."""
    space, run = write_space(tmp_path, trials=8, epochs=3), tmp_path / "run"
    fake = trainer(0.8)
    code, _, err = ended(start("--space", space, "--run", run, "--trainer", fake, module="tools.search"))
    assert code == 0, err
    rows = json.loads((run / "results.json").read_text())["trials"]
    last = [figure(vars(parse(row["words"])), 3) for row in rows]
    done, expected = [], []
    for value in last:
        pruned = len(done) >= 5 and value < statistics.median(done)  # Optuna compares from the sixth trial on
        expected.append("pruned" if pruned else "done")
        if not pruned:
            done.append(value)
    assert "pruned" in expected
    assert [row["state"] for row in rows] == expected
    assert all(row["epochs"] < 3 for row in rows if row["state"] == "pruned")


@pytest.mark.verify
def test_killed_ten_times_at_random_moments(tmp_path):
    """A worker, its training, or the whole search, which then goes on with --join."""
    space, run = write_space(tmp_path, trials=20, epochs=3), tmp_path / "run"
    generator, hits = random.Random(), collections.Counter()
    process = new(space, run, "--workers", 2, pause=0.4)
    for _ in range(10):
        victim = working(process, 2, run, least=1)[0]
        draw = training_of(victim)[: len("trial-0000")]
        time.sleep(generator.uniform(0, 1))
        kind = generator.choice(["worker", "training", "search"])
        if kind == "training" and hits[draw] < MOST_LOST:
            send(children(victim), signal.SIGKILL)
            hits[draw] += 1
            continue
        if kind == "worker" and hits[draw] < MOST_LOST:
            send([victim], signal.SIGKILL)
            hits[draw] += 1
        process.kill()
        ended(process)
        process = join(run, "--workers", 2, pause=0.4)
    code, _, err = ended(process)
    assert code == 0, err
    check_complete(space, run, url_of(run))
