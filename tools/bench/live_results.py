"""The results for live cameras and for memory, for the terminal."""

from tools.bench.results import block, range_text
from tools.json_file import Json


def camera_lines(size: int, figures: Json) -> str:
    """Rate and latency behind one camera, at one size."""
    latency = figures["latency_ms"]
    base = next(iter(latency["p50"]))
    rows = []
    for name, p50 in latency["p50"].items():
        ratio = figures.get(f"{name}/{base}")
        rates = [range_text(figures["fps"][name], 1), "" if ratio is None else range_text(ratio, 3)]
        rows.append([name, *rates, range_text(p50, 1), range_text(latency["p95"][name], 1)])
    bare, limit = (range_text(figures[name], 1) for name in ("bare_ms", "limit_ms"))
    lines = [
        f"bare inference, ms: {bare}; 1.9 of it and one interval of the camera, ms: {limit}",
        *(f"{name}: {what}" for name, what in figures["what"].items()),
    ]
    header = ["", "FPS", f"x {base}", "latency p50, ms", "p95, ms"]
    return block(_title(size, figures, f"a camera of {figures['camera_fps']:g} FPS"), header, rows, lines)


def cameras_lines(size: int, figures: Json) -> str:
    """What each of several cameras gets, what they get together, and what a fault costs, at one size."""
    count, fps, asked = figures["cameras"], figures["camera_fps"], figures["asked_fps"]
    fps_of = figures["fps"]
    due, fault = figures["due"], figures["fault"]
    rows = [
        [f"at {fps:g} FPS each: share of their due, least of the cameras", range_text(due["least of the cameras"], 3)],
        ["  mean", range_text(due["mean"], 3)],
        ["  one hangs, is dead, is back: least of the others", range_text(fault["least of the others"], 3)],
        ["  the most that another lost by it", range_text(fault["lost"], 3)],
        [f"at {asked / count:.1f} FPS each: Jain's index of frames done", range_text(figures["jain"], 4)],
        ["  FPS of all", range_text(fps_of["together"], 1)],
        [f"  of one camera of {asked:.1f} FPS", range_text(fps_of["one camera"], 1)],
        ["  x one camera", range_text(figures["together/one camera"], 3)],
    ]
    return block(_title(size, figures, f"{count} cameras"), ["", "measured"], rows)


def memory_lines(size: int, figures: Json) -> str:
    """Peak memory at one size."""
    rows = [[name, range_text(peak, 1)] for name, peak in figures["memory_mb"].items()]
    rows.append(["each further camera", range_text(figures["further_camera_mb"], 1)])
    return block(_title(size, figures, "each run in a process of its own"), ["", "peak memory, MB"], rows)


def _title(size: int, figures: Json, what: str) -> str:
    height, width = figures["input"]
    return f"size {size}, input {width}x{height}, {what}"
