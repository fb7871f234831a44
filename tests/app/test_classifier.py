import math
import os

import cv2
import numpy as np
import pytest
from support.classifiers import LABELS, SUPERCLASS_OF, SUPERCLASSES, write_card, write_model
from support.program import ROOT

from app.backends.fake import FakeBackend
from app.classification.card import ClassifierCard
from app.classification.photo import as_emnist
from app.classifier import Classifier, load_classifier, log_softmax, softmax
from app.errors import ModelError, SourceError, UsageError

CARD = ClassifierCard(
    "small", "0" * 64, tuple(LABELS), tuple(SUPERCLASSES), tuple(SUPERCLASS_OF), 32, 32, 0.5, None
)  # fmt: skip


class Recorder(FakeBackend):
    """Gives each image's first three pixels as logits, in memory that it uses again."""

    def __init__(self, input_shape=(None, 3, 32, 32)):
        super().__init__([np.zeros((64, 100), np.float32)], input_shape)
        self.tensors = []

    def infer(self, tensor):
        super().infer(tensor)
        self.tensors.append(tensor.copy())
        output = self.outputs[0][: len(tensor)]
        output[:] = 0
        output[:, :3] = tensor[:, 0, 0, :3]
        return [output]


# Batches


def images(count, seed=0):
    return np.random.RandomState(seed).randint(0, 256, (count, 3, 32, 32)).astype(np.uint8)


def test_what_the_model_is_given():
    backend = Recorder()
    classifier = Classifier(backend, CARD, 4)
    given = images(4)
    logits = classifier.logits(given)
    assert (logits.shape, logits.dtype) == ((4, 100), np.float32)
    assert (backend.tensors[0] == given * 0.5).all()
    assert (logits[:, :3] == given[:, 0, 0, :3] * 0.5).all()


def test_logits_outlive_the_next_call():
    classifier = Classifier(Recorder(), CARD, 2)
    first = classifier.logits(images(2, 1))
    kept = first.copy()
    classifier.logits(images(2, 2))
    assert (first == kept).all()


def test_a_small_batch_is_filled_up_with_black():
    backend = Recorder((5, 3, 32, 32))
    classifier = Classifier(backend, CARD)
    classifier.logits(images(5, 1))
    given = images(2, 2)
    assert classifier.logits(given).shape == (2, 100)
    assert (backend.tensors[1][:2] == given * 0.5).all()
    assert not backend.tensors[1][2:].any()  # nothing is left of the batch before


@pytest.mark.parametrize("batch, own, expected", [(None, None, 1), (None, 8, 8), (7, None, 7), (8, 8, 8)])
def test_batch(batch, own, expected):
    assert Classifier(FakeBackend([], (own, 3, 32, 32)), CARD, batch).batch == expected


def test_a_batch_that_the_model_does_not_take():
    with pytest.raises(UsageError, match="--batch 7: the model takes batches of 4 only; use --batch 4"):
        Classifier(FakeBackend([], (4, 3, 32, 32)), CARD, 7)


@pytest.mark.parametrize("shape", [(None, 3, 64, 64), (None, 32, 32, 3), (None, 3072)], ids=str)
def test_a_model_with_another_input(shape):
    with pytest.raises(ModelError, match="does not fit"):
        Classifier(FakeBackend([], shape), CARD)


@pytest.mark.parametrize("outputs", [[], [(1, 10)], [(100,)], [(2, 100)], [(1, 100), (1, 100)]], ids=str)
def test_a_model_with_other_outputs(outputs):
    backend = FakeBackend([np.zeros(shape, np.float32) for shape in outputs])
    with pytest.raises(ModelError, match="does not fit"):
        Classifier(backend, CARD).logits(images(1))


@pytest.mark.parametrize("value", [float("nan"), float("-inf")])
def test_logits_that_are_not_finite(value):
    logits = np.zeros((1, 100), np.float32)
    logits[0, 99] = value
    with pytest.raises(ModelError, match="not finite"):
        Classifier(FakeBackend([logits]), CARD).logits(images(1))


