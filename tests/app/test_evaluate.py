"""The command on small real models; its figures against a slow and plain oracle."""

import json
import math
import os
import signal

import cv2
import numpy as np
import pytest
from support.classifiers import FINE, LABELS, SUPERCLASS_OF, SUPERCLASSES, weights, write_card, write_data, write_model
from support.program import ROOT, finish, start

from app import evaluate
from app.backends import open_backend
from app.classification.card import Accuracy
from app.classification.cifar100 import RECORD
from app.classification.evaluation import compare
from app.classification.scores import Scores
from app.errors import ModelError
from app.modelcard import card_path

KEYS = {
    "model", "backend", "data", "split", "images", "complete", "batch", "top1", "top5", "loss", "superclass_top1",
    "worst_classes", "most_confused", "time_s", "warm_up_s", "ms_per_image", "images_per_s", "peak_memory_mb", "card",
    "kind", "version", "models", "views",
}  # fmt: skip
FIGURES = ("top1", "top5", "superclass_top1")


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return write_data(tmp_path_factory.mktemp("cifar") / "data")


@pytest.fixture
def model(tmp_path):
    """A model with a card that says nothing of its accuracy."""
    return write_card(write_model(tmp_path / "small.onnx"))


def in_a_process(*args, **options):
    """Run the command in a process of its own: (exit code, standard output, standard error)."""
    return finish(start(*args, module="app.evaluate", **options))


@pytest.fixture
def run(capfd):
    """Run the command here: (exit code, standard output, standard error). On ONNX Runtime, unless `args` say."""

    def command(*args):
        backend = [] if "--backend" in args else ["--backend", "onnx", "--device", "cpu"]
        code = evaluate.main([str(arg) for arg in args] + backend)
        return (code, *capfd.readouterr())

    return command


@pytest.fixture
def evaluated(run, tmp_path):
    """The report of a run that succeeds."""

    def command(*args, by=None):
        report = tmp_path / "report.json"
        code, out, err = (by or run)("--report", report, *args)
        assert (code, err) == (0, ""), err
        fields = json.loads(report.read_text())
        assert set(fields) == KEYS
        assert fields["kind"] == "evaluate"
        assert "{:.2f} %".format(100 * fields["top1"]) in out
        return fields

    return command


@pytest.fixture
def fails(run):
    """The command ends with this code, one line on standard error that has the phrases, and nothing else."""

    def command(code, args, *phrases):
        ended, out, err = run(*args)
        assert (ended, out, len(err.splitlines())) == (code, "", 1), err
        for phrase in phrases:
            assert phrase in err

    return command


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


@pytest.mark.slow
@pytest.mark.parametrize("batch, by", [(1, in_a_process), (7, None), (64, None)])
def test_against_the_oracle(evaluated, model, data, batch, by):
    expected = oracle(data)
    assert 0 < expected["top1"] < expected["top5"] < 1  # else it would prove little
    assert expected["top1"] < expected["superclass_top1"]
    args = () if by is None else ("--backend", "onnx", "--device", "cpu")
    fields = evaluated("--model", model, "--data", data, "--batch", batch, *args, by=by)
    assert part(fields, expected) == expected
    assert (fields["model"], fields["split"], fields["batch"], fields["complete"]) == ("small", "test", batch, True)
    assert (fields["models"], fields["views"]) == ([{"model": "small", "top1": expected["top1"]}], 1)
    assert fields["backend"].startswith("onnxruntime ")
    assert fields["card"] is None
    assert set(fields["ms_per_image"]) == {"mean", "p50", "p95"}
    assert all(value > 0 for value in fields["ms_per_image"].values())
    if by is not None:
        assert fields["peak_memory_mb"] < 200


@pytest.mark.parametrize("args, split, limit", [(("--split", "train"), "train", 100), (("--limit", 11), "test", 11)])
def test_a_part_of_the_data(evaluated, model, data, args, split, limit):
    expected = oracle(data, split, limit)
    assert part(evaluated("--model", model, "--data", data, *args), expected) == expected


def test_opencv(evaluated, model, data):
    try:
        with open_backend(model, "opencv") as backend:
            backend.infer(np.zeros((7, 3, 32, 32), np.float32))
    except ModelError as error:
        pytest.skip(str(error))
    expected = oracle(data)
    fields = evaluated("--model", model, "--data", data, "--backend", "opencv", "--batch", 7)
    assert part(fields, expected) == expected


def test_a_fixed_batch(evaluated, fails, tmp_path, data):
    model = write_card(write_model(tmp_path / "fixed.onnx", batch=7))
    expected = oracle(data)
    here = ("--model", model, "--data", data)
    assert part(evaluated("--batch", 7, *here), expected) == expected  # 60 images are 8 batches and 4
    fails(2, here, "--batch 1: the model takes batches of 7 only; use --batch 7")


