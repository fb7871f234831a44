"""Addresses of live sources, and how to print them without their passwords."""

import re
import socket
from typing import Tuple
from urllib.parse import urlsplit

STREAMS = ("rtsp", "rtsps", "http", "https")
ESCAPED = {"#": "%23", "/": "%2F", "?": "%3F"}
PORTS = {"rtsp": 554, "rtsps": 322, "http": 80, "https": 443}

# Better to hide too much. Everything up to the last @, since a password may contain any character, and any parameter
# with a name like a password's, up to the next one: in a query or, with many cheap cameras, in the path.
_USER = re.compile(r"://.*@", re.DOTALL)
_USER_MISTYPED = re.compile(r"^.*:.*@", re.DOTALL)
_SECRET = re.compile(r"(\w*(?:pas|pwd|pw|secret|token|key|auth|sign|cred)\w*=)[^&]+", re.IGNORECASE)
# In a pipeline: every quoted value, and of the others those with a name like a password's or a user before an @.
_QUOTED = re.compile(r"\"(?:\\.|[^\"\\])*(?:\"|$)|'[^']*(?:'|$)", re.DOTALL)
_PIPELINE_USER = re.compile(r"://\S*@")
_PIPELINE_SECRET = re.compile(r"([\w-]*(?:pas|pwd|pw|secret|token|auth|sign|cred)[\w-]*\s*=\s*)\S+", re.IGNORECASE)
# From the character that ends the host's part to the first @ after it.
_ENDED_EARLY = re.compile(r"[^:/?#]*://[^/?#]*([/?#][^@]*)@", re.DOTALL)


def redacted(uri: str) -> str:
    """An address for printing: its user, password, and parameters with a name like a password's are replaced by ***."""
    kind = scheme(uri)
    if kind == "gst":
        uri = _PIPELINE_USER.sub("://***@", _QUOTED.sub("***", uri))
        return _PIPELINE_SECRET.sub(r"\1***", uri)
    if not kind and not uri.startswith("/dev/"):  # perhaps a mistyped address
        return _USER_MISTYPED.sub("***@", uri)
    return uri if kind in ("", "test") else _SECRET.sub(r"\1***", _USER.sub("://***@", uri))


def scheme(uri: str) -> str:
    """The part before the first ://, in lower case; empty if there is none."""
    return uri.split("://", 1)[0].lower() if "://" in uri else ""


def why_no_video(uri: str, seconds: float = 2.0) -> str:
    """Why a stream cannot be opened, judged by a connection to its port. Names neither host nor user."""
    try:
        host, port = _host(uri)
        socket.create_connection((host, port), seconds).close()
        return "the host responds, but sends no video; are the path and the password right?"
    except ValueError:
        reason = "not an address"
        if not unescaped(uri):
            reason += "; it should look like rtsp://user:password@host:554/path"
    except socket.gaierror:
        reason = "no host of this name was found"
    except socket.timeout:
        reason = "the host does not respond"
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
    characters = unescaped(uri)
    if not characters:
        return reason
    written = ", ".join(ESCAPED[character] for character in characters)
    return f"{reason}; a password with {' and '.join(characters)} has to be written with {written}"


def unescaped(uri: str) -> str:
    """Those of #/? that a password seems to have: an @ follows after the part that is taken for the host.

    The first of them ends that part (RFC 3986, section 3.2). Empty where no @ follows; a path may have one too.
    """
    match = _ENDED_EARLY.match(uri)
    return "".join(character for character in ESCAPED if match is not None and character in match.group(1))


def _host(uri: str) -> Tuple[str, int]:
    parts = urlsplit(uri)
    if not parts.hostname:
        raise ValueError
    return parts.hostname, parts.port or PORTS[scheme(uri)]
