"""A real broker of MQTT, which is stopped, frozen and started again, and a subscriber that it keeps messages for."""

import json
import os
import shutil
import signal
import socket
import subprocess
import time
from typing import Any, Dict, List, Optional

from app.errors import SourceError

PROGRAM = shutil.which("mosquitto", path=os.environ.get("PATH", "") + ":/usr/sbin")
PATIENCE = 30.0  # seconds
CONFIG = """listener {port} 127.0.0.1
allow_anonymous true
persistence true
persistence_location {folder}/
user root
max_queued_messages 0
"""


class Broker:
    """A context manager: mosquitto with persistence."""

    def __init__(self, folder: str) -> None:
        """Raises SourceError where mosquitto is not installed."""
        if PROGRAM is None:
            raise SourceError("needs mosquitto, the broker: apt-get install mosquitto")
        self.port = free_port()
        self._config = os.path.join(folder, "mosquitto.conf")
        with open(self._config, "w") as file:
            file.write(CONFIG.format(port=self.port, folder=folder))
        self._process: Optional[subprocess.Popen] = None
        self.start()

    def start(self) -> None:
        """Start it, and wait until it listens."""
        command = [str(PROGRAM), "-c", self._config]
        self._process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        deadline = time.monotonic() + PATIENCE
        while True:
            try:
                socket.create_connection(("127.0.0.1", self.port), 1.0).close()
                return
            except OSError:
                if self._process.poll() is not None or time.monotonic() > deadline:
                    raise SourceError("mosquitto did not start") from None
                time.sleep(0.05)

    def stop(self) -> None:
        """End it as an administrator does."""
        self.send(signal.SIGTERM)
        assert self._process is not None
        self._process.wait(PATIENCE)

    def send(self, number: int) -> None:
        """Send it a signal: SIGSTOP freezes it, SIGCONT lets it go on."""
        assert self._process is not None
        self._process.send_signal(number)

    def __enter__(self) -> "Broker":
        return self

    def __exit__(self, *exception: object) -> None:
        if self._process is not None and self._process.poll() is None:
            self._process.kill()
            self._process.wait(PATIENCE)


class Subscriber:
    """A context manager: a client with a persistent session.

    events: the changes that arrived, in order. retained: the last payload of each other topic.
    """

    def __init__(self, port: int) -> None:
        from paho.mqtt.client import Client

        self.events: List[Dict[str, Any]] = []
        self.retained: Dict[str, bytes] = {}
        self._subscribed = False
        self._client = Client("soak", clean_session=False)
        self._client.reconnect_delay_set(1, 1)
        self._client.on_connect = lambda client, *rest: client.subscribe("nanoyolo/#", 2)
        self._client.on_subscribe = self._on_subscribe
        self._client.on_message = self._on_message
        self._client.connect_async("127.0.0.1", port, 5)
        self._client.loop_start()
        deadline = time.monotonic() + PATIENCE
        while not self._subscribed:
            if time.monotonic() > deadline:
                raise SourceError("the broker let nobody subscribe")
            time.sleep(0.05)

    def _on_subscribe(self, *given: object) -> None:
        self._subscribed = True

    def _on_message(self, client: object, data: object, message: Any) -> None:
        if message.topic.endswith("/event"):
            self.events.append(json.loads(message.payload.decode()))
        else:
            self.retained[message.topic] = bytes(message.payload)

    def __enter__(self) -> "Subscriber":
        return self

    def __exit__(self, *exception: object) -> None:
        self._client.disconnect()
        self._client.loop_stop()


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])
