import random

import numpy as np
import pytest
from test_precision import dataset, results

from tools.score import chance
from tools.score.precision import evaluate

BOXES = [[10 * n, 5 * n, 30, 20] for n in range(8)]


def pictures(rng, count=12):
    """Labels of some pictures, and two sets of detections of them, one better than the other."""
    objects = [(i, rng.randrange(2), rng.choice(BOXES)) for i in range(1, count + 1) for _ in range(2)]
    found = [[(*one, rng.random()) for one in objects if rng.random() < share] for share in (0.8, 0.5)]
    return dataset(*objects, images=range(1, count + 1)), [results(*some) for some in found]


def drawn(labels, detections, draw):
    """The same labels and detections, of pictures that are really there as often as they were drawn."""
    many = dict(labels, images=[{"id": n} for n in range(1, len(draw) + 1)], annotations=[])
    found = []
    for number, place in enumerate(draw, 1):
        old = labels["images"][place]["id"]
        for entry in labels["annotations"]:
            if entry["image_id"] == old:
                many["annotations"].append(dict(entry, image_id=number, id=len(many["annotations"]) + 1))
        found += [dict(entry, image_id=number) for entry in detections if entry["image_id"] == old]
    return evaluate(many, found)


@pytest.mark.parametrize("seed", range(4))
def test_a_draw_is_what_coco_says_of_its_pictures(seed):
    rng = random.Random(seed)
    labels, (found, _) = pictures(rng)
    evaluation = evaluate(labels, found)
    assert chance._ap50(evaluation, range(12)) == evaluation.stats[1]
    draw = [rng.randrange(12) for _ in range(12)]
    assert chance._ap50(evaluation, draw) == pytest.approx(drawn(labels, found, draw).stats[1], abs=1e-12)
    assert evaluation.stats[1] == evaluate(labels, found).stats[1]  # it was not changed


def test_draws_are_the_same_for_both():
    labels, (found, _) = pictures(random.Random(7))
    same = chance.compare(evaluate(labels, found), evaluate(labels, found), draws=20)
    assert same == {"difference": 0.0, "deviation": 0.0, "low": 0.0, "high": 0.0, "images": 12}


@pytest.mark.slow
def test_the_deviation_is_that_of_other_pictures():
    """Of pictures that are really others, of the same kind: the bootstrap should foresee how much the figure varies."""
    differences, foreseen = [], []
    for seed in range(40):
        labels, found = pictures(random.Random(seed), 40)
        compared = chance.compare(*[evaluate(labels, some) for some in found], draws=40)
        differences.append(compared["difference"])
        foreseen.append(compared["deviation"])
    assert np.mean(foreseen) == pytest.approx(np.std(differences), rel=0.4)
    assert np.mean(differences) > 2 * np.std(differences)  # it is there to be seen


def test_nothing_labelled():
    nothing = evaluate(dataset(), results())
    assert chance.compare(nothing, nothing)["difference"] is None


@pytest.mark.parametrize(
    "low, high, words",
    [(0.01, 0.1, "is more than chance"), (-0.01, 0.1, "may be chance"), (-0.1, -0.01, "is more than chance")],
)
def test_more_than_chance_is_where_the_draws_agree(low, high, words):
    compared = {"detections": "a/b.json", "difference": (low + high) / 2, "deviation": 0.02, "images": 16}
    said = chance.in_words(dict(compared, low=low, high=high))[0]
    assert said == f"AP50 against b.json: {(low + high) / 2:+.3f}, which {words}."
