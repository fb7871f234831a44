"""Workers that cannot be started, or die at once, on a system of a test's own."""

import subprocess
from types import SimpleNamespace

import pytest

pytest.importorskip("optuna")

from app.errors import OutputError  # noqa: E402
from tools.search import crew  # noqa: E402
from tools.search.worker import Job  # noqa: E402

JOB = Job("sqlite:///study.db", "study", "runs", 10)


class Broken:
    """The pipe to a process that has ended."""

    def __enter__(self):
        return self

    def write(self, data):
        raise BrokenPipeError

    def __exit__(self, *exception):
        raise BrokenPipeError


def test_a_system_that_starts_no_more_processes(monkeypatch):
    def refuse(*args, **options):
        raise OSError(11, "Resource temporarily unavailable")

    monkeypatch.setattr(subprocess, "Popen", refuse)
    with pytest.raises(OutputError, match="cannot start a worker: Resource temporarily unavailable"), crew.Crew(JOB, 2):
        pass


def test_a_worker_that_is_killed_before_it_knows_its_job_is_told_like_others(monkeypatch):
    process = SimpleNamespace(stdin=Broken(), poll=lambda: -9, terminate=lambda: None, wait=lambda seconds=None: -9)
    monkeypatch.setattr(subprocess, "Popen", lambda *args, **options: process)
    with crew.Crew(JOB, 1) as workers:
        assert workers.poll() == [
            "worker 1 was killed by signal 9; another one does its trial again, after 10 s without a sign of life"
        ]
        assert not workers.working
