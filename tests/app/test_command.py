import argparse
import os
import sys

import pytest

from app.command import Parser, exit_code, number, print_lines
from app.errors import ModelError, OutputError, SourceError, UsageError


@pytest.mark.parametrize("error, code", [(UsageError, 2), (SourceError, 3), (ModelError, 4), (OutputError, 5)])
def test_an_expected_failure_is_one_line(capsys, error, code):
    def fail():
        raise error("camera.mp4: no such file")

    assert exit_code(fail) == code
    assert capsys.readouterr() == ("", "error: camera.mp4: no such file\n")


def test_other_endings(capsys):
    def interrupt():
        raise KeyboardInterrupt

    assert exit_code(lambda: None) == 0
    assert exit_code(interrupt) == 130
    assert "interrupted" in capsys.readouterr().err
    with pytest.raises(ZeroDivisionError):  # a bug
        exit_code(lambda: 1 / 0)


def test_a_wrong_option_is_a_usage_error():
    with pytest.raises(UsageError, match="--bogus; see --help"):
        Parser(prog="x").parse_args(["--bogus"])


@pytest.mark.parametrize("text, value", [("1", 1.0), ("9.5", 9.5), ("10", 10.0)])
def test_number(text, value):
    assert number(float, 1, 10, "a rate")(text) == value


@pytest.mark.parametrize("text", ["0.9", "10.1", "nan", "inf", "-inf", "many", ""])
def test_not_a_number_in_range(text):
    with pytest.raises(argparse.ArgumentTypeError, match="a rate should be from 1 to 10, is " + text):
        number(float, 1, 10, "a rate")(text)


def test_lines_that_nobody_reads(monkeypatch):
    reader, writer = os.pipe()
    os.close(reader)
    monkeypatch.setattr(sys, "stdout", os.fdopen(writer, "w"))
    with pytest.raises(OutputError, match="cannot write to standard output: Broken pipe"):
        print_lines(["one", "two"])
    sys.stdout.write("more")
    sys.stdout.flush()  # which Python does on exit, and must not fail


def test_a_terminal_that_cannot_show_a_name(monkeypatch, tmp_path):
    path = tmp_path / "out"
    with open(str(path), "w", encoding="ascii") as stream:
        monkeypatch.setattr(sys, "stdout", stream)
        print_lines(["caf\u00e9"])
    assert path.read_text() == "caf\\xe9\n"
