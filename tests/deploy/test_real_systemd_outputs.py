"""What becomes of outputs and of the journal under a real systemd, with the real units."""

import os
import re

import pytest
from booted_board import OUTPUTS, UNIT

pytestmark = pytest.mark.deploy


def test_the_oldest_outputs_are_deleted(board):
    board.configure(OUTPUT_LIMIT="200K")
    for age in range(10):
        path = board.path(OUTPUTS) / f"{age}.mkv"
        path.write_bytes(os.urandom(64 << 10))
        os.utime(str(path), (10**9 - age, 10**9 - age))
    board.run("chown", "-R", "nanoyolo:", OUTPUTS)
    # One that the service's user has open is seen to be, by a process without any rights.
    use = f"exec sleep 1000 <{OUTPUTS}/9.mkv"
    board.run("systemd-run", "--quiet", "--unit=reader", "--uid=nanoyolo", "sh", "-c", use)
    board.run("systemctl", "start", "nanoyolo-prune.service")
    assert sorted(path.name for path in board.path(OUTPUTS).iterdir()) == ["0.mkv", "1.mkv", "9.mkv"]
    assert "deleted the 7 oldest files" in board.journal("nanoyolo-prune.service")
    board.run("systemctl", "stop", "reader")
    board.run("systemctl", "start", "nanoyolo-prune.service")
    assert sorted(path.name for path in board.path(OUTPUTS).iterdir()) == ["0.mkv", "1.mkv", "9.mkv"]


def test_large_lines_go_on_in_a_new_file_while_the_service_runs(board):
    pid = board.start()
    with (board.path(OUTPUTS) / "found.jsonl").open("ab") as file:
        file.truncate(65 << 20)  # beyond what rotate-lines lets be; not really on the disk
    board.run("systemctl", "start", "nanoyolo-prune.service")
    board.wait(board.lines, "no new lines")
    names = sorted(path.name for path in board.path(OUTPUTS).glob("found*"))
    assert len(names) == 2
    assert re.match(r"found\.[0-9]{8}-[0-9]{6}\.jsonl$", names[0])
    assert board.show("MainPID") == pid


def test_outputs_are_looked_at_five_minutes_after_the_start_and_every_quarter_of_an_hour(board):
    assert board.show("ActiveState", "nanoyolo-prune.timer") == "active"
    assert [board.run("systemctl", "is-enabled", unit) for unit in (UNIT, "nanoyolo-prune.timer")] == ["enabled\n"] * 2
    # The five minutes are over sooner here. What follows counts from there.
    drop_in = "/run/systemd/system/nanoyolo-prune.timer.d/test.conf"
    board.write(drop_in, "[Timer]\nOnBootSec=1ms\n")
    board.run("systemctl", "daemon-reload")
    board.run("systemctl", "restart", "nanoyolo-prune.timer")
    board.wait(lambda: "Finished " in board.journal("nanoyolo-prune.service"), "it was not started")
    scheduled = dict(
        re.findall(r"{ (\w+=\w+) ; next_elapse=(\w.*?) }", board.show("TimersMonotonic", "nanoyolo-prune.timer"))
    )
    board.run("rm", drop_in)
    assert {"OnBootUSec=5min", "OnUnitActiveUSec=15min"} < set(scheduled)
    assert scheduled["OnUnitActiveUSec=15min"] not in ("0", "infinity")


def test_the_journal_is_limited(board):
    """The journal itself says what it keeps to."""
    board.run("systemctl", "restart", "systemd-journald.service")
    board.run("journalctl", "--flush")
    said = board.run("journalctl", "--no-pager", "-o", "cat", "-u", "systemd-journald.service")
    assert re.findall(r"^System Journal .*, max (\S+),", said, re.M)[-1] == "200.0M", said
