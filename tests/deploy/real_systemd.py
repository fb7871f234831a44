"""A machine that this one's systemd boots, in namespaces, over a copy in memory of what this machine has on its disk.

It shares the kernel, the network and the processor with this machine, and no files, processes or cgroups: what is
written there is gone when it is switched off. Of units it has what systemd itself is made of, the journal, and what a
test installs; of devices a handful. Needs root, systemd, overlayfs and cgroups that may be written.
"""

import itertools
import os
import pathlib
import shutil
import subprocess
import tempfile
import time

import pytest
from cgroups import CONTROLLERS, cgroup_folders, make_cgroups, remove_cgroups
from commands import child_of, run

BOOT_LIMIT = 120  # seconds
PATIENCE = 300  # seconds for a command there
SYSTEMD = ("/lib/systemd/systemd", "/usr/lib/systemd/systemd")
SERIAL = itertools.count()

# $1: an empty folder.
OVERLAY = """
mount --make-rprivate /
mount -t tmpfs -o mode=755 tmpfs $1
mkdir $1/upper $1/work $1/merged
mount -t overlay overlay -o lowerdir=/,upperdir=$1/upper,workdir=$1/work $1/merged
cd $1/merged
"""

# $2: systemd; $3: the version of cgroups. Then pairs: a folder here, and where it is seen there.
BOOT = """
systemd=$2 cgroups=$3; shift 3

# This machine's own services stay away, and what sets up hardware or the kernel: it is this machine's too.
rm -rf etc/systemd/system/* usr/lib/systemd/system-generators lib/systemd/system-generators etc/fstab var/log/journal
rm -rf usr/lib/systemd/system/*.wants lib/systemd/system/*.wants
for wanted in sockets.target/systemd-journald.socket sockets.target/systemd-journald-dev-log.socket \\
    sysinit.target/systemd-journald.service; do
    mkdir -p etc/systemd/system/${wanted%/*}.wants
    ln -s /lib/systemd/system/${wanted#*/} etc/systemd/system/${wanted%/*}.wants/
done
mkdir var/log/journal
tr -d - </proc/sys/kernel/random/uuid >etc/machine-id  # an empty one would mean a first boot, and enable everything
echo board >etc/hostname

mount -t proc proc proc
mount --bind proc/sys proc/sys
mount -o remount,bind,ro proc/sys
mount -t sysfs -o ro sysfs sys
if [ $cgroups = 2 ]; then
    mount -t cgroup2 cgroup2 sys/fs/cgroup
else
    mount -t tmpfs -o mode=755 tmpfs sys/fs/cgroup
    for controller in systemd pids memory devices; do
        mkdir sys/fs/cgroup/$controller
        option=$controller
        [ $controller != systemd ] || option=none,name=systemd
        mount -t cgroup -o $option cgroup sys/fs/cgroup/$controller
    done
fi
for folder in run tmp dev; do mount -t tmpfs -o mode=755 tmpfs $folder; done
chmod 1777 tmp
mkdir dev/pts dev/shm
mount -t devpts -o newinstance,ptmxmode=666,mode=620 devpts dev/pts
mount -t tmpfs -o mode=1777 tmpfs dev/shm
ln -s pts/ptmx dev/ptmx
ln -s /proc/self/fd dev/fd
for node in null:3 zero:5 full:7 random:8 urandom:9; do mknod -m 666 dev/${node%:*} c 1 ${node#*:}; done
while [ $# -gt 0 ]; do
    mkdir -p ./$2
    mount --bind $1 ./$2
    mount -o remount,bind,ro ./$2
    shift 2
done

mkdir .machine
pivot_root . .machine
umount -l /.machine
rmdir /.machine
exec env -i container=nanoyolo PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \\
    $systemd --system --unit=basic.target --log-target=journal --show-status=no
"""


