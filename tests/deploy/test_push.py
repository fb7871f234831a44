"""push.sh, by real SSH on loopback, to an emulated arm64 board; and, without one, its arguments.

Only systemd is stood in for. Where the project is a small one, the self-test is a stub; one test has the real project.
"""

import concurrent.futures
import contextlib
import os
import random
import signal
import subprocess
import time

import pytest
from arm64 import disk
from commands import JETSON, MODEL, ROOT, run
from push_board import SITE, PushBoard, run_in_terminal
from push_projects import SERVICE_COMMAND, real_project, small_project

PUSH = JETSON / "push.sh"


# --- without a board -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "arguments, phrase",
    [
        ([], "which board? type: push.sh user@host"),
        (["a@b", "c@d"], "one board at a time, not a@b and c@d"),
        (["--nonsense", "a@b"], "unknown option --nonsense"),
        (["a@b", "--revision"], "--revision needs a value"),
        (["a@b", "--revision", "no such"], "git has no revision no such"),
        (["a@b", "--revision", "HEAD:README.md"], "git has no revision HEAD:README.md"),
        (["a@b", "--revision", "--all"], "git has no revision --all"),
        (["a@b", "--size", "416"], "a size should be WIDTHxHEIGHT, as 416x320, is 416"),
        (["a@b", "--size", "416x312"], "a size should be of multiples of 32"),
        (["a@b", "--size", "416x320;reboot"], "a size should be WIDTHxHEIGHT"),
        (["a@b", "--keep", "1"], "--keep should be 2 or more"),
        (["a@b", "--keep", "many"], "--keep should be 2 or more"),
        (["a@b", "--rollback", "--revision", "HEAD"], "--rollback returns to the previous version"),
        (["a@b", "--config", "nowhere.toml"], "--config nowhere.toml: there is no such file, or it cannot be read"),
        (["a@b", "--config", "/dev/null"], "--config /dev/null: there is no such file, or it cannot be read"),
        (["a@b", "--config", str(PUSH), "--rollback"], "--rollback keeps the board's settings"),
        (["a b@c"], "a b@c: a board's name has no spaces"),
        (["-oProxyCommand=touch x"], "unknown option -oProxyCommand"),
    ],
)
def test_wrong_arguments(arguments, phrase):
    code, out, err = run(PUSH, *arguments)
    assert (code, out, len(err.splitlines())) == (2, "", 1), err
    assert err.startswith("error: " + phrase), err


def test_a_revision_without_the_service(tmp_path):
    project = small_project(tmp_path)
    (project.folder / "deploy/jetson/service/run-detect").unlink()
    old = project.commit()
    code, out, err = run(project.push_script, "a@b")
    assert (code, out) == (2, "")
    assert err.startswith(f"error: {old} is older than the service, and has no ")
    assert err.endswith("deploy/jetson/service/run-detect; push a later revision\n")


def test_help():
    code, out, err = run(PUSH, "--help")
    assert (code, err) == (0, "")
    assert "push.sh --rollback nano@192.168.1.20" in out


@pytest.mark.parametrize(
    "board, reason", [("nano@no-such-host.invalid", "resolve"), ("ssh://nano@127.0.0.1:1", "refused")]
)
def test_no_such_board(tmp_path, board, reason):
    code, out, err = run(small_project(tmp_path).push_script, board)
    assert (code, out, len(err.splitlines())) == (1, "", 1), err
    assert err.startswith("error: no connection: ")
    assert reason in err
    assert err.endswith(f"; try: ssh {board}\n")


# --- with one --------------------------------------------------------------------------------------------------------


@pytest.fixture
def project(tmp_path):
    return small_project(tmp_path / "project")


@pytest.fixture
def board(tmp_path):
    with PushBoard(tmp_path / "board", SERVICE_COMMAND) as board:
        yield board


def push_to(board, project, *options, user="free", **kwargs):
    """(exit code, standard output, standard error)"""
    return run(project.push_script, "--ssh-config", board.config, *options, user + "@board", **kwargs)


def succeed(board, project, *options, **kwargs):
    code, out, err = push_to(board, project, *options, **kwargs)
    assert code == 0, (out, err)
    return out, err


def fail(board, project, *options, **kwargs):
    """The last line of what it says."""
    code, out, err = push_to(board, project, *options, **kwargs)
    assert (code, out) == (1, ""), (out, err)
    assert err.count("error: ") == 1
    return err.splitlines()[-1]


