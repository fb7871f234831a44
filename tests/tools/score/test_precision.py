import builtins
import json
import os

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval
from support.program import SHARED

from app.errors import ModelError
from tools.score.coco import read_results
from tools.score.labels import read_truth
from tools.score.mistakes import mistakes
from tools.score.precision import evaluate, figures

DATA = os.path.join(SHARED, "coco-val64")

needs_data = pytest.mark.skipif(not os.path.isdir(DATA), reason="../shared/data is not here")


def dataset(*objects, images=(1, 2), names=("cat", "dog", "bird")):
    """COCO's dictionary of (image, class, box) or (image, class, box, is it a crowd)."""
    annotations = [
        {
            "id": number,
            "image_id": image,
            "category_id": label,
            "bbox": box,
            "area": box[2] * box[3],
            "iscrowd": int(crowd == [True]),
        }
        for number, (image, label, box, *crowd) in enumerate(objects, 1)
    ]
    categories = [{"id": number, "name": name} for number, name in enumerate(names)]
    return {"images": [{"id": image} for image in images], "categories": categories, "annotations": annotations}


def results(*found):
    """COCO's results of (image, class, box, score)."""
    return [{"image_id": i, "category_id": label, "bbox": box, "score": score} for i, label, box, score in found]


CAT, DOG, OTHER_DOG = (1, 0, [10, 10, 40, 40]), (1, 1, [60, 60, 20, 30]), (2, 1, [5, 5, 50, 50])
TRUTH = dataset(CAT, DOG, OTHER_DOG)
NOWHERE = [500, 500, 10, 10]


@pytest.mark.parametrize(
    "found, ap, ap50",
    [
        pytest.param([(*CAT, 0.9), (*DOG, 0.9), (*OTHER_DOG, 0.9)], 1, 1, id="all of them exactly"),
        pytest.param([], 0, 0, id="nothing"),
        # The dogs' recall stops at one half: 51 of 101 points of the curve.
        pytest.param([(*CAT, 0.9), (*OTHER_DOG, 0.9)], 152 / 202, 152 / 202, id="one missed"),
        # IoU 30 / 50 = 0.6 counts at 0.50, 0.55 and, just, 0.60.
        pytest.param(
            [(1, 0, [20, 10, 40, 40], 0.9), (*DOG, 0.9), (*OTHER_DOG, 0.9)], (0.3 + 1) / 2, 1, id="one out of place"
        ),
    ],
)  # fmt: skip
def test_average_precision(found, ap, ap50):
    result = figures(evaluate(TRUTH, results(*found)))
    assert result["ap"] == pytest.approx(ap, abs=1e-9)
    assert result["ap50"] == pytest.approx(ap50, abs=1e-9)


def test_per_class():
    per_class = figures(evaluate(TRUTH, results((*CAT, 0.9), (1, 2, NOWHERE, 0.9))))["per_class"]
    best = {"threshold": 0.9, "f1": 1, "precision": 1, "recall": 1}
    assert per_class == {  # no bird is labelled
        "cat": {"ap": pytest.approx(1), "ap50": pytest.approx(1), "objects": 1, "best_f1": best},
        "dog": {
            "ap": 0,
            "ap50": 0,
            "objects": 2,
            "best_f1": {"threshold": None, "f1": 0, "precision": 0, "recall": 0},
        },
    }


def test_by_size():
    small, medium, large = (1, 0, [0, 0, 32, 31]), (1, 0, [100, 0, 33, 32]), (2, 0, [0, 0, 96, 97])
    result = figures(evaluate(dataset(small, medium, large), results((*small, 0.9), (*large, 0.8))))
    assert result["by_size"] == {
        "small": {"ap": pytest.approx(1), "recall": 1, "objects": 1},
        "medium": {"ap": 0, "recall": 0, "objects": 1},
        "large": {"ap": pytest.approx(1), "recall": 1, "objects": 1},
    }
    none = {"ap": None, "recall": None, "objects": 0}
    assert figures(evaluate(dataset(small), results((*small, 0.9))))["by_size"]["medium"] == none


