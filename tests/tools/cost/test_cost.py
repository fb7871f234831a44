import json

import pytest
from onnx import save

from app import __version__
from tools.cost import __main__ as cost
from tools.cost.nano import yolov3_tiny_model
from tools.cost.published import ASSUMPTIONS, PUBLISHED


@pytest.fixture(scope="module")
def yolo(tmp_path_factory):
    path = tmp_path_factory.mktemp("model") / "yolo.onnx"
    save(yolov3_tiny_model(), str(path))
    return str(path)


def test_report(yolo, tmp_path, capsys):
    report = tmp_path / "cost.json"
    assert cost.main([yolo, "nano_resnet_s", "--sizes", "160", "416", "--layers", "160", "--report", str(report)]) == 0
    result = json.loads(report.read_text())
    assert (result["kind"], result["version"]) == ("cost", __version__)
    assert [row["input"] for row in result["models"][yolo]] == [[128, 160], [320, 416]]
    assert [row["input"] for row in result["models"]["nano_resnet_s"]] == [[32, 32]]
    assert len(result["published"]) == len(PUBLISHED)
    assert result["assumptions"] == list(ASSUMPTIONS)
    layers = result["layers"][yolo]
    assert len(layers) == 21
    assert sum(layer["floor_ms"] for layer in layers) == pytest.approx(result["models"][yolo][0]["floor_ms"], abs=0.002)
    out = capsys.readouterr().out
    for words in ("160x128", "416x320", "pool11", "YOLOv4-tiny 416", "nano_resnet_s, 1.23 million", "not measurements"):
        assert words in out
    assert max(len(line) for line in out.replace(yolo, "yolo.onnx").splitlines()) <= 120


def test_square(yolo, capsys):
    assert cost.main([yolo, "--sizes", "416", "--square"]) == 0
    row = next(line for line in capsys.readouterr().out.splitlines() if "416x416" in line)
    # Operations, megabytes, floor, share of it, floor at 5 W and on the CPU, network, expected: the point that the line
    # was fitted to, and so without stars.
    assert row.split() == "416 416x416 5.565 50.5 12.38 95% 17.57 122.78 21.67 39.2 25.5".split()


def test_every_extrapolated_figure_has_a_star(yolo, capsys):
    """Of a classifier nothing is expected but the network's time."""
    assert cost.main([yolo, "nano_resnet_s", "--sizes", "160"]) == 0
    lines = capsys.readouterr().out.splitlines()
    detector, classifier = (next(line for line in lines if size in line) for size in ("160x128", " 32x32"))
    assert [cell.endswith("*") for cell in detector.split()[-4:]] == [False, True, True, True]
    assert [cell.endswith("*") for cell in classifier.split()[-4:]] == [False, True, False, False]
    assert "  * outside the range of the published speeds" in lines


def test_frame(yolo, capsys):
    assert cost.main([yolo, "--sizes", "320", "--frame", "1280x720"]) == 0
    assert "320x192" in capsys.readouterr().out


WRONG = {
    "no model": (["weights/none.onnx"], 4, "weights/none.onnx: no such model; weights/ has: "),
    "size": (["nano_resnet_s", "--sizes", "100"], 2, "size 100 is not a multiple of 32; nearest: 96 and 128"),
    "huge size": (["nano_resnet_s", "--sizes", "100000000"], 2, "a size should be from 1 to 4096"),
    "size of layers": (["nano_resnet_s", "--layers", "7"], 2, "size 7 is not a multiple of 32"),
    "frame": (["--frame", "640"], 2, "WIDTHxHEIGHT"),
    "report": (["nano_resnet_s", "--report", "none/cost.json"], 5, "there is no folder"),
}


@pytest.mark.parametrize("arguments, code, words", WRONG.values(), ids=WRONG.keys())
def test_errors_are_one_line(arguments, code, words, capsys):
    assert cost.main(arguments) == code
    out, err = capsys.readouterr()
    assert words in err
    assert err.count("\n") == 1
    assert not out
