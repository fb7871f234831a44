"""Addresses of live sources, and how to show them without their passwords."""

import re
import socket
from typing import Tuple
from urllib.parse import urlsplit

STREAMS = ("rtsp", "rtsps", "http", "https")
PORTS = {"rtsp": 554, "rtsps": 322, "http": 80, "https": 443}

# Up to the last @: a password may hold any character, and hiding too much is the safe side.
_USER = re.compile(r"://.*@", re.DOTALL)
_USER_IN_PIPELINE = re.compile(r"://\S*@")
_SECRET = re.compile(
    r"(pass(?:word|wd|phrase|code)?|pwd|pw|secret|token|api[-_]?key|auth(?:orization)?|signature|credentials?)"
    r"(\s*=\s*)(\"[^\"]*\"|'[^']*'|[^&;\s]+)",
    re.IGNORECASE,
)


def shown(uri: str) -> str:
    """An address for people: user, password, and whatever is called a password in it, are replaced by ***."""
    user = _USER_IN_PIPELINE if scheme(uri) == "gst" else _USER
    return _SECRET.sub(r"\1\2***", user.sub("://***@", uri))


def scheme(uri: str) -> str:
    """What stands before the first ://, in lower case; empty where there is none."""
    return uri.split("://", 1)[0].lower() if "://" in uri else ""


def why_no_video(uri: str, seconds: float = 2.0) -> str:
    """Why a stream cannot be opened, as far as a connection to its port can tell. Names neither host nor user."""
    try:
        host, port = _host(uri)
        socket.create_connection((host, port), seconds).close()
    except ValueError:
        return "is no address; it should look like rtsp://user:password@host:554/path"
    except socket.gaierror:
        return "there is no host of this name"
    except socket.timeout:
        return "the host does not answer"
    except OSError as error:
        return (error.strerror or str(error)).lower()
    return "the host answers, but gives no video; are the path and the password right?"


def _host(uri: str) -> Tuple[str, int]:
    parts = urlsplit(uri)
    if not parts.hostname:
        raise ValueError
    return parts.hostname, parts.port or PORTS[scheme(uri)]
