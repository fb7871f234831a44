import pytest

from tools.sweeping.effects import effect
from tools.sweeping.findings import findings
from tools.sweeping.grid import Combination

SMALL, LARGE = (320, 240), (640, 480)


def of(value):
    return None if value is None else {"median": value, "least": value, "most": value}


def row(size=160, capture=SMALL, fps=None, pacing="deadline", backend="onnx", real=30.0, **figures):
    """A row as `summary.rows` makes it, of what the sentences look at."""
    combination = Combination(capture, size, fps, backend, pacing)
    ap50, found, lost = figures.get("ap50"), figures.get("found", 0), figures.get("lost", 0)
    labelled = "ap50" in figures
    mistakes = {"found": found, "lost": {"confusion": 0, "localisation": 0, "missed": lost}}
    return {
        "combination": combination,
        "words": combination.words(),
        "accuracy": {"ap50": ap50, "mistakes": mistakes} if labelled else None,
        "mean_confidence": of(figures.get("confidence")),
        "detections_per_frame": of(figures.get("per_frame", 1.0)),
        "fps": of(real),
        "work_ms": of(figures.get("work", 10.0)),
        "predicted_fps": figures.get("predicted"),
        "dropped": {"median": figures.get("dropped", 0.0), "least": 0.0, "most": figures.get("most_dropped", 0.0)},
        "shown": figures.get("shown"),
    }


def said(rows, word):
    """The sentences in which a word occurs."""
    return [sentence for sentence in findings(rows) if word in sentence]


def test_nothing_is_said_of_nothing():
    assert findings([]) == []
    assert findings([row()]) == []


@pytest.mark.parametrize("figures", [{"confidence": 0.5}, {"ap50": 0.5}, {"ap50": None}])
def test_of_one_setting_nothing_can_be_said(figures):
    assert findings([row(**figures)]) == []


def two_by_two(figure, smallest, taller, wider, both):
    """Sizes 160 and 320, each at both captures."""
    return [
        row(160, SMALL, **{figure: smallest}),
        row(320, SMALL, **{figure: taller}),
        row(160, LARGE, **{figure: wider}),
        row(320, LARGE, **{figure: both}),
    ]


def test_size_matters_more():
    (sentence,) = said(two_by_two("ap50", 0.20, 0.40, 0.22, 0.42), "labels")
    assert sentence == (
        "Against the labels, the network's size matters more than the capture resolution: AP50 rises from 0.210 to "
        "0.410 (+95%) between 160 and 320, and it rises from 0.300 to 0.320 (+7%) between 320x240 and 640x480."
    )


def test_capture_matters_more():
    (sentence,) = said(two_by_two("ap50", 0.40, 0.40, 0.20, 0.20), "labels")
    assert sentence == (
        "Against the labels, the capture resolution matters more than the network's size: AP50 is 0.300 at both 160 "
        "and 320, and it falls from 0.400 to 0.200 (-50%) between 320x240 and 640x480."
    )


@pytest.mark.parametrize("ap50", [(0.0, 0.0, 0.0, 0.0), (0.2, 0.3, 0.3, 0.4)])
def test_both_matter_alike(ap50):
    (sentence,) = said(two_by_two("ap50", *ap50), "Against the labels")
    assert "matter alike" in sentence
    assert "more than" not in sentence


def test_from_nothing_there_is_no_share():
    (sentence,) = said([row(160, ap50=0.0), row(320, ap50=0.2)], "Against the labels")
    assert sentence == "Against the labels, AP50 rises from 0.000 to 0.200 between 160 and 320."


def test_where_only_the_capture_varies():
    (sentence,) = said([row(capture=None, ap50=0.3), row(capture=LARGE, ap50=0.1)], "Against the labels")
    assert "rises from 0.100 to 0.300 (+200%) between 640x480 and own" in sentence


def test_nothing_labelled():
    assert findings(two_by_two("ap50", None, None, None, None)) == []


