"""The real unit under a real systemd, on this machine's processor: what it starts, restarts, forbids and allows."""

import json
import os
import re
import time

import pytest
from booted_board import OUTPUTS, UNIT
from service_probe import PROBE

pytestmark = pytest.mark.deploy


def test_it_is_ready_with_the_first_frame(board):
    board.configure(REPORT="report.json", SAVE="film.mkv")
    pid = board.start()
    assert (board.show("ActiveState"), board.show("SubState")) == ("active", "running")
    assert re.match(r"(started|[0-9.]+ FPS), ", board.show("StatusText"))  # and not that the camera is waited for
    board.wait(lambda: re.match(r"[0-9.]+ FPS, .*[0-9]+ frames", board.show("StatusText")), "no rate")
    assert board.lines()
    assert "yolov3-tiny on onnxruntime" in board.journal()
    # Nobody else may look at pictures.
    board.run("systemctl", "stop", UNIT)
    report = json.loads((board.path(OUTPUTS) / "report.json").read_text())
    assert report["frames"] > 0
    owned = board.run("find", OUTPUTS, "-printf", "%f %U:%G %m\n").splitlines()
    ids = board.run("id", "-u", "nanoyolo").strip() + ":" + board.run("id", "-g", "nanoyolo").strip()
    assert sorted(owned) == sorted(
        [f"nanoyolo {ids} 750"] + [f"{name} {ids} 600" for name in ("film.mkv", "found.jsonl", "report.json")]
    )
    assert pid not in board.run("ls", "/proc").split()


def test_its_process_has_no_rights(board):
    pid = board.start()
    lines = board.path(f"/proc/{pid}/status").read_text().splitlines()
    status = dict(line.split(":\t", 1) for line in lines if ":\t" in line)
    user, video = board.run("id", "-u", "nanoyolo").strip(), board.run("getent", "group", "video").split(":")[2]
    assert status["Uid"].split() == [user] * 4
    assert video in status["Groups"].split()
    assert (status["NoNewPrivs"], status["Seccomp"]) == ("1", "2")
    assert {int(status[name], 16) for name in ("CapEff", "CapPrm", "CapInh", "CapBnd", "CapAmb")} == {0}
    assert re.search(r"Max core file size +0 +0 ", board.path(f"/proc/{pid}/limits").read_text())


def test_its_memory_is_limited(board):
    board.start()
    cgroup = "/sys/fs/cgroup/{}system.slice/nanoyolo.service/"
    first = board.path(cgroup.format("memory/") + "memory.limit_in_bytes")
    limit = int((first if first.exists() else board.path(cgroup.format("") + "memory.max")).read_text())
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    assert 0 < limit <= 0.8 * memory
    # And at a limit that can be reached here, it is killed and not the machine.
    board.run("systemctl", "stop", UNIT)
    script = "import time; x = b'1' * (200 << 20); time.sleep(60)"
    command = f'/opt/nanoyolo/venv/bin/python -c "{script}"'
    board.configure("Type=simple\nRestart=no\nMemoryMax=100M\nExecStart=\nExecStart=" + command)
    board.run("systemctl", "start", UNIT)
    board.wait(lambda: board.show("ActiveState") == "failed", "it may use more memory than its limit")
    assert "code=killed, status=9/KILL" in board.journal()


@pytest.fixture
def attempts(board):
    """The probe's results, in the service; with lines for the unit, as a dictionary. Outside is looked at first."""
    board.write("/opt/nanoyolo/probe.py", PROBE)
    board.write("/home/ada/secret", "secret")
    board.write("/tmp/of-the-machine", "secret")
    for folder in FOLDERS:
        board.run("install", "-d", "-m", "1777", f"/{folder}/open")
    board.run("sh", "-c", "[ -e /dev/secret ] || mknod -m 666 /dev/secret c 1 11")
    command = ["/opt/nanoyolo/venv/bin/python", "/opt/nanoyolo/probe.py", OUTPUTS + "/probe.json"]

    def results():
        return json.loads((board.path(OUTPUTS) / "probe.json").read_text())

    def inside(lines=""):
        board.configure("Type=oneshot\nRestart=no\nExecStart=\nExecStart={}\n{}".format(" ".join(command), lines))
        board.run("systemctl", "start", UNIT)
        return results()

    board.run("setpriv", "--reuid=nanoyolo", "--regid=nanoyolo", "--clear-groups", *command, "outside")
    # The same user may do all of them there but one.
    assert {name: result for name, result in results().items() if result != "done"} == {"packets of any kind": "EPERM"}
    return inside


