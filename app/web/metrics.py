"""The metrics of a run in Prometheus' text format, 0.0.4."""

import os
import re
from collections import Counter
from typing import Any, Dict, List, Sequence, Tuple

from app import __version__
from app.board import Board
from app.loop.channel import Channel
from app.timing import STAGES
from app.web.exposition import Exposition, Labels
from app.web.state import State, condition


def metrics(state: State, board: Board) -> str:
    """What `/metrics` says. docs/live.md lists the names."""
    channels, page = state.run.channels(), Exposition()
    by_camera: List[Tuple[Labels, Channel]] = [({"camera": name}, channel) for name, channel in channels.items()]
    _build(page, channels)
    frames: List[Tuple[Labels, float]] = []
    for labels, channel in by_camera:
        timing, failed = channel.timing, channel.source.undecoded
        for outcome, count in (("processed", timing.frames), ("dropped", timing.dropped), ("failed", failed)):
            frames.append(({**labels, "outcome": outcome}, count))
    page.family("nanoyolo_frames_total", "counter", "Frames of a camera, by what became of them.", frames)
    measured = [(labels, channel.timing.measured()) for labels, channel in by_camera]
    page.histograms(
        "nanoyolo_stage_duration_seconds",
        "Time that a frame spent in a stage.",
        [({**labels, "stage": stage}, one.stages[stage]) for labels, one in measured for stage in STAGES],
    )
    page.histograms(
        "nanoyolo_latency_seconds",
        "Time from the capture of a frame to its last output.",
        [(labels, one.latency) for labels, one in measured],
    )
    _found(page, state, by_camera)
    page.family(
        "nanoyolo_camera_up",
        "gauge",
        "Whether a camera delivers frames.",
        [(labels, condition(channel)[0] == "live") for labels, channel in by_camera],
    )
    page.family(
        "nanoyolo_camera_reconnects_total",
        "counter",
        "How often a camera came back.",
        [(labels, channel.source.reconnects) for labels, channel in by_camera],
    )
    page.family(
        "nanoyolo_last_frame_timestamp_seconds",
        "gauge",
        "When the last frame of a camera was done, in seconds since 1970.",
        [({"camera": name}, view.shown_at) for name, view in state.hub.views.items() if view.shown_at],
    )
    page.family(
        "nanoyolo_sink_dropped_total",
        "counter",
        "Frames that a slow window or disk of a camera skipped.",
        [
            ({**labels, "sink": sink.strip("_").replace("Sink", "").lower()}, count)
            for labels, channel in by_camera
            for sink, count in dict(channel.timing.dropped_by).items()
        ],
    )
    viewers: List[Tuple[Labels, float]] = [({"kind": kind}, count) for kind, count in state.viewers().items()]
    page.family("nanoyolo_viewers", "gauge", "Who is looking.", viewers)
    page.family("nanoyolo_jpegs_total", "counter", "JPEGs that were encoded.", [({}, state.hub.encoded)])
    _told(page, state)
    _machine(page, board)
    return page.text()


def _build(page: Exposition, channels: Dict[str, Channel]) -> None:
    for channel in list(channels.values())[:1]:
        detector = channel.detector
        shape, description = detector.input_shape, detector.backend.description
        precision = re.search("[fF][pP](16|32)|bf16|int8", description)  # where it says so
        labels = {
            "version": __version__,
            "model": detector.card.name,
            "backend": description,
            "precision": precision.group().lower() if precision else "",
            "input": f"{shape[1]}x{shape[0]}" if shape else "",
        }
        page.family("nanoyolo_build_info", "gauge", "What runs.", [(labels, 1)])


def _found(page: Exposition, state: State, by_camera: Sequence[Tuple[Labels, Channel]]) -> None:
    """What was detected, and what is there now."""
    detected: List[Tuple[Labels, float]] = []
    now: List[Tuple[Labels, float]] = []
    inside: List[Tuple[Labels, float]] = []
    crossed: List[Tuple[Labels, float]] = []
    for labels, channel in by_camera:
        known = channel.tally.report()["by_label"]
        detected += [({**labels, "label": label}, count) for label, count in known.items()]
        view = state.hub.views.get(labels["camera"])
        seen = Counter(view.detections.names if view else ())
        now += [({**labels, "label": label}, seen[label]) for label in dict.fromkeys([*known, *seen])]
        if channel.watch is None:
            continue
        scene = channel.watch.scene
        for zone, things in (scene.inside() if scene else {}).items():
            counts = Counter(thing.label for thing in things)
            inside += [({**labels, "zone": zone, "label": label}, counts[label]) for label in known]
        for line in channel.watch.lines:
            for direction, totals in line.totals.items():
                place = {**labels, "line": line.name, "direction": direction}
                crossed += [({**place, "label": label}, count) for label, count in dict(totals).items()]
    page.family("nanoyolo_detections_total", "counter", "What was detected in all frames together.", detected)
    page.family("nanoyolo_objects", "gauge", "What is in the last frame of a camera.", now)
    page.family("nanoyolo_zone_objects", "gauge", "What is in a zone.", inside)
    page.family("nanoyolo_line_crossings_total", "counter", "What has crossed a line.", crossed)


