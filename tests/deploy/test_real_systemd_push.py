"""push.sh, by real SSH on loopback, to a board with a real systemd and the real units. On this machine's processor."""

import os
import shutil
import socket
import subprocess

import pytest
from booted_board import UNIT, BootedBoard, why_not
from push_board import run
from push_projects import real_project

WHY_NOT = why_not("ssh", "ssh-keygen", "sshd", "sudo")
pytestmark = [pytest.mark.deploy, pytest.mark.skipif(WHY_NOT is not None, reason=str(WHY_NOT))]


@pytest.fixture
def board(tmp_path):
    (tmp_path / "board").mkdir()
    with BootedBoard(tmp_path / "board") as board:
        board.configure()
        serve_ssh(board, tmp_path)
        yield board


def serve_ssh(board, folder):
    """A server of its own, and board.config for ssh, with a user who may use sudo."""
    key, host_key = str(folder / "key"), "/run/host_key"
    for path in (key, board.path(host_key)):
        subprocess.check_call(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(path)])
    shutil.copy(key + ".pub", str(board.path("/run/keys")))
    board.run("useradd", "-m", "-s", "/bin/bash", "free")
    board.write("/etc/sudoers.d/free", "free ALL=(ALL) NOPASSWD: ALL\n", 0o440)
    board.run("usermod", "-p", "*", "free")  # else it is locked, and may not log in at all
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    options = [f"Port={port}", "ListenAddress=127.0.0.1", "HostKey=" + host_key, "UsePAM=no"]
    options += ["AuthorizedKeysFile=/run/keys", "StrictModes=no", "UseDNS=no"]
    command = [
        shutil.which("sshd"),
        "-D",
        "-e",
        "-f",
        "/dev/null",
        *[word for name in options for word in ("-o", name)],
    ]
    board.run("mkdir", "-p", "/run/sshd")
    board.run("systemd-run", "--quiet", "--unit=server-of-ssh", *command)
    board.config = folder / "ssh_config"
    board.config.write_text(
        f"Host board\n  HostName 127.0.0.1\n  Port {port}\n  IdentityFile {key}\n  IdentitiesOnly yes\n"
        "  StrictHostKeyChecking no\n  UserKnownHostsFile /dev/null\n  LogLevel ERROR\n"
        "  ConnectionAttempts 20\n"
    )


def push(board, project, *options):
    """(exit code, what it says)."""
    code, out, err = run([project.push_script, "--ssh-config", board.config, *options, "free@board"])
    return code, out + err


def runs(board):
    """State of the service, and the version that its process is in."""
    return board.show("ActiveState"), os.path.basename(
        board.run("readlink", "/proc/{}/cwd".format(board.show("MainPID"))).strip()
    )


ENDS = "        if self._ready:\n            os._exit(0)\n"


def test_versions_come_and_go(board, tmp_path):
    project = real_project(tmp_path / "project")
    first = project.git("rev-parse", "HEAD")[:12]
    code, said = push(board, project)
    assert code == 0, said
    assert "self-test passed at 160x128" in said
    assert runs(board) == ("active", first)
    assert " FPS" in board.wait(lambda: " FPS" in board.show("StatusText") and board.show("StatusText"), "no rate")

    # What breaks only as a service is undone.
    supervisor = project.folder / "app/sinks/supervisor.py"
    good = supervisor.read_text()
    broken = good.replace("        self._timing = timing\n", "        self._timing = timing.nothing\n", 1)
    assert broken != good
    supervisor.write_text(broken)
    bad = project.commit()
    code, said = push(board, project)
    assert code == 1
    assert f"error: the service did not become ready with {bad}; {first} runs again" in said
    assert runs(board) == ("active", first)

    # As is one that is ready with its first frame, and ends with the next.
    supervisor.write_text(
        good.replace("        if self._timing.now() - self._last >= PERIOD or not", ENDS + "        if not")
    )
    assert ENDS in supervisor.read_text()
    short = project.commit()
    code, said = push(board, project)
    assert code == 1
    assert f"error: the service ended soon after its start with {short}; {first} runs again" in said
    assert runs(board) == ("active", first)

    supervisor.write_text(good)
    second = project.commit(NOTE="another version")
    code, said = push(board, project)
    assert code == 0, said
    assert runs(board) == ("active", second)
    assert board.show("NRestarts") == "0"
    code, said = push(board, project, "--rollback")
    assert code == 0, said
    assert runs(board) == ("active", first)
    assert board.run("systemctl", "is-active", UNIT) == "active\n"
