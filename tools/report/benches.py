"""A report of `tools.bench`, in any of its modes, as a section."""

from typing import Any, Iterator

from tools.json_file import Json
from tools.report import plots
from tools.report.looks import looks
from tools.report.measured import machine_facts, source_name
from tools.report.section import Plot, Section
from tools.sweep.table import spread_text
from tools.tables import Table

ABOUT = ("input", "frames", "what", "absent", "cameras")  # fields that are not figures of speed
WORDS = {  # first key of a figure -> its name and its decimals
    "fps": ("FPS", 1),
    "stages_ms": ("ms", 2),
    "warm_up_ms": ("warm-up, ms", 0),
    "share": ("share of the network's rate, if it takes", 3),
    "camera_fps": ("FPS of each camera", 1),
    "asked_fps": ("FPS of all cameras that ask for too much", 1),
    "latency_ms": ("latency, ms", 1),
    "bare_ms": ("bare inference, ms", 1),
    "limit_ms": ("1.9 of the bare inference and an interval of the camera, ms", 1),
    "jain": ("Jain's index of frames done, of cameras that ask for too much", 4),
    "due": ("share of what is due", 3),
    "fault": ("share of what is due, with a fault of one", 3),
    "memory_mb": ("peak memory, MB", 1),
    "further_camera_mb": ("peak memory of each further camera, MB", 1),
}


def of_bench(report: Json, name: str) -> list[Section]:
    """The report, from a file of that name."""
    title = f"Speed: {name}"
    sizes = report["sizes"]
    cells = {size: dict(_figures(figures)) for size, figures in sizes.items()}
    called = dict.fromkeys(figure for figures in cells.values() for figure in figures)
    rows = [[figure, *(figures.get(figure, "") for figures in cells.values())] for figure in called]
    note = "Medians of the rounds (least to most)."
    table = Table(title, ["figure", *(f"size {size}" for size in sizes)], rows, note)

    sentences = [f"While this was measured: {warning}." for warning in report.get("warnings", [])]
    facts = [("source", source_name(report["source"] or "") or "one tensor, repeated")]
    facts += [("model", report["model"]["name"]), ("rounds", str(report["rounds"]))]
    for figures in sizes.values():
        facts += [fact for fact in figures.get("what", {}).items() if fact not in facts]
        facts += [(what, f"not available: {why}") for what, why in figures.get("absent", {}).items()]
    facts = [*dict.fromkeys(facts), *machine_facts(report["machine"])]
    return [Section(title, sentences, [table], [*_rates(sizes), *_paced(sizes), *_stages(sizes)], facts=facts)]


def _figures(figures: Json) -> Iterator[tuple[str, str]]:
    """Name and cell of every figure of one size."""
    for key, value in figures.items():
        if key in ABOUT:
            continue
        if key.replace(".", "").isdigit():  # a configured rate
            yield f"at {key} FPS: work, ms", f"{value['work_ms']:.2f}"
            yield f"at {key} FPS: real FPS with a delay", spread_text(value["delay"], 1)
            yield f"at {key} FPS: 1 / (work + delay)", f"{value['formula']:.1f}"
            yield f"at {key} FPS: real FPS with deadlines", spread_text(value["deadline"], 1)
            continue
        words, digits = WORDS.get(key, (key, 3))
        for way, found in _leaves(value):
            text = spread_text(found, digits) if isinstance(found, dict) else f"{found:.{digits}f}"
            yield f"{words}: {way}" if way else words, text


def _leaves(value: Any, way: str = "") -> Iterator[tuple[str, Any]]:
    """Every spread or number in nested figures, with the keys that lead to it."""
    if isinstance(value, dict) and "median" not in value:
        for key, inner in value.items():
            yield from _leaves(inner, f"{way}, {key}" if way else key)
    else:
        yield way, value


def _rates(sizes: Json) -> list[Plot]:
    bars = [
        (f"{size} {what}", {"FPS": spread["median"]})
        for size, figures in sizes.items()
        for what, spread in figures.get("fps", {}).items()
    ]
    return plots.bars(bars, "FPS", "Frames or inferences per second.")


def _paced(sizes: Json) -> list[Plot]:
    look = looks([(size, f"size {size}", "") for size in sizes])
    rates = []
    for size, figures in sizes.items():
        for key, found in figures.items():
            if key.replace(".", "").isdigit():
                rates.append(
                    plots.Rate(float(key), found["delay"]["median"], found["formula"], look[size], delayed=True)
                )
                rates.append(plots.Rate(float(key), found["deadline"]["median"], None, look[size]))
    caption = "Real against configured rate. The formula is 1 / (work + delay)."
    return [Plot(plots.configured_against_real(rates), caption)] if rates else []


def _stages(sizes: Json) -> list[Plot]:
    bars = []
    for size, figures in sizes.items():
        stages = figures.get("stages_ms", {})
        for what, times in ({"": stages} if "infer" in stages else stages).items():
            kept = {stage: ms["median"] for stage, ms in times.items() if ms["median"] >= 0.005}
            bars.append((f"{size} {what}".strip(), kept))
    return plots.bars(bars, "ms per frame", "Time per frame in the loop.")
