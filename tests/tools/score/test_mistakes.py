from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support import oracles

from tools.score.mistakes import judge, mistakes

CAT, DOG = 0, 1


def an_object(label, box, crowd=0):
    return {"image_id": 7, "category_id": label, "bbox": box, "iscrowd": crowd}


def found(label, box, score=0.5):
    return {"image_id": 7, "category_id": label, "bbox": box, "score": score}


BOX = [100, 100, 100, 100]


def moved(iou_times_1000):
    """BOX moved to the right until its IoU with BOX is so: IoU = (100 - x) / (100 + x)."""
    iou = iou_times_1000 / 1000
    return [100 + 100 * (1 - iou) / (1 + iou), 100, 100, 100]


@pytest.mark.parametrize(
    "objects, detections, verdicts, fates",
    [
        pytest.param([(CAT, [0, 0, 10, 20])], [(CAT, [0, 0, 10, 10])], ["correct"], ["found"], id="0.5"),
        pytest.param([(CAT, BOX)], [(CAT, moved(499))], ["localisation"], ["localisation"], id="just below 0.5"),
        pytest.param([(CAT, [0, 0, 10, 10])], [(CAT, [0, 0, 1, 10])], ["localisation"], ["localisation"], id="0.1"),
        pytest.param([(CAT, BOX)], [(CAT, moved(99))], ["background"], ["missed"], id="just below 0.1"),
        pytest.param([(CAT, BOX)], [(DOG, moved(501))], ["confusion"], ["confusion"], id="another class, above 0.5"),
        pytest.param(
            [(CAT, BOX)], [(CAT, BOX), (CAT, moved(499))], ["correct", "localisation"], ["found"], id="near a found one"
        ),
        pytest.param(
            [(CAT, BOX), (DOG, BOX)], [(CAT, BOX)] * 2, ["correct", "duplicate"], ["found", "missed"],
            id="a duplicate rather than a confusion",
        ),
        pytest.param(
            [(CAT, BOX), (DOG, moved(400))], [(DOG, BOX)], ["confusion"], ["confusion", "missed"],
            id="a confusion rather than a localisation",
        ),
        pytest.param(
            [(CAT, BOX)], [(CAT, moved(300)), (DOG, BOX)], ["localisation", "confusion"], ["confusion"],
            id="lost to both",
        ),
        pytest.param(
            [(CAT, BOX, 1)], [(CAT, [120, 120, 10, 10])] * 2, ["ignored"] * 2, [], id="two in a crowd",
        ),
        pytest.param([(CAT, BOX, 1)], [(CAT, moved(250))], ["background"], [], id="the lesser part on a crowd"),
    ],
)  # fmt: skip
def test_judge(objects, detections, verdicts, fates):
    judged = judge([found(*entry) for entry in detections], [an_object(*entry) for entry in objects])
    assert judged.detections.tolist() == verdicts
    assert judged.objects.tolist() == fates


def dataset(objects, names=("cat", "dog"), images=(7,)):
    categories = [{"id": number, "name": name} for number, name in enumerate(names)]
    return {"images": [{"id": image} for image in images], "categories": categories, "annotations": objects}


def test_mistakes():
    objects = [an_object(CAT, BOX), an_object(DOG, [500, 500, 50, 50]), an_object(DOG, [800, 800, 50, 50])]
    detections = [
        found(CAT, moved(800), 0.4),
        found(CAT, BOX, 0.5),
        found(CAT, moved(700), 0.29),
        found(CAT, [500, 500, 50, 50], 0.3),
        found(DOG, [0, 0, 9, 9], 0.9),
    ]
    assert mistakes(dataset(objects), detections, 0.3) == {
        "threshold": 0.3,
        "correct": 1,
        "ignored": 0,
        "false": {"duplicate": 1, "confusion": 1, "localisation": 0, "background": 1},
        "found": 1,
        "lost": {"confusion": 1, "localisation": 0, "missed": 1},
        "confusions": [{"object": "dog", "taken_for": "cat", "count": 1}],
    }


def test_images_are_apart():
    objects = [an_object(CAT, BOX), dict(an_object(CAT, BOX), image_id=8)]
    counts = mistakes(dataset(objects, images=(7, 8)), [found(CAT, BOX), found(CAT, BOX)], 0)
    assert (counts["correct"], counts["false"]["duplicate"], counts["lost"]["missed"]) == (1, 1, 1)


def test_confusion_is_with_the_object_that_overlaps_most():
    objects = [an_object(0, moved(600)), an_object(1, moved(700)), an_object(2, moved(650))]
    counts = mistakes(dataset(objects, "abcd"), [found(3, BOX)], 0)
    assert counts["confusions"] == [{"object": "b", "taken_for": "d", "count": 1}]
    assert counts["lost"] == {"confusion": 3, "localisation": 0, "missed": 0}