def test_object_on_the_bound_is_of_both_sizes():
    by_size = figures(evaluate(dataset((1, 0, [0, 0, 32, 32])), []))["by_size"]
    assert [by_size[size]["objects"] for size in ("small", "medium", "large")] == [1, 1, 0]


@pytest.mark.parametrize(
    "found, threshold, precision, recall",
    [
        pytest.param(
            [(*CAT, 0.9), (1, 0, NOWHERE, 0.8), (*DOG, 0.6), (*OTHER_DOG, 0.5)], 0.5, 3 / 4, 1, id="past a false one"
        ),
        # At 0.5 there are two right and three false ones: they cannot be parted.
        pytest.param(
            [(*CAT, 0.9), (*DOG, 0.5), (*OTHER_DOG, 0.5), *[(2, 0, NOWHERE, 0.5)] * 3], 0.5, 1 / 2, 1, id="ties"
        ),
        # F1 is 2/3 with the second, and with all five.
        pytest.param(
            [(*CAT, 0.9), (*DOG, 0.8), *[(2, 0, NOWHERE, 0.7)] * 3, (*OTHER_DOG, 0.6)], 0.8, 1, 2 / 3, id="the highest"
        ),
        pytest.param([(1, 0, NOWHERE, 0.9)], None, 0, 0, id="nothing right"),
        pytest.param([], None, 0, 0, id="no detections"),
    ],
)  # fmt: skip
def test_best_f1(found, threshold, precision, recall):
    f1 = 2 * precision * recall / (precision + recall) if precision else 0
    best = figures(evaluate(TRUTH, results(*found)))["best_f1"]
    assert best == {
        "threshold": threshold,
        "f1": pytest.approx(f1),
        "precision": pytest.approx(precision),
        "recall": pytest.approx(recall),
    }


def test_crowds_count_neither_way():
    truth = dataset(CAT, (2, 0, [100, 100, 400, 400], True))
    result = figures(evaluate(truth, results((*CAT, 0.5), (2, 0, [110, 110, 20, 20], 0.9))))
    assert result["per_class"]["cat"]["objects"] == 1
    assert result["best_f1"] == {"threshold": 0.5, "f1": 1, "precision": 1, "recall": 1}


@pytest.mark.parametrize("found", [[], [(*CAT, 0.9)]], ids=["no detections", "a detection"])
def test_no_objects(found):
    result = figures(evaluate(dataset(), results(*found)))
    nothing = {"ap": None, "recall": None, "objects": 0}
    assert (result["ap"], result["ap50"], result["ap75"], result["best_f1"], result["per_class"]) == (*[None] * 4, {})
    assert result["by_size"] == {"small": nothing, "medium": nothing, "large": nothing}
    assert result["recall"] == {"1": None, "10": None, "100": None}
    assert result["curve"]["precision"] is None


def test_curve():
    curve = figures(evaluate(TRUTH, results((*CAT, 0.9), (*OTHER_DOG, 0.9))))["curve"]
    assert curve["recall"] == [round(0.01 * number, 2) for number in range(101)]
    assert curve["precision"] == pytest.approx([1] * 51 + [0.5] * 50)


def test_arguments_stay_as_they_are():
    truth, found = dataset(CAT, DOG), results((*CAT, 0.9))
    before = json.dumps([truth, found])
    figures(evaluate(truth, found))
    assert json.dumps([truth, found]) == before


def test_says_nothing(capfd):
    figures(evaluate(TRUTH, results((*CAT, 0.9))))
    assert capfd.readouterr() == ("", "")


def test_without_pycocotools(monkeypatch):
    real = builtins.__import__

    def refuse(name, *args):
        if name.startswith("pycocotools"):
            raise ImportError("not installed")
        return real(name, *args)

    monkeypatch.setattr(builtins, "__import__", refuse)
    with pytest.raises(ModelError, match="pip install pycocotools"):
        evaluate(TRUTH, [])


sides = st.integers(0, 12)
boxes = st.tuples(sides, sides, st.integers(1, 12), st.integers(1, 12)).map(list)
labelled = st.tuples(st.sampled_from([1, 2]), st.sampled_from([0, 1]), boxes)


