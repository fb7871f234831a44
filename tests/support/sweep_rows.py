"""Rows as `tools.sweep.summary.rows` makes them, with the figures that notes look at."""

from tools.sweep.grid import Combination

SMALL, LARGE = (320, 240), (640, 480)
IMAGES = 10000  # with so many, a difference in AP50 of 0.005 is not chance


def of(value):
    return None if value is None else {"median": value, "least": value, "most": value}


def row(size=160, capture=SMALL, fps=None, pacing="deadline", backend="onnx", real=30.0, **figures):
    combination = Combination(capture, size, fps, backend, pacing)
    accuracy = {"ap50": figures.get("ap50"), "images": figures.get("images", IMAGES)}
    return {
        "combination": combination,
        "words": combination.words(),
        "accuracy": accuracy if "ap50" in figures else None,
        "mean_confidence": of(figures.get("confidence")),
        "fps": of(real),
        "work_ms": of(figures.get("work", 10.0)),
        "possible_fps": of(figures.get("possible")),
        "predicted_fps": figures.get("predicted"),
        "dropped": {"median": 0.0, "least": 0.0, "most": figures.get("most_dropped", 0.0)},
    }
