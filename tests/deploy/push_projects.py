"""Projects to push: git repositories with this tree's deploy/jetson, whose commits tests break on purpose."""

import os
import pathlib
import shutil
import subprocess

from commands import JETSON, MODEL, ROOT, copy_project, write

# In place of the real one, which takes half a minute where it is emulated. What is wrong is in the file BROKEN.
SELF_TEST = """import sys, time
broken = open("BROKEN").read()
if "size" in broken and "--known" in sys.argv:
    sys.exit("nothing is recorded")
if "--known" not in sys.argv:
    if "slow" in broken:
        time.sleep(25)
    if "self-test" in broken:
        sys.exit("self-test failed: a person is missing")
"""

# In place of TensorRT's builder: it needs to write into weights/, and takes a while.
BUILD_ENGINE = """import hashlib, json, os, sys, time
model, size = sys.argv[1], sys.argv[3]
assert sys.argv[2] == "--size" and sys.argv[4:] == ["--fp16"] and os.geteuid() != 0
if "engine" in open("BROKEN").read():
    sys.exit("error: TensorRT cannot build it")
time.sleep(16)
name = "weights/yolov3-tiny.{}.engine".format(size)
open(name, "w").write("an engine")
digest = hashlib.sha256(open(model, "rb").read()).hexdigest()
json.dump({"model": {"sha256": digest}}, open(name + ".json", "w"))
"""
ENGINE_FITS = """import os, sys
sys.exit(not os.path.exists("weights/yolov3-tiny.{}.engine".format(sys.argv[2])))
"""

# The service of such a project.
SERVICE = """import os, socket, time
broken = open("BROKEN").read()
if "start" in broken:
    raise SystemExit(1)
to = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
while True:
    to.sendto(b"READY=1\\nSTATUS=14.9 FPS, 100 frames, 0 dropped", os.environ["NOTIFY_SOCKET"])
    time.sleep(1)
    if "stay" in broken:
        raise SystemExit(1)
"""
SERVICE_COMMAND = ["/usr/bin/python3", "-ESsc", SERVICE]


class Project:
    """A git repository in `folder`."""

    def __init__(self, folder):
        self.folder = pathlib.Path(str(folder))
        self.push_script = self.folder / "deploy/jetson/push.sh"
        self.ansible = self.folder / "deploy/jetson/ansible"

    def git(self, *words):
        identity = ["-c", "user.name=test", "-c", "user.email=test@example.org", "-c", "commit.gpgsign=false"]
        return subprocess.check_output(
            ["git", "-C", str(self.folder), *identity, *words], universal_newlines=True
        ).strip()

    def commit(self, **files):
        """Write files, with __ for / in their names, and commit all; the version's name on a board."""
        for name, text in files.items():
            (self.folder / name.replace("__", "/")).write_text(text)
        self.git("add", "--all")
        self.git("commit", "-q", "--allow-empty", "-m", "a change")
        return self.git("rev-parse", "HEAD")[:12]


def small_project(folder):
    """Only what push.sh handles, with a self-test and a model that take no time."""
    project = Project(folder)
    shutil.copytree(str(JETSON), str(project.folder / "deploy/jetson"), ignore=shutil.ignore_patterns("__pycache__"))
    for name, text in {
        "deploy/jetson/self-test/self_test.py": SELF_TEST,
        "deploy/jetson/on-board/engine_fits.py": ENGINE_FITS,
        "tools/build_engine.py": BUILD_ENGINE,
        "app/__init__.py": "",
        'app/it\'s a "file" $(touch x).txt': "an odd name",
        "BROKEN": "",
        ".gitignore": "weights/yolov3-tiny.*\n",
        MODEL[1]: "{}",
    }.items():
        write(project.folder / name, text)
    (project.folder / MODEL[0]).write_bytes(os.urandom(2 << 20))
    project.git("init", "-q")
    project.commit()
    return project


def real_project(folder):
    """This repository as it is now, with its changes committed, and its model."""
    project = Project(folder)
    subprocess.check_call(["git", "clone", "-q", "--shared", str(ROOT), str(project.folder)])
    copy_project(project.folder)
    for name in MODEL:
        os.link(os.path.realpath(str(ROOT / name)), str(project.folder / name))
    project.commit()
    return project
