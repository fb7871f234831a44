"""What publishes to a broker in tests, and who looks whether all came once."""

import json
import time
from collections import Counter

from support.outboxes import FakeStore, wait_for

from app.notify.arguments import read_broker
from app.notify.mqtt import MqttCourier
from app.notify.retained import Retained


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
