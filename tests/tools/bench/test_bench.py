import json
import os
import re

import cv2
import numpy as np
import pytest

from app import __version__
from app.errors import ModelError
from app.modelcard import find_model
from tools import demo
from tools.bench import __main__ as bench
from tools.bench import loops, networks

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


QUICK = ["--sizes", "64", "--rounds", "2", "--seconds", "0.1"]


def check_spreads(*spreads):
    for spread in spreads:
        assert 0 < spread["least"] <= spread["median"] <= spread["most"]


def test_figures(tmp_path, video, capsys):
    """A turn is longer than the video, so that it starts again."""
    report = tmp_path / "bench.json"
    assert bench.main(["--cam", video, *QUICK, "--report", str(report)]) == 0
    result = json.loads(report.read_text())
    assert (result["kind"], result["version"]) == ("bench", __version__)
    assert result["model"]["name"] == "yolov3-tiny"
    figures = result["sizes"]["64"]
    assert figures["input"] == [64, 64]
    assert figures["frames"] > 20
    assert set(figures["fps"]) == {"bare", "naive", "loop", "recording"}
    check_spreads(*figures["fps"].values(), *(figures[n] for n in ("loop/bare", "loop/naive", "recording/bare")))
    check_spreads(figures["stages_ms"]["infer"])
    assert figures["warm_up_ms"]["onnx"] > 0
    versions = result["machine"]["versions"]
    assert versions["onnxruntime"]
    first, *lines = capsys.readouterr().out.splitlines()
    assert versions["onnxruntime"] in first
    assert len(lines) == 3
    for line, name in ((lines[0], "loop/bare"), (lines[1], "loop"), (lines[2], "infer")):
        assert re.search(rf"{name} [\d.]+ \([\d.]+ to [\d.]+\)", line)


def test_the_loop_on_backends(tmp_path, video, capsys):
    report = tmp_path / "bench.json"
    assert bench.main(["--cam", video, "--backends", "onnx", "opencv", *QUICK, "--report", str(report)]) == 0
    figures = json.loads(report.read_text())["sizes"]["64"]
    assert (
        set(figures["fps"])
        == {"bare", "naive", "onnx", "opencv", "onnx alone", "opencv alone"}
        == set(figures["frames"])
    )
    for name in ("onnx", "opencv"):
        check_spreads(*(figures[f"{name}/{base}"] for base in ("naive", "bare", f"{name} alone")))
        check_spreads(figures["stages_ms"][name]["infer"], figures["stages_ms"][name]["preprocess"])
        assert figures["warm_up_ms"][name] > 0
        assert name in figures["what"][name]
    out = capsys.readouterr().out
    assert "x naive" in out
    assert "opencv alone" in out


def test_every_backend_that_runs_here(video, capsys, monkeypatch):
    """One that does not is named, with the reason."""
    monkeypatch.setattr(networks, "_open", missing(networks._open, "opencv"))
    monkeypatch.setattr(loops, "BACKENDS", ("onnx", "opencv"))
    assert bench.main(["--cam", video, "--backends", *QUICK]) == 0
    assert "opencv        - is not here" in capsys.readouterr().out


def test_a_backend_that_was_asked_for_must_run(video, capsys, monkeypatch):
    monkeypatch.setattr(networks, "_open", missing(networks._open, "opencv"))
    assert bench.main(["--cam", video, "--backends", "onnx", "opencv", *QUICK]) == 4
    assert "error: is not here" in capsys.readouterr().err


def missing(opened, absent):
    def opening(model, name, shape):
        if name == absent:
            raise ModelError("is not here")
        return opened(model, name, shape)

    return opening


def test_opencv_has_its_threads_back(video):
    before = cv2.getNumThreads()
    assert bench.main(["--cam", video, "--backends", "opencv", *QUICK]) == 0
    assert cv2.getNumThreads() == before


