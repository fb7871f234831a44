"""The report in a few lines, for the terminal."""

from typing import Any, Dict, List, Optional


def summary(fields: Dict[str, Any]) -> str:
    """The report of `app.detect` in four lines, and more for each of several cameras and where something is tracked."""
    if not fields["frames"]:
        return "stopped before the first frame"
    latency, found = fields["latency_ms"], fields["detections"]
    stages = ", ".join(f"{stage} {_number(times['mean'])}" for stage, times in fields["stages_ms"].items())
    labels = ", ".join(f"{count} {label}" for label, count in found["by_label"].items())
    return "\n".join(
        (
            f"{_plural(fields['frames'], 'frame')} in {fields['duration_s']:.1f} s, {_rate(fields)}, {_losses(fields)}",
            *(_camera(name, camera) for name, camera in fields.get("cameras", {}).items()),
            f"ms per frame: {stages}; latency p50 {_number(latency['p50'])}, p95 {_number(latency['p95'])}",
            f"{_plural(found['count'], 'detection')}: {labels or 'none'}",
            *_tracked(fields),
            *_told(fields),
            f"{fields['model']}{_size(fields)} on {fields['backend']}",
        )
    )


def _camera(name: str, fields: Dict[str, Any]) -> str:
    """A camera in one line."""
    if not fields["frames"]:
        return f"  {name}: no frame"
    return (
        f"  {name}: {_plural(fields['frames'], 'frame')}{_size(fields)}, {_rate(fields)}, {_losses(fields)}, "
        f"latency p95 {_number(fields['latency_ms']['p95'])} ms, {_plural(fields['detections']['count'], 'detection')}"
    )


def _tracked(fields: Dict[str, Any]) -> List[str]:
    """How many things were tracked, and what they did, in one line; none where nothing was."""
    if "tracks" not in fields:
        return []
    parts = [_plural(fields["tracks"], "track")]
    for name, camera in fields.get("cameras", {"": fields}).items():
        for line, directions in camera.get("lines", {}).items():
            counts = ", ".join(f"{sum(counts.values())} {direction}" for direction, counts in directions.items())
            parts.append(f"{name} {line}: {counts}".strip())
        for zone, stays in camera.get("zones", {}).items():
            parts.append(f"{name} {zone}: {sum(stays['entered'].values())} entered".strip())
    return ["; ".join(parts)]


def _told(fields: Dict[str, Any]) -> List[str]:
    """How many events there were, and what became of the messages about them, and what was recorded, in one line."""
    recorded = [f"{_plural(fields['recordings']['files'], 'file')} recorded"] if "recordings" in fields else []
    if "events" not in fields:
        return recorded
    events = fields["events"]
    parts = [_plural(events["count"], "event")]
    if events["held_back"]:
        parts.append(f"{events['held_back']} held back")
    if "clips" in fields:
        parts.append(_plural(fields["clips"]["files"], "clip"))
    for destination, counts in fields.get("messages", {}).items():
        more = "".join(f", {counts[key]} {key.replace('_', ' ')}" for key in ("retried", "given_up") if counts[key])
        if counts["waiting"]:
            more += f", {counts['waiting']} wait for the next start"
        parts.append(f"{destination}: {counts['sent']} sent{more}")
    lost = [(events["lost_changes"], "change"), (events["lost_pictures"], "picture")]
    words = " and ".join(_plural(count, what) for count, what in lost if count)
    return ["; ".join(parts + recorded + ([f"{words} lost, as the disk failed"] if words else []))]


def _size(fields: Dict[str, Any]) -> str:
    """Of the network's input; nothing where cameras differ in it."""
    return "" if fields["input"] is None else f" at {fields['input'][1]}x{fields['input'][0]}"


def _rate(fields: Dict[str, Any]) -> str:
    real, configured = fields["fps"]["real"], fields["fps"]["configured"]
    text = "too short for a rate" if real is None else f"{real:.1f} FPS"
    if configured:
        text += f" of {configured:g} configured"
        if real is not None and real < 0.98 * configured:
            text += " (not reached: see the times)"
    return text


def _losses(fields: Dict[str, Any]) -> str:
    losses = [f"{fields['dropped']} dropped"]
    if "skipped" in fields:
        losses.append(f"{100 * fields['skipped']['share']:.0f} % not inferred")
    if fields["undecoded"]:
        losses.append(f"{fields['undecoded']} could not be decoded")
    if fields["sink_dropped"]:
        losses.append(f"{fields['sink_dropped']} skipped by slow outputs")
    if fields["reconnects"]:
        losses.append(_plural(fields["reconnects"], "reconnection"))
    return ", ".join(losses)


def _number(value: Optional[float]) -> str:
    return "-" if value is None else f"{value:.1f}"


def _plural(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"
