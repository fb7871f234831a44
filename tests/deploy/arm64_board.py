"""A board to provision: Debian for arm64 in a folder, emulated by qemu, with an SSH server on loopback.

It is as far from a Jetson as this: systemd is not the first process, and NVIDIA's commands are not there; what stands
in for them, and for what would act on the machine that the tests run on (swap), is `board/fake_*`. OpenCV and numpy
come from wheels put where JetPack has them. sudo is this machine's architecture's, since an emulated one does not
become root. Everything else is real: SSH, apt, dpkg, pip, the runtimes for arm64.
Needs root, qemu-user with binfmt, debootstrap, an SSH server, and the package indexes.
"""

import hashlib
import inspect
import os
import pathlib
import shutil
import subprocess
import sys
import zipfile

from arm64 import PATIENCE, Arm64, cache, debian, in_root, key, made_once, overlay
from commands import JETSON, write

FAKES = pathlib.Path(__file__).parent / "board"
PROVISION = JETSON / "provision.sh"
NANO = "NVIDIA Jetson Nano Developer Kit"
RELEASE = "# R{} (release), REVISION: {}, GCID: 1, BOARD: t210ref, EABI: aarch64, DATE: Mon Jan  1 00:00:00 UTC 2024\n"
USERS = {"free": "free", "asked": "secret", "guest": "secret"}  # sudo without a password, with one, not at all
NVIDIA = {"nvpmodel": "usr/sbin", "jetson_clocks": "usr/bin"}
STOOD_IN = dict(NVIDIA, systemctl="usr/bin", swapon="usr/sbin", swapoff="usr/sbin")


def jetpack():
    """What is put on top of Debian, made once: this machine's way to the package indexes, users, stand-ins."""
    return made_once("jetpack-arm64", _make_jetpack, STAMP)


def _make_jetpack(layer):
    layer.mkdir()
    _network(layer)
    _python_packages(layer / "usr/lib/python3/dist-packages")
    for name, folder in STOOD_IN.items():
        write(layer / folder / name, (FAKES / ("fake_" + name)).read_text(), 0o755)
    write(layer / "usr/local/lib/fake_record", (FAKES / "fake_record").read_text())
    write(layer / "var/lib/fake_board/enabled/nvzramconfig.service", "")
    host = subprocess.check_output(["dpkg", "--print-architecture"], universal_newlines=True).strip()
    commands = ["export DEBIAN_FRONTEND=noninteractive SUDO_FORCE_REMOVE=yes", "dpkg --add-architecture " + host]
    commands += ["apt-get -qq update"]
    commands += [f"apt-get -qq install -y --no-install-recommends sudo:{host} > /dev/null 2>&1"]
    for unit in ("nvzramconfig", "nvpmodel", "systemd-journald"):
        commands.append(f"mkdir -p /lib/systemd/system && touch /lib/systemd/system/{unit}.service")
    for user, password in USERS.items():
        write(
            layer / "home" / user / ".ssh/authorized_keys",
            key().with_suffix(".pub").read_text(),
            0o600,
        )
        commands.append(f"useradd -M -s /bin/bash {user} && echo {user}:{password} | chpasswd")
        commands.append(f"chown -R {user}:{user} /home/{user} && chmod 700 /home/{user}/.ssh")
    commands += ["echo 'free ALL=(ALL) NOPASSWD: ALL' > /etc/sudoers.d/free", "usermod -aG sudo asked"]
    commands += ["echo '# a stock fstab' > /etc/fstab"]
    in_root([debian()], layer, " && ".join(commands))


