"""The settings of `python -m app.detect`: its command line, over a file of cameras where `--config` names one.

settings = read_settings(["--config", "cameras.toml", "--size", "160"])
settings.run.model, [camera.name for camera in settings.cameras]
"""

import argparse
import json
import os
import re
import sys
from typing import Dict, List, NamedTuple, Optional, Sequence, Tuple
from urllib.parse import quote

from app.address import STREAMS, redacted, scheme
from app.arguments import make_parser
from app.clips import check_limits
from app.config.agreement import check_events, check_outputs, check_places
from app.config.file import CAMERA_KEYS, CAMERA_NAME, PAIR, REPEATED, RUN_KEYS, ConfigFile, Table, Value, read_config
from app.errors import UsageError, warn
from app.events.arguments import CAMERAS_IMPLY, STORE
from app.events.arguments import IMPLY as STORE_IMPLY
from app.tracking.arguments import IMPLY

LONGEST_PASSWORD = 1024  # bytes
DEFAULT_SOURCE = "0"
OUTPUTS = ("save", "jsonl", "events", "totals", "record")  # whose {camera} is the camera's name

# Scheme, user, and the rest of an address that has a user; the user with a password where there is one.
_USER = re.compile(r"([^:/?#]+://)([^/?#@]+)(@.*)", re.DOTALL)
_HOST, _WORD = re.compile(r"([^:/]+://[^/?]*).+", re.DOTALL), re.compile(r"(\S+\s).+", re.DOTALL)
_ARGPARSE = re.compile(r"argument \S+: (.*); see --help$", re.DOTALL)


class Settings(NamedTuple):
    """What a run does. run: the options of the whole run. cameras: one Namespace each, in order, with its `name`, its
    source as `cam` and its other options, those of CAMERA_KEYS; passwords are in them. argv: what was read.
    """

    run: argparse.Namespace
    cameras: List[argparse.Namespace]
    argv: Sequence[str]

    def reread(self) -> "Settings":
        """The settings as the file and the files of passwords have them now. Raises UsageError; these do not change."""
        return read_settings(self.argv)


def read_settings(argv: Optional[Sequence[str]] = None) -> Settings:
    """The settings for a command line without the command; by default this process's.

    Raises UsageError for what is wrong in it or in the file of --config; then the message begins with file and line.
    """
    argv = list(sys.argv[1:] if argv is None else argv)
    given = make_parser().parse_args(argv)
    file = ConfigFile([], {}, {}) if given.config is None else read_config(given.config)
    run = _options(file.top, argv)
    cameras, places = [], []
    for name, (source, table) in _sources(given.cam, file).items():
        table = {**file.top, **table}
        options = _options(table, argv)
        camera = argparse.Namespace(name=name, **{key: getattr(options, key) for key in CAMERA_KEYS})
        camera.cam = source
        if camera.password_file is not None:
            camera.cam = _with_password(camera, _place("password_file", given, table))
        for key in OUTPUTS:
            path = getattr(camera, key)
            setattr(camera, key, path and path.replace("{camera}", name))
        if any(getattr(camera, key) for key in IMPLY):
            camera.track = True
        check_places(camera, _place("line", given, table))
        check_events(camera, {key: _place(key, given, table) for key in ("event_classes", "event_zones")})
        cameras.append(camera)
        places.append({key: _place(key, given, table) for key in OUTPUTS})
    check_outputs(cameras, places, run.report)
    if any(getattr(run, key, None) for key in STORE_IMPLY) or any(map(_wants_store, cameras)):
        run.store = run.store or STORE
        for camera in cameras:
            camera.track = True
    check_limits(cameras)
    run = argparse.Namespace(**{key: getattr(run, key) for key in (*RUN_KEYS, "config", "check", "list_backends")})
    return Settings(run, cameras, argv)


def _wants_store(camera: argparse.Namespace) -> bool:
    return any(getattr(camera, key, None) for key in CAMERAS_IMPLY)


def check_text(settings: Settings) -> str:
    """The settings as JSON, with nothing of an address that may be secret: `run`, and `cameras` by their names."""
    cameras = {}
    for camera in settings.cameras:
        cameras[camera.name] = {key: getattr(camera, key) for key in CAMERA_KEYS}
        cameras[camera.name]["cam"] = redacted(camera.cam)
    run = {key: getattr(settings.run, key) for key in ("config", *RUN_KEYS)}
    for key, keep in (("webhook", _HOST), ("on_event", _WORD)):  # what follows is often secret
        run[key] = run[key] and [keep.sub(r"\1...", text) for text in run[key]]
    return json.dumps({"run": run, "cameras": cameras}, indent=2)


