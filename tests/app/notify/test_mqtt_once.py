"""Each event once, at a real broker that is stopped, frozen, killed and started again."""

import signal
import time

import pytest

pytest.importorskip("paho.mqtt.client")

from support.mosquitto import Listener, Mosquitto, needs_mosquitto  # noqa: E402
from support.outboxes import FakeStore, changes, wait_for  # noqa: E402
from support.publisher import Publisher, address, assert_exactly_once, events_of  # noqa: E402

from app.errors import OutputError  # noqa: E402
from app.notify import connection  # noqa: E402

pytestmark = [pytest.mark.slow, needs_mosquitto]


@pytest.fixture
def broker(tmp_path):
    with Mosquitto(tmp_path) as running:
        yield running


@pytest.mark.parametrize("fault", ["stop", "freeze"])
def test_each_event_comes_once_whatever_the_broker_does(broker, monkeypatch, fault):
    """Frozen for longer than a connection is waited for: then the broker finds it all in two connections."""
    monkeypatch.setattr(connection, "KEEPALIVE", 1)
    monkeypatch.setattr(connection, "PAUSES", (0.1, 0.5))
    wanted = changes(60)
    waiting = list(wanted)
    with Listener(broker.port, "nanoyolo/#") as listener, Publisher(address(broker)) as publisher:
        wait_for(publisher.connected)
        while waiting:
            for _ in range(5):
                publisher.outbox.put(waiting.pop(0))
            publisher.retained.set(publisher.root + "/yard/person", b"%d" % len(waiting))
            if len(waiting) in (150, 100, 50):
                upset(broker, publisher, fault, waiting)
        assert_exactly_once(listener, wanted)
        wait_for(lambda: not publisher.outbox.rows)
        wait_for(lambda: listener.last(publisher.root + "/yard/person") == b"0")
        assert publisher.courier.connects >= 4


def upset(broker, publisher, fault, waiting):
    """Stop or freeze the broker while events are under way, and wait until there is another connection."""
    connects = publisher.courier.connects
    if fault == "stop":
        broker.stop()
    else:
        broker.freeze()
    for _ in range(5):
        publisher.outbox.put(waiting.pop(0))
    if fault == "stop":
        broker.start()
    else:
        wait_for(lambda: not publisher.connected())
        broker.thaw()
    wait_for(lambda: publisher.courier.connects > connects)


def test_each_event_comes_once_when_the_program_is_killed_at_any_step(broker):
    """A new process, whose only memory is the outbox, goes on. 15 times, at steps as they come."""
    wanted, store = changes(50), FakeStore()
    for one in wanted:
        store.outbox("mqtt").put(one)
    with Listener(broker.port, "nanoyolo/#") as listener:
        for sent in range(15):
            publisher = Publisher(address(broker), store)
            wait_for(lambda: publisher.courier.sent >= 2 or not publisher.outbox.rows)  # noqa: B023
            time.sleep(0.001 * sent)
            publisher.outbox.failing = OSError("the process is dead")  # nothing is noted any more
            publisher.abandon()
            publisher.outbox.failing = None
        with Publisher(address(broker), store) as publisher:
            assert_exactly_once(listener, wanted)
            wait_for(lambda: not publisher.outbox.rows)


def test_a_killed_broker_gets_what_it_has_not_acknowledged(broker, monkeypatch):
    monkeypatch.setattr(connection, "PAUSES", (0.1, 0.5))
    wanted = changes(30)
    with Listener(broker.port, "nanoyolo/#") as listener, Publisher(address(broker)) as publisher:
        wait_for(publisher.connected)
        for one in wanted[:45]:
            publisher.outbox.put(one)
        broker.stop(signal.SIGKILL)
        subscriptions = listener.subscriptions
        broker.start()
        wait_for(lambda: listener.subscriptions > subscriptions)  # it has forgotten this one, too
        for one in wanted[45:]:
            publisher.outbox.put(one)
        wait_for(lambda: not publisher.outbox.rows)
        found = {(one.incident.id, one.type) for one in wanted[45:]}
        wait_for(lambda: found <= {(event["id"], event["type"]) for event in events_of(listener)})


def test_a_disk_that_is_full_loses_and_repeats_nothing(broker, monkeypatch, capfd):
    monkeypatch.setattr(connection, "PAUSES", (0.1, 0.5))
    wanted = changes(20)
    with Listener(broker.port, "nanoyolo/#") as listener, Publisher(address(broker)) as publisher:
        wait_for(publisher.connected)
        for one in wanted:
            publisher.outbox.put(one)
            if one.number in (10, 30):
                publisher.outbox.failing = OutputError("events.sqlite: no space left")
                wait_for(lambda: publisher.courier._said)
                publisher.outbox.failing = None
        assert_exactly_once(listener, wanted)
        wait_for(lambda: not publisher.outbox.rows)
    assert "the store of events is in trouble: events.sqlite: no space left" in capfd.readouterr().err


def test_a_frozen_broker_does_not_delay_the_end(broker):
    publisher = Publisher(address(broker))
    wait_for(publisher.connected)
    broker.freeze()
    for one in changes(5):
        publisher.outbox.put(one)
    publisher.courier.end(time.monotonic() + 0.8)
    publisher.courier._thread.join(60)
    assert not publisher.courier._thread.is_alive()
    assert publisher.outbox.rows  # for the next start
