import functools
import io
import json
import subprocess
import sys

import pytest
from support import fake_nano
from support.program import ROOT, finish, start

from app import backends, doctor
from app.arguments import DEFAULT_MODEL
from app.checks import FAIL, PASS, SKIP, STATES, WARN, failed, machine, passed, skipped, software, warned
from app.checks.process import Failure
from app.doctor import Check, checks_for, typed

DIES = "import os, signal\nos.kill(os.getpid(), signal.SIGILL)\n"


def run(*arguments, **env):
    """The command in a process of its own: (exit code, standard output, standard error)."""
    return finish(start(*arguments, module="app.doctor", env=env), 300)


@pytest.fixture
def three(monkeypatch):
    """A doctor that looks at three things only."""
    checks = [
        Check("first", lambda nano: passed("well")),
        Check("the second", lambda nano: warned("so so", "python3 -m tools.fix")),
        Check("third", lambda nano: skipped("not needed here")),
    ]
    monkeypatch.setattr(doctor, "checks_for", lambda nano: checks)
    monkeypatch.delenv("NO_COLOR", raising=False)
    return checks


def broken(error):
    def look(nano):
        raise error

    return look


# What is printed


def test_lines(three, capsys, monkeypatch):
    monkeypatch.setattr(doctor, "_interpreter", lambda: "python3")
    assert doctor.main([]) == 0
    assert capsys.readouterr() == (
        "pass  first       well\n"
        "warn  the second  so so\n"
        "        python3 -m tools.fix\n"
        "\n"
        "1 passed, 1 warning, 0 failed, 1 skipped (--all shows them)\n",
        "",
    )


def test_all_of_them_and_a_fail_which_is_code_4(three, capsys):
    three.append(Check("last", lambda nano: failed("ill", "a pill")))
    assert doctor.main(["--all"]) == 4
    assert "skip  third       not needed here\nFAIL  last        ill\n        a pill\n" in capsys.readouterr().out


@pytest.mark.parametrize(
    "error, words",
    [
        (PermissionError(13, "Permission denied", "/sys/x"), "Permission denied: '/sys/x'"),
        (Failure("systemctl did not finish within 5 s"), "systemctl did not finish within 5 s"),
        (ValueError("of two\nlines"), "of two lines"),
        (ZeroDivisionError(), "ZeroDivisionError"),
    ],
)
def test_a_check_that_raises_has_failed_and_the_others_go_on(three, capsys, error, words):
    three.insert(0, Check("zeroth", broken(error)))
    assert doctor.main([]) == 4
    out, err = capsys.readouterr()
    lines = out.splitlines()
    assert lines[0].startswith("FAIL  zeroth      cannot be checked: ")
    assert lines[0].endswith(words)
    assert lines[1].startswith("        ")
    assert lines[2] == "pass  first       well"
    assert err == ""


def test_ctrl_c_is_not_a_check_that_fails(three, capsys):
    three.insert(0, Check("zeroth", broken(KeyboardInterrupt())))
    assert doctor.main([]) == 130


def test_json(three, capsys):
    three.append(Check("last", lambda nano: failed("ill", "a pill")))
    assert doctor.main(["--json"]) == 4
    out, err = capsys.readouterr()
    fields = json.loads(out)
    assert fields["checks"][0] == {"name": "first", "state": "pass", "found": "well", "fix": None}
    assert fields["checks"][3] == {"name": "last", "state": "fail", "found": "ill", "fix": "a pill"}
    assert fields["summary"] == {"pass": 1, "warn": 1, "fail": 1, "skip": 1}
    assert err == ""


class FakeTerminal(io.StringIO):
    def isatty(self):
        return True


@pytest.mark.parametrize(
    "stream, env, colours",
    [
        (FakeTerminal, {"TERM": "xterm"}, True),
        (FakeTerminal, {"TERM": "xterm", "NO_COLOR": "1"}, False),
        (FakeTerminal, {"TERM": "xterm", "NO_COLOR": ""}, True),  # by no-color.org
        (FakeTerminal, {"TERM": "dumb"}, False),
        (io.StringIO, {"TERM": "xterm"}, False),
    ],
)
def test_colours(three, monkeypatch, stream, env, colours):
    out = stream()
    monkeypatch.setattr(sys, "stdout", out)
    for name, value in env.items():
        monkeypatch.setenv(name, value)
    assert doctor.main([]) == 0
    assert ("\033[32mpass\033[0m  first       well\n" in out.getvalue()) is colours
    assert ("\033" in out.getvalue()) is colours
    out.truncate(0)
    doctor.main(["--json"])
    assert "\033" not in out.getvalue()


@pytest.mark.parametrize(
    "text, expected",
    [
        ("python3 -m pip install x", "PY -m pip install x"),
        ("a && python -m tools.convert", "a && PY -m tools.convert"),
        ("/usr/bin/python3 -m venv .venv", "/usr/bin/python3 -m venv .venv"),
        ("python3 --version", "python3 --version"),
    ],
)
def test_commands_are_for_the_python_that_runs(monkeypatch, text, expected):
    monkeypatch.setattr(doctor, "_interpreter", lambda: "PY")
    assert typed(text) == expected


