"""Evaluating characters, several models together, and several views: the figures against slow and plain oracles."""

import json
import math

import cv2
import numpy as np
import pytest
from support.characters import ALPHABET, records, write_characters
from support.classifiers import (
    FINE,
    SUPERCLASS_OF,
    altered,
    card_fields,
    weights,
    write_card,
    write_data,
    write_fields,
    write_model,
)
from support.program import call

from app import evaluate
from app.classification import datasets
from app.classification.cifar100 import Cifar100

GREY = {"layout": "NCHW", "colour": "grey", "scale": 1, "size": [28, 28]}
PICKED = "3Abz70"  # in this order
BIAS = np.array([0, 1.5, 1, 2, 0.5, 3], np.float32)  # for dark images 0, for light ones 3


@pytest.fixture
def evaluated(tmp_path):
    """The report of a run that succeeds, and what it printed."""

    def command(*args):
        report = tmp_path / "report.json"
        code, out, err = call(evaluate.main, "--backend", "onnx", "--device", "cpu", "--report", report, *args)
        assert (code, err) == (0, ""), err
        return json.loads(report.read_text()), out

    return command


def fails(code, args, *phrases):
    """The command ends with this code and one line on standard error that has the phrases."""
    ended, out, err = call(evaluate.main, "--backend", "onnx", "--device", "cpu", *args)
    assert (ended, out, len(err.splitlines())) == (code, "", 1), err
    for phrase in phrases:
        assert phrase in err


def softmax(logits):
    powers = [math.exp(logit - max(logits)) for logit in logits]
    return [power / sum(powers) for power in powers]


def write_grey(path, labels=PICKED, **changes):
    """A classifier of characters and its card, without superclasses; its path."""
    model = write_model(path, outputs=len(labels), side=28, channels=1, bias=BIAS[: len(labels)])
    fields = card_fields(model, input=GREY, labels=list(labels), **changes)
    for field in ("superclasses", "superclass_of"):
        fields = altered(fields, [field])
    return write_fields(model, fields)


@pytest.fixture(scope="module")
def characters(tmp_path_factory):
    return write_characters(tmp_path_factory.mktemp("characters") / "data", 1300)


def character_oracle(split):
    """(images, right answers) of the small model, record by record."""
    matrix = weights(len(PICKED))[0][0].astype(float).tolist()
    images, numbers = records(1300, 1)
    seen = right = 0
    for n in range(1300):
        owner = {0: "test", 1: "validation"}.get(n % 10, "train")
        if owner == split and ALPHABET[numbers[n]] in PICKED:
            logits = [float(images[n].mean()) * weight + bias for weight, bias in zip(matrix, BIAS.tolist())]
            seen += 1
            right += PICKED[logits.index(max(logits))] == ALPHABET[numbers[n]]
    return seen, right


@pytest.mark.parametrize("split", ["test", "validation", "train"])
def test_characters(evaluated, tmp_path, characters, split):
    model = write_grey(tmp_path / "grey.onnx")
    seen, right = character_oracle(split)
    fields, out = evaluated("--model", model, "--data", characters, "--split", split, "--batch", 7)
    assert 0 < right < seen
    assert (fields["images"], fields["top1"]) == (seen, right / seen)
    assert "superclass_top1" not in fields
    assert "superclass" not in out
    assert (fields["data"], fields["split"], fields["model"]) == (characters, split, "grey")


def test_the_data_that_the_card_names(evaluated, tmp_path, characters, monkeypatch):
    weights_folder = tmp_path / "weights"
    write_characters(weights_folder / "emnist-byclass", 1300)
    monkeypatch.setattr(datasets, "WEIGHTS", str(weights_folder))
    fields, _ = evaluated("--model", write_grey(tmp_path / "grey.onnx", data="characters"))
    assert (fields["data"], fields["images"]) == (str(weights_folder / "emnist-byclass"), character_oracle("test")[0])
    model = write_card(write_model(tmp_path / "colour.onnx"))
    fails(3, ("--model", model), "cifar-100-binary: not found; get it with: python -m tools.fetch cifar-100")


def test_a_picture_without_superclasses(evaluated, tmp_path, characters):
    picture = tmp_path / "confusion.png"
    model = write_grey(tmp_path / "grey.onnx")
    evaluated("--model", model, "--data", characters, "--confusion", picture)
    assert cv2.imread(str(picture)).shape[2] == 3


def test_an_accuracy_without_superclasses(evaluated, tmp_path, characters):
    seen, right = character_oracle("test")
    fields, _ = evaluated("--model", write_grey(tmp_path / "grey.onnx"), "--data", characters)
    accuracy = {"images": seen, "top1": right / seen, "top5": fields["top5"], "loss": fields["loss"]}
    fields, out = evaluated("--model", write_grey(tmp_path / "grey.onnx", accuracy=accuracy), "--data", characters)
    assert fields["card"]["agrees"]
    assert "agrees with the card" in out


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return write_data(tmp_path_factory.mktemp("cifar") / "data")


@pytest.fixture
def models(tmp_path):
    """Three models with cards that claim an accuracy that they have not."""
    accuracy = {"images": 60, "top1": 1.0, "top5": 1.0, "superclass_top1": 1.0, "loss": 0.0}
    return [
        write_card(
            write_model(tmp_path / f"small{seed}.onnx", bias=weights(seed=seed)[1], seed=seed), accuracy=accuracy
        )
        for seed in (1, 2, 3)
    ]


