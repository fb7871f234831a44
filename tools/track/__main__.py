"""Run the tracker on given detections or on a film, write its tracks, and score them against ground truth.

Detections, ground truth and tracks are text files of MOTChallenge, in which frames are numbered from 1. With --every N
the tracker sees frames 1, 1+N, ..., and the truth is taken at the same frames. --sequences takes a folder of sequences,
each with gt.txt, seqinfo.ini and det-NAME.txt, and gives the figures of each and of all as one. --fps replaces a
seqinfo.ini that is missing. The folders may also be as MOTChallenge has them, with gt/gt.txt and, of --detector det,
det/det.txt.

With --detect-every N or --motion the frames of a film are inferred and shown as `app.detect` does with them. That
is compared with detecting every frame: how many inferences are saved, how well the others are shown, who is lost.
"""

import argparse
import json
import os
import sys
from typing import Any, Dict, List, Optional, Sequence

from app import __version__
from app.arguments import LARGEST_SIZE
from app.backends import BACKENDS
from app.command import Parser, exit_code, number, print_lines
from app.errors import UsageError
from app.files import check_writable, make_folder, reject_overwrites, write_file
from app.tracking.arguments import MOST_EVERY
from app.tracking.places import Place, check_names, read_line
from tools.track import rivals
from tools.track.counting import count, count_paths
from tools.track.inputs import Run, given
from tools.track.less import detect_less, tracks_of
from tools.track.less import report as less_report
from tools.track.motchallenge import write_tracks
from tools.track.running import track
from tools.track.scoring import Compared, check_packages, score
from tools.track.table import table

EXAMPLES = """examples:
  python -m tools.track --detections det.txt --fps 7 --truth gt.txt --tracks tracks.txt --report track.json
  python -m tools.track --detections det.txt --fps 7 --every 5 --truth gt.txt
  python -m tools.track --cam street.mp4 --fps 7 --size 416 --truth gt.txt --line door:100,200-400,200
  python -m tools.track --cam street.mp4 --fps 7 --truth gt.txt --detect-every 5
  python -m tools.track --sequences mot15 --detector frcnn --every 3 --report track.json
"""


UNKNOWN = (10**6, 10**6)  # width and height of a picture that nothing is known of, so that a line may be anywhere


def check_run(one: Run, args: argparse.Namespace, lines: Sequence[Place]) -> None:
    """Refuse what cannot be tracked or counted, before anything is written. Raises UsageError."""
    if not (args.fps or one.recording.fps):
        raise UsageError(f"{one.recording.name}: nothing says how many frames a second it has; add --fps, as --fps 7")
    if one.recording.size is None and any(share for place in lines for point in place.points for _, share in point):
        raise UsageError("--line: shares need the picture's size, which detections do not have; give pixels")
    for place in lines:
        place.line(one.recording.size or UNKNOWN)


def run(args: argparse.Namespace, lines: Sequence[Place]) -> Dict[str, Any]:
    """Track, write the tracks, score and count; the report."""
    report: Dict[str, Any] = {"kind": "track", "version": __version__}
    runs = given(args, report)
    report.update(every=args.every, frames=0, tracks=0, **({"rival": args.rival} if args.rival else {}))
    compared: Dict[str, Compared] = {}
    counts: Dict[str, Any] = {}
    for one in runs:
        check_run(one, args, lines)
    if any(one.truth is not None for one in runs):
        check_packages()
    for one in runs:
        name, fps, size = one.recording.name, args.fps or one.recording.fps, one.recording.size
        assert fps is not None
        frames = range(1, one.recording.frames + 1, args.every)
        if args.detect_every is not None or args.motion:
            less = detect_less(args.cam, one.detections, fps, args.detect_every or 1, args.motion)
            report["less"] = less_report(less, one.detections, one.truth, fps)
            found, tracks = less.shown, tracks_of(less.shown)
        elif args.rival in rivals.RIVALS:
            found = tracks = rivals.track(args.rival, one.detections, frames)
        else:
            tracks, found = track(one.detections, frames, fps, size)
        report["frames"] += len(frames)
        report["tracks"] += len({track for found in tracks.values() for track in found.ids.tolist()})
        if args.tracks:
            write_tracks(os.path.join(args.tracks, name + ".txt") if args.sequences else args.tracks, tracks)
        if one.truth is not None:
            compared[name] = Compared(one.truth, tracks, frames)
        if lines:
            large = size or UNKNOWN
            if args.rival:
                counts[name] = {"tracks": rivals.count(tracks, frames, [place.line(large) for place in lines])}
            else:
                counts[name] = {"tracks": count(found, frames, fps, lines, large)}
            if one.truth is not None:
                counts[name]["truth"] = count_paths(one.truth, range(1, one.recording.frames + 1), lines, large)
    if compared:
        scores = score(compared)
        report.update(scores.pop(""))
        if args.sequences:
            report["sequences"] = scores
    if counts:
        report["lines"] = counts if args.sequences else counts[runs[0].recording.name]
    return report


