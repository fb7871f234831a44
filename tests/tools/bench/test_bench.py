import json
import re

import cv2
import pytest
from support.program import needs_model
from support.streams import write_video

from app import __version__
from app.errors import ModelError
from tools.bench import __main__ as bench
from tools.bench import live, loops, networks

pytestmark = needs_model


@pytest.fixture
def video(tmp_path):
    return write_video(tmp_path / "video.avi", 20)


QUICK = ["--sizes", "64", "--rounds", "2", "--seconds", "0.1"]


def check_spreads(*spreads):
    for spread in spreads:
        assert 0 < spread["least"] <= spread["median"] <= spread["most"]


def test_figures(tmp_path, video, capsys):
    """A turn is longer than the video, so that it starts again."""
    report = tmp_path / "bench.json"
    assert bench.main(["--cam", video, *QUICK, "--workers", "2", "1", "--report", str(report)]) == 0
    result = json.loads(report.read_text())
    assert (result["kind"], result["version"]) == ("bench", __version__)
    assert result["model"]["name"] == "yolov3-tiny"
    assert result["workers"] == [1, 2]
    figures = result["sizes"]["64"]
    assert figures["input"] == [64, 64]
    assert figures["frames"] > 20
    loops = ["loop, 1 worker", "loop, 2 workers"]
    assert set(figures["fps"]) == {"bare", "naive", "side by side", "recording", *loops}
    ratios = [f"{loop}/{base}" for loop in loops for base in ("bare", "side by side", "naive")]
    ratios += ["loop, 2 workers/loop, 1 worker", "recording/bare"]
    assert {name for name in figures if "/" in name} == set(ratios)
    check_spreads(*figures["fps"].values(), *(figures[name] for name in ratios))
    for loop in loops:
        check_spreads(figures["stages_ms"][loop]["infer"])
        assert figures["warm_up_ms"][loop] > 0
    versions = result["machine"]["versions"]
    assert versions["onnxruntime"]
    first, *lines = capsys.readouterr().out.splitlines()
    assert versions["onnxruntime"] in first
    assert re.split(" {2,}", lines[1].strip()) == ["FPS", "x bare", "x side by side", "x naive", "x loop, 1 worker"]
    loop = next(line for line in lines if line.startswith("  loop, 2 workers "))
    assert len(re.findall(r"[\d.]+ \([\d.]+ to [\d.]+\)", loop)) == 5, "a rate and four ratios"
    assert re.search(r"loop, 2 workers, ms per frame: .*infer [\d.]+ \([\d.]+ to [\d.]+\)", "\n".join(lines))


def test_a_camera(video, capsys, monkeypatch):
    monkeypatch.setattr(live, "CHANGING", 0.1)
    monkeypatch.setattr("tools.bench.filming.SETTLING", 0.1)
    arguments = ["--camera", "40", "--workers", "1", "--sizes", "64", "--rounds", "1", "--seconds", "1"]
    assert bench.main(["--cam", video, *arguments]) == 0
    out = capsys.readouterr().out
    assert "a camera of 40 FPS" in out
    for name in ("1 worker", "auto"):
        assert re.search(rf"  {name} +[\d.]+ \([\d.]+ to [\d.]+\)", out), out


def test_cameras_beside_a_busy_core(video, tmp_path, capsys):
    report = tmp_path / "bench.json"
    arguments = ["--camera", "10", "--cameras", "2", "--sizes", "64", "--rounds", "1", "--seconds", "1", "--busy"]
    assert bench.main(["--cam", video, *arguments, "--report", str(report)]) == 0
    result = json.loads(report.read_text())
    assert [result[name] for name in ("busy", "camera_fps", "cameras")] == [True, 10.0, 2]
    figures = result["sizes"]["64"]
    check_spreads(*figures["fps"].values(), figures["jain"], figures["together/one camera"])
    assert set(figures["due"]) == {"least of the cameras", "mean"}
    assert set(figures["fault"]) == {"least of the others", "lost"}
    assert "Jain's index" in capsys.readouterr().out


def test_the_loop_on_every_backend_that_runs_here(tmp_path, video, capsys, monkeypatch):
    """One that does not is named, with the reason. OpenCV has its threads back."""
    monkeypatch.setattr(networks, "_open", missing(networks._open, "openvino"))
    monkeypatch.setattr(loops, "BACKENDS", ("onnx", "openvino", "opencv"))
    report, threads = tmp_path / "bench.json", cv2.getNumThreads()
    assert bench.main(["--cam", video, "--backends", *QUICK, "--report", str(report)]) == 0
    assert cv2.getNumThreads() == threads
    figures = json.loads(report.read_text())["sizes"]["64"]
    assert set(figures["fps"]) == {"bare", "naive", "onnx", "opencv", "onnx alone", "opencv alone"}
    assert set(figures["frames"]) == set(figures["fps"])
    out = capsys.readouterr().out
    for name in ("onnx", "opencv"):
        check_spreads(*(figures[f"{name}/{base}"] for base in ("naive", "bare", f"{name} alone")))
        check_spreads(figures["stages_ms"][name]["infer"], figures["stages_ms"][name]["preprocess"])
        assert figures["warm_up_ms"][name] > 0
        assert name in figures["what"][name]
        assert f"  {name}: {figures['what'][name]}, warm-up" in out
    assert re.search(r"FPS +x naive +x bare +x alone", out)
    assert "openvino: not measured: is not here" in out