FOLDERS = ("opt", "usr", "etc", "var", "run")
ALLOWED = {"write own /tmp", "write /var/lib/nanoyolo", "write /var/cache/nanoyolo", "internet", "netlink", "nice"}


def test_what_it_may_do(board, attempts):
    inside = attempts()
    assert {name for name, result in inside.items() if result == "done"} == ALLOWED
    denied = {name: result for name, result in inside.items() if name not in ALLOWED}
    assert {denied.pop(f"write /{folder}") for folder in FOLDERS} == {"EROFS"}
    assert denied.pop("read /tmp of the machine") == denied.pop("see process 1") == "ENOENT"
    assert denied.pop("packets of any kind") == "EAFNOSUPPORT"
    assert denied.pop("read a home") in ("EACCES", "ENOENT")
    assert set(denied.values()) == {"EPERM"}, denied
    assert not board.path("/tmp/own").exists()


def test_what_the_unit_advises_where_a_device_is_missing(attempts):
    """More devices, and nothing else."""
    inside = attempts("DevicePolicy=auto\nDeviceAllow=")
    assert {name for name, result in inside.items() if result == "done"} == ALLOWED | {"device that is not of a camera"}


def test_it_stops_at_once_and_well(board):
    board.configure(REPORT="report.json")
    board.start()
    began = time.monotonic()
    board.run("systemctl", "stop", UNIT)
    assert time.monotonic() - began < 8  # at 10 it would be killed
    journal = board.journal()
    assert "Stopped nanoyolo.service" in journal
    assert "Main process exited" not in journal, "this is said of another code than 0, or a signal"
    assert "Failed with result" not in journal
    assert json.loads((board.path(OUTPUTS) / "report.json").read_text())["frames"] > 0


def test_reload_begins_new_outputs(board):
    pid = board.start()
    board.run("mv", OUTPUTS + "/found.jsonl", OUTPUTS + "/old.jsonl")
    board.run("systemctl", "reload", UNIT)
    board.wait(board.lines, "no new lines")
    assert (board.show("MainPID"), board.show("ActiveState")) == (pid, "active")
    assert board.lines("old.jsonl")[-1]["frame"] < board.lines()[0]["frame"]


def test_the_watchdog(board):
    """A program that hangs; the unit's minute is shorter here."""
    board.start()
    assert board.show("WatchdogUSec") == "1min"
    board.run("systemctl", "stop", UNIT)
    board.configure("WatchdogSec=5\nRestartSec=1")
    pid = board.start()
    time.sleep(8)
    assert (board.show("MainPID"), board.show("NRestarts")) == (pid, "0")  # it is fed
    board.run("kill", "-STOP", pid)
    board.wait_for_restart(pid)
    assert "Watchdog timeout" in board.journal()
    assert board.show("NRestarts") == "1"


@pytest.mark.parametrize("signal", ["SEGV", "KILL", "TERM"])
def test_it_is_started_again_however_it_ends(board, signal):
    board.configure("RestartSec=1")
    pid = board.start()
    board.run("kill", "-" + signal, pid)
    board.wait_for_restart(pid)
    assert board.show("NRestarts") == "1"


def test_wrong_settings_are_said_and_tried_again_for_ever(board):
    board.configure("RestartSec=100ms", SIZE="abc")
    assert "Job for nanoyolo.service failed" in board.run("systemctl", "start", UNIT, check=False)
    error = "error: argument --size: a size should be from 1 to 4096, is abc"
    assert error in board.journal()
    board.wait(lambda: int(board.show("NRestarts")) > 1, "it is no longer tried")
    # More often, and sooner, than systemd's limit of starts would let it.
    board.configure("RestartSec=100ms\nExecStart=\nExecStart=/bin/false")
    board.wait(lambda: int(board.show("NRestarts")) > 15, "it is no longer tried")
    assert board.show("ActiveState") != "failed"
    assert "start-limit-hit" not in board.journal("nanoyolo-csi.service")
    board.configure("RestartSec=1")
    board.wait(lambda: board.show("ActiveState") == "active", "it does not recover when the setting is fixed")
