"""Workers that are processes: one that dies costs its task again and nothing else."""

import multiprocessing
import os
import shutil
import signal
import subprocess
import sys

import pytest
from support.batch import SETTINGS, real_settings, street
from support.program import MODEL, PATIENCE, ROOT, needs_model

from app.errors import ModelError
from app.modelcard import read_card
from tools.batch import local
from tools.batch.local import in_processes
from tools.batch.plan import Task, make_tasks
from tools.batch.work import ATTEMPTS, Done


class Member:
    """A worker that does a task at once, and dies of those whose file is `deadly`."""

    made = 0

    def __init__(self, settings, task):
        Member.made += 1
        self.connection = self
        self.give(task)

    def give(self, task):
        self.task = task

    def answer(self):
        if "bad" in self.task.files:
            raise ModelError("no such model")
        return None if "deadly" in self.task.files else Done([], 1, [])

    def close(self):
        self.task = None


@pytest.fixture
def tasks(monkeypatch):
    monkeypatch.setattr(local, "_Member", Member)
    monkeypatch.setattr(local, "Connection", Member)
    monkeypatch.setattr(local, "wait", lambda connections: connections[:1])
    monkeypatch.setattr(Member, "made", 0)
    return [Task((name,), ((0, 0),)) for name in "abcde"]


def test_each_task_is_done_once_by_few_processes(tasks):
    done = list(in_processes(SETTINGS, tasks, 2))
    assert sorted(task.files[0] for task, _ in done) == list("abcde")
    assert Member.made == 2


def test_a_task_that_no_worker_survives_is_given_up(tasks):
    deadly = Task(("deadly",), ((0, 0),))
    done = dict(in_processes(SETTINGS, [*tasks[:2], deadly, *tasks[2:]], 1))
    assert set(done) == {*tasks, deadly}
    assert [done[task].frames for task in tasks] == [1] * 5
    assert done[deadly].frames == 0
    assert f"deadly: its worker died {ATTEMPTS} times" in done[deadly].problems[0]
    assert Member.made == 1 + ATTEMPTS


def test_what_keeps_a_worker_from_working_ends_the_run(tasks):
    with pytest.raises(ModelError, match="no such model"):
        list(in_processes(SETTINGS, [*tasks, Task(("bad",), ((0, 0),))], 2))


@pytest.fixture
def films(tmp_path):
    """Six tasks of the real model, as small as they can be."""
    street(tmp_path / "0.avi")
    for number in range(1, 6):
        shutil.copy(str(tmp_path / "0.avi"), str(tmp_path / f"{number}.avi"))
    return make_tasks([str(tmp_path / f"{number}.avi") for number in range(6)])[0]


@needs_model
@pytest.mark.slow
def test_a_worker_that_is_killed(films):
    plain = dict(in_processes(real_settings(), films, 1))
    found, killed = {}, False
    for task, done in in_processes(real_settings(), films, 2):
        assert task not in found
        found[task] = done
        if not killed:
            killed = True
            for process in multiprocessing.active_children():
                os.kill(process.pid, signal.SIGKILL)
    assert found == plain
    assert [done.frames for done in found.values()] == [12] * 6
    assert len(set(found[films[0]].rows)) > 12, "else there would be nothing to compare"
    assert multiprocessing.active_children() == []


@needs_model
@pytest.mark.slow
def test_another_model_of_the_same_name_is_refused(films):
    with pytest.raises(ModelError, match="another file"):
        list(in_processes(real_settings()._replace(sha256="0"), films, 1))


CODE = """
import multiprocessing, os, sys, threading, time
from support.batch import SETTINGS
from tools.batch.local import in_processes
from tools.batch.plan import Task

if __name__ == "__main__":
    pipe = sys.argv[1]
    os.mkfifo(pipe)  # a task that never ends
    settings = SETTINGS._replace(model="yolov3-tiny", sha256=sys.argv[2], size=32)
    run = in_processes(settings, [Task((pipe,), ((0, 0),))], 1)
    threading.Thread(target=lambda: next(run), daemon=True).start()
    while not multiprocessing.active_children():
        time.sleep(0.05)
    print(multiprocessing.active_children()[0].pid, flush=True)
    time.sleep(60)
"""


@needs_model
@pytest.mark.slow
def test_workers_end_with_the_process_that_started_them(tmp_path):
    script = tmp_path / "run.py"
    script.write_text(CODE)
    path = os.pathsep.join([ROOT, os.path.join(ROOT, "tests")])
    command = [sys.executable, str(script), str(tmp_path / "pipe"), read_card(MODEL).sha256]
    process = subprocess.Popen(command, env=dict(os.environ, PYTHONPATH=path), stdout=subprocess.PIPE, text=True)
    try:
        worker = int(process.stdout.readline())
        process.kill()
        process.wait(PATIENCE)
        ended = subprocess.run(["tail", f"--pid={worker}", "-f", "/dev/null"], timeout=PATIENCE)
        assert ended.returncode == 0
    finally:
        process.kill()
        process.stdout.close()
