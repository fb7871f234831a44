"""What a sweep has found: one row per combination with the spread of each figure, its rank and whether it is on the
Pareto front.
"""

import contextlib
import importlib.util
import io
import json
import os
import statistics
from typing import Callable, Dict, List, Optional, Sequence

from tools.delay import predicted_fps
from tools.json_file import Json, expecting
from tools.score.coco import read_annotations, read_results
from tools.sweep.front import front
from tools.sweep.grid import ACCURACY, Combination
from tools.sweep.journal import WHAT, Journal
from tools.sweep.ranking import likely, ranks, variation

WORK = ("preprocess", "infer", "postprocess", "draw", "sink")  # stages in which the loop does not wait


def rows(journal: Journal) -> List[Json]:
    """One row per combination that was measured, in the grid's order. Figures that vary are {"median", "least", "most"}
    over the rounds; what could not be measured is None. Raises SourceError if the journal is damaged.
    """
    with expecting(journal.folder, WHAT):
        return _rows(journal)


def _rows(journal: Journal) -> List[Json]:
    truth_path = os.path.join(journal.folder, "truth.json")
    dataset = read_annotations(truth_path) if os.path.exists(truth_path) else None
    result = []
    works = []  # milliseconds, of each row in its rounds
    scored: Dict[str, Optional[Json]] = {}  # combinations that differ in rate or pacing find the same
    for combination in journal.plan["grid"]:
        measured = [m for m in journal.measurements if m["combination"] == combination and m["round"] != ACCURACY]
        if not measured:
            continue
        row = _speed(measured)
        works.append([_work(measurement) for measurement in measured])
        row.update(words=combination.words(), combination=combination, accuracy=None, picture=None, front=False)
        if os.path.exists(journal.picture_path(combination)):
            row["picture"] = journal.picture_path(combination)
        if dataset is not None and os.path.exists(journal.detections_path(combination)):
            row["accuracy"] = _accuracy(journal, combination, dataset, scored)
        if combination.fps and combination.pacing == "delay":
            row["predicted_fps"] = round(predicted_fps(combination.fps, row["work_ms"]["median"] / 1000), 2)
        result.append(row)
    factor = variation(works)
    for row, rank in zip(result, ranks([likely(row, factor) for row in result])):
        row["rank"] = rank
    for choice in front(result):
        for row in choice.rows:
            row["front"] = True
    return result


def _accuracy(
    journal: Journal, combination: Combination, dataset: Json, scored: Dict[str, Optional[Json]]
) -> Optional[Json]:
    """Accuracy of a combination. scored: accuracy by detections, to which this one's is added."""
    confidence = journal.plan["options"]["confidence"]
    detections = read_results(journal.detections_path(combination))
    shown_path = journal.shown_path(combination)
    shown = read_results(shown_path) if os.path.exists(shown_path) else detections
    same = json.dumps(detections, sort_keys=True)
    if same not in scored:
        scored[same] = accuracy(
            dataset, detections, [found for found in shown if found["score"] >= confidence], confidence
        )
    return scored[same]


def accuracy(dataset: Json, detections: List[Json], shown: List[Json], confidence: float) -> Optional[Json]:
    """COCO's figures of these detections, the `mistakes` among those that are `shown`, and the number of `images`.

    None if pycocotools is not installed, as on a board: the report can be made elsewhere.
    """
    if importlib.util.find_spec("pycocotools") is None:
        return None
    from tools.score.mistakes import mistakes  # these two need Python 3.9
    from tools.score.precision import evaluate, figures

    with contextlib.redirect_stderr(io.StringIO()):  # hides progress bars that would flash once per combination
        of_labels = figures(evaluate(dataset, detections))
        wrong = mistakes(dataset, shown, confidence)
    return dict(of_labels, mistakes=wrong, images=len(dataset["images"]))


def spread(values: Sequence[float]) -> Json:
    """Median, least and most."""
    return {key: round(f(values), 3) for key, f in (("median", statistics.median), ("least", min), ("most", max))}


def _speed(measured: List[Json]) -> Json:
    def of(figure: Callable[[Json], Optional[float]]) -> Optional[Json]:
        values = [value for value in map(figure, measured) if value is not None]
        return spread(values) if values else None

    stages = measured[0]["stages_ms"]
    return {
        "rounds": len(measured),
        "skipped": max(m.get("skipped", 0) for m in measured),  # of a sweep before there was --skip-damaged, none
        "fps": of(lambda m: m["fps"]["real"]),
        "work_ms": of(_work),
        "possible_fps": of(lambda m: 1000 / _work(m) if _work(m) else None),
        "predicted_fps": None,
        "stages_ms": {stage: spread([m["stages_ms"][stage]["mean"] for m in measured]) for stage in stages},
        "latency_ms": {p: spread([m["latency_ms"][p] for m in measured]) for p in ("p50", "p95")},
        "latency_percentiles_ms": [statistics.median(c) for c in zip(*(m["latency_percentiles_ms"] for m in measured))],
        "dropped": of(lambda m: m["dropped"] / max(1, m["captured"])),
        "memory_mb": of(lambda m: m["memory_mb"]),
        "power_w": of(lambda m: m["power_w"]),
        "temperature_c": of(lambda m: m["temperature_c"]),
        "mean_confidence": of(lambda m: m["detections"]["mean_score"]),
        "detections_per_frame": of(lambda m: m["detections"]["count"] / m["frames"]),
        "captured_size": measured[0]["captured_size"],
        "input": measured[0]["input"],
        "backend": measured[0]["backend"],
    }


def _work(measurement: Json) -> float:
    """Milliseconds of work that a frame needs before the next can begin: detection, drawing and the rest.

    Waiting is not work, neither for a deadline nor for the next frame: the source's thread captures, decodes and
    shrinks meanwhile, and `capture` is only how long the loop had no frame. Where the network does not run on the CPU
    the other stages overlap with it, and only the longest part counts.
    """
    stages: Dict[str, float] = {stage: times["mean"] for stage, times in measurement["stages_ms"].items()}
    if measurement["overlapped"]:
        return max(stages["infer"], stages["preprocess"], stages["postprocess"] + stages["draw"])
    return sum(stages[stage] for stage in WORK)
