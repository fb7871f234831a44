"""Against a real broker: stopped, frozen, killed and started again, and one that says no."""

import json
import signal
import subprocess
import time
from collections import Counter

import pytest

pytest.importorskip("paho.mqtt.client")

from support.mosquitto import Listener, Mosquitto, needs_mosquitto  # noqa: E402
from support.outboxes import FakeStore, change, changes, wait_for  # noqa: E402

from app.errors import OutputError  # noqa: E402
from app.notify import connection  # noqa: E402
from app.notify.arguments import read_broker  # noqa: E402
from app.notify.mqtt import MqttCourier  # noqa: E402
from app.notify.retained import Retained  # noqa: E402

pytestmark = [pytest.mark.slow, needs_mosquitto]


@pytest.fixture
def broker(tmp_path):
    with Mosquitto(tmp_path) as running:
        yield running


class Publisher:
    """A courier with a store that outlives it, as the one on disk does."""

    def __init__(self, address, store=None, password="", cameras=(), **options):
        self.store = store or FakeStore()
        self.outbox = self.store.outbox("mqtt")
        self.retained = Retained()
        self.courier = MqttCourier(
            self.store, read_broker(address), password, self.retained, lambda: cameras, **options
        )
        self.root = self.courier.root
        self.courier.start()

    def connected(self):
        return bool(self.courier.figures()["connected"])

    def close(self):
        self.courier.end(time.monotonic() + 20)
        self.courier.join()

    def abandon(self):
        """As after kill -9: no farewell, and the broker notices a socket that is closed."""
        self.courier.finish = lambda outbox: self.courier._connection.session.leave()
        self.close()

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self.close()


def address(broker):
    return "mqtt://127.0.0.1:%d" % broker.port


def events_of(listener):
    return [json.loads(payload.decode()) for topic, payload, _ in listener.messages if topic.endswith("/event")]


def assert_exactly_once(listener, wanted):
    """Every change once, and those of an event in order."""
    wait_for(lambda: len(events_of(listener)) >= len(wanted))
    found = [(event["id"], event["type"]) for event in events_of(listener)]
    assert Counter(found) == Counter((one.incident.id, one.type) for one in wanted)
    assert sorted(found, key=lambda pair: pair[0]) == [(one.incident.id, one.type) for one in wanted]


def test_events_and_state_in_a_quiet_hour(broker):
    with Listener(broker.port) as listener, Publisher(address(broker)) as publisher:
        wanted = changes(20)
        publisher.retained.set(publisher.root + "/yard/person", b"2")
        publisher.retained.set(publisher.root + "/yard/person/snapshot", b"jpeg", qos=0)
        for one in wanted:
            publisher.outbox.put(one)
        assert_exactly_once(listener, wanted)
        wait_for(lambda: not publisher.outbox.rows)
        assert publisher.courier.figures() == {
            "sent": 60, "retried": 0, "given_up": 0, "connected": 1, "connects": 1,
        }  # fmt: skip
        assert listener.last(publisher.root + "/status") == b"online"
        publisher.close()
        wait_for(lambda: listener.last(publisher.root + "/status") == b"offline")
    with Listener(broker.port, name="late") as late:
        wait_for(lambda: late.last(publisher.root + "/yard/person/snapshot"))
        kept = {topic: (payload, retained) for topic, payload, retained in late.messages}
    assert kept == {
        publisher.root + "/status": (b"offline", True),
        publisher.root + "/yard/person": (b"2", True),
        publisher.root + "/yard/person/snapshot": (b"jpeg", True),
    }


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


def test_a_killed_program_is_offline_and_a_new_one_leaves_nothing_stale(broker):
    with Listener(broker.port) as listener:
        first = Publisher(address(broker))
        for topic in ("yard/person", "yard/zones/drive/person", "yard/lines/door/in"):
            first.retained.set(first.root + "/" + topic, b"3")
        first.retained.set(first.root + "/yard/status", b"online")
        wait_for(lambda: listener.last(first.root + "/yard/status"))
        first.abandon()
        wait_for(lambda: listener.last(first.root + "/status") == b"offline")  # its will
        with Publisher(address(broker)):  # without that camera
            wait_for(lambda: listener.last(first.root + "/yard/status") == b"offline")
            for topic in ("yard/person", "yard/zones/drive/person", "yard/lines/door/in"):
                wait_for(lambda: listener.last(first.root + "/" + topic) == b"")  # noqa: B023
            assert listener.last(first.root + "/status") == b"online"


