"""Rows as `summary.rows` makes them, of what the sentences about a sweep look at."""

from tools.sweep.findings import findings
from tools.sweep.grid import Combination

SMALL, LARGE = (320, 240), (640, 480)
IMAGES = 10000  # on so many a difference in AP50 of 0.0043 is not chance


def of(value):
    return None if value is None else {"median": value, "least": value, "most": value}


def row(size=160, capture=SMALL, fps=None, pacing="deadline", backend="onnx", real=30.0, **figures):
    combination = Combination(capture, size, fps, backend, pacing)
    ap50, found, lost = figures.get("ap50"), figures.get("found", 0), figures.get("lost", 0)
    mistakes = {"found": found, "lost": {"confusion": 0, "localisation": 0, "missed": lost}}
    accuracy = {"ap50": ap50, "mistakes": mistakes, "images": figures.get("images", IMAGES)}
    return {
        "combination": combination,
        "words": combination.words(),
        "accuracy": accuracy if "ap50" in figures else None,
        "mean_confidence": of(figures.get("confidence")),
        "detections_per_frame": of(figures.get("per_frame", 1.0)),
        "fps": of(real),
        "work_ms": of(figures.get("work", 10.0)),
        "possible_fps": of(figures.get("possible")),
        "predicted_fps": figures.get("predicted"),
        "dropped": {"median": figures.get("dropped", 0.0), "least": 0.0, "most": figures.get("most_dropped", 0.0)},
        "shown": figures.get("shown"),
    }


def two_by_two(figure, smallest, taller, wider, both):
    """Sizes 160 and 320, each at both captures."""
    return [
        row(160, SMALL, **{figure: smallest}),
        row(320, SMALL, **{figure: taller}),
        row(160, LARGE, **{figure: wider}),
        row(320, LARGE, **{figure: both}),
    ]


def said(rows, word):
    """The sentences in which a word occurs."""
    return [sentence for sentence in findings(rows) if word in sentence]