@given(
    st.lists(st.tuples(labelled, st.booleans()), max_size=8),
    st.lists(st.tuples(labelled, st.integers(1, 5)), max_size=12),
)
def test_no_other_threshold_has_a_better_f1(objects, found):
    """Counts at every threshold by other code, which matches by itself and crosses out what is below."""
    truth = dataset(*[(*entry, crowd) for entry, crowd in objects])
    detections = results(*[(*entry, score / 10) for entry, score in found])
    best = figures(evaluate(truth, detections))["best_f1"]
    total = sum(not crowd for _, crowd in objects)
    if not total:
        assert best is None
        return
    candidates = []
    for threshold in {entry["score"] for entry in detections}:
        counts = mistakes(truth, detections, threshold)
        right, wrong = counts["correct"], sum(counts["false"].values())
        if right:
            candidates.append((2 * right / (right + wrong + total), threshold, right / (right + wrong), right / total))
    f1, threshold, precision, recall = max(candidates, default=(0, None, 0, 0))
    assert best == {"threshold": threshold, "f1": f1, "precision": precision, "recall": recall}


@pytest.fixture(scope="module")
def truth():
    folders = (os.path.join(DATA, name) for name in ("images", "labels"))
    return read_truth(*folders, [str(number) for number in range(80)])


@pytest.fixture(scope="module")
def coco_file(tmp_path_factory):
    """The labels as a COCO file, made here."""
    content = {
        "info": {},
        "images": [],
        "categories": [{"id": n, "name": str(n)} for n in range(80)],
        "annotations": [],
    }
    for name in sorted(os.listdir(os.path.join(DATA, "images"))):
        height, width = cv2.imread(os.path.join(DATA, "images", name)).shape[:2]
        content["images"].append({"id": int(name[:-4]), "file_name": name, "width": width, "height": height})
        for label, cx, cy, w, h in np.loadtxt(os.path.join(DATA, "labels", name[:-4] + ".txt"), ndmin=2).tolist():
            box = [cx * width - w * width / 2, cy * height - h * height / 2, w * width, h * height]
            entry = {"image_id": int(name[:-4]), "category_id": int(label), "bbox": box, "area": box[2] * box[3]}
            content["annotations"].append({**entry, "iscrowd": 0, "id": len(content["annotations"]) + 1})
    path = tmp_path_factory.mktemp("coco") / "labels.json"
    path.write_text(json.dumps(content))
    return str(path)


@needs_data
@pytest.mark.filterwarnings("ignore:loadtxt")
@pytest.mark.parametrize("size", [160, 320, 416])
@pytest.mark.parametrize("form", ["yolo", "coco"])
def test_equals_pycocotools(truth, coco_file, size, form):
    """All that COCOeval says of the reference detections, with nothing of this project in between."""
    path = os.path.join(DATA, f"darknet-{size}.json")
    theirs = COCO(coco_file)
    evaluation = COCOeval(theirs, theirs.loadRes(path), "bbox")
    evaluation.evaluate()
    evaluation.accumulate()
    evaluation.summarize()

    read = truth if form == "yolo" else read_truth(os.path.join(DATA, "images"), coco_file, None)
    ours = figures(evaluate(read.dataset, read_results(path)))
    sizes = [ours["by_size"][name] for name in ("small", "medium", "large")]
    stats = [ours["ap"], ours["ap50"], ours["ap75"], *[entry["ap"] for entry in sizes]]
    stats += [*ours["recall"].values(), *[entry["recall"] for entry in sizes]]
    assert len(stats) == 12
    assert stats == evaluation.stats.tolist()
    for index, category in enumerate(evaluation.params.catIds):
        precision = evaluation.eval["precision"][:, :, index, 0, -1]
        if category in theirs.catToImgs:
            entry = ours["per_class"].pop(str(category))
            assert (entry["ap"], entry["ap50"]) == (precision.mean(), precision[0].mean())
            assert entry["objects"] == len(theirs.catToImgs[category])
    assert ours["per_class"] == {}
    assert np.mean(ours["curve"]["precision"]) == pytest.approx(ours["ap50"], abs=1e-12)