@pytest.mark.parametrize(
    "wrong",
    [
        pytest.param(images(1).astype(np.float32), id="float"),
        pytest.param(images(3), id="more than a batch"),
        pytest.param(images(0), id="none"),
        pytest.param(images(1)[:, :, :16], id="another size"),
        pytest.param(images(1)[0], id="without a batch"),
    ],
)
def test_wrong_images(wrong):
    with pytest.raises(ValueError, match="images should be uint8"):
        Classifier(Recorder(), CARD, 2).logits(wrong)


# One image


def colours():
    """An image (32, 32, 3) uint8 BGR with a colour of its own in each pixel of the first row."""
    image = np.zeros((32, 32, 3), np.uint8)
    image[0, :3] = [(1, 2, 30), (4, 5, 60), (7, 8, 10)]
    return image


def test_classify_gives_the_model_rgb_planes():
    backend = Recorder()
    found = Classifier(backend, CARD).classify(colours(), top=3)
    assert backend.tensors[0][0, :, 0, :3].tolist() == [[15, 30, 5], [1, 2.5, 4], [0.5, 2, 3.5]]
    assert [label for label, _ in found] == ["fine1", "fine0", "fine2"]  # by the red plane, which are the logits
    scores = np.array([score for _, score in found])
    assert (scores == softmax(np.array([[15, 30, 5] + 97 * [0]], np.float32))[0, [1, 0, 2]]).all()
    assert all(type(score) is float for score in scores.tolist())


def test_equal_scores_come_in_the_order_of_the_labels():
    backend = FakeBackend([np.zeros((1, 100), np.float32)])
    found = Classifier(backend, CARD).classify(colours(), top=100)
    assert [prediction.label for prediction in found] == LABELS
    assert sum(prediction.score for prediction in found) == pytest.approx(1)
    assert len(Classifier(backend, CARD).classify(colours(), top=101)) == 100


@pytest.mark.parametrize(
    "height, width, method",
    [(96, 64, cv2.INTER_AREA), (33, 32, cv2.INTER_AREA), (8, 8, cv2.INTER_LINEAR), (100, 8, cv2.INTER_LINEAR)],
)
def test_an_image_of_another_size_is_stretched(height, width, method):
    image = np.random.RandomState(0).randint(0, 256, (height, width, 3)).astype(np.uint8)
    backend = Recorder()
    Classifier(backend, CARD).classify(image)
    expected = cv2.resize(image, (32, 32), interpolation=method)[:, :, ::-1].transpose(2, 0, 1)
    assert (backend.tensors[0][0] == expected * 0.5).all()


@pytest.mark.parametrize(
    "image, actual",
    [
        pytest.param(colours().astype(np.float32), r"float32 \(32, 32, 3\)", id="float"),
        pytest.param(colours()[:, :, 0], r"uint8 \(32, 32\)", id="grey"),
        pytest.param(np.zeros((32, 32, 4), np.uint8), r"uint8 \(32, 32, 4\)", id="with alpha"),
        pytest.param(colours()[:0], r"uint8 \(0, 32, 3\)", id="empty"),
        pytest.param(None, "NoneType", id="what cv2.imread returns for no image"),
    ],
)
def test_classify_refuses_other_images(image, actual):
    with pytest.raises(UsageError, match=r"uint8 of shape \(height, width, 3\) in BGR, is " + actual):
        Classifier(Recorder(), CARD).classify(image)


@pytest.mark.parametrize("top", [0, -1, 2.0, "5", True, None])
def test_a_wrong_top(top):
    with pytest.raises(UsageError, match=f"top should be a whole number from 1, is {top!r}"):
        Classifier(Recorder(), CARD).classify(colours(), top=top)


GREY = CARD._replace(channels=1, height=28, width=28)


class Planes(Recorder):
    """For one channel of 28x28."""

    def __init__(self):
        super().__init__((None, 1, 28, 28))


