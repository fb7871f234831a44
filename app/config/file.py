"""The file of `--config`: TOML whose keys are options of `python -m app.detect`, with _ where those have -.

    size = 416                                                        # for all cameras
    [camera.front]                                                    # for one of them
    cam = "rtsp://ada:${FRONT_PASSWORD}@192.168.1.20/live"            # from the environment
    size = 160

This module reads the file and says where in it something is wrong; app.config turns it into settings.
"""

import difflib
import os
import re
from typing import Any, Dict, List, Match, NamedTuple, Sequence, Tuple, Union

from app.config.toml import TomlFile
from app.errors import UsageError

RUN_KEYS = (
    *("model", "backend", "device", "precision", "workers", "offline", "show", "report"),
    *("serve", "serve_token", "serve_host", "serve_tls"),
    *("store", "keep_events"),
    *("mqtt", "mqtt_password_file", "mqtt_ca", "webhook", "webhook_secret_file", "webhook_public_only"),
    *("on_event", "on_event_jobs"),
)
CAMERA_KEYS = (
    *("cam", "password_file", "width", "height", "fps", "wait", "retry", "max_megapixels", "loop", "max_frames"),
    *("size", "square", "conf", "nms", "agnostic_nms", "classes", "save", "jsonl"),
    *("clips", "pre_roll", "post_roll", "keep_clips", "record", "segment", "keep", "keep_days", "keep_free"),
    *("time_lapse", "keep_time_lapse"),
    *("detect_every", "motion"),
    *("track", "line", "line_names", "zone", "mask", "anchor", "inertia", "loiter", "mix_classes", "events", "totals"),
    *("event_classes", "event_zones", "event_score", "quiet_hours", "cool_down"),
)
SWITCHES = (
    "wait",
    "loop",
    "square",
    "agnostic_nms",
    "motion",
    "track",
    "mix_classes",
    "clips",
    "offline",
    "show",
    "serve_token",
    "webhook_public_only",
)  # true or false
LISTS = {"classes": "labels", "event_classes": "labels", "event_zones": "names"}  # or one text, separated by commas
PAIR = "serve_tls"  # an option that is followed by two files
REPEATED = {"line": "door:100,200-400,200", "zone": "yard:10,10-90,10-90,90", "mask": "sky:0,0-640,0-640,90"}
REPEATED.update(webhook="https://example.org/hook", on_event="notify-send person")
CAMERA_NAME = re.compile("[a-z][a-z0-9_-]*$")

_VARIABLE = re.compile(r"\$(?:(\$)|\{([A-Za-z_][A-Za-z0-9_]*)\}|)")


class Value(NamedTuple):
    """What a key is set to. content: of a switch True or False, of PAIR and of one of REPEATED a list of texts, else
    the text that would follow the option.

    place: file, line and key, for messages. secret: whether it has variables, and so is not printed.
    """

    content: Union[bool, str, List[str]]
    place: str
    secret: bool


Table = Dict[str, Value]


class ConfigFile(NamedTuple):
    """The content of a file. sources: those of `cam` above the tables. top: the other keys there, for all cameras.

    cameras: the tables by name, in the order of the file; each has the key `cam`.
    """

    sources: List[Value]
    top: Table
    cameras: Dict[str, Table]


