"""`tools.search` with a fake trainer, in processes that a test may kill or suspend, and what is to come of it."""

import json
import os
import shlex
import signal
import sys
import time

import optuna
from support import fake_trainer
from support.processes import children, family, send
from support.program import ROOT, finish, start

from tools.search.draws import random_draws
from tools.search.space import read_space
from tools.search.storage import open_storage
from tools.train.options import parse

PATIENCE = 300  # seconds; on a machine that does something else, a process is long in starting
BEAT, GRACE = 1, 3  # seconds
SPACE = """
method = "random"
trials = {trials}
[base]
model = "report_fast"
epochs = {epochs}
[space]
momentum = {{ low = 0.5, high = 0.99 }}
batch = {{ low = 16, high = 512, log = true }}
"""


def trainer(pause=0.05, *options):
    """The command line of the fake."""
    path = os.path.join(ROOT, "tests", "support", "fake_trainer.py")
    return shlex.join([sys.executable, path, "--pause", str(pause), *options])


def write_space(folder, trials=24, epochs=2):
    """A space file of random draws."""
    path = folder / "space.toml"
    path.write_text(SPACE.format(trials=trials, epochs=epochs))
    return path


def new(space, run, *args, pause=0.05):
    """Start a search."""
    times = ["--heartbeat", BEAT, "--grace", GRACE, "--no-prune"]
    return start("--space", space, "--run", run, "--trainer", trainer(pause), *times, *args, module="tools.search")


def join(run, *args, study="space", pause=0.05):
    """Start to work on a search that exists."""
    args = ["--join", "--study", study, "--run", run, "--trainer", trainer(pause), *args]
    return start(*args, module="tools.search")


def ended(process):
    """(exit code, standard output, standard error) at its end."""
    return finish(process, PATIENCE)


def wait_for(condition, what):
    """The first true value of `condition`, within PATIENCE."""
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until:
        found = condition()
        if found:
            return found
        time.sleep(0.05)
    raise AssertionError(f"still not: {what}")


def starts(run):
    """The trainings that were started in a study's folder: pairs of a folder's name and `new` or `resumed`."""
    try:
        return [tuple(line.split()) for line in (run / "starts.txt").read_text().splitlines()]
    except FileNotFoundError:
        return []


def training_of(worker):
    """The folder's name of the training that a worker has started, "" if it has none now."""
    for child in children(worker):
        with open(f"/proc/{child}/cmdline") as file:
            words = file.read().split("\0")
        for option in ("--run", "--resume"):
            if option in words:
                return os.path.basename(words[words.index(option) + 1])
    return ""


def working(process, count, run, least=None):
    """Workers of a search that has `count` of them, once `least` or all train: their trainings locked their folders."""

    def training():
        workers = children(process.pid)
        started = {name for name, _ in starts(run)}
        found = [worker for worker in workers if training_of(worker) in started]
        return len(workers) == count and len(found) >= (least or count) and found

    return wait_for(training, f"{least or 'all'} of {count} workers train")


def suspend(process):
    """As if its machine were gone: a search, its workers and trainings stop where they are. All of them."""
    pids = family(process.pid)
    send(pids, signal.SIGSTOP)
    return pids


def check_complete(space, run, url):
    """Every draw of the seed is done exactly once, with the value that it has without any disturbance."""
    rows = json.loads((run / "results.json").read_text())["trials"]
    found = read_space(str(space))
    assert [row["options"] for row in rows] == random_draws(found.dimensions, found.trials, seed=0)
    assert [row["state"] for row in rows] == ["done"] * found.trials
    for row in rows:
        options = vars(parse(row["words"]))
        assert (options["batch"], options["momentum"]) == (row["options"]["batch"], row["options"]["momentum"])
        assert row["value"] == fake_trainer.figure(options, options["epochs"])
    storage = open_storage(url)
    trials = optuna.load_study(study_name="space", storage=storage).trials
    storage.engine.dispose()
    done = [trial for trial in trials if trial.state == optuna.trial.TrialState.COMPLETE]
    assert sorted(trial.user_attrs["draw"] for trial in done) == list(range(found.trials))
    return trials
