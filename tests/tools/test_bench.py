import json
import os

import cv2
import numpy as np
import pytest

from app.modelcard import find_model
from tools import bench, demo

pytestmark = pytest.mark.skipif(
    not os.path.exists(find_model("yolov3-tiny")), reason="the model is not here: python -m tools.convert"
)


@pytest.fixture
def video(tmp_path):
    path = str(tmp_path / "video.avi")
    writer = cv2.VideoWriter(path, cv2.VideoWriter.fourcc(*"MJPG"), 25, (96, 64))
    for index in range(20):
        writer.write(np.full((64, 96, 3), 10 * index, np.uint8))
    writer.release()
    return path


def test_figures(tmp_path, video):
    """A turn is longer than the video, so that it starts again."""
    report = tmp_path / "bench.json"
    assert (
        bench.main(["--cam", video, "--sizes", "64", "--rounds", "2", "--seconds", "0.1", "--report", str(report)]) == 0
    )
    result = json.loads(report.read_text())
    figures = result["sizes"]["64"]
    assert figures["input"] == [64, 64]
    assert figures["frames"] > 20
    assert set(figures["fps"]) == {"bare", "naive", "loop", "recording"}
    ratios = [figures[name] for name in ("loop/bare", "loop/naive", "recording/bare")]
    for rate in [*figures["fps"].values(), *ratios]:
        assert 0 < rate["least"] <= rate["median"] <= rate["most"]
    assert figures["stages_ms"]["infer"] > 0
    assert result["machine"]["onnxruntime"]


def test_overlap(video, capsys):
    assert bench.main(["--cam", video, "--overlap", "--sizes", "64", "--rounds", "1", "--seconds", "0.3"]) == 0
    out = capsys.readouterr().out
    assert "25 ms: 0." in out
    assert "10 ms: 0." in out


def test_pacing(video, tmp_path):
    report = tmp_path / "bench.json"
    arguments = ["--pacing", "--sizes", "64", "--rounds", "1", "--seconds", "0.5", "--report", str(report)]
    assert bench.main(["--cam", video, *arguments]) == 0
    figures = json.loads(report.read_text())["sizes"]["64"]
    assert set(figures) == {"24", "40"}
    for configured, row in figures.items():
        assert row["delay"]["most"] < float(configured), "a delay after the work never reaches it"
        assert row["formula"] < float(configured)
        assert row["deadline"]["median"] > row["delay"]["median"]


@pytest.mark.parametrize("option", ["--overlap", "--pacing"])
def test_what_needs_a_video(option, capsys):
    assert bench.main(["--backends", "onnx", option]) == 2
    assert "--cam" in capsys.readouterr().err


def test_no_video(tmp_path, capsys):
    assert bench.main(["--cam", str(tmp_path / "none.avi")]) == 3
    assert len(capsys.readouterr().err.splitlines()) == 1


def test_the_demo_shows_its_fullest_frame(tmp_path, video):
    lines, still = tmp_path / "lines.jsonl", tmp_path / "still.jpg"
    counts = [0, 2, 1]
    lines.write_text(
        "".join(json.dumps({"frame": n, "detections": [{"score": 0.5}] * c}) + "\n" for n, c in enumerate(counts))
    )
    assert demo.fullest_frame(str(lines)) == 1
    demo.save_still(video, 1, str(still))
    assert abs(float(cv2.imread(str(still)).mean()) - 10) < 5
