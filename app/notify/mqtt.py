"""Publishes to a broker: events from the outbox, exactly once; state, of which only the newest counts.

Events have QoS 2 and a session that both sides keep, see session.py: a broker that was frozen may read what was sent
over a connection that has been given up, and again over the next one, but knows it by its number. State has QoS 1 and
is retained; with every connection all of it is published again.
"""

import json
import random
import select
import socket
import ssl
import time
from typing import Any, Callable, Dict, List, Optional, Sequence, Set

from app.errors import UsageError
from app.notify import discovery
from app.notify.arguments import PREFIX, Broker
from app.notify.camera import CameraState
from app.notify.courier import Courier
from app.notify.retained import Retained
from app.notify.session import Session, number_of, refusals
from app.notify.topics import CameraTopics, host_level, level

DESTINATION = "mqtt"
KEEPALIVE = 15  # seconds: a broker that is silent for up to twice this is given up
WINDOW = 8  # events under way; mosquitto takes 20 of a client
STATES = 8  # values under way
TICK = 0.1  # seconds
SWEEP = 3.0  # seconds for the broker to tell what it keeps from an earlier run
PAUSES = (1.0, 60.0)  # seconds until the next attempt to connect: the first, and the longest
STEADY = 10.0  # seconds of a connection after which the next pause is a short one again
RECEIVED = 1  # "attempts" of a message in the outbox that the broker has, but has not completed
LAST_WORDS = 0.3  # seconds of the time to close that are for saying that the program is offline


def root_of(broker: Broker) -> str:
    """The topic of this machine."""
    return f"{broker.prefix}/{host_level()}"


