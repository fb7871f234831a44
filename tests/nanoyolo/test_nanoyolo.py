"""The package `nanoyolo`: names for the Python API, and the command."""

import os
import subprocess
import sys

import pytest
from support.program import ROOT

import nanoyolo
from app import __version__
from app.classifier import load_classifier
from app.detector import load_detector
from app.overlay import draw
from app.sources import open_source
from app.tracking.lines import Line
from app.tracking.scene import Scene
from app.tracking.tracker import Tracker
from app.tracking.zones import Zone
from nanoyolo import __main__ as command


def test_the_python_api():
    assert nanoyolo.load_detector is load_detector
    assert nanoyolo.load_classifier is load_classifier
    assert nanoyolo.open_source is open_source
    assert nanoyolo.draw is draw
    assert nanoyolo.Tracker is Tracker
    assert [nanoyolo.Line, nanoyolo.Scene, nanoyolo.Zone] == [Line, Scene, Zone]
    with pytest.raises(AttributeError, match="detekt"):
        nanoyolo.detekt  # noqa: B018


@pytest.mark.slow
def test_a_package_of_the_same_name_that_comes_first_is_named(tmp_path):
    (tmp_path / "app").mkdir()
    (tmp_path / "app" / "__init__.py").write_text("")
    path = os.pathsep.join([str(tmp_path), ROOT])
    done = subprocess.run(
        [sys.executable, "-c", "import nanoyolo"],
        cwd=str(tmp_path),
        env=dict(os.environ, PYTHONPATH=path),
        stderr=subprocess.PIPE,
        universal_newlines=True,
    )
    assert "ImportError: nanoyolo needs its own package 'app'" in done.stderr
    assert str(tmp_path) in done.stderr


def run(monkeypatch, *args):
    """The exit code of `nanoyolo ARGS`, in this process."""
    monkeypatch.setattr(sys, "argv", ["nanoyolo", *args])
    try:
        command.main()
    except SystemExit as end:
        return end.code
    return 0


@pytest.mark.parametrize("args", [(), ("--help",), ("-h",)], ids=str)
def test_help_lists_the_commands(monkeypatch, capsys, args):
    assert run(monkeypatch, *args) == 0
    out = capsys.readouterr().out
    assert all("  " + name in out for name in command.COMMANDS)


def test_version(monkeypatch, capsys):
    assert run(monkeypatch, "--version") == 0
    assert capsys.readouterr().out == "nanoyolo {}\n".format(__version__)


def test_a_command_that_does_not_exist(monkeypatch, capsys):
    assert run(monkeypatch, "detekt") == 2
    assert "detect" in capsys.readouterr().err


@pytest.mark.slow
@pytest.mark.skipif(sys.version_info < (3, 7), reason="a module cannot import lazily before Python 3.7")
def test_the_doctor_runs_where_opencv_cannot_be_imported(tmp_path):
    (tmp_path / "cv2.py").write_text("raise ImportError('libGL.so.1: cannot open shared object file')")
    done = subprocess.run(
        [sys.executable, "-m", "nanoyolo", "doctor", "--help"],
        cwd=ROOT,
        env=dict(os.environ, PYTHONPATH=str(tmp_path)),
        stdout=subprocess.PIPE,
        universal_newlines=True,
    )
    assert (done.returncode, "app.doctor" in done.stdout) == (0, True)


@pytest.mark.slow
def test_a_command_runs():
    """Options and exit code reach the module that does the work."""
    args = ["detect", "--cam", "absent.mp4"]
    done = subprocess.run(
        [sys.executable, "-m", "nanoyolo", *args], cwd=ROOT, stderr=subprocess.PIPE, universal_newlines=True
    )
    assert done.returncode == 3
    assert "absent.mp4: no such file" in done.stderr
