"""A provisioned board to push to: Debian for arm64 in a folder, emulated by qemu, with an SSH server on loopback.

Real are SSH, sudo, flock, tar, Python and ONNX Runtime for arm64. Systemd is not: `push_systemctl.py` stands in for
it. sudo is this machine's own build, since an emulated one cannot become root.
Needs root, qemu-user with binfmt, an SSH server here and there, and the package index once.
"""

import glob
import hashlib
import json
import os
import pathlib
import platform
import pty
import select
import shutil
import subprocess
import sys
import time

from arm64 import Arm64, debian, in_root, key, made_once
from commands import child_of, make_key, write

PACKAGES = ("numpy", "onnxruntime", "opencv-python-headless")
USERS = {"free": "its word", "asked": "secret", "guest": "secret"}  # sudo: without a password, with one, not at all
LAYER = "2"  # another one when _make_provisioned makes another layer
SITE = "opt/nanoyolo/venv/lib/python3.11/site-packages"
NANOYOLO = "opt/nanoyolo"
PATIENCE = 900


def _provisioned():
    """What provision.sh would have left, and users to log in as: a layer on Debian, made once."""
    return made_once("push-board", _make_provisioned, LAYER)


def _make_provisioned(part):
    part.mkdir()
    command = [sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--only-binary", ":all:", "--target"]
    command += [str(part / SITE), "--python-version", "3.11", "--platform", "manylinux_2_28_aarch64"]
    subprocess.check_call(command + ["--platform", "manylinux2014_aarch64", *PACKAGES])
    script = ["cd /", "python3 -m venv --without-pip --system-site-packages /opt/nanoyolo/venv"]
    script += ["useradd --system --user-group --home-dir /var/lib/nanoyolo --shell /usr/sbin/nologin nanoyolo"]
    script += ["install -d -m 755 /opt/nanoyolo /opt/nanoyolo/versions"]
    script += ["install -d -m 750 -o nanoyolo -g nanoyolo /var/lib/nanoyolo"]
    for user, password in USERS.items():
        script += [f"useradd -m -s /bin/bash {user}", f"echo '{user}:{password}' | chpasswd"]
    script += ["echo 'free ALL=(ALL) NOPASSWD: ALL' >/etc/sudoers.d/free", "usermod -aG sudo asked"]
    script += ["rm -f /etc/ssh/ssh_host_*"]
    in_root([debian()], part, "\n".join(script))
    if platform.machine() != "aarch64":
        _put_own_sudo(part)


def _put_own_sudo(root):
    plugins = glob.glob("/usr/libexec/sudo/*.so*")
    modules = [f"/lib/{platform.machine()}-linux-gnu/security/pam_{name}.so" for name in PAM]
    files = {os.path.realpath(path) for path in [*plugins, *modules]}
    listed = subprocess.check_output(["ldd", "/usr/bin/sudo", *sorted(files)], universal_newlines=True)
    libraries = {word for word in listed.split() if word.startswith("/") and not word.endswith(":")}
    for path in {"/usr/bin/sudo", *plugins, *modules, *libraries}:
        target = root / ("usr" + path if path.startswith("/lib") else path[1:])  # /lib is a link to usr/lib
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(os.path.realpath(path), str(target))
    (root / "usr/bin/sudo").chmod(0o4755)
    if not (root / "lib64").exists():
        (root / "lib64").symlink_to("usr/lib64")


PAM = ("unix", "deny", "permit", "limits")


class PushBoard(Arm64):
    """A board of its own in `folder`. What is on it can be looked at from here: `path`."""

    def __init__(self, folder, service, machine_id="0" * 32, mount=""):
        """service: the command that push_systemctl.py starts in the version's folder. mount: as in Arm64."""
        super().__init__(folder, [_provisioned(), debian()], mount)
        fake_systemctl = pathlib.Path(__file__).with_name("push_systemctl.py")
        write(self.upper / "usr/bin/systemctl", fake_systemctl.read_text(), 0o755)
        write(self.upper / "etc/fake-service.json", json.dumps({"command": service, "user": "nanoyolo"}))
        write(self.upper / "etc/machine-id", machine_id + "\n")
        (self.upper / "etc/ssh").mkdir()
        make_key(self.upper / "etc/ssh/ssh_host_ed25519_key")

    def start(self):
        shutil.copy(str(key()) + ".pub", str(self.upper / "etc/keys"))
        mounts = """mount -t proc proc $root/proc
            mount -t tmpfs tmpfs $root/run; mkdir -p $root/run/sshd
            echo 127.0.0.1 localhost $(hostname) >$root/etc/hosts
            mkdir -p $root/dev/pts; mount -t devpts devpts $root/dev/pts
        """
        # Not exec: the first process stays outside of the root, where `path` looks from.
        options = "-o UsePAM=no -o AuthorizedKeysFile=/etc/keys -o StrictModes=no -o MaxStartups=50"
        return self.power_on(mounts, " {} " + options + " & wait")

    def path(self, name):
        """Where a file of the board is here, seen through the namespace of its processes."""
        return pathlib.Path(f"/proc/{child_of(self._process.pid)}/root{self.upper}.root", name)

    def state(self):
        """Everything that a push may change, in a form to compare; and that nothing of it is half done."""
        base = self.path(NANOYOLO)
        versions = base / "versions"
        current = os.readlink(str(base / "current")) if os.path.islink(str(base / "current")) else None
        names = sorted(path.name for path in versions.iterdir() if path.name[0] != "." and path.name != "lost+found")
        for name in names:
            assert_whole(versions / name)
        if current is not None:
            assert_whole(base / current)
        return {
            "current": current,
            "versions": names,
            "hidden": sorted(path.name for path in versions.iterdir() if path.name.startswith(".")),
            "history": (versions / ".history").read_text().split() if (versions / ".history").exists() else [],
            "other": sorted(path.name for path in base.iterdir() if path.name not in ("versions", "current", "venv")),
        }

    def service(self):
        """State of the service, and the version that its process runs in."""
        state = json.loads(self.path("run/fake-systemctl/state.json").read_text())
        folder = self.ssh("sudo readlink /proc/{}/cwd".format(state["pids"][-1]))
        return state["ActiveState"], folder.strip().split("/")[-1]

    def __exit__(self, kind, *exception):
        misused = self.path("run/fake-systemctl/misused")
        text = misused.read_text() if kind is None and misused.exists() else ""
        self.cut_power()
        assert text == ""


def assert_whole(folder):
    """Every file of the manifest is there with its hash."""
    lines = (folder / ".manifest").read_text().splitlines()
    assert lines
    for line in lines:
        wanted, _, name = line.split(" ", 2)
        assert hashlib.sha256((folder / name).read_bytes()).hexdigest() == wanted, name


def run_in_terminal(*words, answers):
    """Run a command in a terminal of its own, and answer its questions for a password: (exit code, what is shown)."""
    words = [str(word) for word in words]
    pid, terminal = pty.fork()
    if pid == 0:
        os.execvp(words[0], words)
    shown, left, end = "", list(answers), time.monotonic() + PATIENCE
    asked = 0
    while time.monotonic() < end:
        if not select.select([terminal], [], [], 1)[0]:
            continue
        try:
            data = os.read(terminal, 4096)
        except OSError:
            break
        shown += data.decode(errors="replace")
        if left and ": " in shown[asked:] and "assword" in shown[asked:]:
            asked = len(shown)
            os.write(terminal, (left.pop(0) + "\n").encode())
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), shown.replace("\r\n", "\n")
