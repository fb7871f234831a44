"""Checks a file of cameras as the service would read it, in this version: exit code 0 if it is right.

    python deploy/jetson/on-board/check_settings.py /etc/nanoyolo/nanoyolo.toml /etc/nanoyolo/nanoyolo.env

Standard output is then the input sizes of its cameras, for pictures of 4:3, as in 160x128 416x320, and where they do
not use the default model, a line `model PATH`, from the version's folder; and with a live view a line `serve http HOST
PORT`. Standard error has warnings, and in the last line what is wrong. There need not be a file of cameras.
push-board.sh runs the version's copy. Python 3.6.
"""

import json
import os
import re
import subprocess
import sys

VERSION = os.path.dirname(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))
sys.path.insert(0, VERSION)

from app.checks.machine import DEFAULT_MODEL  # noqa: E402
from app.errors import ModelError, NanoyoloError  # noqa: E402
from app.inputsize import input_sides  # noqa: E402
from app.modelcard import find_model, read_card  # noqa: E402
from app.web.arguments import read_place  # noqa: E402

RUN_DETECT = os.path.join(VERSION, "deploy", "jetson", "service", "run-detect")
OUTPUTS = "/var/lib/nanoyolo"

_LINE = re.compile(r"\s*([A-Za-z_][A-Za-z0-9_]*)=\s*(?:\"((?:\\.|[^\"\\])*)\"|'((?:\\.|[^'\\])*)'|(.*?))\s*$")


def service_environment(text):
    """The variables that systemd reads from an EnvironmentFile=, by name."""
    found = {}
    for line in re.sub(r"\\\n", "", text).split("\n"):
        match = _LINE.match(line)
        if match and not line.lstrip().startswith(("#", ";")):
            value = next(part for part in match.groups()[1:] if part is not None)
            found[match.group(1)] = re.sub(r"\\(.)", r"\1", value)
    return found


def read_environment(path):
    """The environment of the service: this process's, and over it the file's, if there is one."""
    if not os.path.exists(path):
        return dict(os.environ)
    with open(path, "rb") as file:
        return dict(os.environ, **service_environment(os.fsdecode(file.read())))


def wrong_outputs(settings):
    """What is wrong with the places of outputs, one line each: the service's working folder cannot be written to."""
    keys = ("save", "jsonl", "events", "totals", "record")
    outputs = [(name, key, camera.get(key)) for name, camera in settings["cameras"].items() for key in keys]
    outputs += [("", key, settings["run"].get(key)) for key in ("report", "store")]
    return [
        f"{name}{': ' if name else ''}{key}: should be a whole path, as {OUTPUTS}/{path}, is {path}"
        for name, key, path in outputs
        if path and path != "-" and not path.startswith("/")
    ]


def input_size(card, camera):
    """Width and height of the network's input for pictures of 4:3, as in 416x320. Raises UsageError."""
    return "{}x{}".format(*input_sides(card, camera["size"], camera["square"]))


def main(config, environment):
    """Check; the exit code."""
    env = dict(read_environment(environment), NANOYOLO_CONFIG=config)
    process = subprocess.Popen([RUN_DETECT, "--check"], env=env, stdout=subprocess.PIPE, universal_newlines=True)
    text = process.communicate()[0]
    if process.returncode != 0:
        return process.returncode
    settings = json.loads(text)
    for reason in wrong_outputs(settings)[:1]:
        print(f"error: {os.path.basename(config)}: {reason}", file=sys.stderr)
        return 2
    if env.get("NANOYOLO_CAM"):
        print(f"warning: NANOYOLO_CAM in {environment} replaces the cameras of the file", file=sys.stderr)
    name = settings["run"]["model"]
    model = os.path.join(VERSION, find_model(name))
    if not os.path.exists(model):
        print(f"error: model: this version has no {name}; send it too: push.sh --model {name}", file=sys.stderr)
        return ModelError.exit_code
    try:
        card = read_card(model)
        print(*sorted({input_size(card, camera) for camera in settings["cameras"].values()}))
    except NanoyoloError as error:
        print(f"error: {error}", file=sys.stderr)
        return error.exit_code
    if name != DEFAULT_MODEL:
        print("model", os.path.relpath(model, VERSION))
    if settings["run"].get("serve") is not None:
        print("serve", "https" if settings["run"]["serve_tls"] else "http", *read_place(settings["run"]["serve"]))
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
