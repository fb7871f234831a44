"""Publishes to a broker: events from the outbox, exactly once; state, of which only the newest counts.

Events have QoS 2 and a session that both sides keep, see session.py: a broker that was frozen may read what was sent
over a connection that has been given up, and again over the next one, but knows it by its number. State has QoS 1 and
is retained; with every connection all of it is published again.
"""

import json
import time
from typing import TYPE_CHECKING, Any, Callable, Dict, Optional, Sequence

from app.errors import NanoyoloError
from app.notify import discovery
from app.notify.arguments import PREFIX, Broker
from app.notify.camera import CameraState
from app.notify.connection import TICK, Connection
from app.notify.courier import Courier
from app.notify.leftovers import Leftovers
from app.notify.retained import Retained
from app.notify.session import Session, number_of
from app.notify.topics import CameraTopics, host_level, level

if TYPE_CHECKING:
    from app.events.outbox import Outbox
    from app.events.store import Store

WINDOW = 8  # events under way; mosquitto takes 20 of a client
STATES = 8  # values under way
RECEIVED = 1  # "attempts" of a message in the outbox that the broker has, but has not completed
LAST_WORDS = 0.3  # seconds of the time to close that are for saying that the program is offline


class MqttCourier(Courier):
    """The thread that talks with the broker.

    root: the topic of this machine. connects: how often there was a connection.
    """

    _outbox: "Outbox"  # since the first `deliver`

    def __init__(
        self,
        store: "Store",
        broker: Broker,
        password: str,
        retained: Retained,
        cameras: Callable[[], Sequence[CameraState]],
        *,
        ca: Optional[str] = None,
    ) -> None:
        """retained: what the broker should keep. cameras: those that there are now. ca: see `Connection`.

        Raises UsageError.
        """
        super().__init__("mqtt", store, broker.name)
        self.root = f"{broker.prefix}/{host_level()}"
        self.connects = 0
        self._retained = retained
        self._status = self.root + "/status"
        self._cameras = cameras
        self._rows: Dict[int, int] = {}  # of the events under way, by number
        self._busy: Dict[int, str] = {}  # topics of the values under way
        self._leftovers = Leftovers(self.root, retained, cameras)
        self._subscriptions = [discovery.STATUS, *self._leftovers.topics]
        name = "nanoyolo-" + host_level()
        if broker.prefix != PREFIX:  # another program may run here with the usual one
            name += "-" + level(broker.prefix)
        self._connection = Connection(
            broker, name, password, status=self._status, received=self._on_received, forgotten=self._on_forgotten, ca=ca
        )
        self._session = session = self._connection.session
        session.on_publish, session.on_message = self._on_publish, self._on_message
        session.on_subscribe = self._on_subscribe
        retained.set(self._status, b"online")

    def figures(self) -> Dict[str, int]:
        return {**super().figures(), "connected": int(self._connection.connected), "connects": self.connects}

    def deliver(self, outbox: "Outbox") -> None:
        self._outbox = outbox
        connection = self._connection
        if not connection.connected and connection.wait:
            self._ending.wait(min(TICK, connection.wait))
            return
        try:
            if connection.connected or self._connect():
                self._exchange()
        except BaseException as error:
            self._forget()  # nothing is known of what is under way
            if isinstance(error, NanoyoloError) or not isinstance(error, OSError):
                raise  # it is the store's, or a bug
            self.complain(f"{(error.strerror or str(error)).lower()}; events wait on disk")

    def _connect(self) -> bool:
        for message in self._outbox.pending(WINDOW):
            if message.attempts >= RECEIVED:
                number = number_of(message.row)
                self._rows[number] = message.row
                self._session.resume(number, self._topic(message.change), self._payload(message.change))
        if not self._connection.connect(lambda: self.ending):
            if not self.ending:
                self._drop()
            return False
        self.all_well()
        self.connects += 1
        self.retried += len(self._rows)
        self._session.subscribe([(topic, 0) for topic in self._subscriptions])
        self._retained.repeat()
        return True

    def _forget(self) -> None:
        self._connection.drop()
        self._busy.clear()

    def _drop(self) -> None:
        self._forget()
        self.complain(f"{self._connection.why}; events wait on disk")

    def _exchange(self) -> None:
        """Send what may be sent, and read what has come, in up to a tenth of a second."""
        for camera in self._cameras():
            for topic, picture in camera.pictures().items():
                self._retained.set(topic, picture.jpeg(), qos=0)
        self._publish_events()
        self._publish_states()
        if self._rows or self._busy or self._session.want_write():
            self._connection.exchange(TICK)
        else:
            self._outbox.wait(TICK)
            self._connection.exchange(0.0)
        if self._leftovers.settle():
            self._session.unsubscribe(self._leftovers.topics)
        if not self._connection.is_open:
            self._drop()

    def _publish_events(self) -> None:
        """Events in order; those under way are still in the outbox, unless too many waited there."""
        for message in self._outbox.pending(WINDOW):
            number = number_of(message.row)
            if self._rows.get(number) == message.row:
                continue
            if number in self._rows or len(self._rows) >= WINDOW or not self._connection.is_open:
                break
            self._rows[number] = message.row
            self._session.send(number, self._topic(message.change), self._payload(message.change))

    def _publish_states(self) -> None:
        for topic, value in self._retained.take(STATES - len(self._busy), self._busy.values(), (1,)).items():
            self._busy[self._session.publish(topic, value.payload, qos=1, retain=True).mid] = topic
        if not self._session.want_write():  # pictures are large, and the connection may be slow
            for topic, value in self._retained.take(1, (), (0,)).items():
                self._session.publish(topic, value.payload, qos=0, retain=True)

    def _topic(self, change: Any) -> str:
        return CameraTopics(self.root, change.incident.camera).event

    def _payload(self, change: Any) -> bytes:
        """The same bytes for the same change, always: a broker compares what it gets twice."""
        return json.dumps(change.as_json(), sort_keys=True, separators=(",", ":")).encode()

    def _on_forgotten(self) -> None:
        for row in self._rows.values():
            self._outbox.postpone(row, 0.0, 0)

    def _on_received(self, number: int) -> None:
        self._outbox.postpone(self._rows[number], 0.0, RECEIVED)

    def _on_publish(self, session: Session, data: Any, number: int) -> None:
        self._busy.pop(number, None)
        if number in self._rows:
            self._outbox.done(self._rows[number])
            del self._rows[number]
            self.sent += 1

    def _on_subscribe(self, session: Session, data: Any, number: int, granted: Sequence[int]) -> None:
        self._leftovers.begin()
        refused = [topic for topic, code in zip(self._subscriptions, granted) if code > 2]
        if refused:
            self.complain(f"this user may not read {', '.join(refused)}; counts of an earlier run may be left there")

    def _on_message(self, session: Session, data: Any, message: Any) -> None:
        if message.topic == discovery.STATUS:
            if message.payload == b"online" and not message.retain:  # Home Assistant has started
                self._retained.repeat()
        elif message.retain and message.payload:
            self._leftovers.take(message.topic)

    def finish(self, outbox: "Outbox") -> None:
        """Send what is still in the outbox, and say that the program is offline."""
        connection = self._connection
        while connection.connected and time.monotonic() < self.deadline - LAST_WORDS and outbox.pending(1):
            self._exchange()
        self._retained.set(self._status, b"offline")
        while connection.connected and time.monotonic() < self.deadline and (self._retained.waits or self._busy):
            self._exchange()
        connection.close(self.deadline)
