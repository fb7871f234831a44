"""Sentences on accuracy, and what all sentences have in common."""

import pytest
from support.sweep_rows import LARGE, SMALL, row, said, two_by_two

from tools.sweep.chance import margin
from tools.sweep.findings import findings

ON = "Against the labels of 10000 images, on which a difference in AP50 below 0.005 may be chance"


def test_nothing_is_said_of_nothing():
    assert findings([]) == []
    assert findings([row()]) == []


@pytest.mark.parametrize("figures", [{"confidence": 0.5}, {"ap50": 0.5}, {"ap50": None}, {"possible": 50.0}])
def test_of_one_setting_nothing_can_be_said(figures):
    assert findings([row(**figures)]) == []


def test_size_matters_more():
    (sentence,) = said(two_by_two("ap50", 0.20, 0.40, 0.22, 0.42), "labels")
    assert sentence == (
        ON + ", the network's size matters more than the capture resolution: AP50 rises from 0.210 to "
        "0.410 (+95%) between 160 and 320, and it rises from 0.300 to 0.320 (+7%) between 320x240 and 640x480."
    )


def test_capture_matters_more():
    (sentence,) = said(two_by_two("ap50", 0.40, 0.40, 0.20, 0.20), "labels")
    assert sentence == (
        ON + ", the capture resolution matters more than the network's size: AP50 is 0.300 at both 160 "
        "and 320, and it falls from 0.400 to 0.200 (-50%) between 320x240 and 640x480."
    )


def test_both_matter_alike():
    (sentence,) = said(two_by_two("ap50", 0.2, 0.3, 0.3, 0.4), "Against the labels")
    assert "the network's size and the capture resolution matter alike: " in sentence
    (sentence,) = said(two_by_two("ap50", 0.0, 0.0, 0.0, 0.0), "Against the labels")
    assert "neither the network's size nor the capture resolution is seen to matter: " in sentence


def on_images(images):
    """A capture that changes little, a size that changes more."""
    return [
        row(size, capture, ap50=ap50, images=images)
        for size, capture, ap50 in ((160, SMALL, 0.292), (320, SMALL, 0.46), (160, LARGE, 0.293), (320, LARGE, 0.463))
    ]


def test_a_difference_that_so_few_images_give_by_chance_is_no_rise():
    (sentence,) = said(on_images(64), "Against the labels")
    assert sentence == (
        "Against the labels of 64 images, on which a difference in AP50 below 0.062 may be chance, the network's size "
        "matters more than the capture resolution: AP50 rises from 0.292 to 0.462 (+58%) between 160 and 320, and it "
        "differs by 0.002 between 320x240 and 640x480, which may be chance."
    )
    (sentence,) = said(on_images(4), "Against the labels")
    assert "neither the network's size nor the capture resolution is seen to matter: AP50 differs by 0.169" in sentence
    (sentence,) = said(on_images(1000000), "Against the labels")
    assert "it rises from 0.376 to 0.378" in sentence


def test_the_margin_shrinks_with_the_root_of_the_images():
    assert margin(on_images(64)) == pytest.approx(2 * margin(on_images(256)))
    assert margin([row()]) == 0


def test_neither_is_more_by_chance():
    """0.06 apart on 64 images: size moves AP50 by 0.1, and the capture by 0.06."""
    rows = [
        row(160, SMALL, ap50=0.2),
        row(320, SMALL, ap50=0.3),
        row(160, LARGE, ap50=0.26),
        row(320, LARGE, ap50=0.36),
    ]
    assert "more than" in said(rows, "Against the labels")[0]
    for each in rows:
        each["accuracy"]["images"] = 64
    assert "matter alike" in said(rows, "Against the labels")[0]


def test_from_nothing_there_is_no_share():
    (sentence,) = said([row(160, ap50=0.0), row(320, ap50=0.2)], "Against the labels")
    assert sentence == ON + ", AP50 rises from 0.000 to 0.200 between 160 and 320."


def test_all_sizes_are_named():
    rows = [row(160, ap50=0.2), row(320, ap50=0.5), row(416, ap50=0.4)]
    (sentence,) = said(rows, "Against the labels")
    assert sentence == ON + ", AP50 is 0.200 at 160, 0.500 at 320 and 0.400 at 416."


def test_where_only_the_capture_varies():
    (sentence,) = said([row(capture=None, ap50=0.3), row(capture=LARGE, ap50=0.1)], "Against the labels")
    assert "rises from 0.100 to 0.300 (+200%) between 640x480 and own" in sentence


def test_nothing_labelled():
    assert findings(two_by_two("ap50", None, None, None, None)) == []


def test_backends_differ():
    rows = [row(backend="onnx", ap50=0.4), row(backend="opencv", ap50=0.4032), row(backend="openvino", ap50=0.3999)]
    assert said(rows, "Between backends") == [
        "Between backends AP50 differs by 0.0033 at most, which may be chance, all else being the same."
    ]
    rows[1]["accuracy"]["ap50"] = 0.41
    assert said(rows, "Between backends") == [
        "Between backends AP50 differs by 0.0101 at most, all else being the same."
    ]
    same = [row(backend="onnx", ap50=0.4), row(backend="opencv", ap50=0.4)]
    assert "chance" not in said(same, "Between backends")[0]
    assert said(rows[:1], "backends") == said([row(), row(backend="opencv")], "backends") == []


def test_rates_do_not_differ():
    rows = [row(fps=fps, ap50=0.4, confidence=0.5) for fps in (None, 100.0, 24.0)]
    (sentence,) = said(rows, "The configured FPS")
    assert sentence.startswith(
        "The configured FPS does not matter at all for accuracy: at 24, 100 and max AP50 and mean confidence are the "
        "same to four decimals"
    )


def test_rates_do_not_differ_without_labels():
    """Mean confidence is not accuracy."""
    (sentence,) = said([row(fps=fps, confidence=0.5) for fps in (24.0, 40.0)], "The configured FPS")
    assert sentence.startswith("The configured FPS does not matter at all for what is found: at 24 and 40 mean")
    assert "accuracy" not in sentence


def test_rates_differ():
    (sentence,) = said([row(fps=24.0, confidence=0.5), row(fps=40.0, confidence=0.52)], "The configured FPS")
    assert "should not matter for what is found: between 24 and 40 mean confidence differs by up to 0.0200" in sentence
    assert "AP50" not in sentence


def test_of_rates_at_which_nothing_was_found():
    assert said([row(fps=24.0), row(fps=40.0)], "The configured FPS") == []
