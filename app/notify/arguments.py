"""The options of `app.detect` that tell others of events. What they name is imported only where they are given."""

import argparse
import hashlib
import os
import re
import shlex
import shutil
from typing import Callable, Dict, List, NamedTuple, Optional
from urllib.parse import unquote, urlsplit

from app.command import number
from app.errors import UsageError, warn

PREFIX = "nanoyolo"
PORTS = {"mqtt": 1883, "mqtts": 8883}
PASSWORD_VARIABLE = "NANOYOLO_MQTT_PASSWORD"
LONGEST_PASSWORD = 1024  # bytes
MOST_JOBS = 16


_PREFIX = re.compile(r"[^/+#\0$][^+#\0]*")


class Broker(NamedTuple):
    """Where events are published. user: empty for none. prefix: the first levels of all topics."""

    host: str
    port: int
    tls: bool
    user: str
    prefix: str

    @property
    def name(self) -> str:
        """For people, without the user."""
        return f"mqtt{'s' if self.tls else ''}://{self.host}:{self.port}"


def read_broker(text: str) -> Broker:
    """The broker of mqtt[s]://[user@]host[:port][/prefix]. Raises ValueError, which names no password."""
    try:
        text.encode()  # what was typed may not be UTF-8
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        parts, port = urlsplit(""), None
    if parts.scheme not in PORTS or not parts.hostname or parts.query or parts.fragment:
        raise ValueError("should be mqtt://user@host, mqtts://user@host:8883 or mqtt://host/prefix")
    if parts.password is not None:
        raise ValueError(
            "has a password, which everybody could see in the list of processes: write mqtt://user@host, and the "
            f"password into a file for --mqtt-password-file, or into the variable {PASSWORD_VARIABLE}"
        )
    prefix = unquote(parts.path).strip("/") or PREFIX
    if not _PREFIX.fullmatch(prefix) or "//" in prefix or len(prefix.encode()) > 200:
        raise ValueError(
            f"has a prefix that topics cannot have: {prefix}; it takes no +, # or //, and no $ at its start"
        )
    tls = parts.scheme == "mqtts"
    return Broker(parts.hostname, port or PORTS[parts.scheme], tls, unquote(parts.username or ""), prefix)


def add_notifying(parser: argparse.ArgumentParser) -> None:
    """Add the options to a parser."""
    group = parser.add_argument_group("telling others", "Events go to all of these; docs/notify.md has their form.")
    add = group.add_argument
    add(
        "--mqtt",
        type=_checked(read_broker),
        metavar="mqtt://USER@HOST[:PORT][/PREFIX]",
        help="publish events, counts and pictures to this broker, where Home Assistant finds them; mqtts:// for TLS",
    )
    add(
        "--mqtt-password-file",
        metavar="FILE",
        help=f"a file whose first line is the password there (default: the variable {PASSWORD_VARIABLE})",
    )
    add("--mqtt-ca", metavar="FILE", help="whose certificates to trust there, in PEM form (default: the system's)")
    add(
        "--webhook",
        type=_checked(check_url),
        action="append",
        metavar="URL",
        help="post each event there, in the form of Standard Webhooks; may be repeated",
    )
    add(
        "--webhook-secret-file",
        metavar="FILE",
        help="a file with the secret whsec_... that signs them; during a change of secrets both, one a line",
    )
    add("--webhook-public-only", action="store_true", help="refuse webhooks in private networks and on this machine")
    add(
        "--on-event",
        type=_checked(read_command),
        action="append",
        metavar="'PROGRAM ARGS'",
        help="run this with each event, as JSON on its standard input; without a shell; may be repeated",
    )
    add(
        "--on-event-jobs",
        type=number(int, 1, MOST_JOBS, "a number"),
        metavar="N",
        default=1,
        help="how many of these may run at the same time (default: %(default)s)",
    )


def destinations(run: argparse.Namespace) -> List[str]:
    """Where a run's changes of events go, as the store's outbox names it."""
    found = ["mqtt"] if run.mqtt else []
    return found + list(webhooks(run)) + list(commands(run))


def webhooks(run: argparse.Namespace) -> Dict[str, str]:
    """The webhooks' addresses, by destination."""
    return {_destination("webhook", urlsplit(url).hostname or "", url): url for url in run.webhook or ()}


def commands(run: argparse.Namespace) -> Dict[str, str]:
    """The commands, by destination."""
    return {_destination("command", os.path.basename(read_command(text)[0]), text): text for text in run.on_event or ()}


def _destination(kind: str, name: str, whole: str) -> str:
    """A name for people that another address or command never has: what waits for one may not be for the other."""
    return f"{kind}:{name}-{hashlib.sha256(whole.encode()).hexdigest()[:6]}"


def check_url(text: str) -> str:
    """A webhook's address. Raises ValueError."""
    try:
        parts = urlsplit(text)
        valid = parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port or 1) > 0
    except ValueError:
        valid = False
    if not valid or re.search(r"[^\x21-\x7e]", text):
        raise ValueError("should be an address, as https://example.org/hook")
    if parts.username is not None:
        raise ValueError("should have no user or password; whoever receives it checks its signature")
    return text


def read_command(text: str) -> List[str]:
    """The program and its arguments, split as a shell does it. Raises ValueError."""
    try:
        words = shlex.split(text)
    except ValueError as error:
        raise ValueError(f"cannot be split into words: {str(error).lower()}")
    if not words:
        raise ValueError("names no program")
    if shutil.which(words[0]) is None:
        raise ValueError(f"there is no program {words[0]}, or it may not be run; for a shell: sh -c '...'")
    return words


def read_password(path: Optional[str], user: str) -> str:
    """The password for the broker; empty for none. Raises UsageError."""
    if path is None:
        return os.environ.get(PASSWORD_VARIABLE, "")
    if not user:
        raise UsageError("--mqtt-password-file: the broker's address has no user; write mqtt://user@host")
    line = _secret_lines(path, "--mqtt-password-file", 1)[0]
    if not 1 <= len(line) <= LONGEST_PASSWORD:
        raise UsageError(
            f"--mqtt-password-file: the first line of {path} should be a password of at most {LONGEST_PASSWORD} bytes"
        )
    return line.decode(errors="surrogateescape")


def read_secrets(path: Optional[str]) -> List[bytes]:
    """The keys that sign webhooks, none without a file. Raises UsageError, which shows nothing of them."""
    if path is None:
        return []
    from app.notify.signature import MOST_SECRETS, read_secret

    keys = []
    for count, line in enumerate(_secret_lines(path, "--webhook-secret-file", MOST_SECRETS), 1):
        try:
            keys.append(read_secret(line))
        except ValueError as error:
            raise UsageError(f"--webhook-secret-file: line {count} of {path} {error}") from error
    return keys


def _secret_lines(path: str, option: str, most: int) -> List[bytes]:
    try:
        with open(path, "rb") as file:
            lines = file.read(most * (LONGEST_PASSWORD + 2)).splitlines()[:most]
            readable = os.fstat(file.fileno()).st_mode & 0o004
    except OSError as error:
        raise UsageError(f"{option}: {path} cannot be read: {error.strerror}") from error
    if readable:
        warn(f"{path}: everybody on this machine can read what is secret in it; type: chmod o= {path}")
    return lines or [b""]


def _checked(read: Callable[[str], object]) -> Callable[[str], str]:
    """An argparse type that leaves a text as it is, once it could be read."""

    def check(text: str) -> str:
        try:
            read(text)
        except ValueError as error:
            raise argparse.ArgumentTypeError(str(error))
        return text

    return check
