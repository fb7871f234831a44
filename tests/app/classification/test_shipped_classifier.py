"""The classifier in weights/, on the real data: the same accuracy here as when it was trained."""

import json
import os

import pytest
from support.program import SHARED, finish, start

from app.classification.card import read_classifier_card
from app.modelcard import find_model

DATA = os.path.join(SHARED, "cifar-100-binary.tar.xz")
MODEL = find_model("nano_resnet_s")


def test_it_is_small_and_says_how_good_it_is():
    card = read_classifier_card(MODEL)
    assert os.path.getsize(MODEL) < 25e6
    assert (len(card.labels), len(card.superclasses)) == (100, 20)
    assert card.accuracy is not None
    assert card.accuracy.images == 10000


@pytest.mark.slow
@pytest.mark.skipif(not os.path.exists(DATA), reason="../shared/data/cifar-100-binary.tar.xz is not there")
def test_it_is_as_good_here_as_on_its_card(tmp_path):
    report = tmp_path / "report.json"
    args = ("--data", DATA, "--batch", "20", "--report", report, "--backend", "onnx", "--device", "cpu")
    code, _, err = finish(start(*args, module="app.evaluate"), 600)
    assert code == 0, err
    found = json.loads(report.read_text())
    assert found["images"] == 10000
    assert found["card"]["agrees"]
    assert found["peak_memory_mb"] < 200