def test_a_backend_that_was_named_must_run(video, capsys, monkeypatch):
    monkeypatch.setattr(networks, "_open", missing(networks._open, "opencv"))
    assert bench.main(["--cam", video, "--backends", "onnx", "opencv", *QUICK]) == 4
    assert "error: is not here" in capsys.readouterr().err


def missing(opened, absent):
    def opening(model, name, shape):
        if name == absent:
            raise ModelError("is not here")
        return opened(model, name, shape)

    return opening


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
    assert re.search(r"slower +64 +onnx +1000000.0 FPS", out)
    assert "size 320 is in the saved report only" in out
    assert "numpy: 1.0 then" in err
    assert f"warning: when {saved} was measured: the cores were busy\n" in err


def test_what_cannot_be_compared_with(tmp_path, capsys):
    """It is found out before anything is measured."""
    saved = tmp_path / "saved.json"
    saved.write_text(json.dumps({"kind": "bench", "way": "--cam --pacing", "sizes": {}}))
    assert bench.main(["--backends", "onnx", "--compare", str(saved)]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert len(err.splitlines()) == 1


def test_complaints_are_warnings_and_in_the_report(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(bench.Board, "complaints", lambda self: ["it is slow; fix it with: a spanner"])
    report = tmp_path / "bench.json"
    assert bench.main(["--backends", "onnx", *QUICK, "--report", str(report)]) == 0
    assert "warning: it is slow; fix it with: a spanner" in capsys.readouterr().err
    assert json.loads(report.read_text())["warnings"] == ["it is slow; fix it with: a spanner"]


def test_overlap(video, capsys):
    assert bench.main(["--cam", video, "--overlap", "--sizes", "64", "--rounds", "1", "--seconds", "0.3"]) == 0
    out = capsys.readouterr().out
    for network in ("25 ms", "10 ms"):  # the share itself depends on the machine: in 0.3 s it may exceed 1
        assert re.search(network + r" +\d\.\d{3} \(", out), out


def test_pacing(video, tmp_path, capsys):
    report = tmp_path / "bench.json"
    arguments = ["--pacing", "--sizes", "64", "--rounds", "1", "--seconds", "0.5", "--report", str(report)]
    assert bench.main(["--cam", video, *arguments]) == 0
    figures = json.loads(report.read_text())["sizes"]["64"]
    assert set(figures) == {"24", "40"}
    for configured, row in figures.items():
        assert row["delay"]["most"] < float(configured), "a delay after the work never reaches it"
        assert row["formula"] < float(configured)
        assert row["deadline"]["median"] > 0  # how near it comes to what is configured depends on the machine
    for line in capsys.readouterr().out.splitlines()[3:]:
        assert len(re.findall(r"[\d.]+ \([\d.]+ to [\d.]+\)", line)) == 2, "by a delay, and by deadlines"


@pytest.mark.parametrize(
    "arguments, code, named",
    [
        ([], 2, "--cam"),
        (["--backends", "onnx", "--pacing"], 2, "--cam"),
        (["--cam", "x.avi", "--backends", "onnx", "--pacing"], 2, "--backends"),
        (["--cam", "x.avi", "--backends", "keras"], 2, "keras"),
        (["--backends", "onnx", "--threads", "1"], 2, "--threads"),
        (["--camera", "30", "--backends", "onnx"], 2, "--cam FILE"),
        (["--cam", "x.avi", "--backends", "onnx", "--workers", "2"], 2, "--workers"),
        (["--cam", "x.avi", "--pacing", "--workers", "2"], 2, "--workers"),
        (["--cam", "x.avi", "--cameras", "4"], 2, "--camera 10"),
        (["--cam", "x.avi", "--camera", "10", "--cameras", "1"], 2, "--cameras"),
        (["--cam", "x.avi", "--camera", "10", "--memory"], 2, "--memory"),
        (["--cam", "x.avi", "--workers", "0"], 2, "--workers"),
        (["--backends", "onnx", "--sizes", "65"], 2, "size 65 is not a multiple of 32"),
        (["--backends", "onnx", "--model", "there-is-none"], 4, "no such model; weights/ has: "),
        (["--cam", "x.avi"], 3, "x.avi"),
    ],
)
def test_errors_are_one_line(arguments, code, named, capsys, monkeypatch):
    monkeypatch.setattr(bench.Board, "complaints", lambda self: [])
    assert bench.main(arguments) == code
    err = capsys.readouterr().err
    assert len(err.splitlines()) == 1
    assert named in err
