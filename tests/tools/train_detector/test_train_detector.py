"""The command, with a small network on coloured rectangles."""

import json
import shutil
from types import SimpleNamespace

import cv2
import pytest

pytest.importorskip("keras", "3")
pytest.importorskip("tensorflow")
pytest.importorskip("matplotlib")
pytest.importorskip("pycocotools")

from support.labelled import write_pictures, write_yolo  # noqa: E402
from support.program import call  # noqa: E402
from support.small_detector import write_network  # noqa: E402

from app.modelcard import read_card  # noqa: E402
from tools import score  # noqa: E402, F401
from tools.darknet_models import configured  # noqa: E402
from tools.score.__main__ import main as score_main  # noqa: E402
from tools.train_detector.__main__ import main  # noqa: E402
from tools.train_detector.export import card_of  # noqa: E402

pytestmark = pytest.mark.slow
EPOCHS = 3


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """A folder with pictures, labels and a network, and the options that name them."""
    folder = tmp_path_factory.mktemp("data")
    write_yolo(folder, write_pictures(folder, 30))
    options = ["--images", folder / "images", "--labels", folder / "labels", *write_network(folder)]
    return folder, [*options, "--precision", "float32", "--lr", "0.003"]


@pytest.fixture(scope="module")
def trained(data, tmp_path_factory):
    """A complete run: (its folder, standard output, standard error)."""
    run = tmp_path_factory.mktemp("trained") / "run"
    code, out, err = call(main, *data[1], "--epochs", EPOCHS, "--run", run, "--output", run.parent / "mine.onnx")
    assert code == 0, err
    return run, out, err


def log_of(run):
    return [json.loads(line) for line in (run / "log.jsonl").read_text().splitlines()]


def test_leaves_a_log_curves_a_page_and_one_checkpoint(trained):
    run, _, _ = trained
    assert [line["epoch"] for line in log_of(run)] == [1, 2, 3]
    assert {"loss", "val_ap50", "val_ap", "lr", "elapsed_s"} <= set(log_of(run)[0])
    assert log_of(run)[-1]["loss"] < log_of(run)[0]["loss"]
    names = ["curves.png", "epoch-0003.keras", "log.jsonl", "predictions.png", "state.json"]
    assert sorted(path.name for path in run.iterdir()) == names
    assert cv2.imread(str(run / "predictions.png")).shape[1] > 600


def test_the_card_describes_the_model_and_its_training(trained):
    run, _, _ = trained
    card = read_card(str(run.parent / "mine.onnx"))
    assert card.labels == ("green", "red")
    assert (card.resize, card.size) == ("letterbox", (64, 64))
    fields = json.loads((run.parent / "mine.json").read_text())
    assert fields["training"]["epochs"] == EPOCHS
    assert fields["training"]["command"].startswith("python -m tools.train_detector --images")
    assert fields["accuracy"]["images"] == 6
    assert fields["source"]["cfg"]["file"] == "small.cfg"


def test_the_card_has_the_size_of_the_training_and_not_that_of_the_configuration(data, trained):
    made_of = configured(str(data[0] / "small.cfg"), None)
    detector = SimpleNamespace(made_of=made_of, network=made_of.network)
    card = card_of(detector, ["green", "red"], str(trained[0].parent / "mine.onnx"), 96)
    assert (card["input"]["size"], card["labels"]) == ([96, 96], ("green", "red"))


def test_ends_with_the_line_that_starts_the_camera(trained):
    run, out, _ = trained
    line = f"python -m app.detect --cam 0 --model {run.parent}/mine.onnx"
    threshold = json.loads((run.parent / "mine.json").read_text())["accuracy"]["best_threshold"]
    assert (
        out == (line if threshold is None or threshold >= 0.25 else f"{line} --conf {max(threshold, 0.1):.2f}") + "\n"
    )


