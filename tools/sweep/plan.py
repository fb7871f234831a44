"""What a sweep measures: its options, which make it this sweep and no other, and the specification of a measurement."""

import argparse
import glob
import hashlib
import os
from collections import Counter
from typing import Optional

from app.address import redacted
from app.errors import SourceError, UsageError, warn
from app.lock import check_unlocked
from app.sources import is_pipe, open_source
from app.sources.pictures import natural_order
from tools.json_file import Json
from tools.score.labels import Truth
from tools.sweep.damaged import Pictures
from tools.sweep.journal import MEASUREMENTS, RUNNING
from tools.sweep.measure import is_camera


def check(args: argparse.Namespace) -> None:
    """Raise UsageError for options that contradict each other, SourceError for labels that do not exist, and
    OutputError where another sweep is running in the same folder.
    """
    if (args.cam is None) == (args.images is None):
        raise UsageError("name an input: either --cam SOURCE or --images DIR --labels DIR; see --help")
    if args.cam is not None and args.labels is not None:
        raise UsageError("--labels needs --images, the folder of the labelled images")
    if args.cam is not None and (args.cam == "-" or is_pipe(args.cam)):
        raise UsageError(f"--cam {args.cam}: a sweep reads its input many times, a pipe only once; name a file")
    if not args.run:
        raise UsageError("--run: name the folder in which to keep the sweep")
    check_unlocked(os.path.join(args.run, MEASUREMENTS), RUNNING)
    if args.labels is not None and not os.path.exists(args.labels):
        raise SourceError(f"--labels {args.labels}: no such folder of YOLO files or COCO file")


def options(args: argparse.Namespace, sha256: str) -> Json:
    """Everything that decides what is measured. sha256: of the model."""
    found = {key: value for key, value in vars(args).items() if key not in ("rounds", "run", "conf")}
    found["captures"] = [None if capture is None else list(capture) for capture in args.captures]
    found.update(confidence=args.conf, sha256=sha256, cam=args.cam and redacted(args.cam))
    found["input_files"] = state(args.cam or args.images)
    return found


def spec(args: argparse.Namespace, model: str, truth: Optional[Truth], pictures: Pictures) -> Json:
    """What `tools.sweep.measure` needs to know for every measurement."""
    found: Json = {
        "model": model,
        "source": args.cam or args.images,
        "device": args.device,
        "square": args.square,
        "parent": os.getpid(),
        "confidence": args.conf,
        "category_ids": truth.category_ids if truth else [],
        "images": {image["file_name"]: image for image in truth.dataset["images"]} if truth else {},
        "skipped": pictures.damaged,
        **length(args, pictures),
    }
    return dict(found, example=_fullest(truth)) if truth else found


def state(uri: str) -> Optional[str]:
    """A hash of the names, sizes and modification times of a source's files: other files make another sweep. None for
    a live source.
    """
    if is_camera(uri) or "://" in uri:
        return None
    inside = glob.escape(uri) if os.path.exists(uri) else uri  # clip[1].mp4 may be a file, and no pattern
    if os.path.isdir(uri):
        inside = os.path.join(inside, "*")
    state = hashlib.sha256()
    for path in sorted(glob.glob(inside, recursive=True)) or [uri]:
        try:
            status = os.stat(path)
        except OSError:
            continue  # reported when it is opened
        state.update(repr((os.path.basename(path), status.st_size, status.st_mtime_ns)).encode(errors="replace"))
    return state.hexdigest()


def _fullest(truth: Truth) -> int:
    """The position of the image with the most labelled objects, in the order in which a source shows them."""
    counts = Counter(entry["image_id"] for entry in truth.dataset["annotations"])
    images = sorted(truth.dataset["images"], key=lambda image: natural_order(image["file_name"]))
    return max(range(len(images)), key=lambda index: counts[images[index]["id"]])


def length(args: argparse.Namespace, pictures: Pictures) -> Json:
    """How many frames are measured, which of them is shown, and whether the source is repeated."""
    uri = args.cam or args.images
    if is_camera(uri) or "://" in uri:
        return {"frames": args.frames, "example": args.frames // 2, "loop": False}
    count: Optional[int] = len(pictures.sizes)
    if pictures.sizes:
        width, height = pictures.sizes[0]
    else:
        with open_source(uri) as source:
            first = next((frame for frame in source if frame is not None), None)
            if first is None:
                raise SourceError(f"{uri}: has no frames")
            height, width = first.image.shape[:2]
            count = source.count
    for capture in args.captures:
        if capture is not None and width < capture[0] and height < capture[1]:
            warn(f"{uri}: is {width}x{height}, too small to represent a capture of {capture[0]}x{capture[1]}")
    frames = args.frames
    if pictures.sizes:
        frames = len(pictures.sizes) * -(-frames // len(pictures.sizes))
    return {"frames": frames, "example": min(frames, count or frames) // 2, "loop": True}