def accuracy(data, **changes):
    """What a right card says of the small model."""
    figures = part(oracle(data), ("images",) + FIGURES)
    figures["loss"] = 1.0
    return dict(figures, **changes)


def test_as_the_card_says(evaluated, model, data):
    right = accuracy(data)
    write_card(model, accuracy=right)
    card = evaluated("--model", model, "--data", data)["card"]
    assert card == {"top1": right["top1"], "top5": right["top5"], "difference_points": 0, "agrees": True}


def test_not_as_the_card_says(run, tmp_path, model, data):
    right = accuracy(data)["top5"]
    write_card(model, accuracy=accuracy(data, top5=right - 0.002))
    report, picture = tmp_path / "report.json", tmp_path / "confusion.PNG"
    code, out, err = run("--model", model, "--data", data, "--report", report, "--confusion", picture)
    assert code == 4
    figures = f"top-5 {100 * right:.2f} % here, {100 * (right - 0.002):.2f} % on the card"
    assert err.startswith("error: ")
    assert figures in err
    assert err[len("error: ") :] in out
    card = json.loads(report.read_text())["card"]
    assert not card["agrees"]
    assert card["difference_points"] == pytest.approx(0.2)
    image = cv2.imread(str(picture))
    assert image.shape[2] == 3
    assert min(image.shape[:2]) > 1500


@pytest.mark.parametrize(
    "args, images, phrase",
    [
        (("--split", "train"), 25, "the test set"),
        (("--limit", "59"), 60, "60 images"),
        ((), 10000, "10000 images"),
    ],
)
def test_not_compared_with_the_card(run, model, data, args, images, phrase):
    write_card(model, accuracy=accuracy(data, images=images, top1=0.0))
    code, out, err = run("--model", model, "--data", data, *args)
    assert (code, err) == (0, "")
    assert "not compared with the card, whose figures are for " + phrase in out


@pytest.mark.parametrize("there, agrees", [(0.621, True), (0.619, True), (0.6211, False), (0.6189, False)])
@pytest.mark.parametrize("figure", ["top1", "top5"])
def test_the_largest_difference(figure, there, agrees):
    fields = {"complete": True, "split": "test", "images": 10000, "top1": 0.62, "top5": 0.62, "views": 1}
    fields["models"] = [{"model": "one", "top1": 0.62}]
    outcome, _ = compare(fields, Accuracy(10000, 0.62, 0.62, 0.7, 1.0)._replace(**{figure: there}))
    assert outcome["agrees"] == agrees


def test_equal_logits_rank_by_label():
    scores = Scores(LABELS, SUPERCLASS_OF)
    scores.add(np.zeros((3, FINE), np.float32), np.array([0, 4, 5]), np.array([0, 0, 19]))
    fields = scores.report()
    assert [3 * fields[key] for key in FIGURES] == pytest.approx([1, 2, 2])
    assert fields["loss"] == pytest.approx(math.log(100))


@pytest.mark.slow
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
    assert process.stdout.readline() == "ready\n"
    process.send_signal(number)
    returned, out, err = finish(process)
    assert (returned, err) == (0, "")
    assert "incomplete" in out
    assert "not compared with the card: stopped early" in out
    fields = json.loads(report.read_text())
    expected = oracle(data, limit=fields["images"])
    assert part(fields, expected) == expected
    assert (fields["complete"], fields["card"]) == (False, None)
    assert 3 <= fields["images"] < 30


def test_stopped_before_the_first_image(run, tmp_path, model, data, monkeypatch):
    class Stopped(evaluate.Stop):
        def __enter__(self):
            self.requested = True
            return self

    monkeypatch.setattr(evaluate, "Stop", Stopped)
    report, picture = tmp_path / "report.json", tmp_path / "confusion.png"
    code, out, _ = run("--model", model, "--data", data, "--report", report, "--confusion", picture)
    assert code == 0
    assert "stopped before the first image" in out
    fields = json.loads(report.read_text())
    assert set(fields) == KEYS
    assert (fields["images"], fields["top1"], fields["ms_per_image"]["p50"]) == (0, None, None)
    assert picture.exists()


LARGE = {"layout": "NCHW", "colour": "RGB", "scale": 1, "size": [64, 64]}


