import json
import sys

import pytest
from sequences import write_sequence

from tools.track.__main__ import main


def test_without_its_packages(tmp_path, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "trackers", None)
    folder = write_sequence(tmp_path / "walk")
    assert (
        main(["--detections", str(folder / "det-frcnn.txt"), "--rival", "sort", "--tracks", str(tmp_path / "t")]) == 2
    )
    assert "pip install trackers supervision" in capsys.readouterr().err
    assert not (tmp_path / "t").exists()


@pytest.mark.verify
@pytest.mark.parametrize("rival", ["sort", "bytetrack", "ocsort", "cbiou", "linezone"])
def test_two_who_meet(tmp_path, rival):
    """One goes to the right and one to the left over a line that leads upwards, each once."""
    pytest.importorskip("trackers")
    pytest.importorskip("supervision")
    folder, report = write_sequence(tmp_path / "walk"), str(tmp_path / "report.json")
    words = ["--detections", str(folder / "det-frcnn.txt"), "--rival", rival, "--report", report]
    assert main([*words, "--line", "door:200,480-200,0"]) == 0
    with open(report) as file:
        found = json.load(file)
    assert (found["rival"], found["tracks"]) == (rival, 2)
    assert found["lines"]["tracks"] == {"door": {"in": 1, "out": 0}}
