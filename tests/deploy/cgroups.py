"""A cgroup of one's own in every hierarchy of this machine, of version 1 or 2."""

import os
import pathlib
import time

CONTROLLERS = ("name=systemd", "pids", "memory", "devices")  # of version 1, what systemd and the units need
PATIENCE = 30  # seconds until the last process of a cgroup is gone


def cgroup_folders():
    """Where cgroups are made, by a hierarchy's options, "" for version 2; nothing where what systemd needs is missing.

    In every hierarchy, since a systemd uses all that it finds. Of version 2 it is at the top, since below the cgroup of
    this process the kernel would give it no controllers. That was tried beside version 1, which had them all.
    """
    own = {}
    for line in pathlib.Path("/proc/self/cgroup").read_text().splitlines():
        _, names, path = line.split(":", 2)
        own.update({name: path.lstrip("/") for name in names.split(",")})
    folders = {}
    for line in pathlib.Path("/proc/self/mountinfo").read_text().splitlines():
        left, right = line.split(" - ")
        kind, _, options = right.split(" ")
        top = pathlib.Path(left.split(" ")[4])
        if kind == "cgroup2":
            folders[""] = top
        elif kind == "cgroup":
            names = ",".join(name for name in options.split(",") if name in own)
            inner = top / own[names.split(",")[0]]
            # Where this process is in a container, the path may be one of the machine around it.
            folders[names] = inner if inner.is_dir() else top
    if set(folders) != {""} and not set(CONTROLLERS) <= {name for names in folders for name in names.split(",")}:
        return {}
    return folders


def make_cgroups(cgroups):
    """Make them, so that processes can be put in."""
    for cgroup in cgroups:
        cgroup.mkdir()
        for setting in ("cpuset.cpus", "cpuset.mems"):  # in version 1 there are none at first
            if (cgroup / "tasks").exists() and (cgroup / setting).exists():
                (cgroup / setting).write_text((cgroup.parent / setting).read_text())


def remove_cgroups(cgroups):
    """Remove them, and what was made below them, when their processes have been killed."""
    end = time.monotonic() + PATIENCE
    for cgroup in cgroups:
        while cgroup.exists():
            try:
                for folder, _, _ in os.walk(str(cgroup), topdown=False):
                    os.rmdir(folder)
            except OSError:  # its last processes are not quite gone
                assert time.monotonic() < end, f"{cgroup} does not become empty"
                time.sleep(0.1)