def _network(layer):
    for name in ("etc/resolv.conf", "etc/hosts", "etc/ssl/certs/ca-certificates.crt"):
        if os.path.exists("/" + name):
            (layer / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy("/" + name, str(layer / name))
    write(layer / "etc/pip.conf", "[global]\ncert = /etc/ssl/certs/ca-certificates.crt\ntimeout = 120\n")
    # The clock of a test machine may be anywhere, and emulated sandboxes do not work.
    lines = ['Acquire::Check-Valid-Until "false";', 'Acquire::Check-Date "false";', 'Acquire::Languages "none";']
    write(layer / "etc/apt/apt.conf.d/99test", "\n".join(lines + ['APT::Sandbox::User "root";', ""]))
    proxies = [f"{k}={v}\n" for k, v in os.environ.items() if k.lower() in ("http_proxy", "https_proxy")]
    write(layer / "etc/environment", "".join(proxies))


def _python_packages(folder):
    wheels = cache() / "wheels"
    command = [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "--only-binary", ":all:", "-d", str(wheels)]
    command += ["--python-version", "3.11", "--platform", "manylinux_2_28_aarch64"]
    command += ["--platform", "manylinux2014_aarch64", "numpy==1.26.4", "opencv-python-headless<5"]
    if not wheels.exists():
        subprocess.check_call(command)
    for wheel in wheels.glob("*.whl"):
        with zipfile.ZipFile(str(wheel)) as archive:
            archive.extractall(str(folder))
    for record in folder.glob("opencv*.dist-info"):  # JetPack's is no package of pip's
        shutil.rmtree(str(record))


def _stamp():
    made_by = "".join(map(inspect.getsource, (_make_jetpack, _network, _python_packages)))
    stamp = hashlib.sha256(made_by.encode())
    for fake in sorted(FAKES.glob("fake_*")):
        stamp.update(fake.read_bytes())
    return stamp.hexdigest()


STAMP = _stamp()  # now: this file may be edited while tests run


class Board(Arm64):
    """A board of its own: what is changed on it is in `folder`, and lost with that."""

    def __init__(self, folder, base=None, model=NANO, release=None, mount=""):
        """release: (L4T, revision), or None for no Jetson. mount: as in Arm64."""
        super().__init__(folder, [jetpack(), debian()], mount)
        if base is not None:
            subprocess.check_call(["cp", "-a", str(base.upper), str(self.upper)])
        else:
            self.upper.mkdir(parents=True)
        write(self.upper / "sys/firmware/devicetree/base/model", model + "\0")
        if release is not None:
            write(self.upper / "etc/nv_tegra_release", RELEASE.format(*release))
        else:
            for name in NVIDIA:  # not a Jetson
                self.inside(f"rm -f /{NVIDIA[name]}/{name}")

    def start(self):
        state = self.upper / "var/lib/fake_board"
        state.mkdir(parents=True, exist_ok=True)
        # Memory and swap as on a Nano; what is in fstab is in use after a start.
        lines = "Filename Type Size Used Priority\n"
        fstab = self.upper / "etc/fstab"
        if fstab.exists() and "/swapfile" in fstab.read_text():
            lines += "/swapfile file 4194304 0 -2\n"
        (state / "swaps").write_text(lines)
        (state / "meminfo").write_text("MemTotal: 4059196 kB\nMemFree: 2000000 kB\nMemAvailable: 3000000 kB\n")
        mounts = """mount -t proc proc $root/proc
            mount --bind $root/var/lib/fake_board/swaps $root/proc/swaps
            mount --bind $root/var/lib/fake_board/meminfo $root/proc/meminfo
            mkdir -p $root/dev/pts $root/dev/shm; mount -t devpts devpts $root/dev/pts
            mount -t tmpfs tmpfs $root/dev/shm; mount -t tmpfs tmpfs $root/run; mkdir -p $root/run/sshd
        """
        return self.power_on(mounts, " exec {} -o UsePAM=yes -o PasswordAuthentication=yes")

    def begin(self, *options, **kwargs):
        """Start provision.sh against it."""
        command = [str(PROVISION), "--ssh-config", str(self.config), *options]
        command.append(kwargs.get("user", "free") + "@board")
        return subprocess.Popen(
            kwargs.get("before", []) + ["setsid", "-w"] * ("before" not in kwargs) + command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            universal_newlines=True,
        )

    def provision(self, *options, **kwargs):
        """Run provision.sh against it: (exit code, standard output, standard error)."""
        process = self.begin(*options, **kwargs)
        out, err = process.communicate(timeout=PATIENCE)
        return process.returncode, out, err

    def inside(self, script):
        """Run a script as root while it is switched off: what it prints."""
        assert self._process is None
        return in_root(self.lowers, self.upper, script, self.folder / "work-inside")

    def calls(self):
        """What the fakes were called with."""
        path = self.upper / "var/lib/fake_board/calls"
        return [line.rstrip() for line in path.read_text().splitlines()] if path.exists() else []

    def listing(self):
        """Every file's mode, owner and hash, but for what differs between two runs that are alike."""
        assert self._process is None
        work = self.folder / "work-inside"
        script = overlay(self.lowers, self.upper, work) + f"exec {sys.executable} {__file__} $root"
        try:
            out = subprocess.check_output(["unshare", "--mount", "sh", "-ec", script], universal_newlines=True)
        finally:
            shutil.rmtree(str(work), ignore_errors=True)
        return dict(line.split("\t", 1) for line in out.splitlines())


# Logs, caches, what the fakes and dpkg note down, and what is made anew at each start.
UNLIKE = "proc dev run tmp sys root/.cache var/log var/cache var/tmp var/lib/apt var/lib/fake_board etc/ld.so.cache "
UNLIKE += "etc/.pwd.lock etc/passwd- etc/group- etc/shadow- etc/gshadow- etc/subuid- etc/subgid- "
UNLIKE += "var/lib/dpkg/status-old var/lib/dpkg/available-old var/lib/dpkg/lock var/lib/dpkg/lock-frontend "
UNLIKE += "var/lib/dpkg/triggers/Lock var/lib/dpkg/triggers/File var/lib/dpkg/triggers/Unincorp"
SWAPFILE = "swapfile"  # has an identity of its own


def print_listing(root):
    for folder, folders, files in os.walk(root):
        folders[:] = sorted(
            name
            for name in folders
            if name != "__pycache__" and os.path.relpath(os.path.join(folder, name), root) not in UNLIKE.split()
        )
        for name in sorted(folders + files):
            path = os.path.join(folder, name)
            inside = os.path.relpath(path, root)
            if inside in UNLIKE.split():
                continue
            info = os.lstat(path)
            if os.path.islink(path):
                content = os.readlink(path)
            elif inside == SWAPFILE:
                content = str(info.st_size)
            else:
                content = sha256(path) if os.path.isfile(path) else "-"
            print(f"{inside}\t{info.st_mode:o} {info.st_uid}:{info.st_gid} {content}")


def sha256(path):
    return hashlib.sha256(pathlib.Path(path).read_bytes()).hexdigest()


if __name__ == "__main__":
    print_listing(sys.argv[1])
