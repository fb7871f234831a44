"""What a command line of tools.track names: sequences with detections, and with ground truth where there is one."""

import argparse
import os
from typing import Any, Dict, List, NamedTuple, Optional

from app.errors import SourceError
from tools.track.motchallenge import (
    Frames,
    Recording,
    check_frames,
    last,
    read_detections,
    read_sequence,
    read_truth,
    write_tracks,
)
from tools.track.running import detect


class Run(NamedTuple):
    """One sequence: what it is, its detections, and the truth where there is one."""

    recording: Recording
    detections: Frames
    truth: Optional[Frames]


def given(args: argparse.Namespace, report: Dict[str, Any]) -> List[Run]:
    """The sequences that the command line names. Notes in the report what they come from."""
    if args.sequences:
        report["source"] = {"sequences": args.sequences, "detector": args.detector}
        return [_sequence(folder, args.detector, args.fps) for folder in _folders(args.sequences, args.detector)]
    truth = read_truth(args.truth) if args.truth else None
    if args.cam:
        film = detect(
            args.cam, args.every, args.label, args.conf, model=args.model, size=args.size, backend=args.backend
        )
        report.update(film.model, source={"cam": args.cam})
        recording, detections = film.recording, film.detections
        if args.save_detections:
            write_tracks(args.save_detections, detections)
    else:
        detections = read_detections(args.detections)
        report["source"] = {"detections": args.detections}
        length = max(last(detections), last(truth or {}))
        recording = Recording(os.path.basename(args.detections), None, length, None)
        folder = os.path.dirname(args.detections)
        if os.path.exists(os.path.join(folder, "seqinfo.ini")):
            recording = read_sequence(folder)
            check_frames(args.detections, detections, recording.frames, "the sequence's seqinfo.ini")
        if truth and detections and min(truth) > last(detections):
            raise SourceError(f"{args.truth}: begins after the last detection; they are not of the same film")
    if truth is not None:
        check_frames(args.truth, truth, recording.frames, args.cam or "the sequence's seqinfo.ini")
    return [Run(recording, detections, truth)]


def _folders(parent: str, detector: str) -> List[str]:
    """The folders of sequences in a folder."""
    if not os.path.isdir(parent):
        raise SourceError(f"{parent}: no such folder; --sequences needs a folder of sequences")
    folders = [os.path.join(parent, name) for name in sorted(os.listdir(parent))]
    found = [folder for folder in folders if _detections(folder, detector)]
    if not found:
        raise SourceError(f"{parent}: no folder in it has a det-{detector}.txt; name another --detector")
    return found


def _file(folder: str, *names: str) -> str:
    """The first of these files that the folder of a sequence has; empty if it has none."""
    paths = [os.path.join(folder, name) for name in names]
    return next((path for path in paths if os.path.isfile(path)), "")


def _detections(folder: str, detector: str) -> str:
    """The file of detections: det-NAME.txt, or as MOTChallenge has it, whose one detector is called det."""
    return _file(folder, f"det-{detector}.txt", *(["det/det.txt"] if detector == "det" else []))


def _sequence(folder: str, detector: str, fps: Optional[float]) -> Run:
    """One sequence. Without its seqinfo.ini it has as many frames as its files, if fps says how many a second."""
    detections_path = _detections(folder, detector)
    truth_path = _file(folder, "gt.txt", "gt/gt.txt") or os.path.join(folder, "gt.txt")
    detections, truth = read_detections(detections_path), read_truth(truth_path)
    if not os.path.exists(os.path.join(folder, "seqinfo.ini")):
        if fps is None:
            raise SourceError(f"{folder}: has no seqinfo.ini; say how many frames a second it has, as --fps 25")
        recording = Recording("", None, max(last(detections), last(truth)), None)
    else:
        recording = read_sequence(folder)
        for path, frames in ((detections_path, detections), (truth_path, truth)):
            check_frames(path, frames, recording.frames, "the sequence's seqinfo.ini")
    return Run(recording._replace(name=os.path.basename(folder)), detections, truth)