def test_commonest_confusions_first():
    """Object n of seven, each in a corner of its own, is taken for class 7, once for n = 0, 4, 5 and 6, else twice."""
    places = [[200 * number, 0, 100, 100] for number in range(7)]
    detections = [found(7, place) for number, place in enumerate(places) for _ in range(1 + (number in (1, 2, 3)))]
    objects = [an_object(number, place) for number, place in enumerate(places)]
    confusions = mistakes(dataset(objects, "abcdefgh"), detections, 0)["confusions"]
    assert [(entry["object"], entry["count"]) for entry in confusions] == [
        ("b", 2),
        ("c", 2),
        ("d", 2),
        ("a", 1),
        ("e", 1),
    ]


def test_no_more_than_100_of_a_class_in_an_image():
    detections = [found(CAT, [1000 + 20 * number, 0, 10, 10], 0.9) for number in range(100)]
    counts = mistakes(dataset([an_object(CAT, BOX), an_object(DOG, BOX)]), [found(CAT, BOX), *detections], 0)
    assert (counts["correct"], counts["false"]["background"]) == (0, 100)


def corners(box):
    return box[0], box[1], box[0] + box[2], box[1] + box[3]


def slow(objects, detections):
    """What `judge` gives, by loops: (kind of each detection, fate of each object that is no crowd)."""

    def iou(detection, other):
        return oracles.iou(corners(detection["bbox"]), corners(other["bbox"]))

    def part_inside(detection, crowd):
        box, around = corners(detection["bbox"]), corners(crowd["bbox"])
        width, height = (min(box[i + 2], around[i + 2]) - max(box[i], around[i]) for i in (0, 1))
        return max(width, 0) * max(height, 0) / (detection["bbox"][2] * detection["bbox"][3])

    crowds = [entry for entry in objects if entry["iscrowd"]]
    objects = [entry for entry in objects if not entry["iscrowd"]]
    taken = []
    kinds = []
    for detection in detections:  # matching comes first
        best = None
        for number, entry in enumerate(objects):
            fits = entry["category_id"] == detection["category_id"] and iou(detection, entry) >= 0.5
            if not fits or number in taken:
                continue
            if best is None or iou(detection, entry) >= iou(detection, objects[best]):
                best = number
        if best is not None:
            taken.append(best)
            kinds.append("correct")
        elif any(c["category_id"] == detection["category_id"] and part_inside(detection, c) >= 0.5 for c in crowds):
            kinds.append("ignored")
        else:
            kinds.append(None)
    for position, detection in enumerate(detections):
        if kinds[position] is None:
            own = [iou(detection, entry) for entry in objects if entry["category_id"] == detection["category_id"]]
            others = [iou(detection, entry) for entry in objects if entry["category_id"] != detection["category_id"]]
            if max(own, default=0) >= 0.5:
                kinds[position] = "duplicate"
            elif max(others, default=0) >= 0.5:
                kinds[position] = "confusion"
            elif max(own, default=0) >= 0.1:
                kinds[position] = "localisation"
            else:
                kinds[position] = "background"
    fates = []
    for number, entry in enumerate(objects):
        fate = "found" if number in taken else "missed"
        for kind, detection in zip(kinds, detections):
            same = detection["category_id"] == entry["category_id"]
            if fate != "found" and kind == "confusion" and not same and iou(detection, entry) >= 0.5:
                fate = "confusion"
            elif fate == "missed" and kind == "localisation" and same and iou(detection, entry) >= 0.1:
                fate = "localisation"
        fates.append(fate)
    return kinds, fates


sides = st.integers(0, 6)
boxes = st.tuples(sides, sides, st.integers(1, 8), st.integers(1, 8)).map(list)  # whole, so that IoUs are exact
labels = st.sampled_from([0, 1, 2])
many_objects = st.lists(st.builds(an_object, labels, boxes, st.sampled_from([0, 0, 0, 1])), max_size=8)
many_found = st.lists(st.builds(found, labels, boxes, st.integers(1, 9).map(lambda tenth: tenth / 10)), max_size=12)


@given(many_objects, many_found)
def test_judge_is_what_loops_say(objects, detections):
    detections.sort(key=lambda entry: -entry["score"])
    judged = judge(detections, objects)
    assert (judged.detections.tolist(), judged.objects.tolist()) == slow(objects, detections)


@given(many_objects, many_found, st.integers(0, 10))
def test_partition(objects, detections, tenth):
    counts = mistakes(dataset(objects, "abc"), detections, tenth / 10)
    kept = [entry for entry in sorted(detections, key=lambda entry: -entry["score"]) if entry["score"] >= tenth / 10]
    kinds, fates = map(Counter, slow(objects, kept))
    assert counts["correct"] == counts["found"]
    assert counts["correct"] + counts["ignored"] + sum(counts["false"].values()) == len(kept)
    assert counts["found"] + sum(counts["lost"].values()) == sum(not entry["iscrowd"] for entry in objects)
    assert {**counts["false"], "correct": counts["correct"], "ignored": counts["ignored"]} == {
        kind: kinds[kind] for kind in ("duplicate", "confusion", "localisation", "background", "correct", "ignored")
    }
    assert counts["lost"] == {kind: fates[kind] for kind in ("confusion", "localisation", "missed")}
    assert sum(entry["count"] for entry in counts["confusions"]) <= kinds["confusion"]
