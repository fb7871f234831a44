import os
import signal
import subprocess
import sys
import time

import pytest

from app.checks import advised, process
from app.checks.process import Failure, Missing, ask_python, run


def test_output():
    output = run(["/bin/sh", "-c", 'echo "$WORD"; echo no >&2; exit 3'], {"WORD": "yes"}, 5.0)
    assert output == (3, "yes\n", "no\n")


def test_what_is_not_text():
    assert run(["/bin/sh", "-c", r"printf 'a\377b'"], {}, 5.0).out == "a\ufffdb"


def test_a_command_that_is_missing(tmp_path):
    with pytest.raises(Missing, match="fake_command is not installed"):
        run([str(tmp_path / "fake_command")], {}, 5.0)


def test_a_command_that_may_not_be_run(tmp_path):
    (tmp_path / "fake_command").write_text("")
    with pytest.raises(Failure, match="fake_command: Permission denied"):
        run([str(tmp_path / "fake_command")], {}, 5.0)


def test_a_command_that_hangs_is_ended_with_all_that_it_started(tmp_path):
    pids = tmp_path / "pids"
    script = f"/bin/sleep 60 & echo $! > {pids}; echo $$ >> {pids}; wait"
    start = time.monotonic()
    with pytest.raises(Failure, match="^sh did not finish within 0.5 s$"):
        run(["/bin/sh", "-c", script], {}, 0.5)
    assert time.monotonic() - start < 10
    for pid in pids.read_text().split():
        assert not is_running(int(pid))


def test_a_command_whose_child_keeps_the_pipe_open(tmp_path):
    pids = tmp_path / "pids"
    with pytest.raises(Failure, match="did not finish"):
        run(["/bin/sh", "-c", f"/bin/sleep 60 & echo $! > {pids}"], {}, 0.5)
    assert not is_running(int(pids.read_text()))


def is_running(pid):
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline:
        try:
            with open(f"/proc/{pid}/stat") as file:
                if file.read().rsplit(")", 1)[1].split()[0] == "Z":  # nobody has asked for it yet
                    return False
        except OSError:
            return False
        time.sleep(0.02)
    return True


def test_an_answer_of_python():
    code = "import json, os, sys\nprint('chatter')\nprint(json.dumps([sys.argv[1], os.environ['WORD'], os.getcwd()]))"
    assert ask_python(code, "one", WORD="two") == ["one", "two", process.PROJECT]


@pytest.mark.parametrize("name, words", [("SIGILL", "Illegal instruction"), ("SIGKILL", "lack of memory")])
def test_python_that_is_killed(name, words, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(Failure) as raised:
        ask_python(f"import os, signal\nos.kill(os.getpid(), signal.{name})")
    assert raised.value.signal == name
    assert f"killed by {name} (" in str(raised.value)
    assert words in str(raised.value)


def test_a_signal_without_a_name():
    with pytest.raises(Failure, match=r"killed by signal 40 \(a signal\)"):
        ask_python("import os\nos.kill(os.getpid(), 40)")


def test_no_core_file_is_left():
    assert ask_python("print(list(resource.getrlimit(resource.RLIMIT_CORE)))") == [0, 0]


@pytest.mark.parametrize(
    "code, words",
    [
        ("import no_such_module", "ModuleNotFoundError: No module named 'no_such_module'"),
        ("from app.errors import ModelError\nraise ModelError('it is no model')", "it is no model"),
        ("import sys\nsys.exit(3)", "Python ended with code 3"),
        ("print('chatter')", "Python printed no JSON: chatter"),
        ("pass", "Python printed no JSON: nothing"),
        ("import sys\nsys.exit('Traceback\\n  x\\nError: one\\n\\n')", "Error: one"),
    ],
)
def test_python_without_an_answer(code, words):
    with pytest.raises(Failure) as raised:
        ask_python(code)
    assert str(raised.value) == words
    assert raised.value.signal is None


def test_nothing_is_left_open(recwarn):
    before = len(os.listdir("/proc/self/fd"))
    for code in ("print(1)", "print(2)"):
        ask_python(code)
    assert len(os.listdir("/proc/self/fd")) == before


def test_ctrl_c_ends_the_child(tmp_path):
    """The child is in a session of its own, so the terminal's Ctrl-C does not reach it."""
    pid = tmp_path / "pid"
    child = "import os, sys, time; open(sys.argv[1], 'w').write(str(os.getpid())); time.sleep(60)"
    code = (
        "import signal, sys; from app.checks.process import ask_python; "
        "signal.signal(signal.SIGINT, signal.default_int_handler); ask_python(*sys.argv[1:])"
    )
    command = [sys.executable, "-c", code, child, str(pid)]
    parent = subprocess.Popen(command, cwd=process.PROJECT, stderr=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + 20
        while not (pid.exists() and pid.read_text()) and time.monotonic() < deadline:
            time.sleep(0.02)
        parent.send_signal(signal.SIGINT)
        parent.wait(10)
    finally:
        parent.kill()
        parent.wait()
    assert not is_running(int(pid.read_text()))


@pytest.mark.parametrize(
    "text, expected",
    [
        ("x is missing; make it with: a -b", ("x is missing", "a -b")),
        ("x; y; build one that fits with: a (it takes long)", ("x; y", "a")),
        ("x is missing", ("x is missing", "otherwise")),
        ("x; install another", ("x; install another", "otherwise")),
    ],
)
def test_advice_in_a_message(text, expected):
    assert advised(text, "otherwise") == expected