@pytest.mark.deploy
def test_versions_come_and_go(board, project):
    first = project.commit()
    before = board.state()
    out, err = succeed(board, project, "--dry-run")
    assert "runs nothing" in out
    assert f"would send {first} (a change)" in out
    assert board.state() == before

    assert succeed(board, project)[0] == f"free@board runs {first}; before it ran nothing\n"
    assert board.service() == ("active", first)
    assert board.ssh("stat -c '%U %a' /opt/nanoyolo/current/BROKEN").split() == ["root", "644"]
    assert fail(board, project, "--rollback").startswith("error: nothing ran on free@board before " + first)

    # The same once more: nothing is sent. Then another, whose model is already on the board.
    out, err = succeed(board, project)
    assert first + " is already on the board" in err
    second = project.commit(BROKEN=" ")
    (project.folder / "BROKEN").write_text("start")
    out, err = succeed(board, project)
    assert "warning: uncommitted changes" in err
    assert "sending 0 MB" in err
    assert board.state()["history"] == [first, second]

    succeed(board, project, "--rollback")
    assert board.service() == ("active", first)

    # After the one that was gone back from, which counts as oldest now; and no more than three are kept.
    third = project.commit(BROKEN="  ")
    succeed(board, project)
    assert board.state()["history"] == [second, first, third]
    fourth = project.commit(BROKEN="   ")
    succeed(board, project)
    assert board.state() == {
        "current": "versions/" + fourth,
        "versions": sorted([first, third, fourth]),
        "hidden": [".history"],
        "history": [first, third, fourth],
        "other": [],
    }
    succeed(board, project, "--keep", "2", "--revision", third)
    assert board.state()["versions"] == sorted([third, fourth])
    assert board.ssh("ls -d /tmp/nanoyolo* 2>/dev/null || true") == ""


@pytest.mark.deploy
def test_what_does_not_work_does_not_run(board, project):
    broken = project.commit(BROKEN="start")
    assert fail(board, project).startswith(
        f"error: the service did not become ready with {broken}; nothing runs, as before; {broken} is kept as "
        f"/opt/nanoyolo/versions/.{broken}.failed; on free@board, see: journalctl"
    )
    assert (board.state()["current"], board.state()["versions"]) == (None, [])

    good = project.commit(BROKEN="")
    succeed(board, project)
    kept = dict(board.state())
    for text, words in (
        ("self-test", "error: the self-test at 416x320 failed; the reason is above; {} still runs on free@board"),
        ("size", "error: there is no expected result for 416x320; {} still runs on free@board"),
        ("start", "error: the service did not become ready with {new}; {} runs again"),
        ("stay", "error: the service ended soon after its start with {new}; {} runs again"),
    ):
        new = project.commit(BROKEN=text)
        assert fail(board, project).startswith(words.format(good, new=new)), text
        assert board.state() == dict(kept, hidden=["." + new + ".failed", ".history"]), text
        assert board.service() == ("active", good), text

    # Fixed, and pushed again.
    fixed = project.commit(BROKEN="    ")
    succeed(board, project)
    assert board.service() == ("active", fixed)


@pytest.mark.deploy
def test_engines(board, project):
    """Built where TensorRT is, once for a model and size, by the service's user, who owns nothing of it afterwards."""
    board.path(SITE + "/tensorrt.py").write_text("")
    first = project.commit()
    out, err = succeed(board, project, "--size", "160x128", "--size", "416x320")
    assert err.count("building the engine for ") == 2
    assert "building for 160x128: 1" in err  # so many seconds so far
    engines = "cd /opt/nanoyolo/current/weights && stat -c '%n %U' . *.engine *.engine.json"
    owned = board.ssh(engines)
    assert owned.count(" root") == 5, owned
    project.commit(BROKEN=" ")
    out, err = succeed(board, project)
    assert err.count("the engine for 160x128 exists") == err.count("the engine for 416x320 exists") == 1
    assert "building" not in err
    assert board.ssh(engines) == owned

    (project.folder / MODEL[0]).write_bytes(b"another model")
    new = project.commit(BROKEN="engine")
    code, out, err = push_to(board, project)
    errors = [line for line in err.splitlines() if line.startswith("error: ")]
    assert (code, errors[0]) == (1, "error: TensorRT cannot build it")
    assert errors[1].startswith("error: the engine for 160x128 could not be built; the reason is above"), errors
    assert board.state()["current"] != "versions/" + new
    # The same revision with another model has a folder of its own: the version before stays as it is.
    succeed(board, project, "--no-engine", "--revision", first)
    assert board.service() == ("active", first + ".b")


@pytest.mark.deploy
def test_passwords(board, project):
    project.commit()
    with board.config.open("a") as file:
        file.write("  PubkeyAuthentication no\n  NumberOfPasswordPrompts 1\n")
    for user, answers, last in (
        ("asked", ["wrong"], "error: no connection: asked@127.0.0.1: Permission denied"),
        ("asked", ["secret", "wrong"], "error: sudo on asked@board: wrong password, or asked may not"),
        ("guest", ["secret", "secret"], "usermod -aG sudo guest\n"),
        ("asked", ["secret", "secret"], "asked@board runs "),
    ):
        push = [project.push_script, "--ssh-config", board.config, user + "@board"]
        code, shown = run_in_terminal(*push, answers=answers)
        assert last in shown
        assert code == int("error: " in shown)
        assert "secret" not in shown
        assert shown.count("assword of") + shown.count("'s password") == len(answers)  # once for SSH, once for sudo


