import importlib.util
import os
import sys

import pytest
from commands import JETSON, run, write
from support.heads import CARD
from support.program import needs_model

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
    "size, square, expected",
    [(416, False, "416x320"), (160, False, "160x128"), (320, True, "320x320"), (None, False, "416x320")],
)
def test_input_sizes(check_settings, size, square, expected):
    assert check_settings.input_size(CARD, {"size": size, "square": square}) == expected


def test_input_sizes_of_another_model(check_settings):
    """By its card: one of 320x192, whatever the picture's proportions."""
    card = CARD._replace(resize="stretch", size=(320, 192))
    assert check_settings.input_size(card, {"size": None, "square": False}) == "320x192"
    assert check_settings.input_size(card, {"size": 160, "square": False}) == "160x96"


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
@needs_model
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
    assert check("size = 100") == (2, "", "error: size 100 is not a multiple of 32; nearest: 96 and 128\n")
    assert check("", "NANOYOLO_SERVE=8080") == (0, "416x320\nserve http 127.0.0.1 8080\n", "")
    served = 'serve = "0.0.0.0:8443"\nserve_tls = ["cert.pem", "key.pem"]'
    assert check(served)[1].splitlines()[1:] == ["serve https 0.0.0.0 8443"]
    said = "error: model: this version has no none; send it too: push.sh --model none\n"
    assert check('model = "none"') == (4, "", said)


@pytest.mark.slow
def test_another_model_is_named(check_settings, tmp_path, monkeypatch, capsys):
    """By its path in the version's folder, on a line of its own; the settings come from `run-detect --check`."""
    (tmp_path / "run-detect").write_text(
        '#!/bin/sh\necho \'{"run": {"model": "mine", "report": null}, "cameras": {"a": {"size": null, "square": false, '
        '"save": null, "jsonl": null}}}\'\n'
    )
    (tmp_path / "run-detect").chmod(0o755)
    monkeypatch.setattr(check_settings, "RUN_DETECT", str(tmp_path / "run-detect"))
    (tmp_path / "weights").mkdir()
    (tmp_path / "weights/mine.onnx").write_bytes(b"")
    monkeypatch.setattr(check_settings, "VERSION", str(tmp_path))
    monkeypatch.setattr(check_settings, "find_model", lambda name: str(tmp_path / "weights" / (name + ".onnx")))
    monkeypatch.setattr(check_settings, "read_card", lambda path: CARD._replace(resize="stretch", size=(320, 192)))
    assert check_settings.main(str(tmp_path / "absent.toml"), str(tmp_path / "absent.env")) == 0
    assert capsys.readouterr().out == "320x192\nmodel weights/mine.onnx\n"
