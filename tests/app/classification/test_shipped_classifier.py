"""The classifiers in weights/, on the real data: the same accuracy here as when they were trained."""

import glob
import json
import math
import os

import numpy as np
import pytest
from support.program import SHARED, finish, start

from app.classification.card import read_classifier_card
from app.classification.fit import check_fit, open_data
from app.classifier import load_classifier
from app.modelcard import CLASSIFICATION, WEIGHTS, find_model

SHIPPED = ("efficientnet_lite0_cifar", "nano_characters", "nano_cifar", "nano_resnet_s")
DATA = {
    "cifar-100": os.path.join(SHARED, "cifar-100-binary.tar.xz"),
    "characters": os.path.join(SHARED, "characters"),
}
SAMPLE = 200  # images
CHARACTERS = "0123456789ABCDEFGHIJKLMNPQRSTUVWXYZabdefghilmnoqrtuy"  # the coursework's 52 classes


def classifiers():
    """The names in weights/: those that are part of the project, and any that were made since."""
    found = set(SHIPPED)
    for path in glob.glob(os.path.join(WEIGHTS, "*.json")):
        with open(path, encoding="utf-8") as file:
            if json.load(file).get("task") == CLASSIFICATION:
                found.add(os.path.splitext(os.path.basename(path))[0])
    return sorted(found)


@pytest.mark.parametrize("name", classifiers())
def test_its_card_is_for_this_file_and_says_how_good_it_is(name):
    card = read_classifier_card(find_model(name))  # which compares the hash
    assert card.name == name
    assert card.accuracy is not None
    assert 0.5 < card.accuracy.top1 < card.accuracy.top5 <= 1
    if card.data == "characters":
        assert "".join(card.labels) == CHARACTERS
        assert (card.channels, card.height, card.width) == (1, 28, 28)
        # Of the 108,291 images of these classes, those whose record number ends in 0.
        assert card.accuracy.images == 10871
    else:
        assert (len(card.labels), len(card.superclasses)) == (100, 20)
        assert (card.channels, card.height, card.width) == (3, 32, 32)
        assert card.accuracy.images == 10000


def test_they_are_small():
    assert sum(os.path.getsize(find_model(name)) for name in SHIPPED) < 40e6


def mistakes_allowed(share, images):
    """Four standard deviations of the share of right answers among so many images, by the binomial distribution."""
    return 4 * math.sqrt(max(share * (1 - share), 0.005) / images)


@pytest.mark.slow
@pytest.mark.parametrize("name", classifiers())
def test_a_sample_of_the_test_images_is_recognised_as_often_as_on_its_card(name):
    path = DATA["characters" if read_classifier_card(find_model(name)).data == "characters" else "cifar-100"]
    if not os.path.exists(path):
        pytest.skip(f"../shared/data/{os.path.basename(path)} is not there")
    with load_classifier(name, batch=20, backend="onnx", device="cpu") as classifier:
        card = classifier.card
        data = open_data(card, path)
        check_fit(name, card, data)  # labels in the same order
        right, among_five = [], []
        for batch in data.batches("test", 20, SAMPLE):
            order = np.argsort(-classifier.logits(batch.images), axis=1)[:, :5]
            right += list(order[:, 0] == batch.fine)
            among_five += list((order == batch.fine[:, None]).any(axis=1))
    assert len(right) == SAMPLE
    assert np.mean(right) == pytest.approx(card.accuracy.top1, abs=mistakes_allowed(card.accuracy.top1, SAMPLE))
    assert np.mean(among_five) == pytest.approx(card.accuracy.top5, abs=mistakes_allowed(card.accuracy.top5, SAMPLE))


@pytest.mark.slow
@pytest.mark.skipif(not os.path.exists(DATA["cifar-100"]), reason="../shared/data/cifar-100-binary.tar.xz is not there")
def test_the_default_is_as_good_here_as_on_its_card(tmp_path):
    report = tmp_path / "report.json"
    args = ("--data", DATA["cifar-100"], "--batch", "20", "--report", report, "--backend", "onnx", "--device", "cpu")
    code, _, err = finish(start(*args, module="app.evaluate"), 600)
    assert code == 0, err
    found = json.loads(report.read_text())
    assert found["images"] == 10000
    assert found["card"]["agrees"]
    assert found["peak_memory_mb"] < 200
