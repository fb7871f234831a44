"""The command itself, in a process of its own, on small real models; its figures against a slow and plain oracle."""

import json
import math
import os
import signal
import subprocess
import sys

import cv2
import numpy as np
import pytest
from support.classifiers import FINE, LABELS, SUPERCLASS_OF, SUPERCLASSES, weights, write_card, write_data, write_model
from support.program import PATIENCE, ROOT, start

from app import evaluate
from app.backends import open_backend
from app.classification.card import Accuracy
from app.classification.cifar100 import RECORD
from app.classification.evaluation import compare
from app.classification.scores import Scores
from app.errors import ModelError

KEYS = {
    "model", "backend", "data", "split", "images", "complete", "batch", "top1", "top5", "loss", "superclass_top1",
    "worst_classes", "most_confused", "time_s", "warm_up_s", "ms_per_image", "images_per_s", "peak_memory_mb", "card",
    "version",
}  # fmt: skip
FIGURES = ("top1", "top5", "superclass_top1")


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return write_data(tmp_path_factory.mktemp("cifar") / "data")


@pytest.fixture
def model(tmp_path):
    """A model with a card that says nothing of its accuracy."""
    return write_card(write_model(tmp_path / "small.onnx"))


def run(*args, **options):
    """Run the command to its end: (exit code, standard output, standard error)."""
    command = [sys.executable, "-m", "app.evaluate"] + [str(arg) for arg in args]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "universal_newlines": True}
    process = subprocess.Popen(command, cwd=ROOT, **dict(pipes, **options))
    try:
        out, err = process.communicate(timeout=PATIENCE)
    finally:
        process.kill()
    return process.returncode, out, err


def evaluated(tmp_path, model, data, *args):
    """The report of a run that succeeds, on ONNX Runtime where nothing else is said."""
    report = tmp_path / "report.json"
    backend = () if "--backend" in args else ("--backend", "onnx", "--device", "cpu")
    code, out, err = run("--model", model, "--data", data, "--report", report, *backend + args)
    assert (code, err) == (0, ""), err
    fields = json.loads(report.read_text())
    assert set(fields) == KEYS
    if fields["images"]:
        assert "{:.2f} %".format(100 * fields["top1"]) in out
    return fields


def fails(code, args, *phrases):
    """The command ends with this code, one line on standard error that has the phrases, and nothing else."""
    ended, out, err = run(*args)
    assert (ended, out, len(err.splitlines())) == (code, "", 1), err
    for phrase in phrases:
        assert phrase in err
    return err


def read_slowly(data, split="test", limit=10**9):
    """(mean colour, fine, coarse) of every image, record by record."""
    with open(os.path.join(data, split + ".bin"), "rb") as file:
        content = file.read()
    for start_of in range(0, min(len(content), limit * RECORD), RECORD):
        record = list(content[start_of : start_of + RECORD])
        planes = [record[2 + 1024 * channel : 2 + 1024 * (channel + 1)] for channel in range(3)]
        yield [sum(plane) / 1024 for plane in planes], record[1], record[0]


def oracle(data, split="test", limit=10**9):
    """The figures of the small model, in loops."""
    matrix, bias = (array.astype(float).tolist() for array in weights())
    images = top1 = top5 = superclass = 0
    loss = 0.0
    seen, right, mistakes = {}, {}, {}
    for means, fine, coarse in read_slowly(data, split, limit):
        logits = [sum(means[c] * matrix[c][label] for c in range(3)) + bias[label] for label in range(FINE)]
        ranked = sorted(range(FINE), key=lambda label: (-logits[label], label))
        images += 1
        top1 += ranked[0] == fine
        top5 += fine in ranked[:5]
        superclass += SUPERCLASS_OF[ranked[0]] == coarse
        loss += math.log(sum(math.exp(logit) for logit in logits)) - logits[fine]
        seen[fine] = seen.get(fine, 0) + 1
        right[fine] = right.get(fine, 0) + (ranked[0] == fine)
        if ranked[0] != fine:
            mistakes[fine, ranked[0]] = mistakes.get((fine, ranked[0]), 0) + 1
    worst = sorted((right[label] / seen[label], label) for label in seen)[:5]
    confused = sorted((-count, t, p) for (t, p), count in mistakes.items())[:5]
    return {
        "images": images,
        "top1": top1 / images,
        "top5": top5 / images,
        "superclass_top1": superclass / images,
        "loss": pytest.approx(loss / images, rel=1e-5),
        "worst_classes": [{"label": LABELS[label], "accuracy": accuracy} for accuracy, label in worst],
        "most_confused": [{"true": LABELS[t], "predicted": LABELS[p], "images": -count} for count, t, p in confused],
    }


