import re

import pytest

from app.modelcard import find_model
from tools.cost.published import USES
from tools.report import costs

RESNET = find_model("nano_resnet_s")


def row(size, **figures):
    """As `tools.cost.nano.expectations` gives it."""
    found = {
        "size": size, "input": [192, size], "operations_g": 1.0, "moved_mb": 2.0, "floor_ms": 3.0, "floor_5w_ms": 4.32,
        "floor_cpu_ms": 31.0, "network_ms": 5.25, "expected_ms": 20.5, "expected_fps": 48.8, "extrapolated": False,
        "bound": {"operations": 0.9, "bytes": 0.1},
    }  # fmt: skip
    return {**found, **figures}


def cells(section, index=0):
    """Rows of a table, by what its columns are called."""
    table = section.tables[index]
    return [dict(zip(table.header, cells)) for cells in table.rows]


def report(*rows, frame=(1280, 720)):
    published = [
        {
            "point": "YOLOv3-tiny 416", "runtime": "TensorRT FP16", "use": use, "published_fps": 25.5,
            "published_ms": 39.2, "floor_ms": 12.4, "model_ms": 39.2, "error_percent": 0.0, "source": "somewhere",
            "of_peak": 0.3, "model_fps": 25.5, "left_out_percent": None,
        }
        for use in USES
    ]  # fmt: skip
    return {"kind": "cost", "frame": list(frame), "models": {"yolo": list(rows)}, "published": published}


def test_inputs_are_those_of_the_frames_that_were_swept(monkeypatch):
    asked = []
    monkeypatch.setattr(costs, "expectations", lambda *what: asked.append(what) or [row(416)])
    section = costs.section({"yolo": ("file", [160, 416], False, (768, 432))})
    assert asked == [("file", [160, 416], False, (768, 432))]
    assert section.tables[0].note.startswith("For frames of 768x432. ")


def test_models_that_saw_different_frames(monkeypatch):
    monkeypatch.setattr(costs, "expectations", lambda *_: [row(416)])
    section = costs.section({"a": ("a", [416], False, (768, 432)), "b": ("b", [416], True, (640, 480))})
    assert section.tables[0].note.startswith("For frames of 768x432 (a), 640x480 (b). ")


def test_frames_of_a_report_of_the_cost_model():
    (section,) = costs.of_cost(report(row(416), frame=(1280, 720)), "cost")
    assert "1280x720" in section.tables[0].note


def test_floors_of_the_processor_and_of_5_watts_are_shown():
    (shown,) = cells(costs.of_cost(report(row(416)), "cost")[0])
    assert (shown["floor ms"], shown["floor at 5 W"], shown["floor on CPU"]) == ("3.00", "4.32", "31.00")


@pytest.mark.parametrize("extrapolated", (False, True))
def test_every_figure_that_is_extrapolated_has_a_star(extrapolated):
    alone = row(32, expected_ms=None, expected_fps=None, extrapolated=extrapolated)
    shown, network = cells(costs.of_cost(report(row(416, extrapolated=extrapolated), alone), "cost")[0])
    star = "*" if extrapolated else ""
    assert (shown["network ms"], shown["frame ms"], shown["FPS"]) == (f"5.25{star}", f"20.5{star}", f"48.8{star}")
    assert (network["network ms"], network["frame ms"], network["FPS"]) == (f"5.25{star}", "-", "-")


def test_a_use_is_one_word_and_the_note_says_what_it_means():
    section = costs.of_cost(report(row(416)), "cost")[0]
    assert {shown["use"] for shown in cells(section, 1)} == set(USES)
    for use, words in USES.items():
        assert re.search(rf"\b{use}: {re.escape(words)}[;.]", section.tables[1].note)


def test_the_classifier_lies_outside_of_the_fit():
    shown = cells(costs.section({"nano_resnet_s": (RESNET, [160], False, (640, 480))}))[0]
    assert shown["network ms"].endswith("*")
