import importlib.util
import os
import sys

import pytest
from commands import JETSON, run, write

SCRIPT = JETSON / "on-board/check_settings.py"


@pytest.fixture(scope="module")
def check_settings():
    spec = importlib.util.spec_from_file_location("check_settings", str(SCRIPT))
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(
    "text, expected",
    [
        ("A=1\n#B=2\n ; C=3\n\nD =4\n E=5 \n", {"A": "1", "E": "5"}),
        ("A=a b # c\nB=", {"A": "a b # c", "B": ""}),
        ('A="a \'b\' \\" # $c"\nB=\'a "b"\'', {"A": "a 'b' \" # $c", "B": 'a "b"'}),
        ("A=a=b\nA=c\\ d", {"A": "c d"}),
        ("A=one \\\ntwo\nB=3", {"A": "one two", "B": "3"}),
        ('A="b"c', {"A": '"b"c'}),
    ],
)
def test_the_environment_that_systemd_would_read(check_settings, text, expected):
    assert check_settings.service_environment(text) == expected


@pytest.mark.parametrize(
    "size, square, expected", [(416, False, "416x320"), (160, False, "160x128"), (320, True, "320x320")]
)
def test_input_sizes(check_settings, size, square, expected):
    assert check_settings.input_size({"size": size, "square": square}) == expected


def test_outputs_have_their_whole_path(check_settings):
    def wrong(save, jsonl, report):
        return check_settings.wrong_outputs(
            {"cameras": {"a": {"save": save, "jsonl": jsonl}}, "run": {"report": report}}
        )

    assert wrong("/a.mkv", "-", None) == []
    assert wrong("a.mkv", None, "b.json") == [
        "a: save: should be a whole path, as /var/lib/nanoyolo/a.mkv, is a.mkv",
        "report: should be a whole path, as /var/lib/nanoyolo/b.json, is b.json",
    ]


@pytest.fixture
def check(tmp_path):
    """Checks the text of a file with the lines of an environment file: what `run` returns, without the folder."""
    python = tmp_path / "python"
    write(python, f'#!/bin/sh\nexec "{sys.executable}" "$@"\n', 0o755)

    def check(text, environment=""):
        (tmp_path / "front.toml").write_text(text)
        (tmp_path / "front.env").write_text(f"NANOYOLO_PYTHON={python}\n{environment}")
        code, out, err = run(sys.executable, SCRIPT, tmp_path / "front.toml", tmp_path / "front.env")
        return code, out, err.replace(str(tmp_path) + os.sep, "")

    return check


@pytest.mark.slow
def test_a_file_is_read_as_by_the_service(check):
    good = 'size = 320\n[camera.a]\ncam = "rtsp://a:${WORD}@h/"\nsize = 160\n[camera.b]\ncam = 0\njsonl = "/b"\n'
    assert check(good, "WORD=hunter2\nNANOYOLO_WAIT=yes") == (0, "160x128 320x256\n", "")
    assert check(good) == (2, "", "error: front.toml:3: cam: the environment has no WORD\n")
    assert check(good, "WORD=x\nNANOYOLO_CAM=0\nNANOYOLO_SIZE=416") == (
        *(0, "416x320\n"),
        "warning: NANOYOLO_CAM in front.env replaces the cameras of the file\n",
    )
    assert check("szie = 1") == (2, "", "error: front.toml:1: szie: unknown key; did you mean size?\n")
    assert check('save = "a.mkv"') == (
        *(2, ""),
        "error: front.toml: cam0: save: should be a whole path, as /var/lib/nanoyolo/a.mkv, is a.mkv\n",
    )
