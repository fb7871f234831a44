"""The connection to a broker: made, lost and made again, and never without a limit of time."""

import random
import select
import socket
import ssl
import time
from typing import Any, Callable, Dict, Optional

from app.errors import UsageError
from app.notify.arguments import Broker
from app.notify.session import Session

KEEPALIVE = 15  # seconds: a broker that is silent for up to twice this is given up
PAUSES = (1.0, 20.0)  # seconds until the next attempt to connect: the first, and the longest
STEADY = 10.0  # seconds of a connection after which the next pause is a short one again
TICK = 0.1  # seconds
REFUSALS = {
    1: "speaks another version of MQTT",
    2: "does not accept the name of this client",
    3: "is not available",
    4: "refuses the user or the password",
    5: "does not let this user in; is there a password, and is it right?",
}


class Connection:
    """Use it from one thread.

    session: paho's client. connected: whether the broker has accepted it. why: there is no connection, for people.
    """

    def __init__(
        self,
        broker: Broker,
        name: str,
        password: str,
        *,
        status: str,
        received: Callable[[int], None],
        forgotten: Callable[[], None],
        ca: Optional[str] = None,
    ) -> None:
        """name: of this client, unique at the broker. status: the topic of its will. received: see `Session`.

        forgotten: called where the broker knows of no session, before anything is sent. ca: a file of certificates to
        trust. Raises UsageError where that cannot be read.
        """
        self.connected = False
        self.why = ""
        self._tls = broker.tls
        self._forgotten = forgotten
        self._due = self._since = 0.0  # of the next attempt; when the connection was made
        self._pause = PAUSES[0]
        self.session = session = Session(name, received)
        if broker.tls:
            try:
                session.tls_set_context(ssl.create_default_context(cafile=ca))
            except OSError as error:
                raise UsageError(f"--mqtt-ca: {ca} cannot be read: {error.strerror or error}") from error
        if broker.user:
            session.username_pw_set(broker.user, password.encode(errors="surrogateescape") or None)
        session.will_set(status, b"offline", qos=1, retain=True)
        session.on_connect, session.on_disconnect = self._on_connect, self._on_disconnect
        session.connect_async(broker.host, broker.port, KEEPALIVE)

    @property
    def wait(self) -> float:
        """Seconds until the next attempt."""
        return max(0.0, self._due - time.monotonic())

    @property
    def is_open(self) -> bool:
        """Whether there is one, which may still have to be accepted."""
        return self.session.socket() is not None

    def connect(self, stopped: Callable[[], bool]) -> bool:
        """Try it; whether it succeeded. stopped: whether to give up."""
        self.why = "does not answer"
        try:
            self.session.reconnect()
            while not self.connected and self.is_open and not stopped():
                self.exchange(TICK)
        except (OSError, ValueError) as error:  # ValueError: Python 3.6's for a certificate of another host
            self.why = _reason(error)
        self._since = time.monotonic()
        return self.connected

    def drop(self) -> None:
        """Give it up, and plan the next attempt."""
        if self.connected and self._is_steady:
            self._pause = PAUSES[0]
        self.connected = False
        self.session.leave()
        self.session.drop_states()
        self._due = time.monotonic() + self._pause * random.uniform(0.5, 1.0)  # not all clients at the same time
        self._pause = min(2 * self._pause, PAUSES[1])

    def exchange(self, seconds: float) -> None:
        """Read and write what can be, for up to so many seconds. Raises OSError."""
        for _ in range(100):
            sock = self.session.socket()
            if sock is None:
                return
            held = self._tls and sock.pending()  # decrypted already
            writing = [sock] if self.session.want_write() else []
            readable, writable, _ = select.select([sock], writing, [], 0.0 if held else seconds)
            if readable or held:
                self.session.loop_read()
            if writable:
                self.session.loop_write()
            self.session.loop_misc()
            if not (readable or held):
                return
            seconds = 0.0

    def close(self, deadline: float) -> None:
        """Take leave, until a time on the monotonic clock, so that the broker does not publish the will."""
        if self.connected:
            self.session.disconnect()
            while self.is_open and time.monotonic() < deadline:
                self.exchange(TICK)
        self.session.leave()
        self.connected = False

    @property
    def _is_steady(self) -> bool:
        return time.monotonic() - self._since >= STEADY

    def _on_connect(self, session: Session, data: Any, flags: Dict[str, int], result: int) -> None:
        if result:
            self.why = REFUSALS.get(result, f"refuses the connection with code {result}")
            return
        self.connected = True
        self.why = "closed the connection; is there another program with this name and prefix?"
        if not flags["session present"]:
            session.start_over()
            self._forgotten()

    def _on_disconnect(self, session: Session, data: Any, result: int) -> None:
        if self.connected and self._is_steady:
            self.why = "the connection is lost"


def _reason(error: Exception) -> str:
    """Why there is no connection."""
    if isinstance(error, socket.gaierror):
        return "no host of this name was found"
    if isinstance(error, socket.timeout):
        return "does not answer"
    if isinstance(error, (ssl.SSLError, ValueError)):
        text = getattr(error, "verify_message", "") or getattr(error, "reason", "") or str(error)
        return f"no secure connection: {text}; --mqtt-ca FILE names whose certificates to trust"
    return (getattr(error, "strerror", None) or str(error)).lower()
