"""Detect objects in a camera, video or image, and report the measured frame rate: how the parts are connected."""

import argparse
import importlib.util
import json
import os
import sys
from contextlib import ExitStack
from typing import Any, Dict, List, Optional, Sequence

from app.arguments import DEFAULT_MODEL
from app.backends import list_backends
from app.command import exit_code, leave, print_lines
from app.config import Settings, check_text, read_settings
from app.detector import class_numbers, load_detector
from app.errors import ModelError, UsageError, say
from app.files import check_writable, identity, reject_overwrites, write_file
from app.frame import Source
from app.lock import check_unlocked
from app.loop.channel import Channel
from app.loop.workers import choose_workers
from app.modelcard import card_path, find_model, read_card
from app.pipeline import Pipeline, configure_process
from app.sinks import Sink
from app.sinks.console import Announcement, ProgressSink
from app.sinks.jsonl import JsonLinesSink
from app.sinks.recording import open_recording
from app.sinks.supervisor import SupervisorSink, is_supervised
from app.sinks.window import WindowSink, display_available
from app.sources import CameraOptions, open_source
from app.stop import Stop
from app.timing.total import Total


def ensure_default_model(path: str, offline: bool) -> None:
    """Download and convert the default model if it is missing. Raises ModelError when that fails or is forbidden."""
    if os.path.exists(path) and os.path.exists(card_path(path)):
        return
    if offline:
        raise ModelError(
            f"{path}: missing, and --offline forbids downloading it; run: python -m tools.fetch {DEFAULT_MODEL} && "
            "python -m tools.convert"
        )
    # The one place where app needs tools: the first run on a fresh machine.
    from tools import convert
    from tools.fetch.manifest import fetch

    convert.convert(fetch(DEFAULT_MODEL), path)


def open_sinks(args: argparse.Namespace, source: Source, timing: Total, stop: Stop) -> List[Sink]:
    """The outputs that the command line asks for. Nothing is written yet."""
    keep = is_supervised()  # and so restarted when it ends, which must not overwrite what was written before
    sinks: List[Sink] = [SupervisorSink(timing)] if keep else []
    frames = source.count
    if args.max_frames is not None:
        frames = args.max_frames if frames is None else min(frames, args.max_frames)
    if args.jsonl is not None:
        sinks.append(JsonLinesSink(args.jsonl, append=keep))
    if args.save is not None:
        sinks.append(open_recording(args.save, source, fps=args.fps, frames=frames, keep=keep))
    if args.show or (args.show is None and display_available()):
        sinks.append(WindowSink("nanoyolo: " + source.name, stop.request))
    elif frames is not None and sys.stderr.isatty() and importlib.util.find_spec("tqdm") is not None:
        sinks.append(ProgressSink(frames))
    return sinks


def protect_inputs(args: argparse.Namespace, inputs: Sequence[str], names: Sequence[str]) -> None:
    """Raise UsageError if an output would overwrite an input, or another output. names: of the source's frames."""
    if args.save and os.path.isdir(args.save):
        replaced = {identity(os.path.join(args.save, name)) for name in names}
        if replaced & set(map(identity, inputs)):
            raise UsageError(f"--save {args.save}: would overwrite the input images; name another folder")
    reject_overwrites([("--save", args.save), ("--jsonl", args.jsonl), ("--report", args.report)], inputs)


def detect(settings: Settings) -> None:
    """Do what the command line says."""
    if settings.run.check:
        print_lines([check_text(settings)])
        return
    args = argparse.Namespace(**vars(settings.run), **vars(settings.cameras[0]))
    if args.list_backends:
        for line in list_backends():
            print_lines([line])
        return
    for path in (args.report, None if args.jsonl == "-" else args.jsonl):
        if path is not None:
            check_writable(path)
    if args.save is not None and not is_supervised():  # supervised, it takes a name that is free
        check_unlocked(args.save)
    model = find_model(args.model)
    if args.model == DEFAULT_MODEL:
        ensure_default_model(model, args.offline)

    configure_process()
    camera = CameraOptions(args.width, args.height, args.fps, args.retry, args.wait)
    with Stop() as stop, ExitStack() as stack:
        card = read_card(model)
        class_numbers(args.classes or [], card.labels)  # both before a camera is opened
        source = stack.enter_context(
            open_source(args.cam, camera, loop=args.loop, most_pixels=10**6 * args.max_megapixels)
        )
        protect_inputs(args, [*source.files, model, card_path(model)], source.names)
        choice = choose_workers(None, [source.live])
        detector = stack.enter_context(
            load_detector(
                model,
                backend=args.backend,
                device=args.device,
                precision=args.precision,
                size=args.size,
                square=args.square,
                confidence=args.conf,
                iou=args.nms,
                class_agnostic=args.agnostic_nms,
                classes=args.classes,
                adapt=source.live,
                workers=choice.first,
                card=card,
            )
        )
        channel = Channel(source, detector, fps=args.fps, max_frames=args.max_frames)
        pipeline = Pipeline([channel], stop=stop, choice=choice)
        channel.sinks = open_sinks(args, source, pipeline.timing, stop)
        if source.live:  # a source that ends soon is announced by its summary
            channel.sinks.insert(0, Announcement(f"{card.name} on {detector.backend.description}"))
        try:
            pipeline.run()
        finally:
            if pipeline.timing.frames or stop.requested:
                fields = pipeline.report()
                if args.report is not None:
                    write_file(args.report, (json.dumps(fields, indent=2) + "\n").encode())
                say(summary(fields))


def summary(fields: Dict[str, Any]) -> str:
    """The report in four lines."""
    if not fields["frames"]:
        return "stopped before the first frame"
    fps, latency, found = fields["fps"], fields["latency_ms"], fields["detections"]
    real = "too short for a rate" if fps["real"] is None else f"{fps['real']:.1f} FPS"
    if fps["configured"]:
        real += f" of {fps['configured']:g} configured"
        if fps["real"] is not None and fps["real"] < 0.98 * fps["configured"]:
            real += " (not reached: see the times)"
    stages = ", ".join(f"{stage} {times['mean']:.1f}" for stage, times in fields["stages_ms"].items())
    labels = ", ".join(f"{count} {label}" for label, count in found["by_label"].items())
    height, width = fields["input"]
    losses = [f"{fields['dropped']} dropped"]
    if fields["undecoded"]:
        losses.append(f"{fields['undecoded']} could not be decoded")
    if fields["sink_dropped"]:
        losses.append(f"{fields['sink_dropped']} skipped by slow outputs")
    if fields["reconnects"]:
        losses.append(_plural(fields["reconnects"], "reconnection"))
    return "\n".join(
        (
            f"{_plural(fields['frames'], 'frame')} in {fields['duration_s']:.1f} s, {real}, {', '.join(losses)}",
            f"ms per frame: {stages}; latency p50 {latency['p50']:.1f}, p95 {latency['p95']:.1f}",
            f"{_plural(found['count'], 'detection')}: {labels or 'none'}",
            f"{fields['model']} at {width}x{height} on {fields['backend']}",
        )
    )


def _plural(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def main(argv: Optional[Sequence[str]] = None) -> int:
    """Run the command; its exit code."""
    return exit_code(lambda: detect(read_settings(argv)))


if __name__ == "__main__":
    leave(main())
