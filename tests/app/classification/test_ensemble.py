import math

import numpy as np
import pytest

from app.classification.card import ClassifierCard
from app.classification.ensemble import Ensemble, mean_logits
from app.classifier import Classifier
from app.errors import ModelError

LABELS = ("a", "b")


class First:
    """A backend that finds the logits in an image: those of its first two pixels, times a factor."""

    def __init__(self, factor, side=4):
        self.input_shape = (None, 1, side, side)
        self.factor, self.description, self.closed = factor, f"first times {factor:g}", 0

    def infer(self, tensor):
        return [np.ascontiguousarray(tensor[:, 0, 0, :2] * np.float32(self.factor))]

    def close(self):
        self.closed += 1


def classifier(factor=1.0, name="first", labels=LABELS, side=4, batch=2):
    card = ClassifierCard(name, "", labels, (), (), side, side, 1.0, None, channels=1)
    return Classifier(First(factor, side), card, batch)


def array(*rows):
    return np.array(rows, np.float32)


LOG = math.log


def test_the_mean_of_probabilities_and_not_of_logits():
    # Odds of 3:1 and 1:7 are probabilities of 3/4 and 1/8, whose mean is 7/16; the mean of the logits has 3/7 : 1.
    mean = mean_logits([array([LOG(3), 0]), array([0, LOG(7)])])
    assert mean.dtype == np.float32
    assert np.exp(mean[0]).tolist() == pytest.approx([7 / 16, 9 / 16])


def test_one_alone_is_left_as_it_is():
    logits = array([5, -3])
    assert mean_logits([logits]) is logits


def test_probabilities_too_small_for_a_number():
    mean = mean_logits([array([0, -2000, -3000]), array([0, -3000, -2000])])
    assert np.isfinite(mean).all()
    assert mean[0].tolist() == pytest.approx([0, -2000 - LOG(2), -2000 - LOG(2)])


def images(*pixels):
    """Images of which only the first pixels are not 0."""
    array = np.zeros((len(pixels), 1, 4, 4), np.uint8)
    array[:, 0, 0, : len(pixels[0])] = pixels
    return array


def probability(logit, other=0.0):
    return 1 / (1 + math.exp(other - logit))


def test_several_classifiers():
    with Ensemble([classifier(), classifier(2), classifier(-1)]) as ensemble:
        shown = images([1, 0], [0, 3])
        each = ensemble.each(shown)
        assert [one.tolist() for one in each] == [[[1, 0], [0, 3]], [[2, 0], [0, 6]], [[-1, 0], [0, -3]]]
        expected = [sum(probability(factor * logit) for factor in (1, 2, -1)) / 3 for logit in (1, -3)]
        assert np.exp(ensemble.logits(shown)[:, 0]).tolist() == pytest.approx(expected)
        assert ensemble.batch == 2
        assert ensemble.card.labels == LABELS
        assert ensemble.description == "first times 1; first times 2; first times -1"
    assert [one.backend.closed for one in ensemble.classifiers] == [1, 1, 1]


def test_views_of_each():
    """By hand: the first two pixels of the image, its mirror image, and both shifted, and mirrored, images."""
    image = images([0, 0])
    image[0, 0] = [[1, 2, 3, 4], [5, 6, 7, 8], [9, 10, 11, 12], [13, 14, 15, 16]]
    firsts = [(1, 2), (6, 7), (6, 5), (4, 3), (7, 8), (7, 6)]
    for count, seen in ((1, firsts[:1]), (2, [firsts[0], firsts[3]]), (3, firsts[:3]), (6, firsts)):
        (logits,) = Ensemble([classifier(0.5)], count).each(image)
        expected = sum(probability(first / 2, second / 2) for first, second in seen) / count
        assert np.exp(logits - logits.max())[0, 0] / np.exp(logits - logits.max()).sum() == pytest.approx(expected)


def test_the_same_description_once():
    assert Ensemble([classifier(), classifier(2), classifier()]).description == "first times 1; first times 2"


@pytest.mark.parametrize(
    "other, phrase",
    [
        ({"labels": ("b", "a")}, "other and first cannot be evaluated together: their labels differ"),
        ({"side": 5}, "other and first cannot be evaluated together: their heights differ"),
    ],
)
def test_classifiers_that_do_not_belong_together(other, phrase):
    with pytest.raises(ModelError, match=phrase):
        Ensemble([classifier(), classifier(name="other", **other)])
