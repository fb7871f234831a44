import json

import pytest
from support.program import needs_model
from support.recorded import Disk, frame, put
from support.streams import write_video

from app.clips.clips import ClipSink
from tools.bench import __main__ as bench
from tools.bench.recording import EventsNowAndThen


def test_an_event_every_so_often(tmp_path):
    clips = ClipSink(Disk().archive(tmp_path), "cam0", 5.0, 5.0)
    heard = []
    clips.listen = lambda change, made: heard.append((change.type, change.incident.id, made.time))
    sink = EventsNowAndThen(clips)
    for index in range(50):
        put(sink, frame(index))
    clips.close()
    assert heard == [
        ("new", "0", 0),
        ("end", "0", 5),
        ("new", "1", 20),
        ("end", "1", 25),
        ("new", "2", 40),
        ("end", "2", 45),
    ]


@needs_model
@pytest.mark.slow
def test_the_loop_with_and_without_recording(tmp_path, capsys):
    video, report = write_video(tmp_path / "video.avi", 20), tmp_path / "bench.json"
    words = ["--cam", video, "--events", "--sizes", "64", "--rounds", "1", "--seconds", "0.1", "--workers", "1", "2"]
    assert bench.main([*words, "--report", str(report)]) == 0
    result = json.loads(report.read_text())
    assert result["way"] == "--cam --events"
    figures = result["sizes"]["64"]
    loops = [f"{what}, {count}" for count in ("1 worker", "2 workers") for what in ("loop", "recording")]
    assert set(figures["fps"]) == {"bare", *loops}
    assert figures["recording, 1 worker/loop, 1 worker"]["median"] > 0
    assert figures["jpegs_per_frame"]["most"] == 1, "however many want it"
    assert "JPEGs encoded for each frame: 1.000" in capsys.readouterr().out


def test_it_needs_a_video(capsys):
    assert bench.main(["--backends", "--events"]) == 2
    assert "need a video" in capsys.readouterr().err
