"""SD cards that are loop devices, an image with a real partition table and file systems, and runs of the scripts."""

import contextlib
import os
import pathlib
import shutil
import signal
import subprocess
import uuid

import pytest
from commands import JETSON, wait_until, write

FLASH = JETSON / "flash.sh"
MB = 1000 * 1000
SECTOR = 512
ROOT_START, ROOT_SECTORS = 6144, 14336  # of the image's larger ext4 partition
TOOLS = "losetup sfdisk mkfs.ext4 partx lsblk blockdev findmnt unzip zip xz gzip ssh-keygen flock".split()


def why_not():
    """The reason for which no card can be had here, or None."""
    if os.geteuid() != 0:
        return "loop devices need root: sudo .venv/bin/python -m pytest tests/deploy"
    missing = [tool for tool in TOOLS if shutil.which(tool) is None]
    if missing:
        return "not installed: " + ", ".join(missing)
    if subprocess.run(["losetup", "--find"], capture_output=True).returncode:
        return "no loop devices here"
    return None


needs_cards = pytest.mark.skipif(why_not() is not None, reason=str(why_not()))


def command(*arguments, **options):
    """Run a command of the test's own, which must succeed, and return what it says."""
    options = dict({"check": True, "text": True, "stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}, **options)
    return subprocess.run([str(argument) for argument in arguments], **options).stdout


@contextlib.contextmanager
def mounted(folder, *arguments):
    """Mount what the arguments of mount say at a folder, which is made where it is missing."""
    folder.mkdir(exist_ok=True)
    command("mount", *arguments, folder)
    try:
        yield folder
    finally:
        command("umount", "--lazy", folder)


class Card:
    """A loop device over a file."""

    def __init__(self, file, size):
        self.file = pathlib.Path(file)
        with open(self.file, "wb") as out:
            out.truncate(size)
        self.device = command("losetup", "--find", "--show", "--partscan", self.file).strip()
        self.name = os.path.basename(self.device)

    def bytes(self):
        return self.file.read_bytes()

    def touched(self):
        """Whether its beginning has been written to, if it was blank."""
        with open(self.file, "rb") as file:
            return file.read(MB).strip(b"\0") != b""

    def lay_out(self, table):
        """Give it partitions; the nodes are made by partx, since a small kernel cannot read every table."""
        command("sfdisk", "--quiet", "--force", "--no-tell-kernel", self.device, input=table)
        command("partx", "--update", self.device)
        return self.device + "p1"

    def mounted(self, partition, folder):
        return mounted(folder, "-o", "ro", self.device + partition)

    def close(self):
        subprocess.run(["partx", "--delete", self.device], capture_output=True)
        command("losetup", "--detach", self.device)


def make_root(folder):
    """What prepare.sh and the first boot need of a Debian's own files, and the traces of NVIDIA's assistant."""
    for path in ("etc/systemd/system", "etc/sudoers.d", "etc/skel", "etc/ssh", "home", "lib/systemd/system"):
        (folder / path).mkdir(parents=True)
    (folder / "etc/passwd").write_text("root:x:0:0:root:/root:/bin/bash\nsync:x:4:65534::/bin:/bin/sync\n")
    (folder / "etc/shadow").write_text("root:*:19000:0:99999:7:::\nsync:*:19000:0:99999:7:::\n")
    (folder / "etc/group").write_text("root:x:0:\nsudo:x:27:\nvideo:x:44:\ngpio:x:999:\nnogroup:x:65534:\n")
    (folder / "etc/gshadow").write_text("root:*::\nsudo:*::\nvideo:*::\ngpio:!::\nnogroup:*::\n")
    (folder / "etc/hosts").write_text("127.0.0.1 localhost\n")
    write(folder / "usr/local/sbin/sshd", "#!/bin/sh\n", 0o755)  # it only has to exist
    for unit in ("nv-oem-config.target", "nv-oem-config.service", "nv-oem-config-gui.service"):
        (folder / "lib/systemd/system" / unit).write_text("[Unit]\n")
    os.symlink("nv-oem-config.target", str(folder / "etc/systemd/system/default.target"))
    os.chmod(str(folder / "etc/shadow"), 0o640)
    return folder


def make_image(file, root):
    """12 MiB and a bit: as on a Nano's card, partition 1 is the last and has the root file system; no whole block."""
    with open(file, "wb") as out:
        out.truncate(12 << 20)
    table = 'label: gpt\np1 : start={}, size={}, name="APP"\np2 : start=2048, size=4096, name="DTB"\n'
    command("sfdisk", "--quiet", file, input=table.format(ROOT_START, ROOT_SECTORS))
    command("mkfs.ext4", "-qF", "-E", f"offset={2048 * SECTOR}", file, "2M")
    offset, size = ROOT_START * SECTOR, f"{ROOT_SECTORS // 2}k"
    command("mkfs.ext4", "-qF", "-d", root, "-E", f"offset={offset}", file, size)
    with open(file, "r+b") as out:
        out.seek((ROOT_START + ROOT_SECTORS) * SECTOR)
        out.write(os.urandom(1700 * 1000))
        out.seek(0, os.SEEK_END)
        out.write(os.urandom(1001))
    return file


class Run:
    """A script under way, in a session of its own, that knows all of its processes."""

    def __init__(self, script, *arguments, first=None, typed="", cwd=None):
        self.mark = "CARD_TEST=" + uuid.uuid4().hex
        env = dict(os.environ, CARD_TEST=self.mark.split("=")[1])
        if first is not None:
            env["PATH"] = "{}:{}".format(first, env["PATH"])
        self.process = subprocess.Popen(
            [str(script)] + [str(argument) for argument in arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env=env,
            cwd=cwd,
            start_new_session=True,
        )
        self.typed = typed

    def end(self):
        """(exit code, everything that it said); nothing of it runs on."""
        said, _ = self.process.communicate(self.typed, timeout=60)
        assert self.alive() == []
        return self.process.returncode, said

    def alive(self):
        """The command lines of its processes."""
        found = []
        for folder in pathlib.Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                if self.mark.encode() in (folder / "environ").read_bytes().split(b"\0"):
                    found.append((folder / "cmdline").read_bytes().replace(b"\0", b" ").decode())
        return found

    def wait_for(self, condition):
        wait_until(lambda: condition() or self.process.poll() is not None, 20)
        assert condition(), self.process.communicate()

    def signal(self, number, everyone=False):
        if everyone:
            os.killpg(self.process.pid, number)
        else:
            self.process.send_signal(number)


def run(script, *arguments, **options):
    return Run(script, *arguments, **options).end()


def flash(file, card, *options, **more):
    return run(FLASH, file, card.device, "--yes", card.name, "--no-checksum", *options, **more)


def succeed(result):
    """Assert that a script did not fail: what it said."""
    code, said = result
    assert code == 0, said
    return said


def refused(result, message, card=None, code=2):
    """Assert that a script ended with this message, and that it did not write to the card."""
    assert message in result[1], result[1]
    assert result[0] == code, result[1]
    assert card is None or not card.touched()


SIGNALS = {signal.SIGHUP: 129, signal.SIGINT: 130, signal.SIGTERM: 143}