def test_home_assistant_that_starts_is_told_everything(broker):
    with Publisher(address(broker)) as publisher, Listener(broker.port, "nanoyolo/#", clean=True) as listener:
        publisher.retained.set(publisher.root + "/yard/person", b"1")
        wait_for(lambda: listener.last(publisher.root + "/yard/person"))
        before = len(listener.messages)
        listener.publish("homeassistant/status", b"online", qos=1)
        wait_for(lambda: len(listener.messages) >= before + 2)
        assert {message[:2] for message in listener.messages[before:]} == {
            (publisher.root + "/status", b"online"), (publisher.root + "/yard/person", b"1"),
        }  # fmt: skip


def test_state_after_an_outage_is_the_newest(broker, monkeypatch):
    monkeypatch.setattr(connection, "PAUSES", (0.1, 0.5))
    with Listener(broker.port, "nanoyolo/#") as listener, Publisher(address(broker)) as publisher:
        topic = publisher.root + "/yard/person"
        publisher.retained.set(topic, b"1")
        wait_for(lambda: listener.last(topic) == b"1")
        broker.stop()
        for count in range(1000):
            publisher.retained.set(topic, b"%d" % count)
        broker.start()
        wait_for(lambda: listener.last(topic) == b"999")
        values = [payload for found, payload, _ in listener.messages if found == topic]
        assert set(values) <= {b"1", b"999"}


def test_a_password_that_is_refused(tmp_path, capfd):
    port_line = "listener {port} 127.0.0.1\nallow_anonymous false\npassword_file {folder}/users\n"
    subprocess.check_call(["mosquitto_passwd", "-b", "-c", str(tmp_path / "users"), "ada", "hunter2"])
    with Mosquitto(tmp_path, port_line) as broker:
        where = "mqtt://ada@127.0.0.1:%d" % broker.port
        with Publisher(where, password="wrong") as publisher:
            wait_for(lambda: any("user" in problem for problem in publisher.courier._said))
            publisher.outbox.put(change())
        assert list(publisher.outbox.rows) == [1]  # it waits
        with Publisher(where, publisher.store, password="hunter2") as publisher:
            wait_for(lambda: not publisher.outbox.rows)
    err = capfd.readouterr().err
    assert err.count("warning: mqtt://127.0.0.1:%d: " % broker.port) == 1
    assert "wrong" not in err
    assert "hunter2" not in err


def test_a_certificate_that_does_not_fit(tmp_path, capfd):
    certificate(tmp_path, "fits", "IP:127.0.0.1")
    certificate(tmp_path, "other", "DNS:elsewhere.example")
    settings = "listener {port} 127.0.0.1\nallow_anonymous true\ncertfile {folder}/%s.pem\nkeyfile {folder}/%s.key\n"
    for name, ca, fits in (("fits", None, False), ("other", "other", False), ("fits", "fits", True)):
        with Mosquitto(tmp_path, settings % (name, name)) as broker:
            path = ca and str(tmp_path / (ca + ".pem"))
            with Publisher("mqtts://127.0.0.1:%d" % broker.port, ca=path) as publisher:
                publisher.outbox.put(change())
                if fits:
                    wait_for(lambda: not publisher.outbox.rows)  # noqa: B023
                else:
                    wait_for(lambda: publisher.courier._said)  # noqa: B023
    assert capfd.readouterr().err.count("no secure connection") == 2


def certificate(folder, name, alternative):
    subprocess.check_call(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=test", "-addext",
         "subjectAltName=" + alternative, "-keyout", str(folder / (name + ".key")), "-out",
         str(folder / (name + ".pem"))],
        stderr=subprocess.DEVNULL,
    )  # fmt: skip


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
