"""Addresses in the live view, which go into messages in place of pictures."""

import argparse
import ipaddress
import socket
from typing import Any, Dict

from app.web.arguments import read_place

EVENTS = "api/events/"  # below the live view's address: an event's picture and clip, by its id


def page_address(run: argparse.Namespace) -> str:
    """The address of the live view for other machines, with a / at its end; empty where there is none for them."""
    if run.serve is None:
        return ""
    place = read_place(run.serve)
    host = place.host
    try:
        ip = ipaddress.ip_address(host)
        if ip.is_loopback:
            return ""
        host = f"[{host}]" if ip.version == 6 else host
        host = socket.gethostname().split(".")[0] + ".local" if ip.is_unspecified else host
    except ValueError:
        if host == "localhost":
            return ""
    return f"http{'s' if run.serve_tls else ''}://{host}:{place.port}/"


def links(page: str, change: Any) -> Dict[str, str]:
    """Where the picture and the clip of a change are, as far as there are any. page: as from `page_address`."""
    incident = change.incident
    found = {"picture_url": incident.picture and ".jpg", "clip_url": incident.clip and ".mjpg"}
    return {key: page + EVENTS + incident.id + suffix for key, suffix in found.items() if page and suffix}