def _option(key: str) -> str:
    return "--" + key.replace("_", "-")


def _place(key: str, given: argparse.Namespace, table: Table) -> str:
    """How a message about an option starts: with the option, or where the file has it."""
    return table[key].place if key in table and getattr(given, key) is None else _option(key)


def _sources(given: Optional[Sequence[str]], file: ConfigFile) -> Dict[str, Tuple[str, Table]]:
    """The cameras by name, each with its source and the table of the file with its name, which may be empty."""
    if given is None and file.cameras:
        return {name: (str(table["cam"].content), table) for name, table in file.cameras.items()}
    values = file.sources or [Value(DEFAULT_SOURCE, "", secret=False)]
    if given is not None:
        values = [Value(text, "--cam", secret=False) for text in given]
    found: Dict[str, Tuple[str, Table]] = {}
    for number, value in enumerate(values):
        name, source = _named(str(value.content), f"cam{number}")
        if not source:
            raise UsageError(f"{value.place}: {name} has no source; write {name}=SOURCE")
        if name in found:
            raise UsageError(f"{value.place}: two cameras have the name {name}; give each its own, as NAME=SOURCE")
        found[name] = source, file.cameras.get(name, {})
    return found


def _named(text: str, default: str) -> Tuple[str, str]:
    """Name and source of [NAME=]SOURCE. A file with = in its name is a source."""
    name, equals, source = text.partition("=")
    if equals and CAMERA_NAME.match(name) and not os.path.exists(text):
        return name, source
    return default, text


def _options(table: Table, argv: Sequence[str]) -> argparse.Namespace:
    """The options of a table and, over them, of the command line. Raises UsageError."""
    parser = make_parser()
    options = parser.parse_args([])
    for key, value in table.items():
        if key != "cam":
            try:
                parser.parse_args(_words(key, value), options)
            except UsageError as error:
                raise UsageError(f"{value.place}: {_reason(error, value)}") from error
    given = parser.parse_args(argv)
    parser.parse_args(argv, options)
    for key in REPEATED:  # the command line replaces the file's, and does not add to them
        if getattr(given, key) is not None:
            setattr(options, key, getattr(given, key))
    return options


def _words(key: str, value: Value) -> List[str]:
    """What would be typed. A switch that is off is left out: a camera's table has replaced what was above it."""
    if value.content is False:
        return ["--no-show"] if key == "show" else []
    if key == PAIR and isinstance(value.content, list):
        return [_option(key), *value.content]
    if isinstance(value.content, list):
        return [f"{_option(key)}={text}" for text in value.content]
    return [_option(key)] if value.content is True else [f"{_option(key)}={value.content}"]


def _reason(error: UsageError, value: Value) -> str:
    """What argparse says of a value, without the option and without what only the environment should know."""
    if value.secret:
        return "is wrong with the present value of its variables, which are not shown"
    return _ARGPARSE.sub(r"\1", str(error))


def _with_password(camera: argparse.Namespace, place: str) -> str:
    """The address of a camera with the first line of its file as the password. Raises UsageError from `place`."""
    path, address = camera.password_file, _USER.match(camera.cam)
    if scheme(camera.cam) not in STREAMS or address is None:
        raise UsageError(f"{place}: {camera.name} needs an address with a user, as rtsp://user@host/path")
    start, user, rest = address.groups()
    if ":" in user:
        raise UsageError(f"{place}: the address of {camera.name} has a password already; remove one of them")
    try:
        with open(path, "rb") as file:
            password = file.readline(LONGEST_PASSWORD + 2).rstrip(b"\r\n")
            readable = os.fstat(file.fileno()).st_mode & 0o004
    except OSError as error:
        raise UsageError(f"{place}: {path} cannot be read: {error.strerror}") from error
    if not 1 <= len(password) <= LONGEST_PASSWORD:
        raise UsageError(f"{place}: the first line of {path} should be a password of at most {LONGEST_PASSWORD} bytes")
    if readable:
        warn(f"{path}: everybody on this machine can read this password; type: chmod o= {path}")
    return f"{start}{user}:{quote(password, safe='')}{rest}"