def part(fields, expected):
    return {key: fields[key] for key in expected}


@pytest.mark.parametrize("batch", [1, 7, 64])
def test_against_the_oracle(tmp_path, model, data, batch):
    expected = oracle(data)
    assert 0 < expected["top1"] < expected["top5"] < 1  # else it would prove little
    assert expected["top1"] < expected["superclass_top1"]
    fields = evaluated(tmp_path, model, data, "--batch", batch)
    assert part(fields, expected) == expected
    assert (fields["model"], fields["split"], fields["batch"], fields["complete"]) == ("small", "test", batch, True)
    assert fields["backend"].startswith("onnxruntime ")
    assert fields["card"] is None
    assert set(fields["ms_per_image"]) == {"mean", "p50", "p95"}
    assert all(value > 0 for value in fields["ms_per_image"].values())
    assert fields["peak_memory_mb"] < 200


@pytest.mark.parametrize("args, split, limit", [(("--split", "train"), "train", 100), (("--limit", 11), "test", 11)])
def test_a_part_of_the_data(tmp_path, model, data, args, split, limit):
    expected = oracle(data, split, limit)
    assert part(evaluated(tmp_path, model, data, *args), expected) == expected


@pytest.mark.parametrize("batch", [1, 7])
def test_opencv(tmp_path, model, data, batch):
    try:
        with open_backend(model, "opencv") as backend:
            backend.infer(np.zeros((batch, 3, 32, 32), np.float32))
    except ModelError as error:
        pytest.skip(str(error))
    expected = oracle(data)
    fields = evaluated(tmp_path, model, data, "--backend", "opencv", "--batch", batch)
    assert part(fields, expected) == expected


def test_a_fixed_batch(tmp_path, data):
    model = write_card(write_model(tmp_path / "fixed.onnx", batch=7))
    expected = oracle(data)
    assert part(evaluated(tmp_path, model, data, "--batch", 7), expected) == expected  # 60 images are 8 batches and 4
    args = ("--model", model, "--data", data, "--backend", "onnx")
    fails(2, args, "--batch 1: the model takes batches of 7 only; use --batch 7")


def accuracy(data, **changes):
    """What a right card says of the small model."""
    figures = part(oracle(data), ("images",) + FIGURES)
    figures["loss"] = 1.0
    return dict(figures, **changes)


def test_as_the_card_says(tmp_path, model, data):
    write_card(model, accuracy=accuracy(data))
    card = evaluated(tmp_path, model, data)["card"]
    right = accuracy(data)
    assert card == {"top1": right["top1"], "top5": right["top5"], "difference_points": 0, "agrees": True}


@pytest.mark.parametrize("figure, name", [("top1", "top-1"), ("top5", "top-5")])
def test_not_as_the_card_says(tmp_path, model, data, figure, name):
    right = accuracy(data)[figure]
    write_card(model, accuracy=accuracy(data, **{figure: right - 0.002}))
    report, picture = tmp_path / "report.json", tmp_path / "confusion.png"
    code, out, err = run(
        "--model", model, "--data", data, "--backend", "onnx", "--report", report, "--confusion", picture
    )  # fmt: skip
    assert code == 4
    said = "the accuracy on this device is not the card's: {} {:.2f} % here, {:.2f} % by the card"
    line = said.format(name, 100 * right, 100 * (right - 0.002))
    assert err == f"error: {line}\n"
    assert line in out
    card = json.loads(report.read_text())["card"]
    assert not card["agrees"]
    assert card["difference_points"] == pytest.approx(0.2)
    assert picture.exists()


@pytest.mark.parametrize(
    "args, images, phrase",
    [
        (("--split", "train"), 25, "is about the test set"),
        (("--limit", "59"), 60, "is about 60 images"),
        ((), 10000, "is about 10000 images"),
    ],
)
def test_not_compared_with_the_card(model, data, args, images, phrase):
    write_card(model, accuracy=accuracy(data, images=images, top1=0.0))
    code, out, err = run("--model", model, "--data", data, "--backend", "onnx", *args)
    assert (code, err) == (0, "")
    assert "not compared with the card, which " + phrase in out