def test_a_grey_model_is_given_grey():
    image = np.zeros((28, 28, 3), np.uint8)
    image[0, :3] = [(100, 0, 0), (0, 100, 0), (0, 0, 100)]
    backend = Planes()
    found = Classifier(backend, GREY).classify(image, top=1)
    assert backend.tensors[0].shape == (1, 1, 28, 28)
    # 0.114, 0.587 and 0.299 of blue, green and red (ITU-R BT.601), times the card's scale
    assert backend.tensors[0][0, 0, 0, :3].tolist() == pytest.approx([5.5, 29.5, 15], abs=0.5)
    assert found[0].label == "fine1"


def test_a_grey_model_takes_batches_of_grey():
    classifier = Classifier(Planes(), GREY, 2)
    assert classifier.logits(images(2)[:, :1, :28, :28]).shape == (2, 100)
    with pytest.raises(ValueError, match="images should be uint8"):
        classifier.logits(images(2)[:, :, :28, :28])


def test_a_model_of_characters_is_given_the_character():
    page = np.full((300, 400, 3), 210, np.uint8)
    cv2.line(page, (300, 40), (300, 120), (40, 40, 40), 12)
    backend = Planes()
    classifier = Classifier(backend, GREY._replace(data="characters", scale=1.0))
    classifier.classify(page)
    given = backend.tensors[0][0, 0]
    assert (given == as_emnist(page)).all()
    assert given[14, 14] > 200  # white ink, in the middle
    assert given[0].max() == given[14, 0] == 0
    with pytest.raises(SourceError, match="no character found"):
        classifier.classify(np.full((300, 400, 3), 210, np.uint8))


# From files


def test_the_shipped_classifier():
    image = cv2.imread(os.path.join(ROOT, "demo.jpg"))
    with load_classifier(backend="onnx", device="cpu") as classifier:
        found = classifier.classify(image)
        assert [label for label, _ in found][0] == "streetcar"
        assert len(found) == 5
        scores = [score for _, score in found]
        assert scores == sorted(scores, reverse=True)
        assert 0 < sum(scores) < 1
        assert classifier.classify(cv2.resize(image, (32, 32), interpolation=cv2.INTER_AREA)) == found


def test_a_missing_classifier():
    with pytest.raises(ModelError, match="absent.onnx: no such model; .*nano_resnet_s.*with: python -m tools.train"):
        load_classifier("absent")


def test_the_backend_is_closed(tmp_path, monkeypatch):
    model = write_card(write_model(tmp_path / "small.onnx"))
    backends = []

    def open_fake(*options):
        assert options == (model, "opencv", "cpu", "fp32")
        backends.append(FakeBackend([], (4, 3, 32, 32)))
        return backends[-1]

    monkeypatch.setattr("app.classifier.open_backend", open_fake)
    options = {"backend": "opencv", "device": "cpu", "precision": "fp32"}
    with load_classifier(model, **options) as classifier:
        assert not backends[0].closed
        assert classifier.batch == 4
    assert backends[0].closed
    with pytest.raises(UsageError, match="batches of 4 only"):
        load_classifier(model, batch=3, **options)
    assert backends[1].closed


# Probabilities


def test_softmax_against_a_loop():
    logits = np.random.RandomState(0).normal(0, 5, (6, 100)).astype(np.float32)
    for row, probabilities, logarithms in zip(logits.tolist(), softmax(logits), log_softmax(logits)):
        total = math.fsum(math.exp(value) for value in row)
        for value, probability, logarithm in zip(row, probabilities, logarithms):
            assert probability == pytest.approx(math.exp(value) / total, rel=1e-12)
            assert logarithm == pytest.approx(value - math.log(total), rel=1e-12, abs=1e-12)


def test_softmax_of_any_finite_logits():
    for offset in (3e38, -3e38):
        logits = np.full((2, 100), offset, np.float32)
        assert softmax(logits) == pytest.approx(np.full((2, 100), 0.01))
        assert log_softmax(logits) == pytest.approx(np.full((2, 100), math.log(0.01)))
    logits = np.array([[3e38, -3e38, 0]], np.float32)
    assert softmax(logits).tolist() == [[1, 0, 0]]
    assert np.isfinite(log_softmax(logits)).all()
