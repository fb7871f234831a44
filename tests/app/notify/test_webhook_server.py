"""Webhooks at a real server that is good, bad, or silent."""

import itertools
import random
import time
from collections import Counter

import pytest
from support.hooks import Hooks
from support.outboxes import FakeStore, change, changes, wait_for

from app.notify import webhook as webhook_module
from app.notify.webhook import WebhookCourier

pytestmark = pytest.mark.slow


def test_a_server_that_is_bad_for_a_while(monkeypatch):
    """Every message once, in order, through answers that are wrong, and none; signed as the library wants it."""
    library = pytest.importorskip("standardwebhooks")
    from app.notify.signature import read_secret

    secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
    monkeypatch.setattr(webhook_module, "SCHEDULE", (0.05,) * 50)
    monkeypatch.setattr(webhook_module, "PAUSES", (0.0, 0.01, 0.05))
    monkeypatch.setattr(webhook_module, "TICK", 0.01)
    chance, store, wanted = random.Random(1), FakeStore(), changes(20)
    with Hooks() as hooks:
        hooks.answers = [chance.choice([(200, {}), (500, {}), (302, {}), lambda handler: None]) for _ in range(60)]
        answers = list(hooks.answers)
        courier = WebhookCourier("webhook:0", store, hooks.url + "/hook", [read_secret(secret.encode())])
        outbox = store.outbox("webhook:0")
        courier.start()
        for one in wanted:
            outbox.put(one)
        wait_for(lambda: not outbox.rows)
        courier.end(time.monotonic() + 30)
        courier.join()
    good = [
        request
        for request, answer in itertools.zip_longest(hooks.requests, answers[: len(hooks.requests)])
        if answer in (None, (200, {}))
    ]
    found = [library.Webhook(secret).verify(body, headers)["data"] for _, headers, body in good]
    assert Counter((one["id"], one["type"]) for one in found) == Counter((one.incident.id, one.type) for one in wanted)
    for event in {one["id"] for one in found}:
        assert [one["type"] for one in found if one["id"] == event] == ["new", "update", "end"]


def test_what_can_still_be_sent_at_the_end_is():
    store = FakeStore()
    with Hooks() as hooks:
        courier = WebhookCourier("webhook:0", store, hooks.url)
        courier.deliver = lambda outbox: outbox.wait(0.01)
        courier.start()
        for one in changes(3):
            store.outbox("webhook:0").put(one)
        courier.end(time.monotonic() + 30)
        courier.join()
        assert courier.sent == len(hooks.requests) == 9


def test_a_server_that_never_answers_does_not_delay_the_end():
    store = FakeStore()
    with Hooks() as hooks:
        hooks.answers = [hooks.never]
        courier = WebhookCourier("webhook:0", store, hooks.url)
        store.outbox("webhook:0").put(change())
        courier.start()
        wait_for(lambda: hooks.requests)
        courier.end(time.monotonic() + 0.8)
        courier.join()
        courier._thread.join(60)
        assert not courier._thread.is_alive()
    assert list(store.outbox("webhook:0").rows) == [1]  # for the next start
