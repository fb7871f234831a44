"""push.sh, by real SSH on loopback, to a board with a real systemd and the real units. On this machine's processor."""

import os
import shutil
import subprocess

import pytest
from booted_board import UNIT, BootedBoard
from commands import free_port, make_key, run, write_ssh_config
from push_projects import real_project

NEEDED = ("ssh", "ssh-keygen", "sshd", "sudo")
pytestmark = [
    pytest.mark.deploy,
    pytest.mark.skipif(not all(map(shutil.which, NEEDED)), reason=" or ".join(NEEDED) + " missing"),
]


@pytest.fixture
def board(tmp_path):
    (tmp_path / "board").mkdir()
    with BootedBoard(tmp_path / "board") as board:
        board.configure()
        serve_ssh(board, tmp_path)
        yield board


def serve_ssh(board, folder):
    """A server of its own, and board.config for ssh, with a user who may use sudo."""
    key = make_key(folder / "key")
    make_key(board.path("/run/host_key"))
    shutil.copy(str(key) + ".pub", str(board.path("/run/keys")))
    board.run("useradd", "-m", "-s", "/bin/bash", "free")
    board.write("/etc/sudoers.d/free", "free ALL=(ALL) NOPASSWD: ALL\n", 0o440)
    board.run("usermod", "-p", "*", "free")  # else it is locked, and may not log in at all
    port = free_port()
    options = [f"Port={port}", "ListenAddress=127.0.0.1", "HostKey=/run/host_key", "UsePAM=no"]
    options += ["AuthorizedKeysFile=/run/keys", "StrictModes=no", "UseDNS=no"]
    command = [shutil.which("sshd"), "-D", "-e", "-f", "/dev/null"]
    command += [word for name in options for word in ("-o", name)]
    board.run("mkdir", "-p", "/run/sshd")
    board.run("systemd-run", "--quiet", "--unit=server-of-ssh", *command)
    board.config = folder / "ssh_config"
    write_ssh_config(board.config, port, key)


def push(board, project, *options):
    """(exit code, what it says)."""
    return run(project.push_script, "--ssh-config", board.config, *options, "free@board", stderr=subprocess.STDOUT)[:2]


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
