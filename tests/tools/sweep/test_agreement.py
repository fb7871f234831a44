import random

import pytest
from support.oracles import iou

from tools.sweep.agreement import compare


def found(score, x=0.0, image=1, category=1, side=10.0):
    return {"image_id": image, "category_id": category, "bbox": [x, 0.0, side, side], "score": score}


def mean(scores):
    return pytest.approx(sum(scores) / len(scores)) if scores else None


def plainly(first, second):
    """What `compare` should give, by the words of its documentation."""

    def corners(box):
        return (box[0], box[1], box[0] + box[2], box[1] + box[3])

    free = sorted(first, key=lambda one: -one["score"])
    pairs, left = [], []
    for other in sorted(second, key=lambda one: -one["score"]):
        partners = [
            one
            for one in free
            if one["image_id"] == other["image_id"]
            and one["category_id"] == other["category_id"]
            and iou(corners(one["bbox"]), corners(other["bbox"])) >= 0.5
        ]
        if partners:
            best = max(partners, key=lambda one: iou(corners(one["bbox"]), corners(other["bbox"])))
            free = [one for one in free if one is not best]
            pairs.append((best["score"], other["score"]))
        else:
            left.append(other["score"])
    return (
        mean([one for one, _ in pairs]),
        mean([other for _, other in pairs]),
        mean([one["score"] for one in free]),
        mean(left),
        len(pairs),
        len(left),
    )


def test_against_the_plain_one():
    rng = random.Random(3)

    def some():
        return [
            found(rng.random(), rng.uniform(0, 20), rng.randint(1, 2), rng.randint(1, 2), rng.uniform(5, 15))
            for _ in range(rng.randint(0, 25))
        ]

    for _ in range(200):
        first, second = some(), some()
        assert tuple(compare(first, second)) == plainly(first, second)


def test_by_hand():
    """One object that both find, one that each finds alone."""
    agreement = compare([found(0.6), found(0.4, 100)], [found(0.8, 2), found(0.3, 200), found(0.2, 300)])
    assert agreement == (0.6, 0.8, 0.4, pytest.approx(0.25), 1, 2)


@pytest.mark.parametrize(
    "other",
    [found(0.5, image=2), found(0.5, category=2), found(0.5, 4)],
    ids=["another picture", "another class", "IoU below a half"],
)
def test_what_is_not_the_same(other):
    assert compare([found(0.6)], [other]) == (None, None, 0.6, 0.5, 0, 1)


def test_just_the_same():
    half = {"image_id": 1, "category_id": 1, "bbox": [0.0, 0.0, 10.0, 5.0], "score": 0.5}  # IoU 0.5 to the bit
    assert compare([found(0.6)], [half]).additional == 0


def test_one_object_is_not_found_twice_in_one():
    assert compare([found(0.6)], [found(0.5), found(0.9)]) == (0.6, 0.9, None, 0.5, 1, 1)


def test_nothing():
    assert compare([], []) == (None, None, None, None, 0, 0)
    assert compare([found(0.5)], []) == (None, None, 0.5, None, 0, 0)
    assert compare([], [found(0.5)]) == (None, None, None, 0.5, 0, 1)


def test_its_arguments_stay_as_they_are():
    first, second = [found(0.2), found(0.6)], [found(0.1), found(0.8)]
    compare(first, second)
    assert [one["score"] for one in first + second] == [0.2, 0.6, 0.1, 0.8]
