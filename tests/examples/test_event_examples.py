"""The programs for --on-event, run as a command, against a server that the test reads."""

import email
import email.header
import os
import sys
import time

import pytest
from support.hooks import Hooks
from support.outboxes import FakeStore, change, wait_for
from support.program import ROOT

from app.notify.command import CommandCourier

pytestmark = pytest.mark.slow
PICTURE = b"\xff\xd8\xff jpeg"


def run(name, *args, folder, **fields):
    """Run one with a "new" and an "end"; both succeed."""
    store = FakeStore()
    text = " ".join("'%s'" % word for word in (sys.executable, os.path.join(ROOT, "examples", name), *args))
    courier = CommandCourier("command:0", store, text, folder=str(folder))
    for number, type in enumerate(("new", "end"), 1):
        store.outbox("command:0").put(change(number, type, label="Fußgänger", zones=("drive",), **fields))
    courier.start()
    wait_for(lambda: not store.outbox("command:0").rows)
    courier.end(time.monotonic() + 10)
    courier.join()
    assert courier.figures() == {"sent": 2, "retried": 0, "given_up": 0}


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "a.jpg").write_bytes(PICTURE)
    return tmp_path


def decoded(text):
    return str(email.header.make_header(email.header.decode_header(text)))


@pytest.mark.parametrize("picture", ["a.jpg", "", "gone.jpg"])
def test_ntfy(folder, picture):
    with Hooks() as hooks:
        run("to_ntfy.py", hooks.url + "/topic", folder=folder, picture=picture)
    ((path, headers, body),) = hooks.requests
    assert path == "/topic"
    assert decoded(headers["Title"]) == "Fußgänger at yard"
    assert decoded(headers["Message"]) == "50 % sure, drive"
    assert body == (PICTURE if picture == "a.jpg" else b"")
    assert ("Filename" in headers) == bool(body)


@pytest.mark.parametrize("picture", ["a.jpg", "gone.jpg"])
def test_telegram(folder, monkeypatch, picture):
    monkeypatch.setenv("TELEGRAM_TOKEN", "12:abc")
    with Hooks() as hooks:
        monkeypatch.setenv("TELEGRAM_API", hooks.url)
        run("to_telegram.py", "4711", folder=folder, picture=picture)
    ((path, headers, body),) = hooks.requests
    kind = b"Content-Type: " + headers["Content-Type"].encode() + b"\r\n\r\n"
    found = {
        part.get_param("name", header="content-disposition"): part.get_payload(decode=True)
        for part in email.message_from_bytes(kind + body).get_payload()
    }
    text = "Fußgänger at yard, 50 % sure".encode()
    if picture == "a.jpg":
        assert (path, found) == ("/bot12:abc/sendPhoto", {"chat_id": b"4711", "caption": text, "photo": PICTURE})
    else:
        assert (path, found) == ("/bot12:abc/sendMessage", {"chat_id": b"4711", "text": text})
