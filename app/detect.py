"""Films, detects, draws, shows, and tells the truth about its speed: who is connected with whom."""

import argparse
import difflib
import importlib.util
import json
import os
import sys
from contextlib import ExitStack
from typing import Any, Dict, List, Optional, Sequence

import cv2

from app.arguments import DEFAULT_MODEL, make_parser
from app.backends import list_backends, open_backend
from app.command import exit_code, leave
from app.detector import Detector
from app.errors import ModelError, UsageError, say
from app.files import check_writable, write_file
from app.frame import Source
from app.modelcard import card_path, find_model, read_card
from app.pipeline import report, run
from app.sinks import Announcement, JsonLinesSink, ProgressSink, Sink
from app.sinks.recording import open_recording
from app.sinks.supervisor import SupervisorSink, is_supervised
from app.sinks.window import WindowSink, display_available
from app.sources import open_source
from app.stop import Stop
from app.threads import share_heaps
from app.timing import Timing
from app.timing.tally import Tally


def choose_classes(wanted: Optional[str], labels: Sequence[str]) -> Optional[List[int]]:
    """Numbers of the labels in a comma-separated list; None for all. Raises UsageError for one that does not exist."""
    if wanted is None:
        return None
    chosen = []
    for label in (part.strip() for part in wanted.split(",")):
        if label not in labels:
            close = difflib.get_close_matches(label, labels)
            hint = "did you mean {}?".format(" or ".join(close)) if close else "the model's card lists its labels"
            raise UsageError("--classes: there is no label {!r}; {}".format(label, hint))
        chosen.append(labels.index(label))
    return chosen


def ensure_default_model(path: str, offline: bool) -> None:
    """Fetch and convert the default model if it is not there. Raises ModelError where that fails or is forbidden."""
    if os.path.exists(path) and os.path.exists(card_path(path)):
        return
    if offline:
        raise ModelError(
            "{}: not there, and --offline forbids fetching it; run: python -m tools.fetch {} && "
            "python -m tools.convert".format(path, DEFAULT_MODEL)
        )
    # The one place where app needs tools: the first run on a fresh machine.
    from tools import convert
    from tools.fetch import __main__ as fetch

    weights = fetch.fetch(DEFAULT_MODEL)
    convert.convert(weights, path)


def open_sinks(
    args: argparse.Namespace, source: Source, labels: Sequence[str], timing: Timing, stop: Stop
) -> List[Sink]:
    """The outputs that the command line asks for. Nothing is written yet."""
    keep = is_supervised()  # and so started again by itself, which must cost nothing that was written before
    sinks: List[Sink] = [SupervisorSink(timing)] if keep else []
    frames = source.count
    if args.max_frames is not None:
        frames = args.max_frames if frames is None else min(frames, args.max_frames)
    if args.jsonl is not None:
        sinks.append(JsonLinesSink(args.jsonl, labels, append=keep))
    if args.save is not None:
        # A file plays as fast as it was filmed, whatever the speed of detection; a camera, by the clock.
        rate = (args.fps if source.live else None) or source.fps
        still = source.fps is None and not source.live
        sinks.append(open_recording(args.save, rate, frames, still, source.live, keep))
    if args.show or (args.show is None and display_available()):
        sinks.append(WindowSink("nanoyolo: " + source.name, stop.request))
    elif frames is not None and sys.stderr.isatty() and importlib.util.find_spec("tqdm") is not None:
        sinks.append(ProgressSink(frames))
    return sinks


def protect_inputs(args: argparse.Namespace, inputs: Sequence[str]) -> None:
    """Raise UsageError if an output would overwrite an input, or another output."""
    taken = {os.path.realpath(path): path for path in inputs}
    if args.save and os.path.isdir(args.save):
        for path in inputs:
            if os.path.dirname(os.path.realpath(path)) == os.path.realpath(args.save):
                raise UsageError("--save {}: would overwrite the images that are read; name another".format(args.save))
    for option, path in (("--save", args.save), ("--jsonl", args.jsonl), ("--report", args.report)):
        if path and path != "-" and not (os.path.exists(path) and not os.path.isfile(path)):
            place = os.path.realpath(path)
            if place in taken:
                raise UsageError("{} {}: would overwrite {}; name another".format(option, path, taken[place]))
            taken[place] = path


