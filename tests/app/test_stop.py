import signal
import threading

import pytest

from app.stop import Stop

SIGNALS = [signal.SIGINT, signal.SIGTERM]


def send(number):
    """To this very thread, which has it when this returns: os.kill may hand it to another."""
    signal.pthread_kill(threading.get_ident(), number)


@pytest.mark.parametrize("number", SIGNALS, ids=str)
def test_first_signal_requests(number):
    with Stop() as stop:
        assert not stop.requested
        send(number)
        assert stop.requested


@pytest.mark.parametrize("second", SIGNALS, ids=str)
@pytest.mark.parametrize("first", SIGNALS, ids=str)
def test_second_signal_interrupts(first, second):
    with Stop():
        send(first)
        with pytest.raises(KeyboardInterrupt):
            send(second)


def test_request_without_a_signal():
    with Stop() as stop:
        stop.request()
        assert stop.requested


def test_a_signal_after_a_request_is_still_the_first():
    with Stop() as stop:
        stop.request()
        send(signal.SIGTERM)
        with pytest.raises(KeyboardInterrupt):
            send(signal.SIGTERM)


@pytest.mark.parametrize("failure", [None, KeyError], ids=["after a normal end", "after an exception"])
def test_handlers_are_restored(failure):
    before = [signal.getsignal(number) for number in SIGNALS]
    try:
        with Stop():
            assert [signal.getsignal(number) for number in SIGNALS] != before
            if failure:
                raise failure
    except KeyError:
        pass
    assert [signal.getsignal(number) for number in SIGNALS] == before
