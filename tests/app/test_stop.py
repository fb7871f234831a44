import os
import signal
import subprocess
import sys
import threading

import pytest
from support.fakes import LIMIT
from support.program import ROOT

from app.stop import Stop

SIGNALS = [signal.SIGINT, signal.SIGTERM]


def send(number):
    """To this very thread, which has it when this returns: os.kill may hand it to another."""
    signal.pthread_kill(threading.get_ident(), number)


@pytest.mark.parametrize("second", SIGNALS, ids=str)
@pytest.mark.parametrize("first", SIGNALS, ids=str)
def test_first_signal_requests_and_second_interrupts(first, second):
    with Stop() as stop:
        assert not stop.requested
        send(first)
        assert stop.requested
        with pytest.raises(KeyboardInterrupt):
            send(second)


def test_a_signal_after_a_request_is_still_the_first():
    with Stop() as stop:
        stop.request()
        assert stop.requested
        send(signal.SIGTERM)
        with pytest.raises(KeyboardInterrupt):
            send(signal.SIGTERM)


@pytest.mark.parametrize("failure", [None, KeyError], ids=["after a normal end", "after an exception"])
def test_handlers_are_restored(failure):
    numbers = SIGNALS + [signal.SIGHUP]
    before = [signal.getsignal(number) for number in numbers]
    try:
        with Stop():
            assert not {signal.getsignal(number) for number in numbers} & set(before)
            if failure:
                raise failure
    except KeyError:
        pass
    assert [signal.getsignal(number) for number in numbers] == before


def test_a_hangup_is_told_once():
    with Stop() as stop:
        assert not stop.take_hangup()
        send(signal.SIGHUP)
        send(signal.SIGHUP)
        assert stop.take_hangup()
        assert not stop.take_hangup()
        send(signal.SIGHUP)
        assert stop.take_hangup(), "and again after another"
        assert not stop.requested
        send(signal.SIGTERM)  # would interrupt, were it the second
        assert stop.requested


def test_an_ignored_hangup_stays_ignored():
    """As under nohup."""
    previous = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with Stop() as stop:
            assert signal.getsignal(signal.SIGHUP) == signal.SIG_IGN
            send(signal.SIGHUP)
            assert not stop.take_hangup()
            assert not stop.requested
        assert signal.getsignal(signal.SIGHUP) == signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, previous)


@pytest.mark.parametrize(
    "before, after, stops",
    [
        pytest.param(True, False, True, id="the terminal has gone"),
        pytest.param(True, True, False, id="it is still there"),
        pytest.param(False, False, False, id="there never was one, as in a service"),
    ],
)
def test_what_a_hangup_means(monkeypatch, before, after, stops):
    monkeypatch.setattr("app.stop._has_terminal", lambda: before)
    with Stop() as stop:
        monkeypatch.setattr("app.stop._has_terminal", lambda: after)
        send(signal.SIGHUP)
        assert stop.requested == stops
        assert stop.take_hangup() == (not stops)


CHILD = """
import fcntl, os, sys, termios, time
from app.stop import Stop

os.setsid()
fcntl.ioctl(2, termios.TIOCSCTTY, 0)  # from now on standard error is the terminal of this session
with Stop() as stop:
    print("ready", flush=True)
    deadline = time.monotonic() + {}
    while time.monotonic() < deadline:
        if stop.requested or stop.take_hangup():
            print("stop" if stop.requested else "reopen", flush=True)
            break
        time.sleep(0.01)
"""


@pytest.mark.slow
@pytest.mark.parametrize("closed, expected", [(True, "stop"), (False, "reopen")], ids=["gone", "still there"])
def test_a_hangup_at_a_real_terminal(closed, expected):
    ours, theirs = os.openpty()
    child = subprocess.Popen(
        [sys.executable, "-c", CHILD.format(LIMIT)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=theirs,
        cwd=ROOT,
        env=dict(os.environ, PYTHONPATH=ROOT),
        universal_newlines=True,
    )
    os.close(theirs)
    try:
        assert child.stdout.readline() == "ready\n"
        if closed:
            os.close(ours)  # the kernel then sends SIGHUP
        else:
            child.send_signal(signal.SIGHUP)
        assert child.communicate(timeout=2 * LIMIT)[0] == expected + "\n"
        assert child.returncode == 0
    finally:
        child.kill()
        child.wait()
        if not closed:
            os.close(ours)
