"""Checks a file of cameras as the service would read it, in this version: exit code 0 if it is right.

    python deploy/jetson/on-board/check_settings.py /etc/nanoyolo/nanoyolo.toml /etc/nanoyolo/nanoyolo.env

Standard output is then the input sizes of its cameras, for pictures of 4:3, as in 160x128 416x320; standard error has
warnings, and in the last line what is wrong. push-board.sh runs the version's copy. Python 3.6.
"""

import json
import os
import re
import subprocess
import sys

RUN_DETECT = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "service", "run-detect")
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
    keys = ("save", "jsonl", "events", "totals")
    outputs = [(name, key, camera.get(key)) for name, camera in settings["cameras"].items() for key in keys]
    outputs.append(("", "report", settings["run"]["report"]))
    return [
        f"{name}{': ' if name else ''}{key}: should be a whole path, as {OUTPUTS}/{path}, is {path}"
        for name, key, path in outputs
        if path and path != "-" and not path.startswith("/")
    ]


def input_size(camera):
    """Width and height of the network's input for pictures of 4:3, as in 416x320."""
    size = camera["size"]
    return f"{size}x{size if camera['square'] else (size * 3 // 4 + 31) // 32 * 32}"


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
    print(*sorted({input_size(camera) for camera in settings["cameras"].values()}))
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
