import pytest
from support.sweep_rows import LARGE, SMALL, row, said

from tools.sweep.findings import findings


def test_what_settings_cost():
    rows = [
        row(size, capture, backend=backend, possible=fps)
        for size, capture, backend, fps in (
            (160, SMALL, "onnx", 100.0),
            (320, SMALL, "onnx", 60.0),
            (160, LARGE, "onnx", 80.0),
            (320, LARGE, "onnx", 40.0),
            (160, SMALL, "opencv", 90.0),
            (320, SMALL, "opencv", 30.0),
            (160, LARGE, "opencv", 85.0),
            (320, LARGE, "opencv", 20.0),
        )
    ]
    assert said(rows, "The work on a frame") == [
        "The work on a frame allows these FPS, all else being the same: 89 at size 160 and 38 at size 320; 70 captured "
        "at 320x240 and 56 captured at 640x480; 70 with onnx and 56 with opencv."
    ]
    assert said(rows, "fastest backend") == ["The fastest backend on average is onnx; it wins 3 of 4 comparisons."]


def test_a_backend_that_was_not_tried_yet_has_not_lost():
    rows = [row(160, backend=backend, possible=fps) for backend, fps in (("onnx", 50.0), ("opencv", 40.0))]
    rows.append(row(320, backend="onnx", possible=20.0))
    assert said(rows, "fastest backend") == ["The fastest backend on average is onnx; it wins 1 of 1 comparisons."]


def test_no_backend_is_the_fastest_by_what_the_machine_drifts():
    rows = [row(backend="onnx", possible=50.0), row(backend="opencv", possible=51.0)]
    assert said(rows, "fastest:") == ["No backend is clearly the fastest: opencv and onnx differ by less than 4%."]
    assert said(rows, "on average") == []


def labelled(images=10000):
    """Fastest first: of these the second is more accurate, the third less, the fourth a little more than the second."""
    return [
        row(size, capture, ap50=ap50, possible=fps, images=images)
        for size, capture, ap50, fps in (
            (160, SMALL, 0.3, 100.0),
            (320, SMALL, 0.45, 50.0),
            (160, LARGE, 0.31, 45.0),
            (320, LARGE, 0.47, 20.0),
        )
    ]


def test_what_to_choose_from():
    (sentence,) = said(labelled()[::-1], "Choose")
    assert sentence == (
        "Choose from these, the fastest first, each with the FPS that its work allows on the machine swept: capture "
        "320x240, size 160 (AP50 0.300, 100 FPS); capture 320x240, size 320 (AP50 0.450, 50 FPS); capture 640x480, "
        "size 320 (AP50 0.470, 20 FPS). Every other is no faster than one of these and not more accurate by 0.005, "
        "below which it may be chance."
    )
    assert findings(labelled())[0] == sentence


def test_a_gain_that_may_be_chance_is_no_reason_to_be_slower():
    (sentence,) = said(labelled(64), "Choose")
    assert "size 320 (AP50 0.450, 50 FPS). Every other is no faster than one of these and not more accurate" in sentence


def test_there_may_be_one_to_choose():
    (sentence,) = said([row(160, ap50=0.5, possible=90.0), row(320, ap50=0.4, possible=40.0)], "Choose")
    assert sentence.startswith("Choose size 160 (AP50 0.500, 90 FPS): nothing is faster, and nothing is more accurate")


def test_rates_and_pacings_are_no_choice_of_accuracy():
    rows = [
        row(size, fps=fps, pacing=pacing, ap50=ap50, possible=possible + (fps or 0))
        for size, ap50, possible in ((160, 0.3, 60.0), (320, 0.5, 30.0))
        for fps, pacing in ((24.0, "delay"), (24.0, "deadline"), (None, "deadline"))
    ]
    (sentence,) = said(rows, "Choose")
    assert ": size 160 (AP50 0.300, 84 FPS); size 320 (AP50 0.500, 54 FPS). " in sentence
    assert said(rows[:3], "Choose") == []


def test_without_labels_the_fastest_is_named():
    rows = [row(320, possible=40.0, per_frame=2.0), row(160, possible=90.0, per_frame=0.25)]
    assert findings(rows)[0] == (
        "The fastest is size 160: its work allows 90 FPS on the machine swept, with 0.25 detections in a picture; what "
        "the slower ones gain in accuracy, only labels can tell."
    )


def test_which_of_the_fastest_is_the_fastest_may_be_chance():
    rows = [
        row(160, SMALL, possible=90.0, per_frame=0.25),
        row(160, LARGE, possible=87.0, per_frame=0.5),
        row(320, SMALL, possible=86.0, per_frame=2.0),
    ]
    assert findings(rows)[0] == (
        "The fastest are capture 320x240, size 160 and capture 640x480, size 160: their work allows 90 and 87 FPS on "
        "the machine swept, with 0.25 and 0.50 detections in a picture; what the slower ones gain in accuracy, only "
        "labels can tell."
    )
    assert findings(rows[:2])[0] == (
        "No settings are clearly faster than the others: their work allows 90 and 87 FPS on the machine swept, with "
        "0.25 and 0.50 detections in a picture."
    )


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
        "Kept by deadlines, the configured rate is the real one in 1 of 3 combinations; furthest from it is size 320, "
        "40 FPS: 20.0 of 40 FPS, where a frame takes 50.0 ms of work."
    ]


def test_settings_are_named_as_people_do():
    late = row(320, LARGE, fps=40.0, real=20.0)
    others = [row(fps=24.0, backend="opencv", pacing="delay", real=18.0, predicted=18.0)]
    (sentence,) = said([late, *others], "furthest")
    assert "furthest from it is capture 640x480, size 320, 40 FPS, backend onnx, by deadline: 20.0" in sentence
    assert "furthest from it is the only one: 20.0 of 40 FPS" in said([late], "furthest")[0]


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


@pytest.mark.parametrize(
    "worst, named",
    [
        (row(416, fps=None, most_dropped=0.25), " (at size 416, as fast as it goes)"),
        (row(416, None, fps=24.0, most_dropped=0.25), " (at the source's own resolution, size 416)"),
    ],
)
def test_dropped(worst, named):
    rows = [row(fps=24.0), row(320, fps=24.0, dropped=0.1, most_dropped=0.2), worst]
    assert said(rows, "dropped") == [
        "Of a live source's pictures up to 25% are dropped{}, so that what is shown is the newest.".format(named)
    ]
    assert said([worst], "dropped") == [
        "Of a live source's pictures up to 25% are dropped, so that what is shown is the newest."
    ]
    assert said(rows[:1], "dropped") == []
