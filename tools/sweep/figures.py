"""Figures of a row of `summary.rows` that sentences compare; None where it was not measured."""

from typing import Any, Dict, Optional

Json = Dict[str, Any]


def ap50(row: Json) -> Optional[float]:
    """AP50 against the labels; None too where no object is labelled."""
    found: Optional[float] = row["accuracy"]["ap50"] if row["accuracy"] else None
    return found


def mean_confidence(row: Json) -> Optional[float]:
    """The mean score of what was shown."""
    return None if row["mean_confidence"] is None else float(row["mean_confidence"]["median"])


def per_frame(row: Json) -> float:
    """Detections in a picture."""
    return float(row["detections_per_frame"]["median"])


def possible_fps(row: Json) -> Optional[float]:
    """FPS that the work on a frame allows."""
    return None if row["possible_fps"] is None else float(row["possible_fps"]["median"])


def share_found(row: Json) -> Optional[float]:
    """Of the labelled objects, those that are shown."""
    if row["accuracy"] is None:
        return None
    shown = row["accuracy"]["mistakes"]
    objects = shown["found"] + sum(shown["lost"].values())
    return shown["found"] / objects if objects else None
