"""A training of a trial, as a process of any program."""

import sys

import pytest

from app.errors import OutputError
from tools.search.training import Training

pytestmark = pytest.mark.slow


def fail(folder, line):
    """The error of a training that prints a line and fails."""
    code = f"import sys; print({line!r}, file=sys.stderr); sys.exit(4)"
    with Training(str(folder), [], [sys.executable, "-c", code]) as training:
        assert training.wait(30)
        assert training.code == 4
        return training.error()


def test_an_error_is_that_of_this_attempt(tmp_path):
    assert fail(tmp_path, "error: no room") == "no room"
    assert fail(tmp_path, "KeyError: 1") == "KeyError: 1"
    assert (tmp_path / "output.txt").read_text() == "error: no room\nKeyError: 1\n", "what came before is kept"


def test_a_program_that_is_not_there(tmp_path):
    with pytest.raises(OutputError, match="cannot start a training: No such file or directory"):
        Training(str(tmp_path), [], [str(tmp_path / "nothing")])
