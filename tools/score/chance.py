"""Whether two sets of detections differ in AP50 by more than the choice of images explains: a paired bootstrap.

Images are resampled with replacement, and both sets are scored on the same sample (Efron and Tibshirani, An
Introduction to the Bootstrap, 1993, chapters 6 and 13).
"""

import contextlib
import copy
import io
import os
from typing import Any, List, Sequence

import numpy as np
from tqdm import tqdm

from tools.json_file import Json

DRAWS = 300  # samples, with which a standard deviation is known to 4 %
ENOUGH = 16  # images: samples of fewer are too similar to represent others
INTERVAL = (2.5, 97.5)  # percentiles: 95 % of the samples


def compare(first: Any, second: Any, draws: int = DRAWS, seed: int = 0) -> Json:
    """How much higher AP50 is in the first than in the second of two evaluations by `precision.evaluate`, of the same
    labels: `difference`; over the samples its standard `deviation`, and `low` and `high`, between which 95 % of them
    lie; the number of `images`. If no class occurs, the figures are None.
    """
    count = len(first.params.imgIds)
    difference = _ap50(first, range(count)) - _ap50(second, range(count))
    if not np.isfinite(difference):
        return {"difference": None, "deviation": None, "low": None, "high": None, "images": count}
    random = np.random.default_rng(seed)
    found = []
    for _ in tqdm(range(draws), desc="resampling images", leave=False, disable=None):
        draw = random.integers(count, size=count).tolist()
        found.append(_ap50(first, draw) - _ap50(second, draw))
    known = [value for value in found if np.isfinite(value)]  # a sample may have no labelled object
    low, high = np.percentile(known, INTERVAL).tolist()
    deviation = float(np.std(known))
    return {"difference": float(difference), "deviation": deviation, "low": low, "high": high, "images": count}


def in_words(compared: Json) -> List[str]:
    """A comparison in two sentences. compared: by `compare`, with the path of the other `detections`."""
    name = os.path.basename(compared["detections"])
    if compared["difference"] is None:
        return [f"AP50 against {name}: nothing is labelled."]
    chance = "may be chance" if compared["low"] <= 0 <= compared["high"] else "is more than chance"
    if compared["images"] < ENOUGH:
        chance = f"may be chance: {ENOUGH} images or more are needed to know, and there are {compared['images']}"
    return [
        f"AP50 against {name}: {compared['difference']:+.3f}, which {chance}.",
        "With resampled images: {low:+.3f} to {high:+.3f} in 95 %, standard deviation {deviation:.3f}.".format(
            **compared
        ),
    ]


def _ap50(evaluation: Any, draw: Sequence[int]) -> float:
    """Mean AP at IoU 0.50 of the classes that occur in a sample of images, given by their indices; NaN if none does."""
    images, sizes = len(evaluation.params.imgIds), len(evaluation.params.areaRng)
    drawn = copy.copy(evaluation)
    drawn.params = copy.copy(evaluation.params)
    drawn.params.areaRng, drawn.params.maxDets = evaluation.params.areaRng[:1], evaluation.params.maxDets[-1:]
    drawn.evalImgs = [None] * len(evaluation.evalImgs)
    for start in range(0, len(evaluation.evalImgs), images * sizes):  # all sizes come first in a class
        drawn.evalImgs[start : start + images] = [evaluation.evalImgs[start + place] for place in draw]
    with contextlib.redirect_stdout(io.StringIO()):  # pycocotools prints
        drawn.accumulate()
    precision = drawn.eval["precision"][0]
    known = precision[precision > -1]
    return float(known.mean()) if known.size else float("nan")
