"""A session with a broker that outlives this process, as the broker's own part of it does.

MQTT delivers a message of QoS 2 exactly once if both sides remember it by its number: the sender until PUBREC, with
which the broker has it, and then, without the message, until PUBCOMP. paho keeps this in memory only. Here the number
of a message follows from its row in the outbox, and the caller notes on disk that PUBREC has come before PUBREL is
sent: so a process that is killed, and started again, goes on where it was. This needs some names of paho 1.6.1 that are
not public; the version is pinned.
"""

import struct
from typing import Callable

import paho.mqtt.client as mqtt

NUMBERS = 32767  # of messages with a row: 1 to this; other messages have those above
LAST = 65535


def number_of(row: int) -> int:
    """The number of the message in a row."""
    return 1 + row % NUMBERS


class Session(mqtt.Client):  # type: ignore[misc]
    """paho's client, with messages of QoS 2 that have a number from `number_of`. Use it from one thread."""

    def __init__(self, client_id: str, received: Callable[[int], None]) -> None:
        """received: called with the number of a message when the broker has it; if it raises, the broker is asked again
        when the connection has been made anew.
        """
        super().__init__(client_id, clean_session=False, protocol=mqtt.MQTTv311)
        self.max_inflight_messages_set(0)  # who calls has limits of its own
        self._received = received
        self._number = 0
        self._last = NUMBERS

    def reconnect(self) -> int:
        """Connect and send CONNECT. Raises OSError, and ValueError for a certificate of another host."""
        for message in self._out_messages.values():
            # After two attempts in a row that failed, paho would publish a message again that the broker has.
            if message.state == mqtt.mqtt_ms_resend_pubrel:
                message.state = mqtt.mqtt_ms_wait_for_pubcomp
        return super().reconnect()  # type: ignore[no-any-return]

    def send(self, number: int, topic: str, payload: bytes) -> None:
        """Publish a message of QoS 2: now, or where the connection is lost with the next one."""
        self._number = number
        try:
            self.publish(topic, payload, qos=2)
        finally:
            self._number = 0

    def resume(self, number: int, topic: str, payload: bytes) -> None:
        """Before the connection: take up a message that the broker has had in an earlier process."""
        if number not in self._out_messages:
            message = mqtt.MQTTMessage(number, topic.encode())
            message.payload, message.qos, message.properties = payload, 2, None
            message.state = mqtt.mqtt_ms_wait_for_pubcomp
            self._out_messages[number] = message

    def holds(self, number: int) -> bool:
        """Whether a message of this number is under way."""
        return number in self._out_messages

    def drop_states(self) -> None:
        """Forget what is under way with another QoS: by the time of the next connection it may not be true."""
        for number, message in list(self._out_messages.items()):
            if message.qos != 2:
                del self._out_messages[number]

    def start_over(self) -> None:
        """In `on_connect`: the broker has no session of ours, so it knows of none of the messages under way."""
        for message in self._out_messages.values():
            message.state = mqtt.mqtt_ms_publish

    def leave(self) -> None:
        """Close the connection as it is."""
        self._sock_close()

    def _mid_generate(self) -> int:
        if self._number:
            return self._number
        while True:
            self._last = NUMBERS + 1 if self._last >= LAST else self._last + 1
            if self._last not in self._out_messages:
                return self._last

    def _handle_pubrec(self) -> int:
        (number,) = struct.unpack("!H", self._in_packet["packet"][:2])
        if number in self._out_messages:
            self._received(number)
        return super()._handle_pubrec()  # type: ignore[no-any-return]