class MqttCourier(Courier):
    """The thread that talks with the broker.

    retained: what the broker should keep. connects: how often there was a connection.
    """

    def __init__(
        self,
        store: Any,
        broker: Broker,
        password: str,
        retained: Retained,
        cameras: Callable[[], Sequence[CameraState]],
        *,
        ca: Optional[str] = None,
    ) -> None:
        """cameras: those that there are now. ca: a file of certificates to trust. Raises UsageError where that cannot
        be read.
        """
        super().__init__(DESTINATION, store, broker.name)
        self.retained = retained
        self.connects = 0
        self._broker = broker
        self._root = root_of(broker)
        self._status = self._root + "/status"
        self._cameras = cameras
        self._outbox: Any = None
        self._rows: Dict[int, int] = {}  # of the events under way, by number
        self._busy: Dict[int, str] = {}  # topics of the values under way
        self._connected = False
        self._why = ""  # there is no connection
        self._due = self._since = 0.0  # of the next attempt; when the connection was made
        self._pause = PAUSES[0]
        self._subscriptions: List[str] = []
        self._sweep_ends: Optional[float] = None
        self._strangers: Set[str] = set()  # topics that the broker keeps, of no camera that there is
        self._client = self._make_client(password, ca)
        retained.set(self._status, b"online")

    def _make_client(self, password: str, ca: Optional[str]) -> Session:
        name = "nanoyolo-" + host_level()
        if self._broker.prefix != PREFIX:  # another program may run here with the usual one
            name += "-" + level(self._broker.prefix)
        client = Session(name, self._on_received)
        if self._broker.tls:
            try:
                client.tls_set_context(ssl.create_default_context(cafile=ca))
            except OSError as error:
                raise UsageError(f"--mqtt-ca: {ca} cannot be read: {error.strerror or error}") from error
        if self._broker.user:
            client.username_pw_set(self._broker.user, password or None)
        client.will_set(self._status, b"offline", qos=1, retain=True)
        client.on_connect, client.on_disconnect, client.on_publish = self._on_connect, self._on_close, self._on_publish
        client.on_message, client.on_subscribe = self._on_message, self._on_subscribe
        client.connect_async(self._broker.host, self._broker.port, KEEPALIVE)
        return client

    @property
    def connected(self) -> bool:
        """Whether there is a connection."""
        return self._connected

    def deliver(self, outbox: Any) -> None:
        self._outbox = outbox
        try:
            if not self._connected:
                self._connect()
            if self._connected:
                self._exchange()
        except BaseException:
            self._disconnected()  # nothing is known of what is under way
            raise

    def _connect(self) -> None:
        """Try it, or wait until it is time for that."""
        if time.monotonic() < self._due:
            self._ending.wait(min(TICK, self._due - time.monotonic()))
            return
        for message in self._outbox.pending(WINDOW):
            if message.attempts >= RECEIVED:
                number = number_of(message.row)
                self._rows[number] = message.row
                self._client.resume(number, self._event_topic(message.change), self._payload(message.change))
        self.retried += len(self._rows)
        try:
            self._why = "does not answer"
            self._client.reconnect()
            while not self._connected and self._client.socket() is not None and not self.ending:
                self._loop(TICK)
        except (OSError, ValueError) as error:  # ValueError: Python 3.6's for a certificate of another host
            self._why = _reason(error)
        if self._connected:
            self.all_well()
            self.connects += 1
            self._since = time.monotonic()
            self._subscriptions = [discovery.STATUS, *(self._root + below for below in ("/+/+", "/+/zones/+/+", "/+/lines/+/+"))]
            self._client.subscribe([(topic, 0) for topic in self._subscriptions])
            self.retained.repeat()
        elif not self.ending:
            self._disconnected()

    def _disconnected(self) -> None:
        """Note that there is no connection, and when to try again."""
        if self._connected and time.monotonic() - self._since >= STEADY:
            self._pause = PAUSES[0]
        self._connected = False
        self._client.leave()
        self._client.drop_states()
        self._busy.clear()
        self._due = time.monotonic() + self._pause * random.uniform(0.5, 1.0)
        self._pause = min(2 * self._pause, PAUSES[1])
        self.complain(f"{self._why}; events wait on disk")

    def _exchange(self) -> None:
        """Send what may be sent, and read what has come, in up to a tenth of a second."""
        for camera in self._cameras():
            for topic, picture in camera.pictures().items():
                self.retained.set(topic, picture.jpeg(), qos=0)
        self._publish_events()
        self._publish_states()
        if self._rows or self._busy or self._client.want_write():
            self._loop(TICK)
        else:
            self._outbox.wait(TICK)
            self._loop(0.0)
        if self._sweep_ends is not None and time.monotonic() >= self._sweep_ends:
            self._end_sweep()
        if self._client.socket() is None:
            self._disconnected()

    def _publish_events(self) -> None:
        """Events in order; those under way are still in the outbox, so there are never more than `WINDOW`."""
        for message in self._outbox.pending(WINDOW):
            number = number_of(message.row)
            if self._rows.get(number) == message.row:
                continue
            if number in self._rows or self._client.socket() is None:
                break
            self._rows[number] = message.row
            self._client.send(number, self._event_topic(message.change), self._payload(message.change))

    def _publish_states(self) -> None:
        for topic, value in self.retained.take(STATES - len(self._busy), self._busy.values(), (1,)).items():
            self._busy[self._client.publish(topic, value.payload, qos=1, retain=True).mid] = topic
        if not self._client.want_write():  # pictures are large, and the connection may be slow
            for topic, value in self.retained.take(1, (), (0,)).items():
                self._client.publish(topic, value.payload, qos=0, retain=True)

    def _event_topic(self, change: Any) -> str:
        return CameraTopics(self._root, change.incident.camera).event

    def _payload(self, change: Any) -> bytes:
        """The same bytes for the same change, always: a broker compares what it gets twice."""
        return json.dumps(change.as_json(), sort_keys=True, separators=(",", ":")).encode()

    def _loop(self, seconds: float) -> None:
        """Read and write what can be, for up to so many seconds."""
        for _ in range(100):
            sock = self._client.socket()
            if sock is None:
                return
            held = self._broker.tls and sock.pending()  # decrypted already
            writing = [sock] if self._client.want_write() else []
            readable, writable, _ = select.select([sock], writing, [], 0.0 if held else seconds)
            if readable or held:
                self._client.loop_read()
            if writable:
                self._client.loop_write()
            self._client.loop_misc()
            if not (readable or held):
                return
            seconds = 0.0

    def _on_connect(self, client: Session, data: Any, flags: Dict[str, int], result: int) -> None:
        if result:
            self._why = refusals().get(result, f"refuses the connection with code {result}")
            return
        self._connected = True
        self._why = "closed the connection; is there another program with the same name and prefix?"
        if not flags["session present"]:
            client.start_over()
            for row in self._rows.values():
                self._outbox.postpone(row, 0.0, 0)

    def _on_close(self, client: Session, data: Any, result: int) -> None:
        if self._connected and time.monotonic() - self._since >= STEADY:
            self._why = "the connection is lost"

    def _on_received(self, number: int) -> None:
        self._outbox.postpone(self._rows[number], 0.0, RECEIVED)

    def _on_publish(self, client: Session, data: Any, number: int) -> None:
        self._busy.pop(number, None)
        if number in self._rows:
            self._outbox.done(self._rows[number])
            del self._rows[number]
            self.sent += 1

    def _on_subscribe(self, client: Session, data: Any, number: int, granted: Sequence[int]) -> None:
        self._sweep_ends = time.monotonic() + SWEEP
        refused = [topic for topic, level in zip(self._subscriptions, granted) if level > 2]
        if refused:
            self.complain(f"the user may not read {', '.join(refused)}; counts of an earlier run may be left there")

    def _on_message(self, client: Session, data: Any, message: Any) -> None:
        if message.topic == discovery.STATUS:
            if message.payload == b"online" and not message.retain:  # Home Assistant has started
                self.retained.repeat()
        elif message.retain and message.payload and not self.retained.has(message.topic):
            name = message.topic[len(self._root) + 1 :].split("/")[0]
            for camera in self._cameras():
                if camera.topics.level == name:
                    camera.earlier(message.topic)
                    return
            self._strangers.add(message.topic)

    def _end_sweep(self) -> None:
        """All is known that an earlier run has left. Its cameras that are no more are offline, and count nothing."""
        self._sweep_ends = None
        self._client.unsubscribe(self._subscriptions[1:])
        for topic in self._strangers:
            self.retained.set(topic, b"offline" if topic.endswith("/status") else b"")
        self._strangers.clear()

    def finish(self, outbox: Any) -> None:
        """Send what is still in the outbox, and say that the program is offline."""
        while self._connected and time.monotonic() < self.deadline - LAST_WORDS and outbox.pending(1):
            self._exchange()
        self.retained.set(self._status, b"offline")
        while self._connected and time.monotonic() < self.deadline and (self.retained.waits or self._busy):
            self._exchange()
        if self._connected:
            self._client.disconnect()
            while self._client.socket() is not None and time.monotonic() < self.deadline:
                self._loop(TICK)
        self._client.leave()


def _reason(error: Exception) -> str:
    """Why there is no connection."""
    if isinstance(error, socket.gaierror):
        return "no host of this name was found"
    if isinstance(error, socket.timeout):
        return "does not answer"
    if isinstance(error, (ssl.SSLError, ValueError)):
        text = getattr(error, "verify_message", "") or getattr(error, "reason", "") or str(error)
        return f"its certificate is not accepted: {text}; --mqtt-ca FILE names whose certificates to trust"
    return (getattr(error, "strerror", None) or str(error)).lower()
