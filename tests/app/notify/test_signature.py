"""Signatures of webhooks, against the standard's own library and its published example."""

import base64
import json
import time

import pytest

from app.notify.signature import headers, read_secret

SECRET = b"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


def test_the_example_of_the_standard():
    """Of the specification's reference implementations: id, time, body and signature."""
    found = headers([read_secret(SECRET)], "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, b'{"test": 2432232314}')
    assert found == {
        "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
        "webhook-timestamp": "1614265330",
        "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    }


def test_the_library_of_the_standard_accepts_it():
    library = pytest.importorskip("standardwebhooks")
    body = json.dumps({"type": "event.new"}).encode()
    found = headers([read_secret(SECRET)], "1", int(time.time()), body)
    assert library.Webhook(SECRET.decode()).verify(body, found) == {"type": "event.new"}
    with pytest.raises(library.WebhookVerificationError):
        library.Webhook(SECRET.decode()).verify(body + b" ", found)


def test_while_secrets_change_both_are_accepted():
    library = pytest.importorskip("standardwebhooks")
    other = b"whsec_" + base64.b64encode(b"x" * 32)
    found = headers([read_secret(SECRET), read_secret(other)], "1", int(time.time()), b"{}")
    for secret in (SECRET, other):
        library.Webhook(secret.decode()).verify(b"{}", found)


def test_without_a_secret_there_is_no_signature():
    assert "webhook-signature" not in headers([], "1", 1, b"{}")