def make_parser() -> argparse.ArgumentParser:
    """The command line."""
    parser = Parser(prog="python -m tools.track", description=__doc__, epilog=EXAMPLES)
    add = parser.add_argument
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("--detections", metavar="FILE", help="track these detections")
    source.add_argument("--cam", metavar="FILE", help="track what the detector finds in this film")
    source.add_argument("--sequences", metavar="DIR", help="track the sequences in this folder")
    add("--detector", default="frcnn", metavar="NAME", help="of a sequence, take det-NAME.txt (default: %(default)s)")
    rate = number(float, 0.01, 1000, "a rate")
    add("--fps", type=rate, metavar="RATE", help="frames per second (default: what the film or seqinfo.ini says)")
    add("--every", type=number(int, 1, 10**6, "a step"), default=1, metavar="N", help="take every Nth frame")
    every = number(int, 1, MOST_EVERY, "a number of frames")
    add(
        "--detect-every", type=every, metavar="N", help="of --cam, infer every Nth frame and follow boxes in the others"
    )
    add("--motion", action="store_true", help="of --cam, infer no frame in which nothing has moved")
    add("--truth", metavar="FILE", help="score against this ground truth")
    add("--line", action="append", default=[], metavar="NAME:x,y-x,y", help="count who crosses it; may be repeated")
    add(
        "--rival",
        choices=[*rivals.RIVALS, rivals.LINEZONE],
        help="track with this one of the package trackers at its defaults, and count with supervision's LineZone; "
        "linezone: track as usual, and count with that",
    )
    add("--tracks", metavar="OUT", help="write the tracks: a file, with --sequences a folder")
    add("--report", metavar="FILE", help="write the figures as JSON")
    add("--model", default="yolov3-tiny", metavar="NAME", help="for --cam: name or path (default: %(default)s)")
    size = number(int, 1, LARGEST_SIZE, "a size")
    add("--size", type=size, help="longer side of the network's input (default: the model's own, or 416)")
    add("--backend", choices=BACKENDS, default="auto", help="what runs the model (default: auto)")
    score_ = number(float, 0, 1, "a confidence")
    add("--conf", type=score_, default=0.1, metavar="SCORE", help="least confidence (default: %(default)s)")
    add("--label", default="person", metavar="LABEL", help="what is tracked (default: %(default)s)")
    add("--save-detections", metavar="FILE", help="write what the detector finds in --cam")
    return parser


def check(args: argparse.Namespace) -> List[Place]:
    """Refuse options that do not go together, and outputs that cannot be written; the lines."""
    if args.sequences and args.truth:
        raise UsageError("--truth: --sequences takes gt.txt from each folder; leave --truth out")
    if args.save_detections and not args.cam:
        raise UsageError("--save-detections needs --cam, whose detections are not in a file yet")
    if (args.detect_every is not None or args.motion) and (not args.cam or args.every > 1):
        raise UsageError("--detect-every and --motion need the frames of a film: give --cam, and leave --every out")
    if args.rival:
        if args.detect_every is not None or args.motion:
            raise UsageError("--rival takes part in no run with --detect-every or --motion; leave one of them out")
        rivals.check_packages()
    lines = [read_line(text) for text in args.line]
    check_names(lines)
    if args.cam and args.truth:
        check_packages()  # before the detector takes its time
    outputs = [("--report", args.report), ("--save-detections", args.save_detections)]
    if args.sequences:
        if args.tracks:
            make_folder(args.tracks)
    else:
        outputs.append(("--tracks", args.tracks))
    reject_overwrites(outputs, [path for path in (args.detections, args.cam, args.truth) if path])
    for _, path in outputs:
        if path:
            check_writable(path)
    return lines


def main(argv: Optional[Sequence[str]] = None) -> int:
    """Run the command; its exit code."""
    parser = make_parser()

    def work() -> None:
        args = parser.parse_args(argv)
        report = run(args, check(args))
        if args.report:
            write_file(args.report, (json.dumps(report, indent=2) + "\n").encode())
        print_lines(table(report))

    return exit_code(work)


if __name__ == "__main__":
    sys.exit(main())
