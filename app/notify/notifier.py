"""All that tells other programs of events, for one run."""

import argparse
import functools
import os
import time
from typing import TYPE_CHECKING, Any, Dict, List, Optional, Sequence

from app.errors import OutputError
from app.events.incident import Change
from app.frame import Frame
from app.notify.arguments import commands, read_broker, read_password, read_secrets, webhooks
from app.notify.camera import CameraState
from app.notify.command import CommandCourier
from app.notify.courier import CLOSE_LIMIT, Courier
from app.notify.links import links, page_address
from app.notify.retained import Retained
from app.sinks import Sink

if TYPE_CHECKING:
    from app.events.store import Store
    from app.notify.mqtt import MqttCourier
    from app.tracking.watch import Watch

PAHO = "paho-mqtt==1.6.1"


class Notifier:
    """A context manager that owns the threads. Events come from the store; `sink` gives a camera's state."""

    def __init__(self, run: argparse.Namespace, store: "Store") -> None:
        """Raises UsageError for files that cannot be read, OutputError without paho where that is needed."""
        self._page = page_address(run)
        self._model = os.path.basename(run.model)
        self._cameras: Dict[str, CameraState] = {}  # never changed, only replaced
        self._mqtt: "Optional[MqttCourier]" = None
        self._couriers: List[Courier] = []
        if run.mqtt:
            self._mqtt = self._open_mqtt(run, store)
            self._couriers.append(self._mqtt)
        if run.webhook:
            from app.notify.webhook import WebhookCourier

            keys = read_secrets(run.webhook_secret_file)
            for destination, url in webhooks(run).items():
                only = run.webhook_public_only
                to_files = functools.partial(links, self._page)
                self._couriers.append(WebhookCourier(destination, store, url, keys, public_only=only, links=to_files))
        folder = os.path.abspath(run.store)
        for destination, text in commands(run).items():
            self._couriers.append(CommandCourier(destination, store, text, jobs=run.on_event_jobs, folder=folder))
        for courier in self._couriers:
            courier.start()

    def _open_mqtt(self, run: argparse.Namespace, store: "Store") -> "MqttCourier":
        try:
            from app.notify.mqtt import MqttCourier
        except ImportError as error:
            raise OutputError(f"--mqtt needs a package that is not installed: pip install {PAHO}") from error
        broker = read_broker(run.mqtt)
        password = read_password(run.mqtt_password_file, broker.user)
        self._retained = Retained()
        return MqttCourier(
            store, broker, password, self._retained, lambda: list(self._cameras.values()), ca=run.mqtt_ca
        )

    def sink(self, camera: str, watch: "Optional[Watch]" = None, labels: Sequence[str] = ()) -> Optional[Sink]:
        """What takes the frames of a camera; None where nobody wants its state.

        watch: what is tracked of it. labels: those that are counted from the start, as those of --classes.
        """
        if self._mqtt is None:
            return None
        state = CameraState(
            camera,
            self._retained,
            self._mqtt.root,
            watch=watch,
            labels=labels,
            model=self._model,
            page=self._page,
        )
        if camera in self._cameras:
            self._cameras[camera].replaced = True
        self._cameras = {**self._cameras, camera: state}
        return state

    def changed(self, change: Change, frame: Frame) -> None:
        """Be told, in the camera's thread, that an event changes with this frame, of which a picture is published."""
        state = self._cameras.get(change.incident.camera or frame.camera)
        if state is not None:
            state.changed(change, frame)

    def figures(self) -> Dict[str, int]:
        """Messages sent, retried and given up, by destination: {"mqtt_sent": 17, "mqtt_retried": 2, ...}."""
        found = {}
        for courier in self._couriers:
            for name, count in courier.figures().items():
                found[f"{courier.destination}_{name}"] = count
        return found

    def close(self) -> None:
        """Send what there is, for a moment, and end all threads. What was not sent is, when the program runs again.

        The store should have all changes by now. Closing twice is allowed.
        """
        deadline = time.monotonic() + CLOSE_LIMIT
        for courier in self._couriers:
            courier.end(deadline)
        for courier in self._couriers:
            courier.join()

    def __enter__(self) -> "Notifier":
        return self

    def __exit__(self, *exception: Any) -> None:
        self.close()