@pytest.mark.parametrize(
    "model_changes, card_changes, phrase",
    [
        pytest.param({"outputs": 10}, {}, "one output of shape (1, 100), has (1, 10)", id="ten classes"),
        pytest.param({"side": 64}, {}, "the card does not fit the model", id="another size than the card's"),
        pytest.param({"side": 64}, {"input": LARGE}, "RGB images of 64x64 pixels", id="another size than the data's"),
        pytest.param({"bias": np.full(FINE, np.nan, np.float32)}, {}, "not finite", id="not a number"),
        pytest.param(
            {}, {"labels": LABELS[:-1], "superclass_of": SUPERCLASS_OF[:-1]}, "99 label names, the data have 100",
            id="labels",
        ),
        pytest.param({}, {"labels": LABELS[::-1]}, "label 0 is fine99 on its card, and fine0 in", id="order"),
        pytest.param({}, {"superclasses": SUPERCLASSES[::-1]}, "superclass 0 is coarse19", id="superclasses"),
        pytest.param({}, {"sha256": "0" * 64}, "another file", id="hash"),
    ],
)  # fmt: skip
def test_a_model_that_does_not_fit(fails, tmp_path, data, model_changes, card_changes, phrase):
    model = write_card(write_model(tmp_path / "wrong.onnx", **model_changes), **card_changes)
    fails(4, ("--model", model, "--data", data), phrase)


@pytest.mark.parametrize(
    "code, args, phrase",
    [
        (2, ("--limit", 0), "a limit should be from 1"),
        (2, ("--batch", "many"), "a batch should be from 1"),
        (2, ("--split", "validation"), "CIFAR-100 has no split called 'validation'; use --split train or test"),
        (2, ("--split", "all"), "argument --split"),
        (2, ("--views", "4"), "argument --views"),
        (2, ("--confusion", "picture.jpg"), "picture.jpg: the picture is a PNG file"),
        (2, ("--report", "x.png", "--confusion", "x.png"), "would overwrite"),
        (2, ("--report", "{model}"), "would overwrite"),
        (2, ("--report", "{data}/test.bin"), "would overwrite"),
        (3, ("--data", "absent"), "absent: not found; get it with: python -m tools.fetch cifar-100"),
        (4, ("--model", "absent.onnx"), "absent.onnx: no such model"),
        (4, ("--model", "absent.onnx", "--data", "absent"), "absent.onnx: no such model"),
        (5, ("--report", "absent/report.json"), "mkdir"),
        (5, ("--report", "."), "is a folder"),
    ],
)
def test_bad_options(fails, monkeypatch, tmp_path, model, data, code, args, phrase):
    monkeypatch.chdir(str(tmp_path))
    before = files_here()
    paths = {"model": model, "card": card_path(model), "data": data}
    given = [str(arg).format(**paths) for arg in args]
    fails(code, ["--model", model, "--data", data] + given, phrase)
    assert files_here() == before


def files_here():
    """What would change if a file was written or replaced; reading one changes the time of access alone."""
    stats = {name: os.stat(name) for name in os.listdir(".")}
    return {name: (stat.st_ino, stat.st_size, stat.st_mtime) for name, stat in stats.items()}


def test_damaged_data(fails, tmp_path, model):
    data = write_data(tmp_path / "data")
    path = os.path.join(data, "test.bin")
    with open(path, "r+b") as file:
        file.truncate(2 * RECORD + 5)
    fails(3, ("--model", model, "--data", data), "record 2 is cut off")


@pytest.mark.slow
def test_standard_output_is_closed(tmp_path, model, data):
    report = tmp_path / "report.json"
    read, write = os.pipe()
    os.close(read)
    with os.fdopen(write, "w") as pipe:
        args = ("--model", model, "--data", data, "--backend", "onnx", "--report", report)
        code, _, err = in_a_process(*args, stdout=pipe)
    assert (code, err) == (5, "error: cannot write to standard output: Broken pipe\n")
    assert json.loads(report.read_text())["images"] == 60


@pytest.mark.slow
def test_what_is_imported(tmp_path, model, data):
    code = (
        "import sys\n"
        "from app import evaluate\n"
        "assert evaluate.main(sys.argv[1:]) == 0\n"
        "heavy = {'keras', 'tensorflow', 'matplotlib', 'torch', 'cv2', 'tqdm', 'onnx'}\n"
        "print(sorted(heavy & set(sys.modules)), file=sys.stderr)"
    )
    assert finish(start("--model", model, "--data", data, "--backend", "onnx", code=code))[2] == "[]\n"


def test_help(capsys):
    with pytest.raises(SystemExit) as ended:
        evaluate.main(["--help"])
    out = capsys.readouterr().out
    assert ended.value.code == 0
    assert out.count("  python -m app.evaluate") == 4
    assert ROOT not in out
    out = " ".join(out.split())
    for default in (
        "nano_resnet_s",
        "what the model's card says",
        "(default: test)",
        "(default: 1)",
        "(default: auto)",
    ):
        assert default in out
