import json

import pytest
from support.program import needs_model
from support.streams import write_video

from tools.bench import __main__ as bench
from tools.bench import tracking


def test_the_tracker_alone_tracks_all_things(monkeypatch):
    watches = []
    make = tracking.new_watch
    monkeypatch.setattr(tracking, "new_watch", lambda: watches.append(make()) or watches[-1])
    assert tracking.tracker_ms(things=20, frames=30) > 0
    assert watches[0].report()["tracks"] >= 20
    assert len(watches[0].tracker.confirmed()) >= 20


@needs_model
@pytest.mark.slow
def test_the_loop_with_and_without_tracking(tmp_path, capsys):
    video, report = write_video(tmp_path / "video.avi", 20), tmp_path / "bench.json"
    words = ["--cam", video, "--track", "--sizes", "64", "--rounds", "2", "--seconds", "0.1", "--workers", "1", "2"]
    assert bench.main([*words, "--report", str(report)]) == 0
    result = json.loads(report.read_text())
    assert result["way"] == "--cam --track"
    figures = result["sizes"]["64"]
    loops = [f"{what}, {count}" for count in ("1 worker", "2 workers") for what in ("loop", "tracking")]
    assert set(figures["fps"]) == {"bare", *loops}
    ratios = [f"{loop}/bare" for loop in loops]
    ratios += ["tracking, 1 worker/loop, 1 worker", "tracking, 2 workers/loop, 2 workers"]
    assert {name for name in figures if "/" in name} == set(ratios)
    for name in ("tracker_ms", "grey_ms", "motion_ms", "follow_ms"):
        assert 0 < figures[name]["least"] <= figures[name]["median"] <= figures[name]["most"]
    shown = capsys.readouterr().out
    assert "tracker, line and zone, 20 things: " in shown
    assert "small grey picture: " in shown


def test_it_needs_a_video(capsys):
    assert bench.main(["--backends", "--track"]) == 2
    assert "need a video" in capsys.readouterr().err
