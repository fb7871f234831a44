"""A real broker in a process of its own, which is stopped, frozen, killed and started again; and who listens to it."""

import os
import shutil
import signal
import socket
import subprocess

import pytest
from support.outboxes import wait_for

PROGRAM = shutil.which("mosquitto", path=os.environ["PATH"] + ":/usr/sbin")
needs_mosquitto = pytest.mark.skipif(PROGRAM is None, reason="needs mosquitto: make test-packages")


class Mosquitto:
    """A context manager. With persistence, in a folder. settings: with {port} and {folder}."""

    def __init__(self, folder, settings=""):
        self.folder = str(folder)
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self._config = os.path.join(self.folder, "mosquitto.conf")
        with open(self._config, "w") as file:
            file.write("persistence true\npersistence_location %s/\nuser root\n" % self.folder)
            settings = settings or "listener {port} 127.0.0.1\nallow_anonymous true\n"
            file.write(settings.format(port=self.port, folder=self.folder))
            file.write("\nlog_type all\n")
        self._log = open(os.path.join(self.folder, "mosquitto.log"), "ab")  # noqa: SIM115
        self.process = None
        self.start()

    def start(self):
        self.process = subprocess.Popen([PROGRAM, "-c", self._config], stdout=self._log, stderr=self._log)
        wait_for(self._listens)

    def _listens(self):
        assert self.process.poll() is None, "mosquitto ended"
        try:
            socket.create_connection(("127.0.0.1", self.port), 1).close()
            return True
        except OSError:
            return False

    def stop(self, how=signal.SIGTERM):
        self.process.send_signal(how)
        self.process.wait(30)

    def freeze(self):
        self.process.send_signal(signal.SIGSTOP)

    def thaw(self):
        self.process.send_signal(signal.SIGCONT)

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        self._log.close()


class Listener:
    """A subscriber with a persistent session of QoS 2, so that it gets once what the broker has once."""

    def __init__(self, port, topic="#", name="listener", clean=False, user=None, password=None):
        import paho.mqtt.client as mqtt

        self.messages = []  # (topic, payload, retained)
        self.subscriptions = 0
        self._topic = topic
        self._client = mqtt.Client(name, clean_session=clean)
        if user:
            self._client.username_pw_set(user, password)
        self._client.reconnect_delay_set(1, 1)
        self._client.on_connect = self._on_connect
        self._client.on_subscribe = self._on_subscribe
        self._client.on_message = self._on_message
        self._client.connect_async("127.0.0.1", port, 60)
        self._client.loop_start()
        wait_for(lambda: self.subscriptions)

    def _on_connect(self, client, data, flags, result):
        client.subscribe(self._topic, 2)

    def _on_subscribe(self, client, data, number, granted):
        self.subscriptions += 1

    def _on_message(self, client, data, message):
        self.messages.append((message.topic, bytes(message.payload), bool(message.retain)))

    def last(self, topic):
        """The last payload of a topic, None before the first."""
        for found, payload, _ in reversed(self.messages):
            if found == topic:
                return payload
        return None

    def publish(self, topic, payload, **options):
        self._client.publish(topic, payload, **options).wait_for_publish()

    def close(self):
        self._client.disconnect()
        self._client.loop_stop()

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self.close()