def detect(args: argparse.Namespace) -> None:
    """Do what the command line says."""
    if args.list_backends:
        for line in list_backends():
            print(line, flush=True)
        return
    for path in (args.report, None if args.jsonl == "-" else args.jsonl):
        if path is not None:
            check_writable(path)
    model = find_model(args.model)
    if args.model == DEFAULT_MODEL:
        ensure_default_model(model, args.offline)

    # Its thread pool spins between calls, on the cores that inference needs, and gains nothing on pictures this small.
    cv2.setNumThreads(1)
    share_heaps()
    with Stop() as stop, ExitStack() as stack:
        card = read_card(model)
        classes = choose_classes(args.classes, card.labels)
        source = stack.enter_context(
            open_source(args.cam, args.width, args.height, args.fps, args.loop, args.retry, args.wait)
        )
        protect_inputs(args, [*source.files, model, card_path(model)])
        backend = stack.enter_context(open_backend(model, args.backend, args.device, args.precision))
        detector = Detector(
            backend, card, args.size, args.square, args.conf, args.nms, args.agnostic_nms, classes, adapt=source.live
        )
        timing = Timing(args.fps, source.live)
        tally = Tally(card.labels)
        sinks = open_sinks(args, source, card.labels, timing, stop)
        if source.live:  # one that ends soon is told at its end
            sinks.insert(0, Announcement("{} on {}".format(card.name, backend.description)))
        try:
            run(source, detector, sinks, timing, tally, stop, max_frames=args.max_frames)
        finally:
            if timing.frames or stop.requested:
                fields = report(source, detector, timing, tally)
                if args.report is not None:
                    write_file(args.report, (json.dumps(fields, indent=2) + "\n").encode())
                say(summary(fields))


def summary(fields: Dict[str, Any]) -> str:
    """The report in four lines."""
    if not fields["frames"]:
        return "stopped before the first frame"
    fps, latency, found = fields["fps"], fields["latency_ms"], fields["detections"]
    real = "too short to give a rate" if fps["real"] is None else "{:.1f} FPS".format(fps["real"])
    if fps["configured"]:
        real += " of {:g} configured".format(fps["configured"])
        if fps["real"] is not None and fps["real"] < 0.98 * fps["configured"]:
            real += " (not reached: see the times)"
    stages = ", ".join("{} {:.1f}".format(stage, times["mean"]) for stage, times in fields["stages_ms"].items())
    labels = ", ".join("{} {}".format(count, label) for label, count in found["by_label"].items())
    height, width = fields["input"]
    losses = ["{} dropped".format(fields["dropped"])]
    if fields["sink_dropped"]:
        losses.append("{} skipped by slow outputs".format(fields["sink_dropped"]))
    if fields["reconnects"]:
        losses.append("{} reconnections".format(fields["reconnects"]))
    frames = "{} frame{}".format(fields["frames"], "s" if fields["frames"] > 1 else "")
    return "\n".join(
        (
            "{} in {:.1f} s, {}, {}".format(frames, fields["duration_s"], real, ", ".join(losses)),
            "ms per frame: {}; latency p50 {:.1f}, p95 {:.1f}".format(stages, latency["p50"], latency["p95"]),
            "{} detections: {}".format(found["count"], labels or "none"),
            "{} at {}x{} on {}".format(fields["model"], width, height, fields["backend"]),
        )
    )


def main(argv: Optional[Sequence[str]] = None) -> int:
    """Run the command; its exit code."""
    return exit_code(lambda: detect(make_parser().parse_args(argv)))


if __name__ == "__main__":
    leave(main())