def _told(page: Exposition, state: State) -> None:
    """Events, what was told of them, and what was recorded."""
    figures, events = state.run.figures(), state.run.events
    if events is not None:
        begun: List[Tuple[Labels, float]] = [
            ({"camera": camera, "label": label}, count) for (camera, label), count in sorted(events.begun().items())
        ]
        page.family("nanoyolo_events_total", "counter", "Events that began.", begun)
        for key, about in (
            ("held_back", "Things that made no event because of a cool-down."),
            ("lost_changes", "Changes of events that could not be brought to the disk."),
            ("lost_pictures", "Pictures of events that could not."),
        ):
            page.family(f"nanoyolo_events_{key}_total", "counter", about, [({}, figures["events"][key])])
    messages = figures.get("messages", {})
    for outcome, name, type_, about in (
        ("sent", "nanoyolo_messages_sent_total", "counter", "Messages that were delivered."),
        ("retried", "nanoyolo_message_retries_total", "counter", "Attempts to deliver a message again."),
        ("given_up", "nanoyolo_messages_given_up_total", "counter", "Messages that were given up."),
        ("waiting", "nanoyolo_messages_waiting", "gauge", "Messages that are still to be delivered."),
    ):
        found: List[Tuple[Labels, float]] = [
            ({"destination": destination}, counts[outcome]) for destination, counts in messages.items()
        ]
        page.family(name, type_, about, found)
    connected: List[Tuple[Labels, float]] = [
        ({}, counts["connected"]) for counts in messages.values() if "connected" in counts
    ]
    page.family("nanoyolo_mqtt_connected", "gauge", "Whether there is a connection to the broker.", connected)
    recorded: List[Tuple[Labels, Dict[str, int]]] = [
        ({"kind": kind}, figures[kind]) for kind in ("clips", "recordings") if kind in figures
    ]
    for name, type_, key, about in (
        ("nanoyolo_recording_files_total", "counter", "files", "Files that were begun."),
        ("nanoyolo_recording_frames_lost_total", "counter", "left_out", "Frames that recordings lack."),
        ("nanoyolo_recording_bytes", "gauge", "bytes", "What all files of a kind take."),
    ):
        page.family(name, type_, about, [(labels, counts[key]) for labels, counts in recorded])


def _machine(page: Exposition, board: Board) -> None:
    temperature, power = board.temperature(), board.power()
    if temperature is not None:
        page.family(
            "nanoyolo_temperature_celsius", "gauge", "Of a part of the machine.", [({"zone": "hottest"}, temperature)]
        )
    if power is not None:
        page.family("nanoyolo_power_watts", "gauge", "What the board takes.", [({"rail": "input"}, power)])
    for name, (kind, about, value) in _process().items():
        page.family(name, kind, about, [({}, value)])


def _process() -> Dict[str, Tuple[str, str, float]]:
    """What Linux says of this process, under the names that all programs use; nothing elsewhere."""
    try:
        with open("/proc/self/stat", "rb") as file:
            fields: Sequence[Any] = file.read().rsplit(b")", 1)[1].split()  # the second field, a name, may have spaces
        with open("/proc/stat", "rb") as file:
            booted = next(float(line.split()[1]) for line in file if line.startswith(b"btime"))
        files = len(os.listdir("/proc/self/fd"))
    except (OSError, StopIteration):
        return {}
    ticks = os.sysconf("SC_CLK_TCK")
    return {
        "process_cpu_seconds_total": ("counter", "Processor time.", (int(fields[11]) + int(fields[12])) / ticks),
        "process_resident_memory_bytes": ("gauge", "Memory.", int(fields[21]) * os.sysconf("SC_PAGE_SIZE")),
        "process_open_fds": ("gauge", "Open files.", files),
        "process_start_time_seconds": ("gauge", "When it started.", booted + int(fields[19]) / ticks),
    }
