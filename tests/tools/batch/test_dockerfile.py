"""The Dockerfile, read line by line: what it copies is there and not ignored, and what it runs is a command of ours."""

import fnmatch
import json
import pathlib
import re
import shlex

import pytest

from tools.batch.__main__ import make_parser

ROOT = pathlib.Path(__file__).resolve().parents[3]
DOCKERFILE = ROOT / "deploy/docker/Dockerfile"
INSTRUCTIONS = {"FROM", "RUN", "WORKDIR", "COPY", "USER", "ENTRYPOINT", "CMD"}


def instructions():
    """Pairs of instruction and argument. A backslash at a line's end continues it; # begins a remark."""
    lines = [line for line in DOCKERFILE.read_text().splitlines() if line.strip() and not line.lstrip().startswith("#")]
    return [tuple(line.split(None, 1)) for line in re.sub(r"\\\n\s*", "", "\n".join(lines)).splitlines()]


def arguments(name):
    return [argument for instruction, argument in instructions() if instruction == name]


def is_ignored(path):
    """Whether .dockerignore leaves a path out: the last pattern that matches it or a folder above it decides."""
    ignored = False
    for line in (ROOT / "deploy/docker/Dockerfile.dockerignore").read_text().splitlines():
        pattern = line.lstrip("!")
        places = [path, *(str(parent) for parent in pathlib.PurePosixPath(path).parents)]
        if line and not line.startswith("#") and any(fnmatch.fnmatchcase(place, pattern) for place in places):
            ignored = not line.startswith("!")
    return ignored


def test_it_has_known_instructions_and_begins_with_an_image_for_both_processors():
    assert {name for name, _ in instructions()} <= INSTRUCTIONS
    assert instructions()[0][0] == "FROM"
    assert re.fullmatch(r"python:3\.\d+-slim", arguments("FROM")[0])


def test_what_it_copies_is_there():
    copied = [path for argument in arguments("COPY") for path in argument.split()[:-1]]
    assert copied
    assert [path for path in copied if not (ROOT / path).exists()] == []
    assert [path for path in copied if is_ignored(path)] == []
    assert is_ignored(".git")
    assert is_ignored("weights/yolov3-tiny.onnx")


def test_every_command_checks_the_one_before():
    for command in arguments("RUN"):
        lexer = shlex.shlex(command, posix=True, punctuation_chars=True)
        lexer.whitespace_split = True
        assert not {";", "|", "||"} & set(lexer)


def test_it_installs_an_extra_that_there_is():
    (extra,) = re.findall(r"\.\[(\w+)\]", " ".join(arguments("RUN")))
    assert re.search(rf"^{extra} = \[", (ROOT / "pyproject.toml").read_text(), re.MULTILINE)


def test_it_does_not_run_as_root():
    assert arguments("USER") == ["nanoyolo"]


@pytest.mark.parametrize("line", [line for line in DOCKERFILE.read_text().splitlines() if "docker run" in line])
def test_the_line_that_it_shows(line):
    assert json.loads(arguments("ENTRYPOINT")[0]) == ["python", "-m", "tools.batch"]
    args = make_parser().parse_args(shlex.split(line.split(" nanoyolo ")[1]))
    assert (args.sources, args.output) == (["/films"], "/found")
