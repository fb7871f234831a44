"""Events while everything fails, with a real broker; few of them."""

import json

import pytest

from tools.soak.__main__ import main
from tools.soak.broker import PROGRAM

needs_mosquitto = pytest.mark.skipif(PROGRAM is None, reason="needs mosquitto: make test-packages")


@needs_mosquitto
@pytest.mark.parametrize("kills", [0, 2])
def test_few_events(tmp_path, kills, capsys):
    words = ["events", "--events", "10", "--kills", str(kills), "--report", str(tmp_path / "report.json")]
    assert main(words) == 0, capsys.readouterr()
    figures = {one["what"]: one["measured"] for one in json.loads((tmp_path / "report.json").read_text())}
    assert figures["subscriber: doubled"] == "0"


def test_without_a_broker(monkeypatch, capsys):
    monkeypatch.setattr("tools.soak.broker.PROGRAM", None)
    assert main(["events"]) == 3
    assert "needs mosquitto" in capsys.readouterr().err