@pytest.mark.parametrize("there, agrees", [(0.621, True), (0.619, True), (0.6211, False), (0.6189, False)])
def test_the_largest_difference(there, agrees):
    fields = {"complete": True, "split": "test", "images": 10000, "top1": 0.62, "top5": 0.9}
    outcome, _ = compare(fields, Accuracy(10000, there, 0.9, 0.7, 1.0))
    assert outcome["agrees"] == agrees


def test_equal_logits_rank_by_label():
    scores = Scores(LABELS, SUPERCLASS_OF)
    scores.add(np.zeros((3, FINE), np.float32), np.array([0, 4, 5]), np.array([0, 0, 19]))
    fields = scores.report()
    assert [3 * fields[key] for key in FIGURES] == pytest.approx([1, 2, 2])
    assert fields["loss"] == pytest.approx(math.log(100))


def test_the_picture(tmp_path, model, data):
    path = tmp_path / "confusion.PNG"
    assert run("--model", model, "--data", data, "--backend", "onnx", "--confusion", path)[0] == 0
    image = cv2.imread(str(path))
    assert image.shape[2] == 3
    assert min(image.shape[:2]) > 1500


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_interrupted(tmp_path, model, number):
    """Stopped by a signal in the middle: what was evaluated is told, and not compared."""
    data = write_data(tmp_path / "data", test=30)
    write_card(model, accuracy={"images": 30, "top1": 1.0, "top5": 1.0, "superclass_top1": 1.0, "loss": 0.0})
    report = tmp_path / "report.json"
    code = (
        "import sys, time\n"
        "from app import evaluate\n"
        "add = evaluate.Scores.add\n"
        "def slow(scores, *batch):\n"
        "    add(scores, *batch)\n"
        "    print('ready', flush=True) if scores.images == 3 else None\n"
        "    time.sleep(0 if scores.images < 3 else 1)\n"
        "evaluate.Scores.add = slow\n"
        "sys.exit(evaluate.main(sys.argv[1:]))"
    )
    process = start("--model", model, "--data", data, "--backend", "onnx", "--report", report, code=code)
    try:
        assert process.stdout.readline() == "ready\n"
        process.send_signal(number)
        out, err = process.communicate(timeout=PATIENCE)
    finally:
        process.kill()
    assert (process.returncode, err) == (0, "")
    assert "incomplete" in out
    assert "not compared with the card: it was stopped early" in out
    fields = json.loads(report.read_text())
    expected = oracle(data, limit=fields["images"])
    assert part(fields, expected) == expected
    assert (fields["complete"], fields["card"]) == (False, None)
    assert 3 <= fields["images"] < 30


def test_stopped_before_the_first_image(tmp_path, model, data, monkeypatch, capsys):
    class Stopped(evaluate.Stop):
        def __enter__(self):
            self.requested = True
            return self

    monkeypatch.setattr(evaluate, "Stop", Stopped)
    report, picture = tmp_path / "report.json", tmp_path / "confusion.png"
    args = ["--model", model, "--data", data, "--backend", "onnx"]
    assert evaluate.main(args + ["--report", str(report), "--confusion", str(picture)]) == 0
    assert "stopped before the first image" in capsys.readouterr().out
    fields = json.loads(report.read_text())
    assert set(fields) == KEYS
    assert (fields["images"], fields["top1"], fields["ms_per_image"]["p50"]) == (0, None, None)
    assert picture.exists()


@pytest.mark.parametrize(
    "changes, phrase",
    [
        pytest.param({"outputs": 10}, "one output of shape (1, 100), has (1, 10)", id="ten classes"),
        pytest.param({"twice": True}, "one output of shape (1, 100), has (1, 100), (1, 100)", id="two outputs"),
        pytest.param({"side": 64}, "the card does not fit the model", id="another size"),
        pytest.param({"bias": np.full(FINE, np.nan, np.float32)}, "not finite", id="not a number"),
    ],
)
def test_a_model_that_does_not_fit(tmp_path, data, changes, phrase):
    model = write_card(write_model(tmp_path / "wrong.onnx", **changes))
    fails(4, ("--model", model, "--data", data, "--backend", "onnx"), phrase)


