"""Tells other programs of events: a broker of MQTT, webhooks, commands. Nothing here is imported without their options.

    a camera's thread             the store                 a thread for each of them
    CameraState.write       ->    (not for state)     ->    MqttCourier: state and events
    events                  ->    outbox, on disk     ->    MqttCourier, WebhookCourier, CommandCourier

courier.py   what the threads have in common
mqtt.py, connection.py, session.py, retained.py, leftovers.py   the broker
camera.py, counts.py, topics.py, discovery.py   what it is told, and where
webhook.py, post.py, signature.py, links.py   webhooks
command.py   programs
"""

import argparse
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from app.events.store import Store
    from app.notify.notifier import Notifier


def open_notify(run: argparse.Namespace, store: "Store") -> "Notifier":
    """Start what the options of a run ask for. store: has `outbox(destination)`.

    Raises UsageError and OutputError.
    """
    from app.notify.notifier import Notifier

    return Notifier(run, store)
