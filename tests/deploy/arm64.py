"""Debian for arm64 in a folder, emulated by qemu, that can be switched on: then it has an SSH server on loopback.

Needs root, qemu-user with binfmt, debootstrap or $NANOYOLO_ARM64_ROOT, an SSH server and client.
"""

import fcntl
import os
import pathlib
import platform
import shutil
import socket
import subprocess

import pytest
from commands import free_port, make_key, run, wait_until, write_ssh_config

PACKAGES = "python3,python3-venv,python3-pip,sudo,openssh-server,ca-certificates"
START_LIMIT = 60  # seconds until SSH answers
PATIENCE = 3600  # seconds for a command there: under emulation, beside other tests


def skip_without_arm64():
    """Skip the test where there can be no such system."""
    if os.geteuid() != 0:
        pytest.skip("root mounts and changes into the board's folder")
    if platform.machine() != "aarch64" and not os.path.exists("/proc/sys/fs/binfmt_misc/qemu-aarch64"):
        pytest.skip("no qemu-user with binfmt: apt install qemu-user-static binfmt-support")
    needed = "ssh ssh-keygen unshare sudo git" + " debootstrap" * ("NANOYOLO_ARM64_ROOT" not in os.environ)
    missing = [name for name in needed.split() if shutil.which(name) is None]
    if missing:
        pytest.skip("{} missing".format(", ".join(missing)))


def cache():
    """A folder for what is made once."""
    base = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    folder = pathlib.Path(base, "nanoyolo", "deploy")
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def made_once(name, make, stamp=""):
    """The folder `name` in the cache, by `make(folder)` where it is not there, or was made under another stamp."""
    skip_without_arm64()
    folder, part = cache() / name, cache() / (name + ".part")
    with open(str(cache() / (name + ".lock")), "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        mark = cache() / (name + ".stamp")
        if not folder.exists() or not mark.exists() or mark.read_text() != stamp:
            for old in (folder, part):
                shutil.rmtree(str(old), ignore_errors=True)
            make(part)
            part.rename(folder)
            mark.write_text(stamp)
    return folder


def key():
    """The SSH key with which one may log in."""
    return make_key(cache() / "key")


def disk(file, megabytes, place, *options):
    """A shell command that mounts a new disk of that size, made in `file`, at a place under $root."""
    with open(str(file), "wb") as out:
        out.truncate(megabytes << 20)
    subprocess.check_call(["mkfs.ext4", "-q", *options, str(file)])
    return f"mkdir -p $root{place}; mount -o loop {file} $root{place}; "


def debian():
    """The plain system: $NANOYOLO_ARM64_ROOT, or made in the cache. Skips the test where there can be none."""
    skip_without_arm64()
    given = os.environ.get("NANOYOLO_ARM64_ROOT")
    return pathlib.Path(given) if given else made_once("debian-arm64", _bootstrap, PACKAGES)


def _bootstrap(folder):
    with open(str(cache() / "debootstrap.log"), "w") as log:
        subprocess.check_call(
            ["debootstrap", "--arch=arm64", "--variant=minbase", "--include=" + PACKAGES, "bookworm", str(folder)],
            stdout=log,
            stderr=log,
        )


def in_root(lowers, upper, script, work=None):
    """Run a shell script in lowers (top first) with upper on top, where changes go; its standard output."""
    work = work or upper.with_name(upper.name + ".work")
    try:
        return subprocess.check_output(
            ["unshare", "--mount", "sh", "-ec", overlay(lowers, upper, work) + 'exec chroot "$root" /bin/sh -e'],
            input=script.encode(),
        ).decode()
    finally:
        shutil.rmtree(str(work), ignore_errors=True)


def overlay(lowers, upper, work):
    """A shell's words that mount it at $root."""
    root = upper.with_name(upper.name + ".root")
    for folder in (work, root):
        folder.mkdir(exist_ok=True)
    return "root={}; mount -t overlay overlay -o lowerdir={},upperdir={},workdir={} $root; ".format(
        root, ":".join(map(str, lowers)), upper, work
    )


class Arm64:
    """A system of its own: what is changed in it is in `folder`, and lost with that.

    A context manager, which calls start() of a subclass: it should end in power_on().
    """

    def __init__(self, folder, lowers, mount=""):
        """mount: a shell command more at every start, where $root is the system's root."""
        self.folder = pathlib.Path(str(folder))
        self.folder.mkdir(parents=True, exist_ok=True)
        self.mount = mount
        self.upper = self.folder / "upper"
        self.lowers = lowers
        self.config = self.folder / "ssh_config"
        self._process = None
        self._serial = 0

    def power_on(self, mounts, server):
        """Mount it, and run `server`, a shell command with {} for sshd's program and address."""
        self._serial += 1  # the kernel may still hold the last one's work folder
        self.port = free_port()
        sshd = f"chroot $root /usr/sbin/sshd -D -e -o Port={self.port} -o ListenAddress=127.0.0.1 -o UseDNS=no"
        script = overlay(self.lowers, self.upper, self.folder / f"work{self._serial}")
        with open(str(self.folder / "sshd.log"), "ab") as log:
            self._process = subprocess.Popen(
                ["unshare", "--mount", "--pid", "--fork", "--kill-child", "sh", "-ec"]
                + [script + mounts + self.mount + server.format(sshd)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        write_ssh_config(self.config, self.port, key())
        wait_until(self._answers, START_LIMIT, (self.folder / "sshd.log").read_text)
        return self

    def _answers(self):
        try:
            with socket.create_connection(("127.0.0.1", self.port), 1) as connection:
                return connection.recv(4) == b"SSH-"
        except OSError:
            return False

    def cut_power(self):
        """Every process is killed at once. (The disk loses nothing: the kernel's cache is this machine's.)"""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def __enter__(self):
        return self.start()

    def __exit__(self, *exception):
        self.cut_power()

    def ssh(self, command, user="free", check=True):
        """Run a command there: what it prints."""
        code, out, err = run("ssh", "-F", self.config, user + "@board", command, timeout=PATIENCE)
        assert not check or code == 0, (command, out, err)
        return out