def read_config(path: str) -> ConfigFile:
    """Read a file. Raises UsageError with file, line and key for what is wrong in it.

    Whether a value is one that its option takes is not checked here.
    """
    file = TomlFile(path)
    tables = file.content.pop("camera", {})
    if not isinstance(tables, dict) or not all(isinstance(table, dict) for table in tables.values()):
        raise UsageError(f"{file.place('camera')}: should be followed by a name, as [camera.front]")
    top = _read_table(file, file.content, (), (*CAMERA_KEYS, *RUN_KEYS))
    sources = top.pop("cam", [])
    cameras = {}
    for name, table in tables.items():
        place = file.place("camera", name)
        if not CAMERA_NAME.match(name):
            raise UsageError(f"{place}: a camera's name has a-z, 0-9, _ and -, and starts with a letter")
        values = _read_table(file, table, ("camera", name), CAMERA_KEYS)
        if "cam" not in values:
            raise UsageError(f'{place}: the camera has no source; add a line: cam = "SOURCE"')
        cameras[name] = {key: one for key, (one,) in values.items()}
    if sources and cameras:
        raise UsageError(f"{sources[0].place}: each camera has its own, below [camera.NAME]; remove this one")
    return ConfigFile(sources, {key: one for key, (one,) in top.items()}, cameras)


def _read_table(
    file: TomlFile, content: Dict[str, Any], table: Tuple[str, ...], known: Sequence[str]
) -> Dict[str, List[Value]]:
    """The values of a table by key: one each, but of `cam` above the tables as many as its list has."""
    found: Dict[str, List[Value]] = {}
    for key, value in content.items():
        place = file.place(*table, key)
        option = "cam" if key == "source" else key
        if option not in known:
            raise UsageError(f"{place}: {_why_unknown(key, known)}")
        if option in found:
            raise UsageError(f"{place}: cam and source are the same; remove one of them")
        several = option == "cam" and not table and isinstance(value, list)
        found[option] = [_value(option, one, place) for one in (value if several else [value])]
        if not found[option]:
            raise UsageError(f"{place}: the list is empty")
    return found


def _why_unknown(key: str, known: Sequence[str]) -> str:
    if key in RUN_KEYS:
        return "is for all cameras; move it to the top of the file, above the first [camera.NAME]"
    close = difflib.get_close_matches(key.lower().replace("-", "_"), [*known, "camera", "source"], 1)
    return "unknown key; " + (f"did you mean {close[0]}?" if close else f"choose from: {', '.join(known)}")


def _value(key: str, value: Any, place: str) -> Value:
    if key in SWITCHES or isinstance(value, bool):
        if not (key in SWITCHES and isinstance(value, bool)):
            raise UsageError(f"{place}: should {'' if key in SWITCHES else 'not '}be true or false")
        return Value(value, place, secret=False)
    if key in REPEATED:
        texts = [value] if isinstance(value, str) else value
        if not (isinstance(texts, list) and all(isinstance(text, str) for text in texts)):
            raise UsageError(f'{place}: should be a list of texts, as ["{REPEATED[key]}"]')
        return Value([_expand(text, place) for text in texts], place, any(map(_has_variable, texts)))
    if key == PAIR:
        if not (isinstance(value, list) and len(value) == 2 and all(isinstance(path, str) for path in value)):
            raise UsageError(f'{place}: should be a certificate and its key, as ["cert.pem", "key.pem"]')
        return Value([_expand(path, place) for path in value], place, any(map(_has_variable, value)))
    if key in LISTS and isinstance(value, list) and all(isinstance(name, str) for name in value):
        value = ",".join(value)
    if not isinstance(value, (str, int, float)):
        wanted = f'a list of {LISTS[key]}, as ["person", "dog"]' if key in LISTS else "one text or number"
        raise UsageError(f"{place}: should be {wanted}")
    text = str(value)
    return Value(_expand(text, place), place, _has_variable(text))


def _has_variable(text: str) -> bool:
    return any(match.group(2) for match in _VARIABLE.finditer(text))


def _expand(text: str, place: str) -> str:
    """The text with the variables of the environment in it. Raises UsageError for one that is not set."""

    def content(match: Match) -> str:
        dollar, name = match.groups()
        if dollar:
            return "$"
        if name is None:
            raise UsageError(f"{place}: write $$ for a dollar, and ${{NAME}} for a variable of the environment")
        if name not in os.environ:
            raise UsageError(f"{place}: the environment has no {name}")
        return os.environ[name]

    return _VARIABLE.sub(content, text)
