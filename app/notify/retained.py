"""What a broker should keep: of each topic the newest value only, so that nothing here grows or gets stale."""

import threading
from collections import OrderedDict
from typing import Collection, Dict, NamedTuple


class Value(NamedTuple):
    """What is published, retained. An empty payload removes what the broker keeps."""

    payload: bytes
    qos: int


class Retained:
    """Topics and their values, and which of them the broker has yet to hear of. Several threads may use it."""

    def __init__(self) -> None:
        self._values: Dict[str, Value] = {}
        self._waiting: "OrderedDict[str, None]" = OrderedDict()
        self._lock = threading.Lock()

    def set(self, topic: str, payload: bytes, qos: int = 1) -> None:
        """Set a value. Nothing happens where it is what it was."""
        value = Value(payload, qos)
        with self._lock:
            if self._values.get(topic) != value:
                self._values[topic] = value
                self._waiting[topic] = None

    def has(self, topic: str) -> bool:
        """Whether the topic has a value."""
        return topic in self._values

    def repeat(self) -> None:
        """Have all published again, as after every connection."""
        with self._lock:
            self._waiting = OrderedDict.fromkeys(self._values)

    def take(self, most: int, busy: Collection[str], qos: Collection[int]) -> Dict[str, Value]:
        """Up to so many that wait, and no longer do, of these levels of service, and not those of the topics `busy`."""
        taken: Dict[str, Value] = {}
        with self._lock:
            for topic in self._waiting:
                if len(taken) >= most:
                    break
                if topic not in busy and self._values[topic].qos in qos:
                    taken[topic] = self._values[topic]
            for topic in taken:
                del self._waiting[topic]
        return taken

    @property
    def waits(self) -> bool:
        """Whether there is anything to publish."""
        return bool(self._waiting)