def test_paths_are_as_short_as_they_can_be(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    assert typed(f"ls {tmp_path}/weights /weights") == "ls weights /weights"


def test_the_python_that_runs(monkeypatch, tmp_path):
    fake_nano.write_commands(tmp_path / "fake_commands", {"python": "", "python3": ""})
    monkeypatch.setenv("PATH", str(tmp_path / "fake_commands"))
    assert doctor._interpreter() == sys.executable
    monkeypatch.setattr(sys, "executable", str(tmp_path / "fake_commands" / "python"))
    assert doctor._interpreter() == "python"


# What is known twice, since the other place imports numpy and OpenCV


def test_names_are_those_of_the_other_modules():
    assert tuple(backends.CLASSES) == doctor.BACKENDS
    assert machine.DEFAULT_MODEL == DEFAULT_MODEL


# The command itself


@pytest.mark.slow
def test_it_starts_where_numpy_and_opencv_are_broken():
    """And so does everything that it imports, by itself too."""
    modules = "doctor modelcard artefact engine address board classification.card command files sinks.window"
    program = (
        "import importlib, sys\n"
        "sys.modules.update(dict.fromkeys(('numpy', 'cv2', 'onnxruntime')))  # as if they could not be imported\n"
        "for name in sys.argv[1:]:\n"
        "    importlib.import_module('app.' + name)\n"
    )
    subprocess.check_call([sys.executable, "-c", program] + modules.split(), cwd=ROOT)


def test_an_unknown_option(capsys):
    assert doctor.main(["--bogus"]) == 2
    assert capsys.readouterr() == ("", "error: unrecognized arguments: --bogus; see --help\n")


@pytest.fixture(scope="module")
def real():
    """What is said of the machine that runs the tests, whatever it is."""
    code, out, err = run("--json", "--cam", "test://")
    assert err == ""
    return code, json.loads(out)


@pytest.mark.slow
def test_this_machine_as_json(real):
    code, fields = real
    assert set(fields) == {"checks", "summary"}
    for check in fields["checks"]:
        assert list(check) == ["name", "state", "found", "fix"]
        assert check["state"] in STATES
        assert isinstance(check["found"], str)
        assert check["found"]
        assert "Traceback" not in check["found"]
        assert bool(check["fix"]) == (check["state"] in (WARN, FAIL)), check
        assert "\n" not in check["found"] + (check["fix"] or "")
    states = [check["state"] for check in fields["checks"]]
    assert fields["summary"] == {state: states.count(state) for state in STATES}
    assert code == (4 if FAIL in states else 0)


@pytest.mark.slow
def test_this_machine_can_run_the_tests(real):
    found = {check["name"]: check for check in real[1]["checks"]}
    assert found["numpy"]["found"] == __import__("numpy").__version__
    assert found["opencv"]["found"].startswith(__import__("cv2").__version__ + ", with")
    assert "CPUExecutionProvider" in found["backend onnx"]["found"]
    for name in ("numpy", "opencv", "backend onnx", "backend opencv", "backend auto", "source"):
        assert found[name]["state"] == PASS, found[name]


@pytest.mark.slow
def test_numpy_that_kills_the_interpreter(tmp_path):
    (tmp_path / "numpy.py").write_text(DIES)
    code, out, err = run("--json", "--all", PYTHONPATH=str(tmp_path))
    assert (code, err) == (4, "")
    found = {check["name"]: check for check in json.loads(out)["checks"]}
    assert found["numpy"]["state"] == FAIL
    assert found["numpy"]["found"] == "Python was killed by SIGILL (Illegal instruction)"
    assert "numpy" in found["numpy"]["fix"]
    assert found["opencv"]["state"] == SKIP
    assert "display" in found  # the last one


@pytest.mark.slow
@pytest.mark.parametrize(
    "module, check",
    [("cv2", software.opencv), ("onnxruntime", functools.partial(software.backend, "onnx"))],
    ids=["OpenCV", "ONNX Runtime"],
)
def test_a_runtime_that_kills_the_interpreter(tmp_path, monkeypatch, module, check):
    (tmp_path / (module + ".py")).write_text(DIES)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    board = machine.Machine()
    result = check(board)
    assert result.state == FAIL
    assert "SIGILL (Illegal instruction)" in result.message
    assert "install" in result.fix
    assert software.numpy(board).state == PASS


@pytest.mark.slow
def test_every_warning_and_every_failure_has_a_command(monkeypatch, tmp_path, capsys):
    """On a board on which nothing works at all."""
    board = fake_nano.FakeNano(str(fake_nano.prepare(monkeypatch, tmp_path)), "", "rtsp://127.0.0.1:1/x")
    monkeypatch.setattr(doctor, "Machine", lambda *arguments: board)
    fake_nano.write_commands(tmp_path / "fake_commands", dict.fromkeys(fake_nano.COMMANDS, "exec /bin/sleep 60"))
    monkeypatch.setattr("app.checks.process.LIMIT", 0.2)
    monkeypatch.delenv("OPENBLAS_CORETYPE")
    board.model_path = str(tmp_path / "none.onnx")
    board.answers = dict.fromkeys(fake_nano.ANSWERS, Failure("it is ill"))
    assert doctor.main(["--json"]) == 4
    checks = json.loads(capsys.readouterr().out)["checks"]
    assert [check["name"] for check in checks] == [check.name for check in checks_for(board)]
    assert sum(check["state"] == FAIL for check in checks) >= 6
    for check in checks:
        assert bool(check["fix"]) == (check["state"] in (WARN, FAIL)), check