def test_the_accuracy_is_that_of_tools_score(trained, data, tmp_path):
    """Of the same pictures, read from their YOLO labels."""
    run, _, _ = trained
    names = sorted(path.name for path in (data[0] / "images").iterdir())[::5]
    (tmp_path / "held").mkdir()
    for name in names:
        shutil.copy(str(data[0] / "images" / name), str(tmp_path / "held"))
    options = ["--images", tmp_path / "held", "--labels", data[0] / "labels", "--report", tmp_path / "score.json"]
    code, _, err = call(score_main, *options, "--model", run.parent / "mine.onnx", "--size", "64", "--backend", "onnx")
    assert code == 0, err
    expected = json.loads((tmp_path / "score.json").read_text())
    fields = json.loads((run.parent / "mine.json").read_text())
    assert fields["accuracy"]["objects"] == expected["objects"]
    assert fields["accuracy"]["ap50"] == pytest.approx(expected["ap50"], abs=1e-6)


def test_a_folder_that_has_a_run_and_one_that_has_none(trained, data, tmp_path):
    run, _, _ = trained
    code, _, err = call(main, *data[1], "--run", run, "--output", tmp_path / "mine.onnx")
    assert (code, err.count("\n")) == (2, 2)
    assert f"already has a run; continue it with --resume {run}" in err
    code, _, err = call(main, "--resume", tmp_path)
    assert code == 2
    assert not (tmp_path / "mine.onnx").exists()


def test_a_complete_run_can_be_resumed_and_only_exports(trained, tmp_path):
    run, out, _ = trained
    before = (run / "log.jsonl").read_bytes()
    code, again, err = call(main, "--resume", run)
    assert (code, again) == (0, out), err
    assert (run / "log.jsonl").read_bytes() == before


def test_other_data_than_those_of_the_run_are_refused(trained, data, tmp_path):
    run, _, _ = trained
    shutil.copytree(str(run), str(tmp_path / "run"))
    state = json.loads((tmp_path / "run/state.json").read_text())
    state["data_sha256"] = "0" * 64
    (tmp_path / "run/state.json").write_text(json.dumps(state))
    code, _, err = call(main, "--resume", tmp_path / "run")
    assert code == 2
    assert "not the data that" in err


@pytest.mark.parametrize("extra", [["--freeze", "backbone", "--ema", "0"], ["--anchors", "fit", "--time-budget", "2s"]])
def test_other_ways_to_train(data, tmp_path, extra):
    length = [] if "--time-budget" in extra else ["--epochs", "1"]
    run = tmp_path / "run"
    code, _, err = call(main, *data[1], *extra, *length, "--run", run, "--output", tmp_path / "mine.onnx")
    assert code == 0, err
    heads = json.loads((tmp_path / "mine.json").read_text())["heads"]
    assert (heads[0]["anchors"] == [[12, 12], [20, 20], [30, 30]]) == ("fit" not in extra)


WRONG = [
    (["--labels", "none.json"], 3, "none.json: no such folder or file of labels"),
    (["--size", "60"], 2, "--size 60: should be a multiple of 8"),
    (["--weights", "pyproject.toml"], 4, "bytes of weights, this network needs"),
    (["--cfg", "pyproject.toml"], 4, "pyproject.toml: "),
    (["--output", "no/such/folder/x.onnx"], 5, "there is no folder"),
    (["--val", "1/1"], 2, "nothing would be left"),
    (["--names", "pyproject.toml"], 3, "should have the names of the classes"),
    (["--data", "x.yaml"], 2, "--data names the pictures already"),
    (["--epochs", "2", "--time-budget", "5m"], 2, "give only one of them"),
    (["--output", "yolov3-tiny"], 2, "is the default model"),
]


@pytest.mark.parametrize("options, expected, message", WRONG)
def test_bad_input_ends_in_one_line_and_leaves_nothing(data, tmp_path, options, expected, message):
    run = tmp_path / "run"
    code, out, err = call(main, *data[1], "--run", run, "--output", tmp_path / "mine.onnx", *options)
    assert (code, out) == (expected, "")
    (line,) = [line for line in err.splitlines() if line.startswith("error: ")]
    assert message in line
    assert "Traceback" not in err
    assert list(tmp_path.iterdir()) == []


def test_only_a_check(data, tmp_path):
    code, out, err = call(main, *data[1], "--run", tmp_path / "run", "--output", tmp_path / "x.onnx", "--check-only")
    assert (code, out) == (0, "")
    assert "24 pictures with" in err
    assert list(tmp_path.iterdir()) == []