@pytest.mark.parametrize(
    "confidence, most",
    [((0.5, 0.4, 0.51, 0.41), "most by the network's size"), ((0.5, 0.51, 0.4, 0.41), "most by the capture resolution")]
    + [((0.5, 0.6, 0.6, 0.7), "alike by the network's size and the capture resolution")],
)
def test_what_moves_mean_confidence(confidence, most):
    (sentence,) = said(two_by_two("confidence", *confidence), "is moved")
    assert "is moved {}: ".format(most) in sentence


def test_mean_confidence_where_one_setting_varies():
    found = findings([row(160, confidence=0.6, per_frame=1.0), row(320, confidence=0.5, per_frame=2.5)])
    assert found[0] == "Mean confidence falls from 0.600 to 0.500 (-17%) between 160 and 320."
    assert "at size 160 there are 1.00 detections in a picture, at 320 there are 2.50." in found[1]
    assert found[2].startswith("By mean confidence 160 is the better size; whether it is, only labels can tell")
    assert len(found) == 3


@pytest.mark.parametrize("second", [None, 0.5, 0.5001])
def test_where_mean_confidence_says_nothing_no_size_is_better(second):
    assert said([row(160, confidence=0.5), row(320, confidence=second)], "better size") == []


def confidence_and_labels(confidence, ap50):
    return [
        row(160, confidence=confidence[0], ap50=ap50[0], found=1, lost=3),
        row(320, confidence=confidence[1], ap50=ap50[1], found=6, lost=2),
    ]


def test_mean_confidence_prefers_another_size_than_the_labels():
    (sentence,) = said(confidence_and_labels((0.6, 0.5), (0.2, 0.4)), "opposite")
    assert sentence == (
        "So mean confidence says that 160 beats 320, as it did in the original report, and the labels say the "
        "opposite: of the labelled objects the program shows 25% at 160 and 75% at 320."
    )


@pytest.mark.parametrize("confidence, ap50, size", [((0.5, 0.6), (0.2, 0.4), "320"), ((0.6, 0.5), (0.4, 0.2), "160")])
def test_mean_confidence_and_labels_prefer_the_same(confidence, ap50, size):
    rows = confidence_and_labels(confidence, ap50)
    (sentence,) = said(rows, "prefer the same size, {}: of".format(size))
    assert said(rows, "opposite") == []


@pytest.mark.parametrize("confidence, ap50", [((0.6, 0.5), (0.0, 0.0)), ((0.5, 0.5), (0.2, 0.4))])
def test_where_one_of_them_prefers_none(confidence, ap50):
    rows = confidence_and_labels(confidence, ap50)
    assert said(rows, "opposite") == said(rows, "prefer") == []


def detection(score, x=0.0):
    return {"image_id": 1, "category_id": 1, "bbox": [x, 0.0, 10.0, 10.0], "score": score}


def rows_that_show(first, second, capture=LARGE):
    return [
        row(160, capture, confidence=0.6, shown=first),
        row(320, capture, confidence=0.5, shown=second),
    ]


def test_what_only_one_size_finds_lowers_the_mean():
    rows = rows_that_show([detection(0.6)], [detection(0.7), detection(0.3, 50)])
    (sentence,) = said(rows, "both sizes find")
    assert sentence.startswith(
        "The objects that both sizes find score 0.600 at 160 and 0.700 at 320; those that only 320 finds, 50% of all "
        "that it finds, score 0.300. So each further object"
    )


def test_what_only_one_size_finds_raises_the_mean():
    (sentence,) = said(rows_that_show([detection(0.6)], [detection(0.7), detection(0.9, 50)]), "both sizes find")
    assert "do not lower the mean" in sentence


@pytest.mark.parametrize(
    "first, second",
    [
        (None, None),
        ([], [detection(0.5)]),
        ([detection(0.5)], []),
        ([detection(0.5)], [detection(0.6)]),
        ([detection(0.5)], [detection(0.6, 50)]),
    ],
    ids=["not kept", "nothing in one", "nothing in the other", "all the same", "nothing the same"],
)
def test_where_there_is_nothing_to_compare(first, second):
    assert said(rows_that_show(first, second), "both sizes find") == []


