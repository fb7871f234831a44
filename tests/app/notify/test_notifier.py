"""All of it together, as the options of a run ask for it."""

import argparse
import json
import sys

import pytest
from support.outboxes import FakeStore, change, wait_for
from support.program import finish, start

from app.command import Parser
from app.errors import OutputError, UsageError
from app.notify import open_notify
from app.notify.arguments import add_notifying, destinations
from app.notify.links import links, page_address


def options(*words, serve=None, tls=None):
    parser = Parser()
    add_notifying(parser)
    run = parser.parse_args(list(words))
    return argparse.Namespace(**vars(run), serve=serve, serve_tls=tls, model="models/tiny.onnx", store="runs/store")


@pytest.mark.parametrize(
    ("serve", "tls", "address"),
    [(None, None, ""), ("", None, ""), ("127.0.0.1:80", None, ""), ("localhost:80", None, ""), ("[::1]:80", None, ""),
     ("192.168.1.7:8080", None, "http://192.168.1.7:8080/"), ("nano.lan:8080", ["a", "b"], "https://nano.lan:8080/")],
)  # fmt: skip
def test_the_address_of_the_live_view_for_others(serve, tls, address):
    assert page_address(options(serve=serve, tls=tls)) == address


def test_the_address_where_it_listens_everywhere(monkeypatch):
    monkeypatch.setattr("socket.gethostname", lambda: "nano.lan")
    assert page_address(options(serve="0.0.0.0:8080")) == "http://nano.local:8080/"
    assert page_address(options(serve="[::]:8080")) == "http://nano.local:8080/"


def test_links_instead_of_pictures():
    one = change(id="100.000-aaaaaa", picture="pictures/a.jpg")
    assert links("http://nano/", one) == {"picture_url": "http://nano/api/events/100.000-aaaaaa.jpg"}
    two = change(id="100.000-aaaaaa", clip="clips/a.mkv")
    assert links("http://nano/", two) == {"clip_url": "http://nano/api/events/100.000-aaaaaa.mjpg"}
    assert links("", one) == {}


def test_nothing_is_asked_for():
    with open_notify(options(), FakeStore()) as notifier:
        assert notifier.sink("yard") is None
        assert notifier.figures() == {}
        notifier.changed(change(), None)


def test_without_paho_it_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "paho.mqtt.client", None)
    for name in ("app.notify.mqtt", "app.notify.session", "app.notify.connection"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    with pytest.raises(OutputError, match="pip install paho-mqtt==1.6.1"):
        open_notify(options("--mqtt", "mqtt://127.0.0.1"), FakeStore())


def test_what_cannot_be_read_is_known_at_once(tmp_path):
    pytest.importorskip("paho.mqtt.client")
    gone = str(tmp_path / "gone")
    for words in (
        ("--mqtt", "mqtts://127.0.0.1", "--mqtt-ca", gone),
        ("--mqtt", "mqtt://ada@127.0.0.1", "--mqtt-password-file", gone),
        ("--webhook", "http://127.0.0.1", "--webhook-secret-file", gone),
    ):
        with pytest.raises(UsageError, match="gone cannot be read: No such file"):
            open_notify(options(*words), FakeStore())


@pytest.mark.slow
def test_several_at_once(tmp_path):
    """A command, a webhook that nobody answers and a broker that is not there: the command runs, all ends in time."""
    pytest.importorskip("paho.mqtt.client")
    program = tmp_path / "program.py"
    program.write_text("import sys\nopen(%r, 'w').write(sys.stdin.read())" % str(tmp_path / "got"))
    words = ["--mqtt", "mqtt://127.0.0.1:1", "--webhook", "http://127.0.0.1:1"]
    run = options(*words, "--on-event", f"'{sys.executable}' '{program}'")
    store = FakeStore()
    names = destinations(run)
    for name in names:
        store.outbox(name).put(change())
    with open_notify(run, store) as notifier:
        assert notifier.sink("yard").name == "the broker"
        wait_for(lambda: notifier.figures()[names[2] + "_sent"] == 1)
        wait_for(lambda: notifier.figures()[names[1] + "_retried"] == 1)
    assert notifier.figures()["mqtt_sent"] == 0
    assert [len(store.outbox(name).rows) for name in names] == [1, 1, 0]
    assert json.loads((tmp_path / "got").read_text())["store"].endswith("runs/store")


@pytest.mark.slow
def test_the_options_import_nothing_that_they_may_need():
    code = "import sys, app.notify.arguments, app.notify; print(sorted(name for name in sys.modules if name.startswith("
    code += "('app.notify', 'paho', 'ssl', 'sqlite3', 'http.client', 'app.events'))))"
    assert finish(start(code=code))[1].strip() == "['app.notify', 'app.notify.arguments']"