def why_not():
    """Why no systemd can be booted here, or None."""
    if os.geteuid() != 0:
        return "root mounts, and makes namespaces and cgroups"
    if not any(map(os.path.exists, SYSTEMD)):
        return "no systemd: apt install systemd"
    missing = [name for name in ("unshare", "nsenter", "setpriv", "pivot_root", "git") if shutil.which(name) is None]
    if missing:
        return "{} missing".format(", ".join(missing))
    with tempfile.TemporaryDirectory() as folder:
        command = ["unshare", "--mount", "--pid", "--fork", "--cgroup", "sh", "-ec", OVERLAY, "sh", folder]
        tried = subprocess.run(command, stderr=subprocess.PIPE, universal_newlines=True)
    if tried.returncode != 0:
        return "no overlay over / in a namespace: " + (tried.stderr.strip().splitlines() or ["no reason given"])[-1]
    folders = cgroup_folders()
    if not folders:
        return "neither version 2 of cgroups is mounted, nor of version 1 {}".format(", ".join(CONTROLLERS))
    if not all(os.access(str(folder), os.W_OK) for folder in folders.values()):
        return "the cgroups may not be written"
    return None


class RealSystemd:
    """A context manager; entering it boots, leaving it cuts the power. Its path here: `path`.

    Where none can be booted, the test is skipped.
    """

    def __init__(self, folder, seen=()):
        """folder: an empty one. seen: pairs of a folder here, and the place where it is seen there, read-only."""
        reason = why_not()
        if reason is not None:
            pytest.skip(reason)
        self.folder = str(folder)
        self._seen = [str(place) for pair in seen for place in pair]
        self._process = None
        self._cgroups = []

    def __enter__(self):
        folders = cgroup_folders()
        name = f"nanoyolo-test-{os.getpid()}-{next(SERIAL)}"
        self._cgroups = [folder / name for folder in folders.values()]
        try:
            make_cgroups(self._cgroups)
            self._boot("2" if set(folders) == {""} else "1")
        except BaseException:
            self.cut_power()
            raise
        return self

    def _boot(self, version):
        systemd = next(path for path in SYSTEMD if os.path.exists(path))
        # It ends with this process, however that ends.
        enter = (
            'while [ "$1" != - ]; do echo $$ >"$1/cgroup.procs"; shift; done; shift; exec setpriv --pdeathsig KILL "$@"'
        )
        command = ["sh", "-ec", enter, "sh", *map(str, self._cgroups), "-"]
        command += ["unshare", "--fork", "--kill-child", "--pid", "--mount", "--ipc", "--uts", "--cgroup"]
        command += ["sh", "-ec", OVERLAY + BOOT, "sh", self.folder, systemd, version, *self._seen]
        self._process = subprocess.Popen(command, stdin=subprocess.DEVNULL)
        end = time.monotonic() + BOOT_LIMIT
        while True:
            assert self._process.poll() is None, "it could not be set up; see above"
            assert time.monotonic() < end, self.run("journalctl", "--no-pager", check=False)
            if os.path.exists("/proc/{}/root/run/systemd/private".format(self._first() or "none")):
                state = self.run("systemctl", "is-system-running", check=False).strip()
                if state in ("running", "degraded"):
                    assert state == "running", self.run("systemctl", "--failed", "--no-pager")
                    return
            time.sleep(0.1)

    def _first(self):
        """The process there whose id is 1 there."""
        return child_of(self._process.pid)

    def __exit__(self, *exception):
        self.cut_power()

    def cut_power(self):
        """Every process is killed at once."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None
        remove_cgroups(self._cgroups)
        self._cgroups = []

    def path(self, name):
        """Where a file of that machine is here."""
        return pathlib.Path(f"/proc/{self._first()}/root", str(name).lstrip("/"))

    def run(self, *command, check=True):
        """Run a command there, as root: all that it prints. check: whether it must succeed."""
        enter = ["nsenter", "--all", "--target", self._first(), "env", "-i", "LC_ALL=C", "PATH=" + os.environ["PATH"]]
        code, out, _ = run(*enter, *command, timeout=PATIENCE, stderr=subprocess.STDOUT)
        assert not check or code == 0, (command, code, out)
        return out
