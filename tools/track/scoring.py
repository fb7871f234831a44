"""Scores tracks against ground truth: CLEAR MOT by motmetrics, identity and HOTA by TrackEval.

MOTA, MOTP, switches and fragments: Bernardin and Stiefelhagen, 2008; boxes match from an IoU of 0.5. Fragments are
counted as MOTChallenge counts them: a truth that is lost and found again, over the frames in which it is there.
IDF1: Ristani et al., 2016. HOTA: Luiten et al., 2020, the mean over thresholds of the IoU from 0.05 to 0.95.
"""

import contextlib
import io
import warnings
from typing import Any, Dict, Iterable, List, NamedTuple, Sequence

import numpy as np

from app.boxes import iou
from app.errors import UsageError
from tools.track.motchallenge import NONE, Frames

MATCH = 0.5  # least IoU
FIGURES = ("mota", "motp", "idf1", "hota", "switches", "fragments", "recall", "precision")


class Compared(NamedTuple):
    """One sequence: truth and tracks in the frames (numbers) that count."""

    truth: Frames
    tracks: Frames
    frames: Sequence[int]


def score(sequences: Dict[str, Compared]) -> Dict[str, Dict[str, Any]]:
    """The figures of each sequence by its name, and under the empty name those of all as one.

    A figure that has no value is None. Raises UsageError where the packages that score are not installed.
    """
    motmetrics, trackeval = _packages()
    clear = _clear(motmetrics, sequences)
    # These classes print what they are set to.
    with contextlib.redirect_stdout(io.StringIO()):
        hota, identity = trackeval.metrics.HOTA(), trackeval.metrics.Identity({"PRINT_CONFIG": False})
    data = {name: _for_trackeval(one) for name, one in sequences.items()}
    hotas = {name: hota.eval_sequence(one) for name, one in data.items()}
    identities = {name: identity.eval_sequence(one) for name, one in data.items()}
    hotas[""], identities[""] = hota.combine_sequences(dict(hotas)), identity.combine_sequences(dict(identities))
    found = {}
    for name, row in clear.items():
        figures = {**row, "idf1": float(identities[name]["IDF1"]), "hota": float(np.mean(hotas[name]["HOTA"]))}
        found[name] = {key: _rounded(figures[key]) for key in FIGURES}
    return found


def check_packages() -> None:
    """Raise UsageError where the packages that score are not installed."""
    _packages()


def _packages() -> Any:
    try:
        # TrackEval imports plotting, whose first run prints.
        with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
            warnings.simplefilter("ignore")
            import motmetrics
            import trackeval
    except ImportError as error:
        raise UsageError(
            f"scoring needs motmetrics and trackeval ({error}); install them: pip install 'nanoyolo[track]'"
        )
    return motmetrics, trackeval


def _clear(motmetrics: Any, sequences: Dict[str, Compared]) -> Dict[str, Dict[str, float]]:
    accumulators = []
    for one in sequences.values():
        accumulator = motmetrics.MOTAccumulator(auto_id=True)
        for truth, tracks in _pairs(one):
            distances = 1 - iou(truth.boxes, tracks.boxes)
            distances[distances > 1 - MATCH] = np.nan
            accumulator.update(truth.ids, tracks.ids, distances)
        accumulators.append(accumulator)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a division by zero where nothing was tracked
        table = motmetrics.metrics.create().compute_many(
            accumulators,
            names=list(sequences),
            metrics=["mota", "motp", "num_switches", "num_fragmentations", "recall", "precision"],
            generate_overall=True,
        )
    rows = {}
    for name, (_, row) in zip([*sequences, ""], table.iterrows()):
        rows[name] = {
            "mota": row["mota"],
            "motp": 1 - row["motp"],
            "switches": int(row["num_switches"]),
            "fragments": int(row["num_fragmentations"]),
            "recall": row["recall"],
            "precision": row["precision"],
        }
    return rows


def _pairs(one: Compared) -> Iterable[Any]:
    """Truth and tracks of each frame."""
    return ((one.truth.get(number, NONE), one.tracks.get(number, NONE)) for number in one.frames)


def _for_trackeval(one: Compared) -> Dict[str, Any]:
    """A sequence in the form of TrackEval's metrics, whose ids count from 0."""
    numbers: List[Dict[int, int]] = [{}, {}]
    ids: List[List[np.ndarray]] = [[], []]
    similarities = []
    for both in _pairs(one):
        for known, rows, boxes in zip(numbers, ids, both):
            rows.append(np.array([known.setdefault(number, len(known)) for number in boxes.ids.tolist()], int))
        similarities.append(iou(both[0].boxes, both[1].boxes))
    return {
        "gt_ids": ids[0],
        "tracker_ids": ids[1],
        "similarity_scores": similarities,
        "num_timesteps": len(similarities),
        "num_gt_ids": len(numbers[0]),
        "num_tracker_ids": len(numbers[1]),
        "num_gt_dets": sum(map(len, ids[0])),
        "num_tracker_dets": sum(map(len, ids[1])),
    }


def _rounded(value: float) -> Any:
    return value if isinstance(value, int) else round(float(value), 4) if np.isfinite(value) else None