@pytest.mark.deploy
def test_a_password_without_a_terminal(board, project):
    assert fail(board, project, "--rollback", user="asked").endswith(
        "asks for a password; run this in a terminal, or set NANOYOLO_SUDO_PASSWORD"
    )
    last = fail(board, project, "--rollback", user="asked", env={"NANOYOLO_SUDO_PASSWORD": "secret"})
    assert last.startswith("error: nothing ran on asked@board before the first push")
    board.ssh("sudo rm -r /opt/nanoyolo/versions")
    assert fail(board, project) == "error: free@board is not provisioned; type: deploy/jetson/provision.sh free@board"
    assert fail(board, project, "--dry-run").startswith("error: free@board is not provisioned")
    board.ssh("sudo mv /usr/bin/sudo /usr/bin/sudo.away")
    assert fail(board, project).startswith("error: free@board has no sudo; connect as root")


@pytest.mark.deploy
def test_two_at_once(board, project):
    good = project.commit(BROKEN="slow")
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        done = [future.result() for future in [pool.submit(push_to, board, project) for _ in range(2)]]
    assert sorted(code for code, _, _ in done) == [0, 1]
    (refused,) = (err for code, _, err in done if code == 1)
    assert (
        "another push, or provision.sh, is active on free@board; wait until it ends, then type this again\n" in refused
    )
    assert board.service() == ("active", good)


@pytest.mark.deploy
@pytest.mark.parametrize(
    "inodes, phrase", [(None, "MB free, this version needs"), (20, "the disk of free@board became full")]
)
def test_disk_full(tmp_path, project, inodes, phrase):
    options = ["-N", str(inodes)] if inodes else []
    mount = disk(tmp_path / "disk.img", 64 if inodes else 12, "/opt/nanoyolo/versions", *options)
    with PushBoard(tmp_path / "board", SERVICE_COMMAND, mount=mount) as board:
        assert phrase in fail(board, project)
        assert board.state()["versions"] == []
        assert board.state()["hidden"] == []


@pytest.mark.deploy
@pytest.mark.parametrize("victim", ["push.sh", "board"])
def test_killed_anywhere(board, project, victim):
    """Then the version before runs, or the new one; and the same push again comes to the same end."""
    first = project.commit()
    succeed(board, project)
    delays = random.Random(victim)
    for round in range(6):
        new = project.commit(BROKEN=" " * (round + 1))
        command = [str(project.push_script), "--ssh-config", str(board.config), "free@board"]
        silent = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.DEVNULL)
        process = subprocess.Popen(command, start_new_session=True, **silent)
        delay = delays.uniform(0.5, 45)
        time.sleep(delay)
        if victim == "push.sh":
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
        else:
            board.cut_power()
            board.start()
        process.wait(timeout=120)
        killed = board.state()
        assert killed["current"] in ("versions/" + first, "versions/" + new), (delay, killed)
        end = time.monotonic() + 300
        while True:
            code, out, err = push_to(board, project)
            # What was killed here may still be at its last step there.
            if code == 0 or "another push, or provision.sh, is active" not in err or time.monotonic() > end:
                break
        assert code == 0, (delay, out, err)
        state = board.state()
        assert state["current"] == "versions/" + new, delay
        assert state["history"][-2:] == [first, new], (delay, state)
        assert (state["hidden"], state["other"]) == ([".history"], []), delay
        assert board.service() == ("active", new), delay
        first = new


REAL_SERVICE = ["/opt/nanoyolo/venv/bin/python", "-m", "app.detect", "--cam", "test://160x120@2", "--size", "160"]
REAL_SERVICE += ["--no-show", "--offline", "--backend", "onnx"]


@pytest.mark.deploy
@pytest.mark.skipif(not (ROOT / MODEL[0]).exists(), reason="no model")
def test_the_real_project(tmp_path):
    """ONNX Runtime's arm64 build detects what is expected, the real loop tells systemd's stand-in that it is ready."""
    project = real_project(tmp_path / "project")
    good = project.git("rev-parse", "HEAD")[:12]
    with PushBoard(tmp_path / "board", REAL_SERVICE) as board:
        out, err = succeed(board, project, "--size", "160x128")
        assert "found person 0.8" in err
        assert "self-test passed at 160x128" in err
        assert board.service() == ("active", good)
        assert " FPS" in board.ssh("systemctl show -p StatusText nanoyolo.service")