@pytest.mark.parametrize(
    "changes, phrases",
    [
        pytest.param({"labels": LABELS[:-1], "superclass_of": SUPERCLASS_OF[:-1]}, ["99 label names"], id="labels"),
        pytest.param({"labels": LABELS[::-1]}, ["label 0 is fine99 to it, fine0 in the data"], id="order"),
        pytest.param({"superclasses": SUPERCLASSES[::-1]}, ["superclass 0 is coarse19"], id="superclasses"),
        pytest.param({"sha256": "0" * 64}, ["another file"], id="hash"),
        pytest.param({"task": "detection"}, ["should be classification"], id="task"),
    ],
)
def test_a_card_that_does_not_fit(model, data, changes, phrases):
    write_card(model, **changes)
    fails(4, ("--model", model, "--data", data, "--backend", "onnx"), *phrases)


def test_a_model_for_larger_images(tmp_path, data):
    size = {"layout": "NCHW", "colour": "RGB", "scale": 1, "size": [64, 64]}
    model = write_card(write_model(tmp_path / "large.onnx", side=64), input=size)
    fails(4, ("--model", model, "--data", data, "--backend", "onnx"), "takes images of 64x64 pixels", "32x32")


def test_bad_options(tmp_path, model, data):
    here = ("--model", model, "--data", data)
    fails(2, here + ("--limit", 0), "a limit should be from 1")
    fails(2, here + ("--batch", 0), "a batch should be from 1")
    fails(2, here + ("--batch", "many"), "a batch should be from 1")
    fails(2, here + ("--split", "validation"), "validation")
    fails(2, here + ("--confusion", tmp_path / "picture.jpg"), ".png")
    fails(3, ("--model", model, "--data", tmp_path / "absent"), "absent", "is not there")
    fails(4, ("--model", tmp_path / "absent.onnx", "--data", data), "absent.onnx: no such model")
    fails(5, here + ("--report", tmp_path / "absent" / "report.json"), "mkdir")
    fails(5, here + ("--report", tmp_path), "is a folder")


def test_outputs_overwrite_nothing(tmp_path, model, data):
    before = {name: os.stat(str(tmp_path / name)) for name in os.listdir(str(tmp_path))}
    here = ("--model", model, "--data", data, "--report")
    for path in (model, model.replace(".onnx", ".json"), os.path.join(data, "test.bin")):
        fails(2, here + (path,), "would overwrite")
    fails(2, here + (tmp_path / "x.png", "--confusion", tmp_path / "x.png"), "would overwrite")
    assert {name: os.stat(str(tmp_path / name)) for name in os.listdir(str(tmp_path))} == before


def test_damaged_data(tmp_path, model):
    data = write_data(tmp_path / "data")
    path = os.path.join(data, "test.bin")
    with open(path, "r+b") as file:
        file.truncate(2 * RECORD + 5)
    fails(3, ("--model", model, "--data", data, "--backend", "onnx"), "record 2 is cut off")


def test_nobody_reads_standard_output(tmp_path, model, data):
    report = tmp_path / "report.json"
    read, write = os.pipe()
    os.close(read)
    with os.fdopen(write, "w") as pipe:
        code, _, err = run("--model", model, "--data", data, "--backend", "onnx", "--report", report, stdout=pipe)
    assert (code, err) == (5, "error: standard output cannot be written to: Broken pipe\n")
    assert json.loads(report.read_text())["images"] == 60


def test_what_is_imported(tmp_path, model, data):
    code = (
        "import sys\n"
        "from app import evaluate\n"
        "assert evaluate.main(sys.argv[1:]) == 0\n"
        "heavy = {'keras', 'tensorflow', 'matplotlib', 'torch', 'cv2', 'tqdm', 'onnx'}\n"
        "print(sorted(heavy & set(sys.modules)), file=sys.stderr)"
    )
    process = start("--model", model, "--data", data, "--backend", "onnx", code=code)
    _, err = process.communicate(timeout=PATIENCE)
    assert err == "[]\n"


def test_help():
    code, out, err = run("--help")
    assert (code, err) == (0, "")
    assert out.count("  python -m app.evaluate") == 3
    assert ROOT not in out
    for default in ("nano_resnet_s", "weights/cifar-100-binary", "(default: test)", "(default: 1)", "(default: auto)"):
        assert default in out
