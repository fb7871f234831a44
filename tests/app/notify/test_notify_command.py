"""Programs that are run with events: what they get, and what becomes of those that fail, hang or leave children."""

import json
import os
import sys
import time

import pytest
from support.outboxes import FakeStore, change, changes, wait_for

from app.notify import command as command_module
from app.notify.command import CommandCourier

pytestmark = pytest.mark.slow


def script(tmp_path, code):
    """A command line that runs some Python."""
    path = tmp_path / "program.py"
    path.write_text("import json, os, signal, subprocess, sys, time\n" + code)
    return "'%s' '%s' '%s'" % (sys.executable, path, tmp_path)


class Run:
    """A courier that runs, and its outbox."""

    def __init__(self, text, **options):
        self.store = FakeStore()
        self.outbox = self.store.outbox("command:0")
        self.courier = CommandCourier("command:0", self.store, text, **options)

    def __enter__(self):
        self.courier.start()
        return self

    def __exit__(self, *exception):
        self.courier.end(time.monotonic() + 10)
        self.courier.join()
        assert not children()


def children():
    """Processes that this one has started and not waited for."""
    try:
        pid, _ = os.waitpid(-1, os.WNOHANG)
    except ChildProcessError:
        return []
    return [pid] if pid else ["running"]


def test_each_change_on_standard_input_in_order(tmp_path):
    text = script(tmp_path, "open(sys.argv[1] + '/got', 'a').write(sys.stdin.read())\nprint('noise')")
    with Run(text, folder="/data/store") as run:
        for one in changes(2):
            run.outbox.put(one)
        wait_for(lambda: not run.outbox.rows)
    lines = [json.loads(line) for line in (tmp_path / "got").read_text().splitlines()]
    assert [(line["id"], line["type"]) for line in lines] == [(one.incident.id, one.type) for one in changes(2)]
    assert lines[0]["store"] == "/data/store"
    assert run.courier.figures() == {"sent": 6, "retried": 0, "given_up": 0}


def test_no_shell_looks_at_the_words(tmp_path):
    text = script(tmp_path, "open(sys.argv[1] + '/got', 'a').write(json.dumps(sys.argv[2:]))") + " '$HOME' ';' '`ls`'"
    with Run(text) as run:
        run.outbox.put(change())
        wait_for(lambda: not run.outbox.rows)
    assert json.loads((tmp_path / "got").read_text()) == ["$HOME", ";", "`ls`"]


def test_the_password_for_the_broker_is_not_handed_on(tmp_path, monkeypatch):
    monkeypatch.setenv("NANOYOLO_MQTT_PASSWORD", "hunter2")
    monkeypatch.setenv("OTHER", "x")
    with Run(script(tmp_path, "open(sys.argv[1] + '/got', 'w').write(json.dumps(dict(os.environ)))")) as run:
        run.outbox.put(change())
        wait_for(lambda: not run.outbox.rows)
    got = (tmp_path / "got").read_text()
    assert json.loads(got)["OTHER"] == "x"
    assert "hunter2" not in got


@pytest.mark.parametrize(
    ("code", "said"), [("sys.exit(3)", "ended with 3"), ("os.kill(os.getpid(), 9)", "by signal 9")]
)
def test_failures_are_counted_and_said_once(tmp_path, capsys, code, said):
    with Run(script(tmp_path, code)) as run:
        for one in changes(1):
            run.outbox.put(one)
        wait_for(lambda: not run.outbox.rows)
    assert run.courier.figures() == {"sent": 0, "retried": 0, "given_up": 3}
    assert capsys.readouterr().err.count(said) == 1


def test_a_program_that_is_gone(tmp_path, capsys):
    program = tmp_path / "program"
    with Run(str(program)) as run:
        run.outbox.put(change())
        wait_for(lambda: not run.outbox.rows)
    assert "cannot be started: No such file" in capsys.readouterr().err


def test_one_that_hangs_is_killed_with_what_it_has_started(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(command_module, "LIMIT", 2.0)
    code = "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'])\n"
    code += "open(sys.argv[1] + '/pid', 'w').write(str(child.pid))\n"
    code += "signal.signal(signal.SIGTERM, signal.SIG_IGN)\ntime.sleep(600)"
    with Run(script(tmp_path, code)) as run:
        run.outbox.put(change())
        wait_for(lambda: not run.outbox.rows)
    child = int((tmp_path / "pid").read_text())
    wait_for(lambda: not alive(child))
    assert "was killed after 2 seconds" in capsys.readouterr().err


def alive(pid):
    """Whether a process runs. A zombie that waits for its parent does not."""
    try:
        with open("/proc/%d/stat" % pid) as file:
            return file.read().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


def test_one_that_does_not_read_does_no_harm(tmp_path):
    with Run(script(tmp_path, "os.close(0)")) as run:
        for one in changes(3):
            run.outbox.put(one)
        wait_for(lambda: not run.outbox.rows)
    assert run.courier.sent == 9


@pytest.mark.parametrize("jobs", [1, 3])
def test_so_many_at_the_same_time_but_one_for_an_event(tmp_path, jobs):
    """Each notes its start and its end; from the order of these it follows how many there were."""
    code = (
        "fields = json.load(sys.stdin)\nnote = os.open(sys.argv[1] + '/got', os.O_WRONLY | os.O_APPEND | os.O_CREAT)\n"
    )
    code += "os.write(note, ('+ ' + fields['id'] + '\\n').encode())\ntime.sleep(0.3)\n"
    code += "os.write(note, ('- ' + fields['id'] + '\\n').encode())\n"
    with Run(script(tmp_path, code), jobs=jobs) as run:
        for one in changes(4, types=("new", "end")):
            run.outbox.put(one)
        wait_for(lambda: not run.outbox.rows)
    running, most = [], 0
    for line in (tmp_path / "got").read_text().splitlines():
        sign, event = line.split()
        if sign == "+":
            assert event not in running
            running.append(event)
        else:
            running.remove(event)
        most = max(most, len(running))
    assert 1 <= most <= jobs


def test_at_the_end_what_runs_is_killed_and_runs_again(tmp_path):
    run = Run(script(tmp_path, "open(sys.argv[1] + '/began', 'w')\ntime.sleep(600)"))
    with run:
        run.outbox.put(change())
        wait_for((tmp_path / "began").exists)
        run.courier.end(time.monotonic() + 0.8)
        run.courier._thread.join(60)
        assert not run.courier._thread.is_alive()
    assert list(run.outbox.rows) == [1]
    assert not children()


def test_what_has_ended_by_the_end_does_not_run_again():
    store = FakeStore()
    courier, outbox = CommandCourier("command:0", store, "true"), store.outbox("command:0")
    outbox.put(change())
    courier._start(outbox, outbox.pending(1)[0])
    courier._running[0].process.wait()
    courier.end(time.monotonic())  # there is no time left
    courier.finish(outbox)
    assert not outbox.rows
    assert courier.sent == 1
