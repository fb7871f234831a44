#!/usr/bin/python3 -ESs
"""Stands in for systemd's systemctl on a board in tests: one service, Type=notify, and a strict command line.

It really starts the service's command in the version that is current, and listens on a real notify socket. Its memory
is /run/fake-systemctl: `state.json`, and `misused`, which has a line for every call that is not understood.
The command, its working folder and its user are those of /etc/fake-service.json.
"""

import json
import os
import pwd
import signal
import socket
import subprocess
import sys
import time

FOLDER = "/run/fake-systemctl"
STATE = FOLDER + "/state.json"
UNIT = "nanoyolo.service"
KNOWN = ("LoadState", "ActiveState", "SubState", "NRestarts", "StatusText", "ActiveEnterTimestampMonotonic")


def read_state():
    fresh = {"ActiveState": "inactive", "SubState": "dead", "NRestarts": 0, "StatusText": "", "pids": []}
    try:
        with open(STATE) as file:
            return json.load(file)
    except OSError:
        return dict(fresh, LoadState="loaded", ActiveEnterTimestampMonotonic=0)


def write_state(**fields):
    state = dict(read_state(), **fields)
    with open(STATE + ".new", "w") as file:
        json.dump(state, file)
    os.replace(STATE + ".new", STATE)


def stop():
    for pid in read_state()["pids"]:
        try:
            os.kill(pid, signal.SIGKILL)
        except OSError:
            pass
    write_state(ActiveState="inactive", SubState="dead", StatusText="", pids=[])


def restart():
    """As `systemctl restart` of a Type=notify service: returns when it said READY=1, or ended."""
    stop()
    write_state(ActiveState="activating", NRestarts=0)
    if os.fork() == 0:
        os.setsid()
        null = os.open(os.devnull, os.O_RDWR)
        for number in (0, 1, 2):
            os.dup2(null, number)
        os.closerange(3, 256)
        supervise()
        os._exit(0)
    while read_state()["ActiveState"] == "activating":
        time.sleep(0.1)
    return 0 if read_state()["ActiveState"] == "active" else 1


def supervise():
    with open("/etc/fake-service.json") as file:
        service = json.load(file)
    user = pwd.getpwnam(service["user"])
    path = FOLDER + "/notify"
    for _ in range(3):
        if os.path.exists(path):
            os.remove(path)
        messages = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        messages.bind(path)
        os.chmod(path, 0o666)
        messages.settimeout(0.2)

        def become():
            os.setgid(user.pw_gid)
            os.setuid(user.pw_uid)

        env = {"NOTIFY_SOCKET": path, "PATH": os.environ["PATH"], "HOME": user.pw_dir}
        with open(FOLDER + "/journal", "a") as journal:
            child = subprocess.Popen(
                service["command"], cwd="/opt/nanoyolo/current", env=env, stderr=journal, preexec_fn=become
            )
        write_state(pids=[os.getpid(), child.pid])
        ready = False
        while child.poll() is None:
            try:
                lines = messages.recv(4096).decode().splitlines()
            except socket.timeout:
                continue
            status = [line[len("STATUS=") :] for line in lines if line.startswith("STATUS=")]
            if status:
                write_state(StatusText=status[-1])
            if "READY=1" in lines and not ready:
                ready = True
                now = int(time.monotonic() * 1e6)
                write_state(ActiveState="active", SubState="running", ActiveEnterTimestampMonotonic=now)
        if not ready:
            break
        write_state(NRestarts=read_state()["NRestarts"] + 1)  # Restart=always
    write_state(ActiveState="failed", SubState="failed", pids=[])


def main(words):
    os.makedirs(FOLDER, exist_ok=True)
    if words == ["daemon-reload"]:
        return 0
    if words[-1:] == [UNIT]:
        if words[:-1] == ["restart"]:
            return restart()
        if words[:-1] == ["stop"]:
            return stop() or 0
        if words[:-1] == ["reset-failed"]:
            return 0
        if words[0] == "is-active":
            state = read_state()["ActiveState"]
            if words[1:-1] != ["--quiet"]:
                print(state)
            return 0 if state == "active" else 3
        if words[0] == "show" and words[1:-1:2] == ["-p"] * (len(words[1:-1]) // 2):
            names = words[2:-1:2]
            if names and all(name in KNOWN for name in names):
                state = read_state()
                for name in names:
                    print(f"{name}={state[name]}")
                return 0
    with open(FOLDER + "/misused", "a") as file:
        file.write(" ".join(words) + "\n")
    print("fake systemctl: not understood: " + " ".join(words), file=sys.stderr)
    return 64


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