def test_it_is_of_the_largest_capture_in_whatever_order():
    large = rows_that_show([detection(0.6)], [detection(0.7), detection(0.3, 50)])
    small = rows_that_show([detection(0.1)], [detection(0.2), detection(0.3, 50)], SMALL)
    for rows in (large + small, small + large):
        (sentence,) = said(rows, "both sizes find")
        assert "0.600 at 160 and 0.700 at 320" in sentence


def test_backends_differ():
    rows = [row(backend="onnx", ap50=0.4), row(backend="opencv", ap50=0.4012), row(backend="openvino", ap50=0.3999)]
    assert said(rows, "backends") == ["Between backends AP50 differs by 0.0013 at most, all else being the same."]
    assert said(rows[:1], "backends") == said([row(), row(backend="opencv")], "backends") == []


def test_rates_do_not_differ():
    rows = [row(fps=fps, ap50=0.4, confidence=0.5) for fps in (None, 100.0, 24.0)]
    (sentence,) = said(rows, "The configured FPS")
    assert sentence.startswith(
        "The configured FPS does not matter at all for accuracy: at 24, 100, max AP50 and mean confidence are the "
        "same to four decimals"
    )


def test_rates_differ():
    (sentence,) = said([row(fps=24.0, confidence=0.5), row(fps=40.0, confidence=0.52)], "The configured FPS")
    assert "should not matter for accuracy: between 24, 40 mean confidence differs by up to 0.0200" in sentence
    assert "AP50" not in sentence


def test_of_rates_at_which_nothing_was_found():
    assert said([row(fps=24.0), row(fps=40.0)], "The configured FPS") == []


def test_deadlines_are_kept():
    rows = [row(fps=24.0, real=24.0), row(fps=40.0, real=39.3), row(fps=40.0, pacing="delay", real=10.0)]
    assert said(rows, "deadlines") == ["Kept by deadlines, every configured rate is the real one (within 2 %)."]


def test_deadlines_are_not_kept():
    rows = [
        row(fps=24.0, real=24.0),
        row(320, fps=24.0, real=20.0, work=50.0),
        row(320, fps=40.0, real=20.0, work=49.96),
        row(fps=None, real=1.0),
    ]
    assert said(rows, "deadlines") == [
        "Kept by deadlines, the configured rate is the real one in 1 of 3 combinations; furthest from it is 320x240 "
        "320 40 onnx deadline: 20.0 of 40 FPS, where a frame takes 50.0 ms of work."
    ]


def test_without_a_rate_there_are_no_deadlines():
    assert said([row(), row(320)], "deadlines") == []


def test_delays():
    rows = [
        row(fps=24.0, pacing="delay", real=18.0, predicted=20.0),
        row(fps=40.0, pacing="delay", real=20.0, predicted=20.2),
        row(fps=40.0, real=40.0),
    ]
    assert said(rows, "delay") == [
        "With a delay after each frame's work the real rate is 50% to 75% of the configured one; the report's formula "
        "1 / (work + delay) predicts it within 10.0%."
    ]
    assert said(rows[2:], "formula") == []


def test_dropped():
    rows = [row(), row(320, dropped=0.1, most_dropped=0.2), row(416, dropped=0.0, most_dropped=0.25)]
    assert said(rows, "dropped") == [
        "Of a live source's pictures up to 25% are dropped (at 320x240 416 max onnx deadline), so that what is shown "
        "is the newest."
    ]
    assert said(rows[:1], "dropped") == []


def test_an_effect_is_between_rows_that_differ_in_nothing_else():
    rows = [
        row(160, SMALL, confidence=0.1),
        row(320, SMALL, confidence=0.2),
        row(416, SMALL, confidence=0.3),
        row(416, LARGE, confidence=0.9),  # has no partner of size 160
        row(160, None, confidence=0.2),
        row(416, None, confidence=None),  # nor one of which this is known
    ]
    assert effect(rows, "size", lambda one: one["mean_confidence"] and one["mean_confidence"]["median"]) == (
        "160",
        "416",
        pytest.approx(0.1),
        pytest.approx(0.3),
    )
    assert effect(rows, "backend", lambda one: 1.0) is None
    assert effect(rows, "size", lambda one: None) is None
