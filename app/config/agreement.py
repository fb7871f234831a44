"""What is wrong with options that each make sense alone: names that repeat, outputs that meet."""

import argparse
import os
from typing import Dict, Optional, Sequence

from app.errors import UsageError
from app.files import identity, reject_overwrites


def check_places(camera: argparse.Namespace, place: str) -> None:
    """Raise UsageError, from `place`, if two lines, zones or masks of a camera have one name."""
    if not (camera.line or camera.zone or camera.mask):
        return
    from app.tracking.places import check_names, read_line, read_mask, read_zone

    try:
        check_names(
            [read_line(text) for text in camera.line or ()]
            + [read_zone(text) for text in camera.zone or ()]
            + [read_mask(text)[0] for text in camera.mask or ()]
        )
    except UsageError as error:
        raise UsageError(f"{place}: {error}") from error


def check_events(camera: argparse.Namespace, places: Dict[str, str]) -> None:
    """Raise UsageError for what can never make an event of a camera.

    places: how a message about `event_classes` and `event_zones` starts.
    """
    for label in camera.event_classes or ():
        if camera.classes and label not in camera.classes:
            raise UsageError(f"{places['event_classes']}: --classes leaves {label} out")
    if camera.event_zones:
        from app.tracking.places import read_line, read_zone

        names = [read_zone(text).name for text in camera.zone or ()]
        names += [read_line(text).name for text in camera.line or ()]
        for name in camera.event_zones:
            if name not in names:
                known = f"there are {', '.join(names)}" if names else "there is none; add one with --zone or --line"
                raise UsageError(f"{places['event_zones']}: {camera.name} has no zone or line {name}; {known}")


def check_outputs(
    cameras: Sequence[argparse.Namespace], places: Sequence[Dict[str, str]], report: Optional[str]
) -> None:
    """Raise UsageError if two cameras record or count into one file, or another output has that name. Lines of JSON may
    be shared.

    places: of each camera, how a message about an output starts.
    """
    for key in ("save", "totals"):
        taken: Dict[object, str] = {}
        for camera, place in zip(cameras, places):
            path = getattr(camera, key)
            # no pipe, no /dev/null
            if path and (os.path.isfile(path) or os.path.isdir(path) or not os.path.exists(path)):
                other = taken.setdefault(identity(path), camera.name)
                if other != camera.name:
                    start, suffix = os.path.splitext(path)
                    better = os.path.join(os.path.dirname(path) if suffix else start, "{camera}" + suffix)
                    raise UsageError(
                        f"{place[key]}: {other} and {camera.name} cannot both write {path}; change it to {better}"
                    )
    lines = {(f"--{key}", getattr(camera, key)) for camera in cameras for key in ("jsonl", "events")}
    outputs = [(f"--{key}", getattr(camera, key)) for key in ("save", "totals") for camera in cameras]
    reject_overwrites([*outputs, *sorted(line for line in lines if line[1]), ("--report", report)], [])
