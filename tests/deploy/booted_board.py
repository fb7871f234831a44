"""A provisioned board that has booted: this machine's systemd, with what the real on-board/service.sh installs.

Its processor is this machine's; Python and its packages are this project's environment, at /opt/nanoyolo/venv.
"""

import json
import os
import shutil
import sys
import sysconfig

import pytest
import real_systemd
from commands import JETSON, MODEL, ROOT, copy_project, wait_until, write

UNIT = "nanoyolo.service"
DROP_IN = "/run/systemd/system/nanoyolo.service.d/test.conf"
OUTPUTS = "/var/lib/nanoyolo"
BASE, VENV = "/opt/nanoyolo/python", "/opt/nanoyolo/venv"
SETTINGS = {"CAM": "test://160x120@5?live", "SIZE": "160", "BACKEND": "onnx", "JSONL": "found.jsonl"}

PROVISION = """set -euEo pipefail
DRY_RUN=no L4T=none NANOYOLO=/opt/nanoyolo FILES=$1/deploy/jetson
. "$FILES/on-board/report.sh"
. "$FILES/on-board/service.sh"
make_user; make_folders; install_settings; install_units; limit_journal
"""


class BootedBoard(real_systemd.RealSystemd):
    """A context manager. What is on it can be looked at from here: `path`."""

    def __init__(self, folder):
        if not (ROOT / MODEL[0]).exists():
            pytest.skip("no model: make demo")
        site = "{}/lib/python{}.{}/site-packages".format(VENV, *sys.version_info[:2])
        # Not where they are here: that may be in a home, which a service does not see.
        super().__init__(folder, [(sys.base_prefix, BASE), (sysconfig.get_paths()["purelib"], site)])

    def __enter__(self):
        super().__enter__()
        try:
            self._provision()
        except BaseException:
            self.cut_power()
            raise
        return self

    def _provision(self):
        self.write(VENV + "/pyvenv.cfg", f"home = {BASE}/bin\ninclude-system-site-packages = false\n")
        name = os.path.basename(os.path.realpath(sys.executable))
        self.path(VENV + "/bin").mkdir()
        self.path(VENV + "/bin/python3").symlink_to(f"{BASE}/bin/{name}")
        # Where it is not at home, an interpreter may not find its own library.
        launcher = f'#!/bin/sh\nLD_LIBRARY_PATH={BASE}/lib exec {VENV}/bin/python3 "$@"\n'
        self.write(VENV + "/bin/python", launcher, 0o755)
        files = self.path("/opt/nanoyolo/files")
        shutil.copytree(str(JETSON), str(files / "deploy/jetson"))
        self.run("bash", "-c", PROVISION, "provision", "/opt/nanoyolo/files")

    def put_version(self, name):
        """Put this repository's files there, with the model, as push.sh would; and let it be the current version."""
        version = self.path("/opt/nanoyolo/versions") / name
        copy_project(version)
        for file in MODEL:
            shutil.copy(str(ROOT / file), str(version / file))
        self.path("/opt/nanoyolo/current").symlink_to("versions/" + name)

    def write(self, name, text, mode=0o644):
        """Write a file there, in a folder that is made where it is missing."""
        write(self.path(name), text, mode)

    def configure(self, drop_in="", **settings):
        """Settings for the service, without NANOYOLO_; and lines for its [Service]."""
        text = (JETSON / "service/nanoyolo.env").read_text()
        lines = ["NANOYOLO_{}={}".format(*item) for item in dict(SETTINGS, **settings).items()]
        self.path("/etc/nanoyolo/nanoyolo.env").write_text("\n".join([text, *lines, ""]))
        self.write(DROP_IN, "[Service]\n" + drop_in + "\n")
        self.run("systemctl", "daemon-reload")

    def reset(self):
        """No service runs, and there are no outputs, as at first."""
        self.run("systemctl", "stop", UNIT, "nanoyolo-prune.service")
        self.run("systemctl", "reset-failed")
        self.run("find", OUTPUTS, "-mindepth", "1", "-delete")
        self.configure()
        self._since = self.run("journalctl", "--quiet", "--lines=0", "--show-cursor").split("cursor: ")[1].strip()

    def start(self):
        """Start the service; the id of its process there."""
        self.run("systemctl", "start", UNIT)
        return self.show("MainPID")

    def show(self, name, unit=UNIT):
        """A property of a unit."""
        return self.run("systemctl", "show", "-p", name, "--value", unit).rstrip("\n")

    def journal(self, unit=UNIT):
        """All that was logged, by and about a unit, since the last reset."""
        self.run("journalctl", "--sync")
        return self.run("journalctl", "--no-pager", "--output=cat", "--after-cursor", self._since, "--unit", unit)

    def wait(self, condition, what):
        """Until condition() is true; its value."""
        return wait_until(condition, 60, lambda: what + ": " + self.journal()[-3000:])

    def wait_for_restart(self, pid):
        """Until the service runs again, with another process than `pid`, in which it is ready."""
        return self.wait(
            lambda: self.show("ActiveState") == "active" and self.show("MainPID") not in (pid, "0"), "no restart"
        )

    def lines(self, name="found.jsonl"):
        """The program's whole JSON lines so far."""
        path = self.path(OUTPUTS) / name
        text = path.read_text() if path.exists() else ""
        return [json.loads(line) for line in text.splitlines(keepends=True) if line.endswith("\n")]
