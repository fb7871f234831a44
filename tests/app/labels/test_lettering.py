import builtins
import importlib.util
import sys

import cv2
import numpy as np
import pytest

from app.detections import Detections
from app.labels import lettering
from app.labels.lettering import lettered
from app.overlay import draw

UNICODE = int(cv2.__version__.split(".")[0]) >= 5
ascii_only = pytest.mark.skipif(UNICODE, reason="OpenCV 5 draws these as they are")
HINDI = "\u0928\u092e\u0938\u094d\u0924\u0947"  # a script that neither version draws
HEBREW = "\u05e9\u05dc\u05d5\u05dd"
LABELS = ["dog", "L\u00f6we", HINDI, HEBREW]


@pytest.fixture(autouse=True)
def fresh():
    """What was looked up or said in another test is forgotten."""
    for cached in (lettering._drawable, lettering._tell_numbers, lettering._is_drawn):
        cached.cache_clear()


@pytest.fixture
def no_package(monkeypatch):
    """As where anyascii is not installed."""
    real, find = builtins.__import__, importlib.util.find_spec

    def refuse(name, *args, **kwargs):
        if name == "anyascii":
            raise ImportError(name)
        return real(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", refuse)
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "anyascii" else find(name))


@pytest.mark.parametrize("name", ["dog", "traffic light", "a ~ (b) #1?", "who???"])
def test_ascii_stays(no_package, capsys, name):
    assert lettered(name, 0, [name]) == name
    assert capsys.readouterr().err == ""


def test_ascii_needs_no_package(monkeypatch):
    monkeypatch.setitem(sys.modules, "anyascii", None)
    assert lettered("dog", 0, LABELS) == "dog"


@pytest.mark.skipif(not UNICODE, reason="OpenCV 5 draws these, 4 does not")
@pytest.mark.parametrize("name", ["L\u00f6we", "\u0441\u043e\u0431\u0430\u043a\u0430", "\u732b", "\u03c3\u03ba"])
def test_what_this_opencv_draws_stays(no_package, name):
    assert lettered(name, 0, [name]) == name
    assert lettered("Lo\u0308we", 0, ["Lo\u0308we"]) == "L\u00f6we", "composed, as fonts have it"


@ascii_only
@pytest.mark.parametrize(
    "name, text",
    [
        ("L\u00f6we", "Lowe"),
        ("fa\u00e7ade", "facade"),
        ("\u00f1and\u00fa", "nandu"),
        ("Gro\u00dfe", "#3"),
        ("\u0441\u043e\u0431\u0430\u043a\u0430", "#3"),
        ("\u732b", "#3"),
    ],
)
def test_without_the_package_accents_are_taken_off(no_package, name, text):
    assert lettered(name, 3, ["a", "b", "c", name]) == text


@pytest.mark.parametrize("name", [HINDI, HEBREW, "\U0001f436", "a\x00b", "\u200b", "\ud800", "  ", "\u0378"], ids=ascii)
def test_what_cannot_be_drawn_is_a_number(no_package, name, capsys):
    assert lettered(name, 12, ["dog"] * 12 + [name]) == "#12"
    assert "labels drawn as numbers: #12 is " in capsys.readouterr().err


def test_the_legend_is_told_once_and_has_all_numbers(no_package, capsys):
    for _ in range(3):
        assert [lettered(name, number, LABELS) for number, name in enumerate(LABELS)][2:] == ["#2", "#3"]
    said = capsys.readouterr().err
    assert len(said.splitlines()) == 1
    assert said.startswith(f"labels drawn as numbers: #2 is {HINDI}, #3 is {HEBREW}; ")
    assert "pip install anyascii" in said


def test_what_a_terminal_would_obey_is_escaped(no_package, capsys):
    lettered("\x1b[31m", 0, ["\x1b[31m"])
    assert "#0 is '\\x1b[31m'" in capsys.readouterr().err


def test_with_the_package_it_is_transliterated(capsys):
    pytest.importorskip("anyascii")
    assert lettered(HINDI, 0, [HINDI]) == "nmste"
    assert lettered(HEBREW, 0, [HEBREW]) == "slvm"
    assert lettered("\u200b", 0, ["\u200b"]) == "#0"
    said = capsys.readouterr().err
    assert "#0 is '\\u200b'" in said
    assert "pip install" not in said


@ascii_only
@pytest.mark.parametrize(
    "name, text", [("Gro\u00dfe", "Grosse"), ("\u0441\u043e\u0431\u0430\u043a\u0430", "sobaka"), ("\u732b", "Mao")]
)
def test_with_the_package_other_alphabets_too(name, text):
    pytest.importorskip("anyascii")
    assert lettered(name, 0, [name]) == text


def test_it_is_looked_up_once(monkeypatch):
    lettered("L\u00f6we", 1, LABELS)
    monkeypatch.setattr(cv2, "putText", None)
    assert lettered("L\u00f6we", 1, LABELS)


def test_the_picture_has_the_number_and_the_detections_keep_their_label(no_package):
    def picture(label):
        found = Detections(np.array([[100, 100, 200, 200]]), np.array([0.9]), np.array([0]), [label])
        image = draw(np.zeros((240, 320, 3), np.uint8), found)
        assert found.names == [label]
        return image

    assert (picture(HINDI) == picture("#0")).all()
    assert (picture(HINDI) != picture("????")).any()
