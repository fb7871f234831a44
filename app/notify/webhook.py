"""Posts events to an address, in the form of Standard Webhooks 1.0.0 (https://www.standardwebhooks.com).

{"type": "event.new", "timestamp": "2026-11-29T10:02:01.250Z", "data": {...}}

An answer of 2xx is a success, 410 means that nothing more is wanted, and all else, no answer too, that it is tried
again: after `SCHEDULE`, or when the server asks for it. The messages of one event keep their order.
"""

import http.client
import json
import random
import socket
import ssl
import time
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any, Callable, Dict, Optional, Sequence
from urllib.parse import urlsplit

from app.notify.courier import LAST_MOMENT, Courier
from app.notify.post import Answer, Post, Refused
from app.notify.signature import headers

if TYPE_CHECKING:
    from app.events.outbox import Message, Outbox
    from app.events.store import Store

# Seconds after each failed attempt; after the last one the message is given up.
SCHEDULE = (5.0, 300.0, 1800.0, 7200.0, 18000.0, 36000.0, 50400.0, 72000.0, 86400.0)
# Seconds until another message is tried, after so many failures in a row: the server may be down.
PAUSES = (0.0, 0.0, 5.0, 15.0, 60.0, 300.0)
JITTER = (1.0, 1.2)  # times a delay
LOOKED_AT = 500  # messages
TICK = 1.0  # seconds
GONE = 410


class WebhookCourier(Courier):
    """The thread of one webhook."""

    def __init__(
        self,
        destination: str,
        store: "Store",
        url: str,
        keys: Sequence[bytes] = (),
        *,
        public_only: bool = False,
        links: Callable[[Any], Dict[str, str]] = lambda change: {},
        now: Callable[[], float] = time.time,
    ) -> None:
        """destination: its name in the store. keys: see `read_secrets`. links: of a change, addresses for people.

        now: seconds since 1970.
        """
        parts = urlsplit(url)
        # What follows the host is often secret.
        super().__init__(destination, store, f"webhook {parts.scheme}://{parts.netloc}/...")
        self.gone = False
        self._url = url
        self._keys = keys
        self._public_only = public_only
        self._links = links
        self._now = now
        self._post: Optional[Post] = None
        self._interrupted = False
        self._failures = 0  # in a row
        self._is_new, self._probes = True, False
        self._was_down = False
        self._due = 0.0

    def deliver(self, outbox: "Outbox") -> None:
        if self.gone:
            for message in outbox.pending(LOOKED_AT):
                self._give_up(outbox, message.row)
            outbox.wait(TICK)
            return
        waiting = outbox.pending(LOOKED_AT)
        message = self.choose(waiting)
        self._probes = message is None and self._is_new and bool(waiting)
        if self._is_new:
            self._is_new, self._was_down = False, any(one.attempts for one in waiting)
        if self._probes:  # after a start, whether the server works by now; that it does not counts for no message
            message = waiting[0]
        if message is None:
            outbox.wait(TICK)
        else:
            self._attempt(outbox, message)

    def choose(self, messages: Sequence[Any]) -> Any:
        """The next message to send now; None if there is none."""
        now, waiting = self._now(), set()
        if now < self._due <= now + PAUSES[-1] * JITTER[1]:  # later, and the clock has been set back
            return None
        for message in messages:
            event = message.change.incident.id
            if event not in waiting and (message.due <= now or message.due > now + SCHEDULE[-1] * JITTER[1]):
                return message
            waiting.add(event)
        return None

    def body(self, change: Any) -> bytes:
        """What is posted: the same for every attempt."""
        moment = datetime.fromtimestamp(change.t, timezone.utc)
        stamp = moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03d}Z"
        data = {**change.as_json(), **self._links(change)}
        return json.dumps({"type": "event." + change.type, "timestamp": stamp, "data": data}).encode()

    def finish(self, outbox: "Outbox") -> None:
        """Send what can still be sent."""
        while not self._interrupted and not self.gone and time.monotonic() < self.deadline - LAST_MOMENT:
            message = self.choose(outbox.pending(LOOKED_AT))
            if message is None:
                return
            self._attempt(outbox, message)

    def _attempt(self, outbox: "Outbox", message: "Message") -> None:
        change, body = message.change, self.body(message.change)
        identifier = f"{change.incident.id}-{change.number}"
        self._post = Post(self._url, public_only=self._public_only)
        if self._interrupted:
            return
        try:
            answer = self._post.send(body, headers(self._keys, identifier, int(self._now()), body))
        except (OSError, http.client.HTTPException, ValueError) as error:
            if self._interrupted:
                return  # it is sent with the next start
            self._failed(outbox, message, _reason(error), None)
            return
        if 200 <= answer.status < 300:
            self._succeeded(outbox, message)
        elif answer.status == GONE:
            self.gone = True
            self.complain("answers that it is gone (410), so nothing more is sent there; remove this --webhook")
            self._give_up(outbox, message.row)
        else:
            self._failed(outbox, message, f"answers with {answer.status}", answer)

    def _succeeded(self, outbox: "Outbox", message: "Message") -> None:
        outbox.done(message.row)
        self.sent += 1
        self.all_well()
        if self._was_down:  # so what has failed meanwhile need not wait any longer
            self._was_down = False
            for waiting in outbox.pending(LOOKED_AT):
                if waiting.due > self._now():
                    outbox.postpone(waiting.row, 0.0, waiting.attempts)
        self._failures, self._due = 0, 0.0

    def _failed(self, outbox: "Outbox", message: "Message", why: str, answer: Optional[Answer]) -> None:
        attempts, now = message.attempts + 1, self._now()
        self._failures += 1
        self._was_down = self._was_down or self._failures >= 2
        pause = PAUSES[min(self._failures, len(PAUSES) - 1)] * random.uniform(*JITTER)
        wanted = answer.retry_after if answer is not None and answer.status in (429, 503) else None
        if wanted is not None:
            pause = max(pause, min(wanted, PAUSES[-1]))
        self._due = now + pause
        if self._probes:
            self.complain(f"{why}; what is for it waits on disk")
            return
        if attempts > len(SCHEDULE):
            self.complain(f"{why}; a message was given up after {attempts} attempts")
            self._give_up(outbox, message.row)
            return
        self.complain(f"{why}; what is for it waits on disk")
        self.retried += 1
        delay = max(SCHEDULE[attempts - 1], wanted or 0.0) * random.uniform(*JITTER)
        outbox.postpone(message.row, now + delay, attempts)

    def _give_up(self, outbox: "Outbox", row: int) -> None:
        outbox.give_up(row)
        self.given_up += 1

    def interrupt(self) -> None:
        self._interrupted = True
        post = self._post
        if post is not None:
            post.interrupt()


def _reason(error: Exception) -> str:
    """Why there is no answer."""
    if isinstance(error, Refused):
        return str(error)
    if isinstance(error, socket.gaierror):
        return "no host of this name was found"
    if isinstance(error, socket.timeout):
        return "does not answer in time"
    if isinstance(error, (ssl.SSLError, ValueError)):
        return f"its certificate is not accepted: {getattr(error, 'verify_message', '') or error}"
    if isinstance(error, http.client.HTTPException):
        return "does not speak HTTP"
    return (getattr(error, "strerror", None) or str(error)).lower()
