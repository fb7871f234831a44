"""What paho's client is made to do, packet by packet, against a broker that the test plays."""

import socket
import struct

import pytest

pytest.importorskip("paho.mqtt.client")

from support.fakes import LIMIT  # noqa: E402

from app.notify.session import NUMBERS, Session, number_of  # noqa: E402

CONNECT, CONNACK, PUBLISH, PUBACK, PUBREC, PUBREL, PUBCOMP = 0x10, 0x20, 0x30, 0x40, 0x50, 0x62, 0x70


class Peer:
    """The broker's side of one session, over as many connections as the test makes."""

    def __init__(self):
        self.received = []
        self.published = []
        self.session = Session("test", self.received.append)
        self.session.on_publish = lambda client, data, number: self.published.append(number)
        self.session.connect_async("127.0.0.1", 1883)
        self._ends = []

    def connect(self, monkeypatch, present=1, answer=True):
        """Connect anew, and answer."""
        for end in self._ends:
            end.close()
        self.session.leave()
        ours, theirs = socket.socketpair()
        theirs.settimeout(LIMIT)
        self._ends = [theirs]
        monkeypatch.setattr(socket, "create_connection", lambda *args, **options: ours)
        self.session.reconnect()
        assert self.read()[0] == CONNECT
        if answer:
            self.say(CONNACK, bytes([present, 0]))

    def say(self, kind, content):
        self._ends[0].sendall(bytes([kind, len(content)]) + content)
        self.session.loop_read()

    def acknowledge(self, kind, number):
        self.say(kind, struct.pack("!H", number))

    def read(self):
        """(kind, content) of the next packet."""
        kind, length = self._ends[0].recv(1)[0], self._ends[0].recv(1)[0]
        content = b""
        while len(content) < length:
            content += self._ends[0].recv(length - len(content))
        return kind, content

    def close(self):
        self.session.leave()
        for end in self._ends:
            end.close()


@pytest.fixture
def peer():
    found = Peer()
    yield found
    found.close()


def publish(number, payload=b"x", dup=False):
    """A PUBLISH of QoS 2 to the topic t."""
    return PUBLISH | 4 | (8 if dup else 0), b"\0\x01t" + struct.pack("!H", number) + payload


def test_numbers_follow_from_rows():
    assert [number_of(row) for row in (0, 1, NUMBERS - 1, NUMBERS)] == [1, 2, NUMBERS, 1]


def test_a_message_has_its_number_and_is_noted_before_it_is_released(peer, monkeypatch):
    peer.connect(monkeypatch)
    peer.session.send(7, "t", b"x")
    assert peer.read() == publish(7)
    peer.acknowledge(PUBREC, 7)
    assert peer.received == [7]
    assert peer.read() == (PUBREL, b"\0\x07")
    peer.acknowledge(PUBCOMP, 7)
    assert peer.published == [7]
    assert not peer.session.holds(7)


def test_what_cannot_be_noted_is_not_released(peer, monkeypatch):
    def fail(number):
        raise RuntimeError("no space")

    peer.session._received = fail
    peer.connect(monkeypatch)
    peer.session.send(7, "t", b"x")
    peer.read()
    with pytest.raises(RuntimeError, match="no space"):
        peer.acknowledge(PUBREC, 7)
    peer.session._received = peer.received.append
    peer.connect(monkeypatch)
    assert peer.read() == publish(7, dup=True)


def test_over_a_new_connection_it_has_the_same_number(peer, monkeypatch):
    peer.connect(monkeypatch)
    peer.session.send(7, "t", b"x")
    peer.read()
    peer.connect(monkeypatch)
    assert peer.read() == publish(7, dup=True)


def test_what_the_broker_has_is_never_published_again(peer, monkeypatch):
    """Also after connections in a row that failed, where paho 1.6.1 alone would."""
    peer.connect(monkeypatch)
    peer.session.send(7, "t", b"x")
    peer.read()
    peer.acknowledge(PUBREC, 7)
    for _ in range(3):
        peer.connect(monkeypatch, answer=False)
    peer.connect(monkeypatch)
    assert peer.read() == (PUBREL, b"\0\x07")


def test_a_new_process_takes_up_what_the_broker_has(peer, monkeypatch):
    peer.session.resume(7, "t", b"x")
    peer.connect(monkeypatch)
    assert peer.read() == (PUBREL, b"\0\x07")
    peer.acknowledge(PUBCOMP, 7)
    assert peer.published == [7]


def test_a_broker_that_has_forgotten_gets_it_again(peer, monkeypatch):
    peer.session.resume(7, "t", b"x")
    peer.session.on_connect = lambda client, *_: client.start_over()
    peer.connect(monkeypatch, present=0)
    assert peer.read() == publish(7)


def test_other_messages_have_other_numbers_and_are_dropped_with_the_connection(peer, monkeypatch):
    peer.connect(monkeypatch)
    numbers = [peer.session.publish("t", b"", qos=1).mid for _ in range(3)]
    assert numbers == [NUMBERS + 1, NUMBERS + 2, NUMBERS + 3]
    peer.session.send(7, "t", b"x")
    peer.session.drop_states()
    peer.connect(monkeypatch)
    assert peer.read() == publish(7, dup=True)  # and nothing before it


def test_without_a_connection_it_goes_with_the_next_one(peer, monkeypatch):
    peer.session.send(7, "t", b"x")
    peer.connect(monkeypatch)
    assert peer.read() == publish(7)
