"""That the stress tests measure; what they measure depends on the machine."""

import json
import os
import re

import pytest
from support.program import CARD, CLIP

from app.arguments import make_parser
from tools.camera_servers.rtsp import available
from tools.soak.__main__ import main
from tools.soak.viewers.browser import why_not

pytestmark = pytest.mark.skipif(
    not (os.path.exists(CLIP) and os.path.exists(CARD)), reason="the clip or the model is not here"
)
several = pytest.mark.skipif(
    not isinstance(make_parser().parse_args(["--cam", "0"]).cam, list), reason="the command films one camera only"
)


def figures(tmp_path, *arguments):
    """What a soak measured: its lines by their names. It ends with 0 or 1, by what was reached."""
    report = tmp_path / "soak.json"
    code = main([*arguments, "--report", str(report)])
    lines = json.loads(report.read_text())
    assert code == int(not all(line["reached"] for line in lines))
    return {line["what"]: line for line in lines}


def test_overload(tmp_path):
    result = figures(tmp_path, "overload", "--seconds", "5")
    assert len(result) == 4
    assert result["captured, processed, dropped"]["reached"]
    assert 5 < float(result["real rate"]["measured"].split()[0]) < 10, "ten a second is all that the detector can do"


def test_kill(tmp_path):
    result = figures(tmp_path, "kill", "--kills", "1", "--cam", CLIP)
    assert result["incomplete JSON lines"]["reached"]
    assert result["unreadable recordings"]["reached"]


@several
def test_kill_of_three_cameras(tmp_path):
    result = figures(tmp_path, "kill", "--kills", "1", "--cam", CLIP, "--cameras", "3")
    assert result["incomplete JSON lines"]["reached"]
    assert result["unreadable recordings"]["measured"] == "0 of 3"


@several
def test_memory_of_three_cameras(tmp_path):
    (line,) = figures(tmp_path, "memory", "--frames", "300", "--cameras", "3").values()
    assert "MB" in line["measured"]


def test_memory(tmp_path):
    (line,) = figures(tmp_path, "memory", "--frames", "300").values()
    assert "MB" in line["measured"]


@pytest.mark.skipif(available() is not None, reason=str(available()))
def test_faults(tmp_path, monkeypatch):
    for name, seconds in {"SETTLE": 0.1, "HEALTHY": 0.3, "LONGEST": 0.4}.items():
        monkeypatch.setattr("tools.soak.faults." + name, seconds)
    result = figures(tmp_path, "faults", "--faults", "2", "--cam", CLIP)
    for camera in ("http", "rtsp"):
        assert result[camera + ": faults survived"]["reached"], result
        assert result[camera + ": frames processed twice"]["reached"], result
        assert result[camera + ": errors"]["reached"], result


@several
@pytest.mark.skipif(available() is not None, reason=str(available()))
def test_faults_beside_a_steady_camera(tmp_path, monkeypatch):
    for name, seconds in {"SETTLE": 0.1, "HEALTHY": 0.3, "LONGEST": 0.4}.items():
        monkeypatch.setattr("tools.soak.faults." + name, seconds)
    result = figures(tmp_path, "faults", "--faults", "2", "--cam", CLIP, "--together")
    for camera in ("http", "rtsp"):
        assert result[camera + ": faults survived"]["reached"], result
        assert result[camera + ": frames processed twice"]["reached"], result
    assert result["all: errors"]["reached"], result
    assert "steady: frames lost while others failed" in result


def test_viewers(tmp_path, monkeypatch):
    monkeypatch.setattr("tools.soak.viewers.run.SETTLE", 0.1)
    result = figures(tmp_path, "viewers", "--seconds", "1", "--only", "cost")
    assert result["JPEGs while nobody looks"]["measured"] == "0"
    assert "FPS" in result["rate alone, with four viewers"]["measured"]


@pytest.mark.verify
@pytest.mark.skipif(why_not() is not None, reason=str(why_not()))
def test_viewers_in_a_browser(tmp_path, monkeypatch):
    for name, seconds in {"SETTLE": 2.0, "ADAPT": 2.0}.items():
        monkeypatch.setattr("tools.soak.viewers.run." + name, seconds)
    result = figures(tmp_path, "viewers", "--seconds", "4", "--only", "painted", "slow", "eight")
    assert re.match(r"[0-9]+ ms of [1-9][0-9]* pictures", result["capture to painted at the end, p95"]["measured"])
    assert re.match(r"[0-9]+ ms", result["slow link: oldest seen at the end, p95"]["measured"])
    assert re.match("[1-8] of 8", result["cameras that move"]["measured"])


@pytest.mark.skipif(why_not() is None, reason="here is a browser")
def test_viewers_without_a_browser(capsys):
    assert main(["viewers", "--seconds", "1", "--only", "painted"]) == 2
    assert "need a browser" in capsys.readouterr().err


def test_help_and_nonsense(capsys):
    assert main(["--nonsense"]) == 2
    assert main(["faults"]) == 2, "--cam is required"
    assert len(capsys.readouterr().err.splitlines()) == 2
