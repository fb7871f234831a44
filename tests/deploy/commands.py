"""What tests of the scripts share: runs of a command, one-line errors, fakes, files, and SSH to this machine."""

import os
import pathlib
import re
import shutil
import socket
import subprocess
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
JETSON = ROOT / "deploy" / "jetson"
MODEL = ("weights/yolov3-tiny.onnx", "weights/yolov3-tiny.json")


def run(*words, env=None, timeout=900, **options):
    """Run a command without a terminal: (exit code, standard output, standard error). env: added to this process's."""
    options = dict({"stderr": subprocess.PIPE, "start_new_session": True}, **options)
    done = subprocess.run(
        [str(word) for word in words],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        universal_newlines=True,
        timeout=timeout,
        env=dict(os.environ, **env or {}),
        **options,
    )
    return done.returncode, done.stdout, done.stderr


def failed(result, *parts, code=1):
    """Assert that a command failed, and that its standard error is one line with these parts: that line."""
    assert result[0] == code, result
    assert re.match(r"error: [^\n]+\n$", result[2]), result
    for part in parts:
        assert part in result[2]
    return result[2]


def put_first(folder, name, script):
    """A fake command of this name, for a folder that is first in the path: the folder."""
    write(folder / ("fake_" + name), "#!/bin/bash\n" + script, 0o755)
    if not os.path.lexists(str(folder / name)):
        (folder / name).symlink_to("fake_" + name)
    return folder


def write(path, text, mode=0o644):
    """Write a file, in a folder that is made where it is missing."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(mode)


def wait_until(condition, patience, why=str):
    """Wait until condition() is true: its value. why: returns what to say after `patience` seconds."""
    end = time.monotonic() + patience
    while True:
        value = condition()
        if value:
            return value
        assert time.monotonic() < end, why()
        time.sleep(0.1)


def make_key(path):
    """An SSH key without a passphrase, and beside it its public key with the suffix .pub: its path."""
    if not os.path.exists(str(path)):
        subprocess.check_call(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "ada@desk", "-f", str(path)])
    return path


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def write_ssh_config(path, port, key):
    """Configuration by which ssh finds `board` on this machine."""
    path.write_text(
        f"Host board\n  HostName 127.0.0.1\n  Port {port}\n  ConnectionAttempts 20\nHost *\n  IdentityFile {key}\n"
        "  IdentitiesOnly yes\n  StrictHostKeyChecking no\n  UserKnownHostsFile /dev/null\n  LogLevel ERROR\n"
    )


def child_of(pid):
    """The process id of the first child of a process, as text, or None."""
    with open(f"/proc/{pid}/task/{pid}/children") as file:
        return (file.read().split() or [None])[0]


def copy_project(folder):
    """Copy the files of this repository, with changed and new ones."""
    command = ["git", "-C", str(ROOT), "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    for name in subprocess.check_output(command).decode().split("\0"):
        if name and (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(str(ROOT / name), str(folder / name))
