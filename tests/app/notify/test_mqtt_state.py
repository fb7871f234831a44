"""State and its last will at a real broker, and brokers that say no."""

import subprocess

import pytest

pytest.importorskip("paho.mqtt.client")

from support.mosquitto import Listener, Mosquitto, needs_mosquitto  # noqa: E402
from support.outboxes import change, changes, wait_for  # noqa: E402
from support.publisher import Publisher, address, assert_exactly_once  # noqa: E402

from app.notify import connection  # noqa: E402

pytestmark = [pytest.mark.slow, needs_mosquitto]


@pytest.fixture
def broker(tmp_path):
    with Mosquitto(tmp_path) as running:
        yield running


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


def test_a_broker_that_has_lost_everything_is_told_everything(broker, tmp_path, monkeypatch):
    monkeypatch.setattr(connection, "PAUSES", (0.1, 0.5))
    with Publisher(address(broker)) as publisher:
        topic = publisher.root + "/yard/person"
        publisher.retained.set(topic, b"0")
        with Listener(broker.port, name="before", clean=True) as listener:
            wait_for(lambda: listener.last(topic) == b"0")
        broker.stop()
        (tmp_path / "mosquitto.db").unlink()
        broker.start()
        with Listener(broker.port, name="after", clean=True) as listener:
            wait_for(lambda: listener.last(topic) == b"0")
            wait_for(lambda: listener.last(publisher.root + "/status") == b"online")


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