def cifar_oracle(data, seeds, views=((0, False),)):
    """(top-1, top-5, superclass, loss) of the models together. views: shifts, and whether the image is mirrored.

    A shift changes an image's mean: the second row and column, or those before the last, replace the lost ones.
    """
    batch = Cifar100(data).load("test")
    top1 = top5 = superclass = 0
    loss = 0.0
    for image, fine, coarse in zip(batch.images.astype(float), batch.fine, batch.coarse):
        total = [0.0] * FINE
        for shift, mirrored in views:
            rows = list(range(32))
            if shift:
                rows = rows[1:] + [30] if shift < 0 else [1] + rows[:-1]
            means = [plane[rows][:, rows[::-1] if mirrored else rows].mean() for plane in image]
            for seed in seeds:
                matrix, bias = (array.astype(float).tolist() for array in weights(seed=seed))
                logits = [sum(means[c] * matrix[c][label] for c in range(3)) + bias[label] for label in range(FINE)]
                total = [so_far + p for so_far, p in zip(total, softmax(logits))]
        ranked = sorted(range(FINE), key=lambda label: (-total[label], label))
        top1 += ranked[0] == fine
        top5 += fine in ranked[:5]
        superclass += SUPERCLASS_OF[ranked[0]] == coarse
        loss -= math.log(total[fine] / len(seeds) / len(views))
    count = len(batch.fine)
    return top1 / count, top5 / count, superclass / count, pytest.approx(loss / count, rel=1e-5)


def figures(fields):
    return tuple(fields[key] for key in ("top1", "top5", "superclass_top1", "loss"))


def test_several_models(evaluated, data, models):
    fields, out = evaluated("--model", *models, "--data", data, "--batch", 7)
    alone = [cifar_oracle(data, [seed])[0] for seed in (1, 2, 3)]
    expected = cifar_oracle(data, [1, 2, 3])
    assert len({*alone, expected[0]}) > 1
    assert figures(fields) == expected
    assert fields["model"] == "small1 + small2 + small3"
    assert fields["models"] == [{"model": f"small{n + 1}", "top1": alone[n]} for n in range(3)]
    assert fields["card"] is None
    assert "not compared with the cards, whose figures are for single models" in out
    assert "small2: {:.2f} % top-1".format(100 * alone[1]) in out


def test_models_of_one_name_are_told_apart_by_their_paths(evaluated, data, tmp_path):
    """As two runs of one network leave them."""
    paths = []
    for run in ("first", "second"):
        (tmp_path / run).mkdir()
        paths.append(str(write_card(write_model(tmp_path / run / "small.onnx"))))
    fields, out = evaluated("--model", *paths, "--data", data, "--batch", 7)
    assert [alone["model"] for alone in fields["models"]] == paths
    assert fields["model"] == " + ".join(paths)
    assert all(f"alone      {path}: " in out for path in paths)
    (tmp_path / "grey").mkdir()
    grey = write_grey(tmp_path / "grey" / "small.onnx")
    fails(4, ("--model", paths[0], grey, "--data", data), f"{grey} and {paths[0]} cannot", "their colours differ; name")


SHIFTS = {1: [0], 2: [0], 3: [0, -1, 1], 6: [0, -1, 1]}


@pytest.mark.parametrize("count", [2, 3, 6])
def test_several_views(evaluated, data, models, count):
    mirrorings = [False, True] if count in (2, 6) else [False]
    fields, out = evaluated("--model", models[0], "--data", data, "--views", count, "--batch", 7)
    assert figures(fields) == cifar_oracle(data, [1], [(shift, m) for m in mirrorings for shift in SHIFTS[count]])
    assert (fields["views"], fields["card"]) == (count, None)
    assert "{:.2f} % with {} views".format(100 * fields["top1"], count) in out
    assert "not compared with the card, whose figures are for one view" in out


def test_models_that_do_not_belong_together(data, tmp_path, models):
    fails(4, ("--model", models[0], write_grey(tmp_path / "grey.onnx"), "--data", data), "cannot be evaluated together")
    fails(4, ("--model", models[0], tmp_path / "absent.onnx", "--data", data), "absent.onnx: no such model")
    fixed = write_card(write_model(tmp_path / "fixed.onnx", batch=4))
    fails(2, ("--model", models[0], fixed, "--data", data), "the model takes batches of 4 only; use --batch 4")


def test_no_mirror_images_of_characters(tmp_path, characters):
    model = write_grey(tmp_path / "grey.onnx")
    fails(2, ("--model", model, "--data", characters, "--views", 6), "--views 6: ", "use --views 1 or 3")


def test_data_that_do_not_fit(tmp_path, data, characters, models):
    fails(4, ("--model", models[0], "--data", characters), "takes RGB images of 32x32 pixels, and EMNIST has grey")
    fails(4, ("--model", write_grey(tmp_path / "grey.onnx"), "--data", data), "takes grey images of 28x28 pixels")


@pytest.mark.parametrize("name", ["emnist-byclass-test-images-idx3-ubyte.gz", "emnist-byclass-mapping.txt"])
def test_the_data_are_not_overwritten(tmp_path, characters, name):
    model = write_grey(tmp_path / "grey.onnx")
    fails(2, ("--model", model, "--data", characters, "--report", characters + "/" + name), "would overwrite")


def test_no_model_is_overwritten(data, models):
    fails(2, ("--model", *models, "--data", data, "--report", models[2]), "would overwrite")
