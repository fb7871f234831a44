import os

import pytest

from tools.sweep import conditions
from tools.sweep.conditions import Conditions, disturbances

TICK = os.sysconf("SC_CLK_TCK")


def write_stat(root, busy, idle):
    """What Linux says of its cores. busy, idle: seconds, summed over these."""
    (root / "proc").mkdir(exist_ok=True)
    ticks = [busy * TICK - 5, 1, 1, idle * TICK - 1, 1, 1, 1, 1, 7, 7]  # guests are in the first ones already
    (root / "proc" / "stat").write_text("cpu  {}\ncpu0 0 0\n".format(" ".join(map(str, ticks))))


@pytest.mark.parametrize(
    "busy, idle, own, others",
    [
        pytest.param(10, 10, 10, 0.0, id="only the measurement"),
        pytest.param(10, 10, 4, 0.3, id="and something else"),
        pytest.param(20, 0, 5, 0.75, id="all cores"),
        pytest.param(10, 10, 11, 0.0, id="ticks are coarse"),
        pytest.param(0, 0, 0, None, id="no time has gone by"),
    ],
)
def test_what_others_took(tmp_path, monkeypatch, busy, idle, own, others):
    spent = [3.0, 3.0 + own]
    monkeypatch.setattr(conditions.os, "times", lambda: os.times_result([spent.pop(0), 0, 99, 99, 99]))
    write_stat(tmp_path, 100, 100)
    measured = Conditions(str(tmp_path))
    write_stat(tmp_path, 100 + busy, 100 + idle)
    assert measured.report() == {"faults": [], "others": others}


@pytest.mark.parametrize("content", [None, "", "cpu 1 2 3", "cpu a b c d e f g h"])
def test_where_linux_does_not_say(tmp_path, content):
    if content is not None:
        (tmp_path / "proc").mkdir()
        (tmp_path / "proc" / "stat").write_text(content)
    assert Conditions(str(tmp_path)).report()["others"] is None


def test_faults_of_the_machine(tmp_path, monkeypatch):
    cpu = tmp_path / "sys" / "devices" / "system" / "cpu" / "cpu0" / "cpufreq"
    cpu.mkdir(parents=True)
    (cpu / "scaling_max_freq").write_text("921600")
    (cpu / "cpuinfo_max_freq").write_text("1479000")
    monkeypatch.setattr("app.board.os.getloadavg", lambda: (99.0, 99.0, 99.0))  # of the measurement before this one
    assert Conditions(str(tmp_path)).report()["faults"] == ["the CPU is limited to 921 of its 1479 MHz"]


def test_what_is_said():
    hot = ["it is at {} C and will throttle soon".format(degrees) for degrees in (86, 91)]
    known = [
        {"faults": [hot[0]], "others": 0.02},
        {"faults": [], "others": 0.314},
        {"faults": [hot[1]], "others": None},
        {"faults": [], "others": 0.1},
        {},  # of a sweep before there was this
    ]
    assert disturbances(known) == [
        "other programs took up to 31% of the cores' time, in 2 of 4 measurements",
        hot[1] + ", in 2 of 4 measurements",
    ]


@pytest.mark.parametrize("measurements", [[], [{}], [{"faults": [], "others": 0.09}]])
def test_where_nothing_was_the_matter(measurements):
    assert disturbances(measurements) == []
