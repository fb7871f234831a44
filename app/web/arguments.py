"""The options of `app.detect` that are about the live view. What they name is imported only where they are given."""

import argparse
import re
from typing import NamedTuple

PORT = 8080
HOST = "127.0.0.1"
_PLACE = re.compile(r"(?:(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+):)?([0-9]{1,5})")
_NAME = re.compile("[A-Za-z0-9._-]{1,253}")


class Place(NamedTuple):
    """Where the server listens. host: a name or an address."""

    host: str
    port: int


def read_place(text: str) -> Place:
    """[HOST:]PORT, where an IPv6 address is in brackets; nothing is 127.0.0.1:8080. Raises ValueError."""
    if not text:
        return Place(HOST, PORT)
    match = _PLACE.fullmatch(text)
    if match is None or int(match.group(2)) > 65535:
        raise ValueError(f"should be [HOST:]PORT, as {PORT}, 0.0.0.0:{PORT} or [::]:{PORT}, is {text}")
    return Place((match.group(1) or HOST).strip("[]"), int(match.group(2)))


def add_serving(parser: argparse.ArgumentParser) -> None:
    """Add the options to a parser."""
    group = parser.add_argument_group("live view")
    group.add_argument(
        "--serve",
        type=place_text,
        nargs="?",
        const="",
        metavar="[HOST:]PORT",
        help="show the cameras in a browser: a page, pictures, an API and metrics (default: 127.0.0.1:8080, for this "
        "machine only; 0.0.0.0:8080 is for all, and needs the token that is printed)",
    )
    group.add_argument(
        "--serve-token", action="store_true", help="ask for the token on this machine too, as behind a proxy"
    )
    group.add_argument(
        "--serve-host",
        type=_names,
        metavar="A,B",
        help="other names of this machine under which it may be asked for, as a proxy's (default: its own)",
    )
    group.add_argument(
        "--serve-tls",
        nargs=2,
        metavar=("CERT", "KEY"),
        help="serve https with this certificate and its key, two files in PEM form",
    )


def place_text(text: str) -> str:
    """A text that `read_place` takes, as the type of an option. Raises argparse.ArgumentTypeError."""
    try:
        read_place(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error))
    return text


def _names(text: str) -> str:
    for name in text.split(","):
        if _NAME.fullmatch(name.strip()) is None:
            raise argparse.ArgumentTypeError(f"should be names separated by commas, is {text}")
    return text
