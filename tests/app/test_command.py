import argparse
import os
import sys

import pytest

from app.command import Parser, exit_code, number, print_lines
from app.errors import ModelError, OutputError, SourceError, UsageError, say, warn


@pytest.mark.parametrize("error, code", [(UsageError, 2), (SourceError, 3), (ModelError, 4), (OutputError, 5)])
def test_an_expected_failure_is_one_line(capsys, error, code):
    def fail():
        raise error("camera.mp4: no such file")

    assert exit_code(fail) == code
    assert capsys.readouterr() == ("", "error: camera.mp4: no such file\n")


def test_a_name_of_two_lines_is_one_line(capsys):
    def fail():
        raise SourceError("a\nb.mp4: no such file")

    exit_code(fail)
    assert capsys.readouterr().err == "error: a\\nb.mp4: no such file\n"


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


def full():
    """A standard output that takes nothing."""
    if not os.path.exists("/dev/full"):
        pytest.skip("needs /dev/full")
    return open("/dev/full", "w")


def unread():
    reader, writer = os.pipe()
    os.close(reader)
    return os.fdopen(writer, "w")


def shut():
    with open(os.devnull, "w") as stream:
        return stream


BROKEN = [
    pytest.param(full, "No space left on device", id="a full disk"),
    pytest.param(unread, "Broken pipe", id="a pipe whose reader ended"),
    pytest.param(shut, "I/O operation on closed file", id="closed in the meantime"),
    pytest.param(lambda: None, "it is closed", id="closed by the caller"),
]


@pytest.mark.parametrize("broken, reason", BROKEN)
def test_output_that_fails_is_one_line(monkeypatch, capsys, broken, reason):
    stream = broken()
    monkeypatch.setattr(sys, "stdout", stream)
    assert exit_code(lambda: print_lines(["one", "two"])) == 5
    error = capsys.readouterr().err
    assert error.startswith("error: cannot write to standard output: " + reason)
    assert error.count("\n") == 1
    if stream is not None:
        sys.stdout.write("more")
        sys.stdout.flush()  # which Python does when it ends, and must not fail


@pytest.mark.parametrize("option", ["--help", "--version"])
@pytest.mark.parametrize("broken, reason", BROKEN)
def test_an_answer_of_the_parser_that_cannot_be_written(monkeypatch, capsys, broken, reason, option):
    parser = Parser(prog="x")
    parser.add_argument("--version", action="version", version="1.2")
    monkeypatch.setattr(sys, "stdout", broken())
    assert exit_code(lambda: parser.parse_args([option])) == 5
    assert reason in capsys.readouterr().err


def test_help_and_version(capsys):
    parser = Parser(prog="x", description="what it does")
    parser.add_argument("--version", action="version", version="x 1.2")
    for option in ("--help", "--version"):
        with pytest.raises(SystemExit) as end:
            exit_code(lambda option=option: parser.parse_args([option]))
        assert not end.value.code
    out, err = capsys.readouterr()
    assert out.startswith("usage: x")
    assert out.endswith("\nx 1.2\n")
    assert "what it does" in out
    assert err == ""


@pytest.mark.parametrize("broken, reason", BROKEN)
def test_standard_error_that_nobody_reads_changes_nothing(monkeypatch, broken, reason):
    def fail():
        warn("something")
        raise SourceError("clip.mp4: no such file")

    monkeypatch.setattr(sys, "stderr", broken())
    assert exit_code(fail) == 3
    if sys.stderr is not None:
        sys.stderr.flush()  # which would make it 120 when Python ends


def test_standard_error_that_is_closed_does_not_become_standard_output(monkeypatch, capsys):
    monkeypatch.setattr(sys, "stderr", None)
    say("lost")
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("name", ["stdout", "stderr"])
@pytest.mark.parametrize(
    "text, errors, shown",
    [
        pytest.param("caf\u00e9", "strict", b"caf\\xe9\n", id="a letter that the terminal lacks"),
        pytest.param("caf\udce9", "strict", b"caf\\udce9\n", id="a byte that is no letter"),
        pytest.param("caf\udce9", "surrogateescape", b"caf\xe9\n", id="that byte where it is passed on"),
    ],
)
def test_a_terminal_that_cannot_show_a_name(monkeypatch, tmp_path, name, text, errors, shown):
    path = tmp_path / "out"
    with open(str(path), "w", encoding="ascii", errors=errors) as stream:
        monkeypatch.setattr(sys, name, stream)
        print_lines([text]) if name == "stdout" else say(text)
    assert path.read_bytes() == shown
