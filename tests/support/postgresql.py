"""A private PostgreSQL server on a free port of this machine, of the system's own package."""

import glob
import os
import shutil
import socket
import subprocess
import tempfile

USER = "postgres"  # the server refuses to run as root


def find(name):
    """The path of one of its programs, or None: Debian has them outside the PATH."""
    return shutil.which(name) or next(iter(sorted(glob.glob(f"/usr/lib/postgresql/*/bin/{name}"), reverse=True)), None)


class Postgresql:
    """A context manager. url: of an empty database."""

    def __init__(self):
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self._port = free.getsockname()[1]
        self.url = f"postgresql://{USER}@127.0.0.1:{self._port}/postgres"
        self._folder = ""

    def __enter__(self):
        self._folder = tempfile.mkdtemp()  # where another user may look, unlike in pytest's folders
        if os.getuid() == 0:
            shutil.chown(self._folder, USER)
        self._run("initdb", "-D", self._data, "-U", USER, "-A", "trust", "--no-sync")
        self.start()
        return self

    def __exit__(self, *exception):
        self._run("pg_ctl", "-D", self._data, "-m", "immediate", "stop", check=False)
        shutil.rmtree(self._folder)

    @property
    def _data(self):
        return os.path.join(self._folder, "data")

    def start(self):
        options = f"-p {self._port} -c listen_addresses=127.0.0.1 -c unix_socket_directories={self._folder}"
        log = os.path.join(self._folder, "log")
        self._run("pg_ctl", "-D", self._data, "-w", "-l", log, "-o", options, "start")

    def stop(self):
        """At once: connections break."""
        self._run("pg_ctl", "-D", self._data, "-w", "-m", "fast", "stop")

    def _run(self, name, *args, check=True):
        user = {"user": USER, "group": USER, "extra_groups": []} if os.getuid() == 0 else {}
        output = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        subprocess.run([find(name), *args], check=check, cwd=self._folder, timeout=60, **user, **output)
