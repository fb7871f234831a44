"""What Home Assistant (2024.11 or later) is told of a camera: one device with its entities, in one message.

Written after https://www.home-assistant.io/integrations/mqtt/#device-discovery-payload
"""

import json
from typing import Any, Dict, NamedTuple, Sequence, Tuple

from app import __version__
from app.events.incident import KINDS
from app.notify.topics import CameraTopics, level

PREFIX = "homeassistant"
STATUS = PREFIX + "/status"  # where it says online when it has started
SUPPORT = "https://www.home-assistant.io/integrations/mqtt/"
OCCUPIED = "{{ 'ON' if value|int(0) > 0 else 'OFF' }}"

Component = Dict[str, Any]


class Contents(NamedTuple):
    """What a camera has entities for. lines: names, each with those of its directions. labels: in a stable order."""

    labels: Sequence[str]
    zones: Sequence[str]
    lines: Sequence[Tuple[str, Sequence[str]]]


class Device(NamedTuple):
    """Of which device they are. identifier: letters, digits, `_` and `-`, unique to it. name: for people.

    model: what detects. page: the address of the live view; empty for none.
    """

    identifier: str
    name: str
    model: str = ""
    page: str = ""


def topic(device: Device) -> str:
    """Where the message goes, retained."""
    return f"{PREFIX}/device/{device.identifier}/config"


def message(device: Device, host_status: str, topics: CameraTopics, contents: Contents) -> bytes:
    """The message. host_status: the topic that says whether the program is online."""
    about = {"ids": [device.identifier], "name": device.name, "mf": "nanoyolo", "sw": __version__}
    about.update({key: value for key, value in (("mdl", device.model), ("cu", device.page)) if value})
    components: Dict[str, Component] = {}
    for label in contents.labels:
        components.update(_label(topics, label))
        for zone in contents.zones:
            found = _occupancy(f"{label} in {zone}", topics.zone(zone, label))
            components[f"zone_{level(zone)}_{topics.label_level(label)}"] = found
    for line, directions in contents.lines:
        for direction in directions:
            components[f"line_{level(line)}_{level(direction)}"] = {
                "p": "sensor",
                "name": f"{line} {direction}",
                "stat_t": topics.line(line, direction),
                "stat_cla": "total_increasing",
            }
    components["event"] = {"p": "event", "name": "Event", "stat_t": topics.event, "event_types": list(KINDS)}
    components["fps"] = _diagnostic(topics, "Frames per second", "fps", "FPS")
    components["latency"] = _diagnostic(topics, "Latency", "latency_ms", "ms")
    for key, component in components.items():
        component["unique_id"] = f"{device.identifier}_{key}"
    content = {
        "dev": about,
        "o": {"name": "nanoyolo", "sw": __version__, "url": SUPPORT},
        "avty": [{"t": host_status}, {"t": topics.status}],
        "avty_mode": "all",
        "qos": 1,
        "cmps": components,
    }
    return json.dumps(content, sort_keys=True, separators=(",", ":")).encode()


def _label(topics: CameraTopics, label: str) -> Dict[str, Component]:
    key, count = topics.label_level(label), topics.label(label)
    return {
        f"label_{key}": _occupancy(label, count),
        f"count_{key}": {"p": "sensor", "name": f"{label} count", "stat_t": count, "stat_cla": "measurement"},
        f"image_{key}": {
            "p": "image",
            "name": f"{label} picture",
            "image_topic": topics.snapshot(label),
            "content_type": "image/jpeg",
        },
    }


def _occupancy(name: str, count: str) -> Component:
    return {"p": "binary_sensor", "name": name, "dev_cla": "occupancy", "stat_t": count, "val_tpl": OCCUPIED}


def _diagnostic(topics: CameraTopics, name: str, field: str, unit: str) -> Component:
    return {
        "p": "sensor",
        "name": name,
        "stat_t": topics.diagnostics,
        "val_tpl": f"{{{{ value_json.{field} }}}}",
        "unit_of_meas": unit,
        "stat_cla": "measurement",
        "ent_cat": "diagnostic",
    }