def test_what_got_slower(tmp_path, video, capsys):
    saved = tmp_path / "saved.json"
    assert bench.main(["--backends", "onnx", "opencv", *QUICK, "--report", str(saved)]) == 0
    assert "x onnx" in capsys.readouterr().out
    report = json.loads(saved.read_text())
    figures = report["sizes"]["64"]
    check_spreads(figures["fps"]["onnx"], figures["fps"]["opencv"], figures["opencv/onnx"])
    assert set(figures["warm_up_ms"]) == {"onnx", "opencv"}
    figures["fps"]["onnx"] = dict.fromkeys(("median", "least", "most"), 1e6)
    report["sizes"]["320"] = figures
    report["machine"]["versions"]["numpy"] = "1.0"
    report["warnings"] = ["the cores were busy"]
    saved.write_text(json.dumps(report))
    assert bench.main(["--backends", "onnx", *QUICK, "--compare", str(saved)]) == 0
    out, err = capsys.readouterr()
    assert "slower: size 64, onnx: 1000000.0 FPS then" in out
    assert "size 320 is in the saved report only" in out
    assert "numpy: 1.0 then" in err
    assert f"warning: when {saved} was measured: the cores were busy\n" in err


OTHER = json.dumps({"kind": "bench", "way": "--cam --pacing", "sizes": {}})


@pytest.mark.parametrize("content", [None, "{}", OTHER], ids=["no file", "no report", "of something else"])
def test_what_cannot_be_compared_with(tmp_path, content, capsys):
    """It is found out before anything is measured."""
    saved = tmp_path / "saved.json"
    if content is not None:
        saved.write_text(content)
    assert bench.main(["--backends", "onnx", "--compare", str(saved)]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert len(err.splitlines()) == 1


def test_complaints_are_warnings_and_in_the_report(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(bench.Board, "complaints", lambda self: ["it is slow; mend it with: a spanner"])
    report = tmp_path / "bench.json"
    assert bench.main(["--backends", "onnx", *QUICK, "--report", str(report)]) == 0
    assert "warning: it is slow; mend it with: a spanner" in capsys.readouterr().err
    assert json.loads(report.read_text())["warnings"] == ["it is slow; mend it with: a spanner"]


def test_overlap(video, capsys):
    assert bench.main(["--cam", video, "--overlap", "--sizes", "64", "--rounds", "1", "--seconds", "0.3"]) == 0
    out = capsys.readouterr().out
    for network in ("25 ms", "10 ms"):  # how much it reaches is no test's matter: in 0.3 s it may be more than all
        assert re.search(r"\b{}: \d\.\d{{3}} \(".format(network), out), out


def test_pacing(video, tmp_path, capsys):
    report = tmp_path / "bench.json"
    arguments = ["--pacing", "--sizes", "64", "--rounds", "1", "--seconds", "0.5", "--report", str(report)]
    assert bench.main(["--cam", video, *arguments]) == 0
    figures = json.loads(report.read_text())["sizes"]["64"]
    assert set(figures) == {"24", "40"}
    for configured, row in figures.items():
        assert row["delay"]["most"] < float(configured), "a delay after the work never reaches it"
        assert row["formula"] < float(configured)
        assert row["deadline"]["median"] > row["delay"]["median"]
    for line in capsys.readouterr().out.splitlines()[1:]:
        assert len(re.findall(r"by (?:a delay|deadlines) [\d.]+ \([\d.]+ to [\d.]+\)", line)) == 2


@pytest.mark.parametrize(
    "arguments, named",
    [
        ([], "--cam"),
        (["--backends", "onnx", "--overlap"], "--cam"),
        (["--backends", "onnx", "--pacing"], "--cam"),
        (["--cam", "x.avi", "--backends", "onnx", "--pacing"], "--backends"),
        (["--cam", "x.avi", "--backends", "keras"], "keras"),
        (["--backends", "onnx", "--threads", "1"], "--threads"),
        (["--backends", "onnx", "--sizes", "65"], "--sizes"),
        (["--backends", "onnx", "--sizes", "100000000"], "from 1 to 4096"),
    ],
)
def test_options_that_make_no_sense(arguments, named, capsys, monkeypatch):
    monkeypatch.setattr(bench.Board, "complaints", lambda self: [])
    assert bench.main(arguments) == 2
    err = capsys.readouterr().err
    assert len(err.splitlines()) == 1
    assert named in err


def test_no_model(capsys, monkeypatch):
    monkeypatch.setattr(bench.Board, "complaints", lambda self: [])
    assert bench.main(["--backends", "onnx", "--model", "there-is-none"]) == 4
    assert "no such model; weights/ has: " in capsys.readouterr().err


def test_no_video(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(bench.Board, "complaints", lambda self: [])
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
