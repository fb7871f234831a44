"""What the options of the outputs to others take, and that no password gets where others see it."""

import os
import sys

import pytest

from app.command import Parser
from app.errors import UsageError
from app.notify.arguments import (
    Broker,
    add_notifying,
    check_url,
    destinations,
    read_broker,
    read_command,
    read_password,
    read_secrets,
)

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


@pytest.mark.parametrize(
    ("text", "broker"),
    [
        ("mqtt://ada@nano.local", Broker("nano.local", 1883, False, "ada", "nanoyolo")),
        ("mqtts://nano.local", Broker("nano.local", 8883, True, "", "nanoyolo")),
        ("mqtt://a%40b@[::1]:1884/home/yard/", Broker("::1", 1884, False, "a@b", "home/yard")),
    ],
)
def test_a_broker(text, broker):
    assert read_broker(text) == broker


@pytest.mark.parametrize(
    "text",
    ["", "nano", "http://nano", "mqtt://", "mqtt://nano:0x1", "mqtt://nano:99999", "mqtt://nano/a+b", "mqtt://nano/%23",
     "mqtt://nano/$SYS", "mqtt://nano/a//b", "mqtt://nano?x=1"],
)  # fmt: skip
def test_not_a_broker(text):
    with pytest.raises(ValueError, match="should be mqtt://|has a prefix"):
        read_broker(text)


def test_a_password_in_the_address_is_refused_and_not_repeated():
    with pytest.raises(ValueError, match="list of processes") as raised:
        read_broker("mqtt://ada:hunter2@nano")
    assert "hunter2" not in str(raised.value)


def test_a_broker_is_named_without_its_user():
    assert read_broker("mqtts://ada@nano").name == "mqtts://nano:8883"


@pytest.mark.parametrize(
    "text", ["ftp://a", "http://", "https://a b", "https://u:p@a", "https://a:99999", "http://\u00e4"]
)
def test_not_a_webhook(text):
    with pytest.raises(ValueError, match="should "):
        check_url(text)


def test_a_command_is_split_as_a_shell_does_it():
    assert read_command("sh -c 'echo \"$HOME\"'") == ["sh", "-c", 'echo "$HOME"']


@pytest.mark.parametrize(
    ("text", "reason"), [("", "names no"), ("sh 'x", "quotation"), ("no-such-program", "no program")]
)
def test_not_a_command(text, reason):
    with pytest.raises(ValueError, match=reason):
        read_command(text)


def test_a_password_comes_from_a_file_or_the_environment(tmp_path, monkeypatch, capsys):
    path = tmp_path / "password"
    path.write_bytes(b"hunter2\r\nmore")
    os.chmod(str(path), 0o600)
    monkeypatch.setenv("NANOYOLO_MQTT_PASSWORD", "other")
    assert read_password(str(path), "ada") == "hunter2"
    assert read_password(None, "ada") == "other"
    assert capsys.readouterr().err == ""
    os.chmod(str(path), 0o644)
    read_password(str(path), "ada")
    assert "chmod o=" in capsys.readouterr().err


@pytest.mark.parametrize(("content", "user"), [(None, "ada"), (b"", "ada"), (b"x" * 2000, "ada"), (b"hunter2", "")])
def test_a_password_that_is_none(tmp_path, content, user):
    path = tmp_path / "password"
    if content is not None:
        path.write_bytes(content)
        os.chmod(str(path), 0o600)
    with pytest.raises(UsageError, match="--mqtt-password-file") as raised:
        read_password(str(path), user)
    assert "hunter2" not in str(raised.value)


def test_secrets_one_a_line(tmp_path):
    path = tmp_path / "secret"
    path.write_text(SECRET + "\n" + SECRET + "\n")
    os.chmod(str(path), 0o600)
    assert [len(key) for key in read_secrets(str(path))] == [24, 24]
    assert read_secrets(None) == []


@pytest.mark.parametrize("line", ["", "hunter2", "whsec_hunter2", "whsec_" + "A" * 400, SECRET[6:]])
def test_a_secret_that_is_none_is_not_shown(tmp_path, line):
    path = tmp_path / "secret"
    path.write_text(line)
    os.chmod(str(path), 0o600)
    with pytest.raises(UsageError, match="line 1 of .* is no secret") as raised:
        read_secrets(str(path))
    assert not line or line not in str(raised.value).replace("whsec_...", "")


def parsed(*words):
    parser = Parser()
    add_notifying(parser)
    return parser.parse_args(list(words))


def test_destinations_are_as_the_store_names_them():
    run = parsed("--mqtt", "mqtt://a", "--webhook", "http://a", "--webhook", "http://b", "--on-event", sys.executable)
    first, *others = destinations(run)
    assert first == "mqtt"
    program = os.path.basename(sys.executable)
    assert [name[:-6] for name in others] == ["webhook:a-", "webhook:b-", f"command:{program}-"]
    assert destinations(parsed()) == []


def test_what_waits_for_one_address_never_goes_to_another():
    before = destinations(parsed("--webhook", "http://a/1", "--webhook", "http://a/2"))
    after = destinations(parsed("--webhook", "http://a/2", "--webhook", "http://a/2", "--webhook", "http://a/3"))
    assert set(before) & set(after) == {before[1]}
    assert len(after) == 2


def test_what_is_wrong_is_one_line_with_the_option():
    with pytest.raises(UsageError, match="--mqtt: should be mqtt://user@host"):
        parsed("--mqtt", "nano")
    with pytest.raises(UsageError, match="--on-event-jobs: a number should be from 1 to 16"):
        parsed("--on-event-jobs", "0")
