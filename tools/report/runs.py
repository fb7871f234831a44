"""Reports of `app.detect` and `app.evaluate` as sections."""

from tools.json_file import Json
from tools.report import plots
from tools.report.measured import source_name
from tools.report.section import Section, number
from tools.tables import Table


def of_detect(report: Json, name: str) -> list[Section]:
    """A run of the detector, from a file of that name."""
    fps, latency, found = report["fps"], report["latency_ms"], report["detections"]
    title = f"A run: {name}"
    figures = [
        ("frames", number(report["frames"], 0)),
        ("seconds", number(report["duration_s"], 1)),
        ("configured FPS", number(fps["configured"], 1)),
        ("real FPS", number(fps["real"], 1)),
        ("capture FPS", number(fps.get("capture"), 1)),
        ("dropped", number(report["dropped"], 0)),
        ("reconnects", number(report.get("reconnects"), 0)),
        *((f"latency {p}, ms", number(latency[p], 1)) for p in ("p50", "p95", "p99")),
        ("detections", number(found["count"], 0)),
        ("mean confidence", number(found["mean_score"], 3)),
    ]
    percentiles = ("mean", "p50", "p95", "p99")
    stages = {stage: times for stage, times in report["stages_ms"].items() if any(map(times.get, percentiles))}
    tables = [
        Table(title, ["figure", "value"], [list(row) for row in figures if row[1]]),
        Table(
            f"{title}, ms per frame",
            ["stage", *percentiles],
            [[stage, *(number(times[p], 2) for p in percentiles)] for stage, times in stages.items()],
        ),
        Table(f"{title}, found", ["label", "count"], [[label, str(n)] for label, n in found["by_label"].items()]),
    ]
    work = {
        stage: times["mean"]
        for stage, times in stages.items()
        if stage not in ("wait", "capture") and (times["mean"] or 0) >= 0.005
    }
    caption = "Work per frame, without waiting for a frame or for a deadline."
    drawn = plots.bars([(name, work)] if work else [], "ms per frame", caption)
    height, width = report["input"] or (0, 0)
    facts = [
        ("source", source_name(report["source"])),
        ("model", f"{report['model']} at {width}x{height} on {report['backend']}"),
        ("version", report["version"]),
    ]
    return [Section(title, [], [table for table in tables if table.rows], drawn, facts=facts)]


def of_evaluate(report: Json, name: str) -> list[Section]:
    """An evaluation of the classifier, from a file of that name."""
    title = f"A classifier: {name}"
    times = report["ms_per_image"]
    several = report.get("models", [])  # missing in older files
    alone = several if len(several) > 1 else []
    figures = [
        ("views of each image", str(report.get("views", 1)) if report.get("views", 1) > 1 else ""),
        ("top-1", _percent(report["top1"])),
        *((f"top-1 of {member['model']} alone", _percent(member["top1"])) for member in alone),
        ("top-5", _percent(report["top5"])),
        ("superclass top-1", _percent(report.get("superclass_top1"))),  # characters have none
        ("loss", number(report["loss"], 4)),
        ("images per second", number(report["images_per_s"], 1)),
        *((f"ms per image, {key}", number(times[key], 3)) for key in ("mean", "p50", "p95")),
        ("seconds in total", number(report["time_s"], 1)),
        ("seconds of warm-up", number(report["warm_up_s"], 2)),
        ("peak memory, MB", number(report["peak_memory_mb"], 0)),
    ]
    worst = [[row["label"], _percent(row["accuracy"])] for row in report["worst_classes"]]
    confused = [[row["true"], row["predicted"], str(row["images"])] for row in report["most_confused"]]
    tables = [
        Table(title, ["figure", "value"], [list(row) for row in figures if row[1]]),
        Table(f"{title}, worst classes", ["class", "correct"], worst),
        Table(f"{title}, most confused", ["class", "predicted as", "images"], confused),
    ]
    sentences = [] if report["complete"] else ["The evaluation was stopped early; these are the figures up to then."]
    card = report["card"]
    if card:
        agree = "which agrees" if card["agrees"] else "which does not agree"
        stated = f"{_percent(card['top1'])} top-1 and {_percent(card['top5'])} top-5"
        sentences.append(f"The model's card states {stated}, {agree} with this evaluation.")
    facts = [
        ("model", report["model"]),
        ("backend", report["backend"]),
        ("data", f"{report['images']} images of the {report['split']} set of {source_name(report['data'])}"),
        ("batch", str(report["batch"])),
        ("version", report["version"]),
    ]
    return [Section(title, sentences, [table for table in tables if table.rows], facts=facts)]


def _percent(fraction: float | None) -> str:
    return "" if fraction is None else f"{100 * fraction:.2f} %"
